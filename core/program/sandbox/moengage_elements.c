/* One function a kind of element; its members in the order the service documents them. */
#include "moengage_elements.h"

#include "base/clock.h"

#define EVENT_ATTRIBUTES_MAX 100
#define OFFSET_MAX_S         54000
#define CLOCK_SLACK_MS       (5 * 60 * 1000)
#define ID_MAX               (128u << 10)

static void add_message(sandbox_verdict *verdict, sandbox_call call, segmo__slice text,
                        segmo__slice user, segmo__slice attributes)
{
    static segmo__buf scratch = {.max = ID_MAX};
    sandbox_message message = {.call = call, .text = text, .seq = sandbox_seq_of(attributes)};

    if (sandbox_is_text(user)) {
        message.user = sandbox_unquoted(user);
        message.user_hash = sandbox_hash_of(user, &scratch);
    }
    sandbox_verdict_add_message(verdict, &message);
}

/* ---- customer ---- */

enum {
    CUSTOMER_ID,
    CUSTOMER_ATTRIBUTES,
    CUSTOMER_EXISTING_ONLY,
    CUSTOMER_PLATFORMS,
    CUSTOMER_UNSET,
    CUSTOMER_FIELDS
};

static const segmo__slice customer_names[CUSTOMER_FIELDS] = {
    [CUSTOMER_ID] = SANDBOX_NAME("customer_id"),
    [CUSTOMER_ATTRIBUTES] = SANDBOX_NAME("attributes"),
    [CUSTOMER_EXISTING_ONLY] = SANDBOX_NAME("update_existing_only"),
    [CUSTOMER_PLATFORMS] = SANDBOX_NAME("platforms"),
    [CUSTOMER_UNSET] = SANDBOX_NAME("unset_attributes"),
};

static int check_list_edit(segmo__slice edit, const char *name, sandbox_objection *why)
{
    segmo__json_walk walk;
    segmo__slice key, value;

    if (!edit.at)
        return 1;
    if (!sandbox_is_kind(edit, SEGMO__JSON_OBJECT))
        return sandbox_wrong(why, "TypeError", name, "expected object");
    segmo__json_walk_begin(&walk, edit);
    while (segmo__json_next(&walk, &key, &value))
        if (!sandbox_is_kind(value, SEGMO__JSON_ARRAY))
            return sandbox_wrong(why, "ArrayFieldError", name,
                                 "each attribute needs an array of values");
    return 1;
}

/* 1 when both objects have a member of one name. */
static int overlap(segmo__slice one, segmo__slice other)
{
    segmo__json_walk walk;
    segmo__slice key, value;

    if (!one.at || !other.at)
        return 0;
    segmo__json_walk_begin(&walk, one);
    while (segmo__json_next(&walk, &key, &value)) {
        segmo__json_walk inner;
        segmo__slice inner_key;

        segmo__json_walk_begin(&inner, other);
        while (segmo__json_next(&inner, &inner_key, &value))
            if (key.len == inner_key.len && memcmp(key.at, inner_key.at, key.len) == 0)
                return 1;
    }
    return 0;
}

static int check_list_edits(segmo__slice attributes, sandbox_objection *why)
{
    static const segmo__slice names[] = {SANDBOX_NAME("addValueToArrayField"),
                                         SANDBOX_NAME("removeValueFromArrayField")};
    segmo__slice edits[2];

    if (!attributes.at)
        return 1;
    sandbox_fields_read(attributes, names, 2, edits);
    if (!check_list_edit(edits[0], names[0].at, why) ||
        !check_list_edit(edits[1], names[1].at, why))
        return 0;
    if (overlap(edits[0], edits[1]) || overlap(edits[0], attributes) ||
        overlap(edits[1], attributes))
        return sandbox_wrong(
            why, "ArrayFieldError", "attributes",
            "an attribute may be set, added to or removed from, only one of these");
    return 1;
}

