/* From what a caller handed in to what the spool keeps: one strict check, the parts found on the
 * way, the rules, and then one copy of the original bytes with a few edits (see edit_kind).
 *
 * Nothing is allocated when the target has room: the edits are planned as places, and written while
 * copying.
 */
#include "model/message.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "model/message_index.h"
#include "model/validate.h"

#define EDITS_MAX 12

static const char *const call_names[] = {"identify", "track", "page", "screen", "group", "alias"};

#define MEMBER_TYPE      (SEGMO__PART_COUNT)
#define MEMBER_WRITE_KEY (SEGMO__PART_COUNT + 1)

/* The members at the top that are looked for, by the length of their names. */
#define NAME_MAX_LEN 12
static const struct {
    const char *name;
    int what; /* segmo__part, or one of the two above */
} known_members[NAME_MAX_LEN + 1][3] = {
    [4] = {{"type", MEMBER_TYPE}, {"name", SEGMO__PART_NAME}},
    [5] = {{"event", SEGMO__PART_EVENT}},
    [6] = {{"userId", SEGMO__PART_USER_ID}, {"traits", SEGMO__PART_TRAITS}},
    [7] = {{"context", SEGMO__PART_CONTEXT}, {"groupId", SEGMO__PART_GROUP_ID}},
    [8] = {{"category", SEGMO__PART_CATEGORY}, {"writeKey", MEMBER_WRITE_KEY}},
    [9] = {{"timestamp", SEGMO__PART_TIMESTAMP},
           {"messageId", SEGMO__PART_MESSAGE_ID},
           {"_metadata", SEGMO__PART_METADATA}},
    [10] = {{"properties", SEGMO__PART_PROPERTIES}, {"previousId", SEGMO__PART_PREVIOUS_ID}},
    [11] = {{"anonymousId", SEGMO__PART_ANONYMOUS_ID}},
    [12] = {{"integrations", SEGMO__PART_INTEGRATIONS}},
};

static const struct {
    const char *name;
    segmo__integration integration;
} integration_names[] = {
    {"All", SEGMO__INTEGRATION_ALL},
    {"all", SEGMO__INTEGRATION_ALL},
    {"ALL", SEGMO__INTEGRATION_ALL},
    {"Segment.io", SEGMO__INTEGRATION_SEGMENT},
    {"MoEngage", SEGMO__INTEGRATION_MOENGAGE},
    {"Moengage (Actions)", SEGMO__INTEGRATION_MOENGAGE_ACTIONS},
};

/* What is changed while copying. Where a member exists its value is replaced, else a member is
 * added at the end of its object. */
typedef enum edit_kind {
    EDIT_QUOTE,      /* a number as id becomes a string of the same digits */
    EDIT_NULL,       /* an empty id or page name: Segment discards "", and takes null for "none" */
    EDIT_CUT,        /* a stray write key: it is a secret, and the source is known by its id */
    EDIT_MESSAGE_ID, /* a new UUID */
    EDIT_TIMESTAMP,  /* now */
    EDIT_LIBRARY,    /* context.library */
    EDIT_CONTEXT,    /* context with nothing but library */
    EDIT_TYPE
} edit_kind;

typedef struct edit {
    edit_kind kind;
    const char *at;
    size_t cut;                 /* bytes of the original that are left out */
    const char *name;           /* of a member to add; NULL when a value is replaced */
    int first;                  /* the added member is the first of its object: no comma */
    ptrdiff_t growth;           /* known once it is written, as are these: */
    size_t value_at, value_len; /* the new value, within the completed JSON */
} edit;

typedef struct draft {
    const segmo__message_rules *rules;
    segmo__slice json; /* as handed in, trimmed */
    segmo__slice part[SEGMO__PART_COUNT];
    segmo__slice type;
    segmo__slice write_key; /* the member, with the comma that has to go with it */
    int write_key_is_first;
    const char *members_end; /* of those passed so far */
    int may_have_library;
    segmo__message message;
    size_t edit_count;
    edit edits[EDITS_MAX]; /* last: what is not used is not cleared */
} draft;

const char *segmo__call_name(segmo__call call)
{
    return call_names[call];
}

int segmo__call_parse(segmo__slice name)
{
    for (int call = 0; call <= SEGMO__CALL_ALIAS; call++)
        if (segmo__slice_is(name, call_names[call]))
            return call;
    return -1;
}

