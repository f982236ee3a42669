/* MoEngage Streams into Segment messages: one pass over the payload's spans, one message after the
 * other.
 *
 * Attributes are copied in their original bytes. The ids come from the events' own uuids, so a
 * payload that is posted again makes the same messages again. Every message carries `integrations`
 * that keep Segment from sending it back to MoEngage: without them a campaign event could circle.
 */
#include "model/streams.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "model/streams_events.h"
#include "model/user_id.h"

#include <stdio.h>

#define FIELD_MAX 64
#define OVERHEAD  4096 /* what a message has beside its event's own bytes, generously */

/* ---- reading an event --------------------------------------------------------------------- */

typedef enum member {
    EVENT_NAME,
    EVENT_CODE,
    EVENT_UUID,
    EVENT_TIME,
    EVENT_TYPE,
    PUSH_ID,
    EMAIL_ID,
    MOBILE_NUMBER,
    UID,
    EVENT_ATTRIBUTES,
    USER_ATTRIBUTES,
    DEVICE_ATTRIBUTES,
    MEMBER_COUNT
} member;

static const char *const member_names[MEMBER_COUNT] = {
    "event_name", "event_code",       "event_uuid",      "event_time",
    "event_type", "push_id",          "email_id",        "mobile_number",
    "uid",        "event_attributes", "user_attributes", "device_attributes",
};

typedef struct event {
    segmo__slice part[MEMBER_COUNT]; /* values; absent and null: empty */
    segmo__slice name, code, uuid;   /* texts, escapes intact; empty when absent */
    segmo__slice user;               /* the user's id, if it is one */
    segmo__slice moengage_user, device;
    int64_t time_ms;
} event;

typedef struct importer {
    const segmo__streams_rules *rules;
    segmo__slice app_name; /* text, escapes intact */
    int (*each)(void *ctx, const segmo__streams_item *item);
    void *ctx;
    segmo__buf message;
    segmo__buf scratch;
    segmo__buf known; /* of known_user */
} importer;

/* An event of a known user whose attributes may become an identify call. */
typedef struct known_user {
    segmo__slice user;
    segmo__slice event;
    size_t index;
    uint64_t hash;
} known_user;

/* The text of an id: a string without its quotes, or a number's digits. Empty for anything else. */
static segmo__slice id_text(segmo__slice value)
{
    if (value.len > 0 && segmo__json_kind_of(value) == SEGMO__JSON_STRING)
        return (segmo__slice){value.at + 1, value.len - 2};
    if (value.len > 0 && segmo__json_kind_of(value) == SEGMO__JSON_NUMBER)
        return value;
    return (segmo__slice){"", 0};
}

static segmo__slice id_member(segmo__slice object, const char *key)
{
    segmo__slice value;

    return segmo__json_member(object, key, &value) ? id_text(value) : (segmo__slice){"", 0};
}

/* MEMBER_COUNT for a key that means nothing here. */
static int member_of(segmo__slice key)
{
    int which = 0;

    while (which < MEMBER_COUNT && !segmo__json_key_is(key, member_names[which]))
        which++;
    return which;
}

static void collect_parts(event *e, segmo__slice object)
{
    segmo__json_walk walk;
    segmo__slice key, value;

    segmo__json_walk_begin(&walk, object);
    while (segmo__json_next(&walk, &key, &value)) {
        int which = member_of(key);

        if (which < MEMBER_COUNT && segmo__json_kind_of(value) != SEGMO__JSON_NULL)
            e->part[which] = value;
    }
}

/* Attributes that are absent, or an empty array (as PHP writes an empty object), become an empty
 * object. */
static int settle_attributes(event *e, member which)
{
    segmo__slice *value = &e->part[which];

    if (value->len == 0 ||
        (segmo__json_kind_of(*value) == SEGMO__JSON_ARRAY && segmo__json_is_empty(*value)))
        *value = (segmo__slice){"{}", 2};
    return segmo__json_kind_of(*value) == SEGMO__JSON_OBJECT;
}

/* Seconds since 1970, as a number or as its digits in a string; 13 digits are milliseconds. */
static int read_time(segmo__slice value, int64_t *time_ms)
{
    segmo__slice digits = id_text(value);
    int64_t number = 0;

    if (digits.len == 0 || digits.len > 13)
        return 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9')
            return 0;
        number = number * 10 + (digits.at[i] - '0');
    }
    *time_ms = digits.len == 13 ? number : number * 1000;
    return *time_ms < INT64_C(253402300800000); /* the year 10000, which ISO 8601 cannot write */
}