static int check_platforms(segmo__slice platforms, sandbox_objection *why)
{
    static const char *const known[] = {"ANDROID", "iOS", "web", NULL};
    static const char *const states[] = {"true", "false", NULL};
    static const segmo__slice names[] = {SANDBOX_NAME("platform"), SANDBOX_NAME("active")};
    segmo__json_walk walk;
    segmo__slice key, platform, fields[2];

    if (!platforms.at)
        return 1;
    if (!sandbox_is_kind(platforms, SEGMO__JSON_ARRAY))
        return sandbox_wrong(why, "TypeError", "platforms", "expected array");
    segmo__json_walk_begin(&walk, platforms);
    while (segmo__json_next(&walk, &key, &platform)) {
        if (!sandbox_is_kind(platform, SEGMO__JSON_OBJECT))
            return sandbox_wrong(why, "TypeError", "platforms", "expected object in array");
        sandbox_fields_read(platform, names, 2, fields);
        if (!sandbox_is_one_of(fields[0], known) || !sandbox_is_one_of(fields[1], states))
            return sandbox_wrong(why, "ValueError", "platforms",
                                 "has an unknown platform or state");
    }
    return 1;
}

static int take_customer(sandbox_verdict *verdict, segmo__slice element, sandbox_objection *why)
{
    segmo__slice fields[CUSTOMER_FIELDS];

    sandbox_fields_read(element, customer_names, CUSTOMER_FIELDS, fields);
    if (!sandbox_check_customer_id(fields[CUSTOMER_ID], "customer_id", why) ||
        !sandbox_check_attributes(verdict, fields[CUSTOMER_ATTRIBUTES], SIZE_MAX, why) ||
        !check_list_edits(fields[CUSTOMER_ATTRIBUTES], why) ||
        !check_platforms(fields[CUSTOMER_PLATFORMS], why))
        return 0;
    if (fields[CUSTOMER_EXISTING_ONLY].at && !sandbox_is_bool(fields[CUSTOMER_EXISTING_ONLY]))
        return sandbox_wrong(why, "TypeError", "update_existing_only", "expected boolean");
    if (fields[CUSTOMER_UNSET].at && !sandbox_is_kind(fields[CUSTOMER_UNSET], SEGMO__JSON_ARRAY))
        return sandbox_wrong(why, "TypeError", "unset_attributes", "expected array");
    add_message(verdict, SANDBOX_CUSTOMER, element, fields[CUSTOMER_ID],
                fields[CUSTOMER_ATTRIBUTES]);
    return 1;
}

/* ---- event ---- */

enum {
    ACTION_NAME,
    ACTION_ATTRIBUTES,
    ACTION_PLATFORM,
    ACTION_OS_TYPE,
    ACTION_APP_VERSION,
    ACTION_CURRENT_TIME,
    ACTION_USER_TIME,
    ACTION_OFFSET,
    ACTION_REAL_TIME,
    ACTION_FIELDS
};

static const segmo__slice action_names[ACTION_FIELDS] = {
    [ACTION_NAME] = SANDBOX_NAME("action"),
    [ACTION_ATTRIBUTES] = SANDBOX_NAME("attributes"),
    [ACTION_PLATFORM] = SANDBOX_NAME("platform"),
    [ACTION_OS_TYPE] = SANDBOX_NAME("moe_os_type"),
    [ACTION_APP_VERSION] = SANDBOX_NAME("app_version"),
    [ACTION_CURRENT_TIME] = SANDBOX_NAME("current_time"),
    [ACTION_USER_TIME] = SANDBOX_NAME("user_time"),
    [ACTION_OFFSET] = SANDBOX_NAME("user_timezone_offset"),
    [ACTION_REAL_TIME] = SANDBOX_NAME("real_time_action"),
};

static int check_action_platform(const segmo__slice *fields, sandbox_objection *why)
{
    static const char *const platforms[] = {"ANDROID", "iOS", "web", "TV", "unknown", NULL};
    static const char *const tv[] = {"TV", NULL};
    static const char *const systems[] = {"ROKU",   "WebOS",   "AndroidTV", "tvOS", "Tizen",
                                          "FireOS", "VizioTV", "Xbox",      NULL};

    if (fields[ACTION_PLATFORM].at && !sandbox_is_one_of(fields[ACTION_PLATFORM], platforms))
        return sandbox_wrong(why, "ValueError", "platform",
                             "must be ANDROID, iOS, web, TV or unknown");
    if (!fields[ACTION_OS_TYPE].at)
        return 1;
    if (!sandbox_is_one_of(fields[ACTION_OS_TYPE], systems) ||
        !sandbox_is_one_of(fields[ACTION_PLATFORM], tv))
        return sandbox_wrong(why, "ValueError", "moe_os_type",
                             "must be a known system and go with platform TV");
    return 1;
}