uint64_t segmo__message_source_hash(const char *source_id)
{
    return segmo__id_hash(source_id, strlen(source_id), 0);
}

/* ---- finding ---- */

static int plain_member(segmo__slice key)
{
    if (key.len > NAME_MAX_LEN)
        return -1;
    for (int i = 0; i < 3 && known_members[key.len][i].name; i++)
        if (*key.at == *known_members[key.len][i].name &&
            memcmp(key.at, known_members[key.len][i].name, key.len) == 0)
            return known_members[key.len][i].what;
    return -1;
}

/* A key may be written with escapes; then its length is not the name's. */
static int escaped_member(segmo__slice key)
{
    for (size_t len = 0; len <= NAME_MAX_LEN; len++)
        for (int i = 0; i < 3 && known_members[len][i].name; i++)
            if (segmo__json_key_is(key, known_members[len][i].name))
                return known_members[len][i].what;
    return -1;
}

static int known_member_of(segmo__slice key)
{
    int what = plain_member(key);

    return what < 0 && memchr(key.at, '\\', key.len) ? escaped_member(key) : what;
}

static void find_member(void *ctx, segmo__slice key, segmo__slice value)
{
    draft *d = ctx;
    int what = known_member_of(key);
    const char *key_start = key.at - 1, *end = value.at + value.len;

    if (d->write_key_is_first && d->members_end == d->write_key.at + d->write_key.len)
        d->write_key.len = (size_t)(key_start - d->write_key.at); /* with the comma behind it */
    if (what >= 0 && what < SEGMO__PART_COUNT) {
        d->part[what] = value;
    } else if (what == MEMBER_TYPE) {
        d->type = value;
    } else if (what == MEMBER_WRITE_KEY) {
        d->write_key = (segmo__slice){d->members_end, (size_t)(end - d->members_end)};
        d->write_key_is_first = d->members_end == d->json.at + 1;
    }
    d->members_end = end;
}

static int is_null(segmo__slice value)
{
    return value.len == 0 || *value.at == 'n';
}

static int is_string(segmo__slice value)
{
    return value.len > 0 && *value.at == '"';
}

static int is_empty_string(segmo__slice value)
{
    return value.len == 2 && *value.at == '"';
}

/* Ids that may be sent as numbers. */
static const segmo__part number_ids[] = {SEGMO__PART_USER_ID, SEGMO__PART_ANONYMOUS_ID,
                                         SEGMO__PART_GROUP_ID, SEGMO__PART_PREVIOUS_ID};

/* The ids stand first among the parts. */
static int may_not_be_empty(segmo__part part)
{
    return part <= SEGMO__PART_PREVIOUS_ID || part == SEGMO__PART_NAME;
}

/* Null members, empty ids and empty names stand for "not given". */
static void index_parts(draft *d)
{
    for (segmo__part part = 0; part < SEGMO__PART_COUNT; part++) {
        segmo__slice value = d->part[part];

        if (is_null(value) || (may_not_be_empty(part) && is_empty_string(value)))
            continue;
        d->message.part[part].at = (uint16_t)(value.at - d->json.at);
        d->message.part[part].len = (uint16_t)value.len;
    }
}

static segmo__slice part_of(const draft *d, segmo__part part)
{
    return segmo__message_part(&d->message, part);
}

static int call_of_type(segmo__slice type)
{
    segmo__slice raw = {type.at + 1, type.len - 2};

    for (int call = 0; is_string(type) && call <= SEGMO__CALL_ALIAS; call++)
        if (segmo__json_key_is(raw, call_names[call]))
            return call;
    return -1;
}

static int decide_call(draft *d, segmo_error **err)
{
    int call = is_null(d->type) ? d->rules->call : call_of_type(d->type);

    if (call < 0)
        return segmo__fail(err, SEGMO_ERR_INVALID, "/type",
                           "type %s; give one of identify, track, page, screen, group, alias",
                           is_null(d->type) ? "is missing" : "is no Segment call");
    d->message.call = (uint8_t)call;
    return SEGMO_OK;
}

static void read_wishes(draft *d)
{
    segmo__json_walk walk;
    segmo__slice key, value;

    segmo__json_walk_begin(&walk, part_of(d, SEGMO__PART_INTEGRATIONS));
    while (walk.is_object && segmo__json_next(&walk, &key, &value))
        for (size_t i = 0; i < sizeof integration_names / sizeof integration_names[0]; i++)
            if (segmo__json_key_is(key, integration_names[i].name))
                d->message.wants[integration_names[i].integration] =
                    segmo__json_kind_of(value) == SEGMO__JSON_FALSE ? SEGMO__WISH_NO
                                                                    : SEGMO__WISH_YES;
}