/* Place-holders such as "null" are no users: such an event stays anonymous. */
static segmo__slice read_user(importer *in, segmo__slice value)
{
    segmo__slice raw = id_text(value), decoded = raw;

    segmo__buf_clear(&in->scratch);
    if (raw.len > 0 && value.at[0] == '"')
        decoded = segmo__json_text(value, &in->scratch);
    return segmo__user_id_refused(decoded) ? (segmo__slice){"", 0} : raw;
}

/* Why an event cannot be read; NULL when it can. `which` is the member at fault, MEMBER_COUNT for
 * the whole. */
static const char *read_event(importer *in, event *e, segmo__slice object, member *which)
{
    *e = (event){.time_ms = 0};
    collect_parts(e, object);
    e->name = id_text(e->part[EVENT_NAME]);
    e->code = id_text(e->part[EVENT_CODE]);
    e->uuid = id_text(e->part[EVENT_UUID]);
    *which = EVENT_UUID;
    if (e->uuid.len == 0)
        return "no_event_uuid";
    *which = EVENT_NAME;
    if (e->name.len == 0 && e->code.len == 0)
        return "no_event_name";
    *which = EVENT_TIME;
    if (!read_time(e->part[EVENT_TIME], &e->time_ms))
        return e->part[EVENT_TIME].len == 0 ? "no_event_time" : "bad_event_time";
    for (*which = EVENT_ATTRIBUTES; *which <= DEVICE_ATTRIBUTES; (*which)++)
        if (!settle_attributes(e, *which))
            return "attributes_are_no_object";
    e->user = read_user(in, e->part[UID]);
    e->moengage_user = id_member(e->part[USER_ATTRIBUTES], "moengage_user_id");
    e->device = id_member(e->part[DEVICE_ATTRIBUTES], "moengage_device_id");
    return NULL;
}

static int is_user_action(segmo__slice object)
{
    segmo__slice type = id_member(object, "event_type");
    const char *word = "user_action_event";

    if (type.len != strlen(word))
        return 0;
    for (size_t i = 0; i < type.len; i++)
        if ((type.at[i] | 0x20) != (word[i] | 0x20))
            return 0;
    return 1;
}

/* ---- writing a message -------------------------------------------------------------------- */

/* ,"key":"text" where the text has its escapes already; nothing for an empty text. */
static void put_member(segmo__buf *out, const char *key, segmo__slice text)
{
    if (text.len == 0)
        return;
    segmo__buf_add_lit(out, ",\"");
    segmo__buf_add_str(out, key);
    segmo__buf_add_lit(out, "\":\"");
    segmo__buf_add_slice(out, text);
    segmo__buf_add_char(out, '"');
}

/* The bytes between an object's braces, and whether there are any members. */
static segmo__slice inside(segmo__slice object)
{
    return (segmo__slice){object.at + 1, object.len - 2};
}

/* As put_member(), unless the attributes bring a member of that name themselves. */
static void put_beside(segmo__buf *out, segmo__slice attributes, const char *key, segmo__slice text)
{
    segmo__slice there;

    if (!segmo__json_member(attributes, key, &there))
        put_member(out, key, text);
}

/* Takes out the comma behind an opening brace at `at`: members are written with a comma before
 * each. */
static void close_object(segmo__buf *out, size_t at)
{
    if (!out->failed && at < out->len && out->data[at] == ',') {
        memmove(out->data + at, out->data + at + 1, out->len - at - 1);
        out->len--;
    }
    segmo__buf_add_char(out, '}');
}

static void put_properties(importer *in, const event *e)
{
    segmo__buf *out = &in->message;
    segmo__slice attributes = e->part[EVENT_ATTRIBUTES];
    size_t start;

    segmo__buf_add_lit(out, ",\"properties\":{");
    start = out->len;
    if (!segmo__json_is_empty(attributes))
        segmo__buf_add_slice(out, inside(attributes));
    put_beside(out, attributes, "event_code", e->code);
    put_beside(out, attributes, "event_type", id_text(e->part[EVENT_TYPE]));
    put_beside(out, attributes, "moengage_user_id", e->moengage_user);
    put_beside(out, attributes, "moengage_device_id", e->device);
    if (in->rules->recipients) {
        put_beside(out, attributes, "moe_push_id", id_text(e->part[PUSH_ID]));
        put_beside(out, attributes, "moe_email_id", id_text(e->part[EMAIL_ID]));
        put_beside(out, attributes, "moe_mobile_number", id_text(e->part[MOBILE_NUMBER]));
    }
    close_object(out, start);
}

/* All user attributes but MoEngage's own id. */
static void put_traits(segmo__buf *out, segmo__slice attributes)
{
    segmo__json_walk walk;
    segmo__slice key, value;
    size_t start;

    segmo__buf_add_lit(out, ",\"traits\":{");
    start = out->len;
    segmo__json_walk_begin(&walk, attributes);
    while (segmo__json_next(&walk, &key, &value)) {
        if (segmo__json_key_is(key, "moengage_user_id"))
            continue;
        segmo__buf_add_lit(out, ",\"");
        segmo__buf_add_slice(out, key);
        segmo__buf_add_lit(out, "\":");
        segmo__buf_add_slice(out, value);
    }
    close_object(out, start);
}