/* Whole seconds as digits; no more than eleven, so that milliseconds are not mistaken for them. */
static int parse_seconds(segmo__slice digits, int64_t *seconds)
{
    *seconds = 0;
    if (digits.len == 0 || digits.len > 11)
        return 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9')
            return 0;
        *seconds = *seconds * 10 + (digits.at[i] - '0');
    }
    return 1;
}

static int read_time(segmo__slice value, int64_t *unix_ms)
{
    segmo__slice text =
        sandbox_is_kind(value, SEGMO__JSON_STRING) ? sandbox_unquoted(value) : value;
    int64_t seconds;

    if (parse_seconds(text, &seconds)) {
        *unix_ms = seconds * 1000;
        return 1;
    }
    return text.at != value.at && segmo__clock_parse_iso(text, unix_ms);
}

static int check_time(segmo__slice value, const char *name, int64_t latest_ms,
                      sandbox_objection *why)
{
    int64_t unix_ms;

    if (!value.at)
        return 1;
    if (!read_time(value, &unix_ms))
        return sandbox_wrong(why, "ValueError", name, "must be an ISO 8601 time or epoch seconds");
    if (unix_ms > latest_ms)
        return sandbox_wrong(why, "ValueError", name, "lies in the future");
    return 1;
}

static int check_offset(segmo__slice value, sandbox_objection *why)
{
    int negative = value.at && value.at[0] == '-';
    int64_t seconds;

    if (!value.at)
        return 1;
    if (!parse_seconds((segmo__slice){value.at + negative, value.len - (size_t)negative}, &seconds))
        return sandbox_wrong(why, "TypeError", "user_timezone_offset", "expected integer");
    if (seconds > OFFSET_MAX_S)
        return sandbox_wrong(why, "ValueError", "user_timezone_offset",
                             "must be from -54000 to 54000 seconds");
    return 1;
}

static int check_action_times(const segmo__slice *fields, sandbox_objection *why)
{
    int64_t latest_ms = segmo__clock_wall_ms() + CLOCK_SLACK_MS;

    /* A user's own clock may stand up to OFFSET_MAX_S before UTC. */
    return check_time(fields[ACTION_CURRENT_TIME], "current_time", latest_ms, why) &&
           check_time(fields[ACTION_USER_TIME], "user_time", latest_ms + OFFSET_MAX_S * 1000,
                      why) &&
           check_offset(fields[ACTION_OFFSET], why);
}

static int take_action(sandbox_verdict *verdict, segmo__slice element, segmo__slice user,
                       segmo__slice action, sandbox_objection *why)
{
    static const char *const truth[] = {"true", NULL};
    segmo__slice fields[ACTION_FIELDS];

    if (!sandbox_is_kind(action, SEGMO__JSON_OBJECT))
        return sandbox_wrong(why, "TypeError", "actions", "expected object in array");
    sandbox_fields_read(action, action_names, ACTION_FIELDS, fields);
    if (!sandbox_check_needed_text(fields[ACTION_NAME], "action", why) ||
        !sandbox_check_attributes(verdict, fields[ACTION_ATTRIBUTES], EVENT_ATTRIBUTES_MAX, why) ||
        !check_action_platform(fields, why) || !check_action_times(fields, why) ||
        !sandbox_check_text(fields[ACTION_APP_VERSION], "app_version", why))
        return 0;
    if (fields[ACTION_REAL_TIME].at && !sandbox_is_one_of(fields[ACTION_REAL_TIME], truth))
        return sandbox_wrong(why, "ValueError", "real_time_action", "must be the string true");
    if (sandbox_is_longer(fields[ACTION_NAME], SANDBOX_NAME_MAX))
        sandbox_verdict_add_word(&verdict->notes, "name_over_200");
    add_message(verdict, SANDBOX_EVENT, element, user, fields[ACTION_ATTRIBUTES]);
    return 1;
}

static int take_event(sandbox_verdict *verdict, segmo__slice element, sandbox_objection *why)
{
    static const segmo__slice names[] = {SANDBOX_NAME("customer_id"), SANDBOX_NAME("device_id"),
                                         SANDBOX_NAME("actions"), SANDBOX_NAME("user_identifiers")};
    segmo__json_walk walk;
    segmo__slice key, action, fields[4];

    sandbox_fields_read(element, names, 4, fields);
    if (!sandbox_check_customer_id(fields[0], "customer_id", why) ||
        !sandbox_check_text(fields[1], "device_id", why) ||
        !sandbox_check_object(fields[3], "user_identifiers", why))
        return 0;
    if (sandbox_is_absent(fields[2]))
        return sandbox_missing(why, "actions");
    if (!sandbox_is_kind(fields[2], SEGMO__JSON_ARRAY))
        return sandbox_wrong(why, "TypeError", "actions", "expected array");
    if (segmo__json_is_empty(fields[2]))
        return sandbox_missing(why, "actions");
    segmo__json_walk_begin(&walk, fields[2]);
    while (segmo__json_next(&walk, &key, &action))
        if (!take_action(verdict, element, fields[0], action, why))
            return 0;
    return 1;
}