static int names_moengage(segmo__slice name)
{
    if (!is_string(name))
        return 0;
    name = (segmo__slice){name.at + 1, name.len - 2};
    return segmo__json_key_is(name, "MoEngage") || segmo__json_key_is(name, "Moengage (Actions)");
}

static void read_bundled(draft *d)
{
    segmo__json_walk walk;
    segmo__slice key, value, bundled;

    if (!segmo__json_member(part_of(d, SEGMO__PART_METADATA), "bundled", &bundled))
        return;
    segmo__json_walk_begin(&walk, bundled);
    while (!walk.is_object && segmo__json_next(&walk, &key, &value))
        if (names_moengage(value))
            d->message.flags |= SEGMO__MESSAGE_BUNDLED_MOENGAGE;
}

static void read_timestamp(draft *d)
{
    segmo__slice value = part_of(d, SEGMO__PART_TIMESTAMP);
    segmo__slice text = {value.at + 1, value.len - 2};

    d->message.timestamp_ms = d->message.accepted_ms;
    if (is_string(value) && segmo__clock_parse_iso(text, &d->message.timestamp_ms))
        d->message.flags |= SEGMO__MESSAGE_TIMESTAMP_GIVEN;
}

static int find(draft *d, segmo__slice json, segmo_error **err)
{
    segmo__json_notes notes = {.each = find_member, .ctx = d, .rare_key = "library"};
    int status;

    if (json.len > SEGMO__MESSAGE_MAX &&
        (!d->rules->is_stored || json.len > SEGMO__MESSAGE_STORED_MAX - SEGMO__MESSAGE_INDEX_SIZE))
        return segmo__fail(err, SEGMO_ERR_TOO_LARGE, NULL,
                           "the message has %zu bytes, the limit is %d; send less in it", json.len,
                           SEGMO__MESSAGE_MAX);
    d->json = segmo__json_trim(json);
    d->members_end = d->json.at + 1;
    status = segmo__json_check_noting(json, &notes, err);
    if (status != SEGMO_OK)
        return status;
    d->may_have_library = notes.saw_rare_key;
    if (segmo__json_kind_of(d->json) != SEGMO__JSON_OBJECT)
        return segmo__fail(err, SEGMO_ERR_INVALID, NULL,
                           "a message is a JSON object; send {\"type\": ..., ...}");
    d->message.json = d->json.at;
    d->message.source = d->rules->source;
    d->message.accepted_ms = segmo__clock_wall_ms();
    status = decide_call(d, err);
    if (status != SEGMO_OK)
        return status;
    index_parts(d);
    read_wishes(d);
    read_bundled(d);
    read_timestamp(d);
    return segmo__validate(&d->message, err);
}

/* ---- planning ---- */

/* Edits are kept in the order of their places. */
static edit *plan(draft *d, edit_kind kind, const char *at, size_t cut)
{
    size_t i = d->edit_count++;

    for (; i > 0 && d->edits[i - 1].at > at; i--)
        d->edits[i] = d->edits[i - 1];
    d->edits[i] = (edit){.kind = kind, .at = at, .cut = cut};
    return &d->edits[i];
}

static void plan_value(draft *d, edit_kind kind, segmo__slice value)
{
    plan(d, kind, value.at, value.len);
}

/* A new member at the end of `object`, whose last byte is the closing brace. */
static void plan_member(draft *d, edit_kind kind, const char *name, segmo__slice object)
{
    edit *added = plan(d, kind, object.at + object.len - 1, 0);

    added->name = name;
    added->first = segmo__json_is_empty(object);
}

/* Fills in a member at the top that is missing or stands there as null or "". */
static void plan_missing(draft *d, edit_kind kind, const char *name, segmo__slice given)
{
    if (given.len > 0)
        plan_value(d, kind, given);
    else
        plan_member(d, kind, name, d->json);
}