static void put_campaign(segmo__buf *out, const event *e)
{
    const segmo__streams_event *known = segmo__streams_event_find(e->code, e->name);
    segmo__slice name = id_member(e->part[EVENT_ATTRIBUTES], "campaign_name");
    segmo__slice medium = id_member(e->part[EVENT_ATTRIBUTES], "campaign_channel");

    if (medium.len == 0 && known && known->channel)
        medium = segmo__slice_of(known->channel);
    segmo__buf_add_lit(out, ",\"campaign\":{\"source\":\"moengage\"");
    put_member(out, "name", name);
    put_member(out, "medium", medium);
    segmo__buf_add_char(out, '}');
}

static void put_device(segmo__buf *out, const event *e, int with_token)
{
    segmo__slice token = with_token ? id_text(e->part[PUSH_ID]) : (segmo__slice){"", 0};
    size_t start;

    if (e->device.len == 0 && token.len == 0)
        return;
    segmo__buf_add_lit(out, ",\"device\":{");
    start = out->len;
    put_member(out, "id", e->device);
    put_member(out, "token", token);
    close_object(out, start);
}

static void put_context(importer *in, const event *e, int with_campaign)
{
    segmo__buf *out = &in->message;

    segmo__buf_add_lit(out, ",\"context\":{\"integration\":{\"name\":\"MoEngage\"}");
    if (in->app_name.len > 0) {
        segmo__buf_add_lit(out, ",\"app\":{\"name\":\"");
        segmo__buf_add_slice(out, in->app_name);
        segmo__buf_add_lit(out, "\"}");
    }
    segmo__buf_add_lit(out, ",\"library\":{\"name\":\"segmo\"");
    put_member(out, "version", segmo__slice_of(in->rules->library_version));
    segmo__buf_add_char(out, '}');
    put_device(out, e, in->rules->recipients);
    if (with_campaign)
        put_campaign(out, e);
    segmo__buf_add_char(out, '}');
}

static void put_identity(segmo__buf *out, const event *e)
{
    if (e->user.len > 0)
        put_member(out, "userId", e->user);
    else if (e->moengage_user.len > 0)
        put_member(out, "anonymousId", e->moengage_user);
    else
        put_member(out, "anonymousId", e->device.len > 0 ? e->device : e->uuid);
}

static void put_end(segmo__buf *out, const event *e, const char *id_tail)
{
    char iso[SEGMO__ISO_LEN + 1];

    segmo__clock_iso(iso, e->time_ms);
    segmo__buf_add_lit(out, ",\"integrations\":{\"MoEngage\":false,\"Moengage (Actions)\":false}");
    put_member(out, "timestamp", segmo__slice_of(iso));
    segmo__buf_add_lit(out, ",\"messageId\":\"moengage-");
    segmo__buf_add_slice(out, e->uuid);
    segmo__buf_add_str(out, id_tail);
    segmo__buf_add_lit(out, "\"}");
}

static void write_track(importer *in, const event *e)
{
    const segmo__streams_event *known =
        e->name.len > 0 ? NULL : segmo__streams_event_find(e->code, e->name);
    segmo__slice name = e->name.len > 0        ? e->name
                        : known && known->name ? segmo__slice_of(known->name)
                                               : e->code;

    segmo__buf_clear(&in->message);
    segmo__buf_add_lit(&in->message, "{\"type\":\"track\"");
    put_identity(&in->message, e);
    put_member(&in->message, "event", name);
    put_properties(in, e);
    put_context(in, e, in->rules->campaign_context);
    put_end(&in->message, e, "");
}

static void write_identify(importer *in, const event *e)
{
    segmo__buf_clear(&in->message);
    segmo__buf_add_lit(&in->message, "{\"type\":\"identify\"");
    put_identity(&in->message, e);
    put_traits(&in->message, e->part[USER_ATTRIBUTES]);
    put_context(in, e, 0);
    put_end(&in->message, e, "-identify");
}

/* ---- the payload -------------------------------------------------------------------------- */

static int hand_over(importer *in, size_t index, segmo_error **err)
{
    segmo__streams_item item = {index, SEGMO__STREAMS_MESSAGE, segmo__buf_slice(&in->message), NULL,
                                NULL};

    if (in->message.failed)
        return segmo__fail_memory(err);
    return in->each(in->ctx, &item);
}