/* ---- device ---- */

static int take_device(sandbox_verdict *verdict, segmo__slice element, sandbox_objection *why)
{
    static const char *const platforms[] = {"ANDROID", "iOS", "web", "TV", NULL};
    static const segmo__slice names[] = {SANDBOX_NAME("customer_id"), SANDBOX_NAME("device_id"),
                                         SANDBOX_NAME("attributes")};
    static const segmo__slice attribute_names[] = {SANDBOX_NAME("platform"),
                                                   SANDBOX_NAME("push_id")};
    segmo__slice fields[3], attributes[2];

    sandbox_fields_read(element, names, 3, fields);
    if (!sandbox_check_customer_id(fields[0], "customer_id", why) ||
        !sandbox_check_needed_text(fields[1], "device_id", why))
        return 0;
    if (sandbox_is_absent(fields[2]))
        return sandbox_missing(why, "attributes");
    if (!sandbox_check_attributes(verdict, fields[2], SIZE_MAX, why))
        return 0;
    sandbox_fields_read(fields[2], attribute_names, 2, attributes);
    if (!sandbox_check_needed_text(attributes[0], "platform", why) ||
        !sandbox_check_needed_text(attributes[1], "push_id", why))
        return 0;
    if (!sandbox_is_one_of(attributes[0], platforms))
        return sandbox_wrong(why, "ValueError", "platform", "must be ANDROID, iOS, web or TV");
    add_message(verdict, SANDBOX_DEVICE, element, fields[0], fields[2]);
    return 1;
}

/* ---- by type ---- */

sandbox_call sandbox_element_type(segmo__slice element)
{
    segmo__slice type;

    if (!sandbox_is_kind(element, SEGMO__JSON_OBJECT) ||
        !segmo__json_member(element, "type", &type) || !sandbox_is_text(type))
        return SANDBOX_CALLS;
    for (int call = SANDBOX_CUSTOMER; call <= SANDBOX_DEVICE; call++)
        if (segmo__slice_is(sandbox_unquoted(type), sandbox_call_names[call]))
            return (sandbox_call)call;
    return SANDBOX_CALLS;
}

int sandbox_element_take(sandbox_verdict *verdict, segmo__slice element, sandbox_call type,
                         sandbox_objection *why)
{
    switch (type) {
    case SANDBOX_CUSTOMER:
        return take_customer(verdict, element, why);
    case SANDBOX_EVENT:
        return take_event(verdict, element, why);
    case SANDBOX_DEVICE:
        return take_device(verdict, element, why);
    default:
        return sandbox_wrong(why, "AttributeError", "type",
                             "type in elements should be customer/event/device");
    }
}

/* ---- merge ---- */

int sandbox_merge_pair_take(sandbox_verdict *verdict, segmo__slice pair, sandbox_objection *why)
{
    static const segmo__slice names[] = {SANDBOX_NAME("merged_user"),
                                         SANDBOX_NAME("retained_user")};
    segmo__slice fields[2];

    if (!sandbox_is_kind(pair, SEGMO__JSON_OBJECT))
        return sandbox_wrong(why, "TypeError", "merge_data", "expected object in array");
    sandbox_fields_read(pair, names, 2, fields);
    if (!sandbox_check_customer_id(fields[0], "merged_user", why) ||
        !sandbox_check_customer_id(fields[1], "retained_user", why))
        return 0;
    add_message(verdict, SANDBOX_MERGE, pair, fields[1], (segmo__slice){0});
    return 1;
}

/* ---- Segment's calls ---- */

enum {
    CALL_TYPE,
    CALL_USER_ID,
    CALL_ANONYMOUS_ID,
    CALL_EVENT,
    CALL_TRAITS,
    CALL_PROPERTIES,
    CALL_CONTEXT,
    CALL_TIMESTAMP,
    CALL_EXISTING_ONLY,
    CALL_FIELDS
};