static void plan_library(draft *d)
{
    segmo__slice context = part_of(d, SEGMO__PART_CONTEXT), library;

    if (context.len == 0)
        plan_missing(d, EDIT_CONTEXT, "context", d->part[SEGMO__PART_CONTEXT]);
    else if (!d->may_have_library || !segmo__json_member(context, "library", &library))
        plan_member(d, EDIT_LIBRARY, "library", context);
    else if (is_null(library))
        plan_value(d, EDIT_LIBRARY, library);
}

static void plan_ids(draft *d)
{
    for (size_t i = 0; i < sizeof number_ids / sizeof number_ids[0]; i++) {
        segmo__slice id = part_of(d, number_ids[i]);

        if (segmo__json_kind_of(id) == SEGMO__JSON_NUMBER)
            plan_value(d, EDIT_QUOTE, id);
    }
}

static int names_a_view(const draft *d)
{
    return d->message.call == SEGMO__CALL_PAGE || d->message.call == SEGMO__CALL_SCREEN;
}

static void plan_edits(draft *d)
{
    if (d->write_key.len > 0)
        plan_value(d, EDIT_CUT, d->write_key);
    plan_ids(d);
    if (names_a_view(d) && is_empty_string(d->part[SEGMO__PART_NAME]))
        plan_value(d, EDIT_NULL, d->part[SEGMO__PART_NAME]);
    if (is_null(d->type))
        plan_missing(d, EDIT_TYPE, "type", d->type);
    if (part_of(d, SEGMO__PART_MESSAGE_ID).len == 0)
        plan_missing(d, EDIT_MESSAGE_ID, "messageId", d->part[SEGMO__PART_MESSAGE_ID]);
    if (part_of(d, SEGMO__PART_TIMESTAMP).len == 0)
        plan_missing(d, EDIT_TIMESTAMP, "timestamp", d->part[SEGMO__PART_TIMESTAMP]);
    plan_library(d);
}

/* ---- writing ---- */

void segmo__message_put_library(segmo__buf *out, const char *name, const char *version)
{
    segmo__buf_add_lit(out, "{\"name\":");
    segmo__json_put_text(out, name);
    segmo__buf_add_lit(out, ",\"version\":");
    segmo__json_put_text(out, version);
    segmo__buf_add_lit(out, "}");
}

static void put_quoted(segmo__buf *out, const char *bytes, size_t len)
{
    segmo__buf_add_lit(out, "\"");
    segmo__buf_add(out, bytes, len);
    segmo__buf_add_lit(out, "\"");
}

static void put_message_id(segmo__buf *out)
{
    char id[SEGMO__UUID_LEN + 1];

    segmo__id_uuid(id);
    put_quoted(out, id, SEGMO__UUID_LEN);
}

static void put_now(const draft *d, segmo__buf *out)
{
    char text[SEGMO__ISO_LEN + 1];

    segmo__clock_iso(text, d->message.accepted_ms);
    put_quoted(out, text, SEGMO__ISO_LEN);
}

static void put_value(const draft *d, const edit *e, segmo__buf *out)
{
    switch (e->kind) {
    case EDIT_QUOTE:
        put_quoted(out, e->at, e->cut);
        break;
    case EDIT_NULL:
        segmo__buf_add_lit(out, "null");
        break;
    case EDIT_MESSAGE_ID:
        put_message_id(out);
        break;
    case EDIT_TIMESTAMP:
        put_now(d, out);
        break;
    case EDIT_LIBRARY:
        segmo__buf_add_slice(out, d->rules->library);
        break;
    case EDIT_CONTEXT:
        segmo__buf_add_lit(out, "{\"library\":");
        segmo__buf_add_slice(out, d->rules->library);
        segmo__buf_add_lit(out, "}");
        break;
    case EDIT_TYPE:
        segmo__json_put_text(out, call_names[d->message.call]);
        break;
    case EDIT_CUT:
        break;
    }
}

/* The part whose value an edit makes anew, or -1. */
static int part_made(edit_kind kind)
{
    return kind == EDIT_MESSAGE_ID  ? SEGMO__PART_MESSAGE_ID
           : kind == EDIT_TIMESTAMP ? SEGMO__PART_TIMESTAMP
           : kind == EDIT_CONTEXT   ? SEGMO__PART_CONTEXT
                                    : -1;
}

static void put_edit(const draft *d, edit *e, segmo__buf *out, size_t json_at)
{
    size_t before = out->len, value_at;

    if (e->name) {
        if (!e->first)
            segmo__buf_add_lit(out, ",");
        put_quoted(out, e->name, strlen(e->name));
        segmo__buf_add_lit(out, ":");
    }
    value_at = out->len;
    put_value(d, e, out);
    e->growth = (ptrdiff_t)(out->len - before) - (ptrdiff_t)e->cut;
    e->value_at = value_at - json_at;
    e->value_len = out->len - value_at;
}