static int leave_out(importer *in, size_t index, segmo__streams_result result, const char *reason,
                     member which)
{
    char field[FIELD_MAX];
    segmo__streams_item item = {index, result, {"", 0}, reason, field};

    if (which < MEMBER_COUNT)
        snprintf(field, sizeof field, "/events/%zu/%s", index, member_names[which]);
    else
        snprintf(field, sizeof field, "/events/%zu", index);
    return in->each(in->ctx, &item);
}

static int has_traits(segmo__slice attributes)
{
    segmo__json_walk walk;
    segmo__slice key, value;

    segmo__json_walk_begin(&walk, attributes);
    while (segmo__json_next(&walk, &key, &value))
        if (!segmo__json_key_is(key, "moengage_user_id"))
            return 1;
    return 0;
}

static int remember_user(importer *in, const event *e, segmo__slice object, size_t index,
                         segmo_error **err)
{
    known_user user = {e->user, object, index, segmo__id_hash(e->user.at, e->user.len, 0)};

    if (!in->rules->derived_attributes || e->user.len == 0 || !has_traits(e->part[USER_ATTRIBUTES]))
        return SEGMO_OK;
    segmo__buf_add(&in->known, &user, sizeof user);
    return in->known.failed ? segmo__fail_memory(err) : SEGMO_OK;
}

static int import_event(importer *in, segmo__slice object, size_t index, segmo_error **err)
{
    const char *reason;
    member which;
    event e;
    int status;

    if (segmo__json_kind_of(object) != SEGMO__JSON_OBJECT)
        return leave_out(in, index, SEGMO__STREAMS_REJECTED, "not_an_object", MEMBER_COUNT);
    if (!in->rules->user_actions && is_user_action(object))
        return leave_out(in, index, SEGMO__STREAMS_SKIPPED, "user_action_event", EVENT_TYPE);
    reason = read_event(in, &e, object, &which);
    if (reason)
        return leave_out(in, index, SEGMO__STREAMS_REJECTED, reason, which);
    status = remember_user(in, &e, object, index, err);
    if (status != SEGMO_OK)
        return status;
    write_track(in, &e);
    return hand_over(in, index, err);
}

static int is_last_of_user(const known_user *users, size_t at, size_t count)
{
    for (size_t i = at + 1; i < count; i++)
        if (users[i].hash == users[at].hash && users[i].user.len == users[at].user.len &&
            memcmp(users[i].user.at, users[at].user.at, users[at].user.len) == 0)
            return 0;
    return 1;
}

/* Once per user, by the last event that brought attributes. */
static int import_users(importer *in, segmo_error **err)
{
    const known_user *users = (const known_user *)(const void *)in->known.data;
    size_t count = in->known.len / sizeof *users;
    int status = SEGMO_OK;
    member which;
    event e;

    for (size_t i = 0; i < count && status == SEGMO_OK; i++) {
        if (!is_last_of_user(users, i, count))
            continue;
        read_event(in, &e, users[i].event, &which);
        write_identify(in, &e);
        status = hand_over(in, users[i].index, err);
    }
    return status;
}

static int find_events(segmo__slice payload, segmo__slice *events, segmo_error **err)
{
    if (segmo__json_kind_of(payload) != SEGMO__JSON_OBJECT)
        return segmo__fail(err, SEGMO_ERR_INVALID, "",
                           "a Streams payload is an object with an array events");
    if (!segmo__json_member(payload, "events", events) ||
        segmo__json_kind_of(*events) != SEGMO__JSON_ARRAY)
        return segmo__fail(
            err, SEGMO_ERR_INVALID, "/events",
            "a Streams payload needs an array events; is this a post of MoEngage Streams?");
    return SEGMO_OK;
}

int segmo__streams_each(segmo__slice payload, const segmo__streams_rules *rules,
                        int (*each)(void *ctx, const segmo__streams_item *item), void *ctx,
                        segmo_error **err)
{
    importer in = {.rules = rules, .each = each, .ctx = ctx};
    segmo__slice events = {NULL, 0}, key, object;
    segmo__json_walk walk;
    int status = segmo__json_check(payload, err);

    payload = segmo__json_trim(payload);
    if (status == SEGMO_OK)
        status = find_events(payload, &events, err);
    if (status != SEGMO_OK)
        return status;
    segmo__buf_init(&in.message, 2 * payload.len + OVERHEAD);
    segmo__buf_init(&in.scratch, payload.len);
    segmo__buf_init(&in.known, SIZE_MAX);
    in.app_name = id_member(payload, "app_name");
    segmo__json_walk_begin(&walk, events);
    for (size_t i = 0; status == SEGMO_OK && segmo__json_next(&walk, &key, &object); i++)
        status = import_event(&in, object, i, err);
    if (status == SEGMO_OK)
        status = import_users(&in, err);
    segmo__buf_free(&in.message);
    segmo__buf_free(&in.scratch);
    segmo__buf_free(&in.known);
    return status;
}