static const segmo__slice call_names[CALL_FIELDS] = {
    [CALL_TYPE] = SANDBOX_NAME("type"),
    [CALL_USER_ID] = SANDBOX_NAME("user_id"),
    [CALL_ANONYMOUS_ID] = SANDBOX_NAME("anonymous_id"),
    [CALL_EVENT] = SANDBOX_NAME("event"),
    [CALL_TRAITS] = SANDBOX_NAME("traits"),
    [CALL_PROPERTIES] = SANDBOX_NAME("properties"),
    [CALL_CONTEXT] = SANDBOX_NAME("context"),
    [CALL_TIMESTAMP] = SANDBOX_NAME("timestamp"),
    [CALL_EXISTING_ONLY] = SANDBOX_NAME("update_existing_only"),
};

/* Segment always sends the three objects, empty when it knows nothing. */
static int check_call_context(segmo__slice context, sandbox_objection *why)
{
    static const segmo__slice names[] = {SANDBOX_NAME("app"), SANDBOX_NAME("os"),
                                         SANDBOX_NAME("library")};
    segmo__slice fields[3];

    if (sandbox_is_absent(context))
        return sandbox_missing(why, "context");
    if (!sandbox_check_object(context, "context", why))
        return 0;
    sandbox_fields_read(context, names, 3, fields);
    for (int i = 0; i < 3; i++)
        if (!sandbox_is_kind(fields[i], SEGMO__JSON_OBJECT))
            return sandbox_wrong(why, "TypeError", "context",
                                 "needs the objects app, os and library");
    return 1;
}

static int check_call_times(segmo__slice timestamp, sandbox_objection *why)
{
    int64_t unix_ms;

    if (!timestamp.at || sandbox_is_kind(timestamp, SEGMO__JSON_NUMBER))
        return 1;
    if (!sandbox_check_text(timestamp, "timestamp", why))
        return 0;
    if (!segmo__clock_parse_iso(sandbox_unquoted(timestamp), &unix_ms))
        return sandbox_wrong(why, "ValueError", "timestamp", "must be an ISO 8601 time");
    return 1;
}

static int check_call_ids(const segmo__slice *fields, sandbox_objection *why)
{
    if (sandbox_is_absent(fields[CALL_USER_ID]) && sandbox_is_absent(fields[CALL_ANONYMOUS_ID]))
        return sandbox_missing(why, "user_id");
    return (sandbox_is_absent(fields[CALL_USER_ID]) ||
            sandbox_check_needed_text(fields[CALL_USER_ID], "user_id", why)) &&
           (sandbox_is_absent(fields[CALL_ANONYMOUS_ID]) ||
            sandbox_check_needed_text(fields[CALL_ANONYMOUS_ID], "anonymous_id", why));
}

int sandbox_segment_call_take(sandbox_verdict *verdict, segmo__slice body, sandbox_objection *why)
{
    static const char *const types[] = {"identify", "track", NULL};
    segmo__slice fields[CALL_FIELDS];
    int is_track;

    sandbox_fields_read(body, call_names, CALL_FIELDS, fields);
    if (!sandbox_check_needed_text(fields[CALL_TYPE], "type", why))
        return 0;
    if (!sandbox_is_one_of(fields[CALL_TYPE], types))
        return sandbox_wrong(why, "ValueError", "type", "must be identify or track");
    is_track = sandbox_is_one_of(fields[CALL_TYPE], types + 1);
    if (!check_call_ids(fields, why) || !sandbox_check_object(fields[CALL_TRAITS], "traits", why) ||
        !sandbox_check_object(fields[CALL_PROPERTIES], "properties", why) ||
        !check_call_context(fields[CALL_CONTEXT], why) ||
        !check_call_times(fields[CALL_TIMESTAMP], why))
        return 0;
    if (is_track && !sandbox_check_needed_text(fields[CALL_EVENT], "event", why))
        return 0;
    if (!sandbox_is_bool(fields[CALL_EXISTING_ONLY]))
        return sandbox_wrong(why, "TypeError", "update_existing_only", "expected boolean");
    add_message(verdict, is_track ? SANDBOX_TRACK : SANDBOX_IDENTIFY, body,
                fields[sandbox_is_absent(fields[CALL_USER_ID]) ? CALL_ANONYMOUS_ID : CALL_USER_ID],
                fields[is_track ? CALL_PROPERTIES : CALL_TRAITS]);
    return 1;
}