static void shift_part(draft *d, segmo__part part)
{
    const char *start = part_of(d, part).at;
    ptrdiff_t at = d->message.part[part].at, len = d->message.part[part].len;
    const char *end = start + len;

    for (size_t i = 0; i < d->edit_count; i++) {
        if (d->edits[i].at < start)
            at += d->edits[i].growth;
        else if (d->edits[i].at < end)
            len += d->edits[i].growth;
    }
    d->message.part[part].at = (uint16_t)at;
    d->message.part[part].len = (uint16_t)len;
}

static void shift_parts(draft *d)
{
    for (segmo__part part = 0; part < SEGMO__PART_COUNT; part++)
        if (d->message.part[part].len > 0)
            shift_part(d, part);
    for (size_t i = 0; i < d->edit_count; i++) {
        const edit *e = &d->edits[i];
        int part = part_made(e->kind);

        if (part < 0)
            continue;
        d->message.part[part].at = (uint16_t)e->value_at;
        d->message.part[part].len = (uint16_t)e->value_len;
    }
}

/* The original bytes with the edits in them, behind what `out` holds. */
static void put_completed(draft *d, segmo__buf *out)
{
    const char *at = d->json.at, *end = at + d->json.len;
    size_t json_at = out->len;

    for (size_t i = 0; i < d->edit_count; i++) {
        edit *e = &d->edits[i];

        segmo__buf_add(out, at, (size_t)(e->at - at));
        put_edit(d, e, out, json_at);
        at = e->at + e->cut;
    }
    segmo__buf_add(out, at, (size_t)(end - at));
    if (d->edit_count > 0)
        shift_parts(d);
    d->message.json_len = (uint32_t)(out->len - json_at);
}

/* ---- completing ---- */

static uint64_t hash_text(segmo__slice string, segmo__buf *scratch)
{
    segmo__slice text = segmo__json_text(string, scratch);

    return segmo__id_hash(text.at, text.len, 0);
}

static int put_hashes(segmo__message *message, segmo_error **err)
{
    segmo__slice user = segmo__message_part(message, SEGMO__PART_USER_ID);
    segmo__buf scratch;
    int failed;

    if (user.len == 0)
        user = segmo__message_part(message, SEGMO__PART_ANONYMOUS_ID);
    segmo__buf_init(&scratch, SEGMO__MESSAGE_MAX);
    message->user = hash_text(user, &scratch);
    failed = scratch.failed;
    message->id_hash = hash_text(segmo__message_part(message, SEGMO__PART_MESSAGE_ID), &scratch);
    failed |= scratch.failed;
    segmo__buf_free(&scratch);
    return failed ? segmo__fail_memory(err) : SEGMO_OK;
}

static int store(draft *d, segmo__buf *stored, segmo_error **err)
{
    size_t index_at = stored->len;

    if (!segmo__buf_extend(stored, SEGMO__MESSAGE_INDEX_SIZE))
        return segmo__fail_memory(err);
    put_completed(d, stored);
    if (stored->failed)
        return segmo__fail_memory(err);
    if (stored->len - index_at > SEGMO__MESSAGE_STORED_MAX)
        return segmo__fail(err, SEGMO_ERR_TOO_LARGE, NULL,
                           "the completed message is over its limit; send less in it");
    d->message.json = stored->data + index_at + SEGMO__MESSAGE_INDEX_SIZE;
    if (put_hashes(&d->message, err) != SEGMO_OK)
        return SEGMO_ERR_MEMORY;
    segmo__message_put_index(stored->data + index_at, &d->message);
    return SEGMO_OK;
}

int segmo__message_complete(segmo__buf *stored, segmo__slice json,
                            const segmo__message_rules *rules, segmo_error **err)
{
    size_t before = stored->len;
    draft d;
    int status;

    memset(&d, 0, offsetof(draft, edits));
    d.rules = rules;
    status = find(&d, json, err);
    if (status != SEGMO_OK)
        return status;
    plan_edits(&d);
    status = store(&d, stored, err);
    if (status != SEGMO_OK) {
        stored->len = before;
        stored->failed = 0;
    }
    return status;
}
