#include "stamp.h"

#include "base/json.h"

#define SKEW_MAX_MS (10ll * 366 * 86400 * 1000) /* a clock that is further off says nothing */

static segmo__slice inside(segmo__slice string)
{
    return (segmo__slice){string.at + 1, string.len - 2};
}

static int read_time(segmo__slice value, int64_t *ms)
{
    return segmo__json_kind_of(value) == SEGMO__JSON_STRING && value.len > 2 &&
           segmo__clock_parse_iso(inside(value), ms);
}

void stamp_begin(struct stamp *stamp, int64_t received_ms, segmo__slice sent_at)
{
    int64_t sent_ms;

    memset(stamp, 0, sizeof *stamp);
    stamp->received_ms = received_ms;
    segmo__clock_iso(stamp->received, received_ms);
    stamp->knows_skew = read_time(sent_at, &sent_ms);
    if (stamp->knows_skew)
        stamp->skew_ms = received_ms - sent_ms;
    if (stamp->skew_ms > SKEW_MAX_MS || stamp->skew_ms < -SKEW_MAX_MS)
        stamp->knows_skew = 0;
}

/* ---- members ---- */

static int is_missing(segmo__slice id)
{
    segmo__json_kind kind = segmo__json_kind_of(id);

    return kind == SEGMO__JSON_NULL || (kind == SEGMO__JSON_STRING && id.len == 2);
}

enum member { OTHER, TYPE, CONTEXT, TIMESTAMP, MESSAGE_ID, LEFT_OUT };

static enum member member_of(segmo__slice key)
{
    static const struct {
        const char *name;
        size_t len;
        enum member member;
    } members[] = {{"type", 4, TYPE},
                   {"sentAt", 6, LEFT_OUT},
                   {"context", 7, CONTEXT},
                   {"writeKey", 8, LEFT_OUT},
                   {"timestamp", 9, TIMESTAMP},
                   {"messageId", 9, MESSAGE_ID},
                   {"receivedAt", 10, LEFT_OUT},
                   {"originalTimestamp", 17, LEFT_OUT}};
    int is_escaped = memchr(key.at, '\\', key.len) != NULL;

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (is_escaped ? segmo__json_key_is(key, members[i].name)
                       : key.len == members[i].len && memcmp(key.at, members[i].name, key.len) == 0)
            return members[i].member;
    }
    return OTHER;
}

static void put_text(segmo__buf *out, const char *name, const char *text)
{
    if (out->data[out->len - 1] != '{')
        segmo__buf_add_char(out, ',');
    segmo__buf_add_char(out, '"');
    segmo__buf_add_str(out, name);
    segmo__buf_add_lit(out, "\":\"");
    segmo__buf_add_str(out, text);
    segmo__buf_add_char(out, '"');
}

static void put_value(segmo__buf *out, segmo__slice key, segmo__slice value)
{
    if (out->data[out->len - 1] != '{')
        segmo__buf_add_char(out, ',');
    segmo__buf_add(out, key.at - 1, key.len + 2);
    segmo__buf_add_char(out, ':');
    segmo__buf_add_slice(out, value);
}

/* A key as it stands in JSON, without its quotes. */
static segmo__slice key_of(const char *quoted)
{
    return (segmo__slice){quoted + 1, strlen(quoted) - 2};
}

/* ---- the address ---- */

static int lacks_address(segmo__slice context, const struct stamp *stamp)
{
    int wanted = stamp->address == STAMP_ADDRESS_ALWAYS, has = 0;
    segmo__json_walk walk;
    segmo__slice key, value;

    segmo__json_walk_begin(&walk, context);
    while (segmo__json_next(&walk, &key, &value)) {
        if (segmo__json_key_is(key, "direct"))
            wanted |= segmo__json_kind_of(value) == SEGMO__JSON_TRUE;
        else if (segmo__json_key_is(key, "ip"))
            has = segmo__json_kind_of(value) != SEGMO__JSON_NULL;
    }
    return stamp->ip && wanted && !has;
}

void stamp_context(segmo__buf *out, segmo__slice context, const struct stamp *stamp)
{
    segmo__json_walk walk;
    segmo__slice key, value;

    if (segmo__json_kind_of(context) != SEGMO__JSON_OBJECT || !lacks_address(context, stamp)) {
        segmo__buf_add_slice(out, context);
        return;
    }
    segmo__buf_add_char(out, '{');
    segmo__json_walk_begin(&walk, context);
    while (segmo__json_next(&walk, &key, &value))
        if (!segmo__json_key_is(key, "ip"))
            put_value(out, key, value);
    put_text(out, "ip", stamp->ip);
    segmo__buf_add_char(out, '}');
}

static void put_context(segmo__buf *out, segmo__slice key, segmo__slice value,
                        const struct stamp *stamp)
{
    put_value(out, key, (segmo__slice){"", 0});
    stamp_context(out, value, stamp);
}

/* ---- times ---- */

static void put_times(segmo__buf *out, segmo__slice timestamp, const struct stamp *stamp)
{
    const segmo__slice key = key_of("\"timestamp\""), original = key_of("\"originalTimestamp\"");
    char corrected[SEGMO__ISO_LEN + 1];
    int64_t ms;

    if (segmo__json_kind_of(timestamp) == SEGMO__JSON_NULL) {
        put_text(out, "timestamp", stamp->received);
        put_text(out, "originalTimestamp", stamp->received);
    } else if (stamp->knows_skew && read_time(timestamp, &ms)) {
        segmo__clock_iso(corrected, ms + stamp->skew_ms);
        put_text(out, "timestamp", corrected);
        put_value(out, original, timestamp);
    } else {
        put_value(out, key, timestamp);
        put_value(out, original, timestamp);
    }
    put_text(out, "receivedAt", stamp->received);
}

void stamp_message(segmo__buf *out, segmo__slice message, const struct stamp *stamp,
                   segmo__slice *message_id)
{
    segmo__slice key, value, timestamp = {"", 0};
    int has_context = 0;
    segmo__json_walk walk;

    *message_id = (segmo__slice){"", 0};
    segmo__buf_add_char(out, '{');
    if (!out->data)
        return;
    if (stamp->type)
        put_text(out, "type", stamp->type);
    segmo__json_walk_begin(&walk, message);
    while (segmo__json_next(&walk, &key, &value)) {
        enum member member = member_of(key);

        if (member == MESSAGE_ID && is_missing(value))
            continue; /* it gets one */
        if (member == TIMESTAMP)
            timestamp = value;
        if (member == MESSAGE_ID)
            *message_id = value;
        has_context |= member == CONTEXT;
        if (member == CONTEXT && stamp->ip)
            put_context(out, key, value, stamp);
        else if (member == OTHER || member == MESSAGE_ID || member == CONTEXT ||
                 (member == TYPE && !stamp->type))
            put_value(out, key, value);
    }
    if (!has_context && stamp->ip && stamp->address == STAMP_ADDRESS_ALWAYS) {
        segmo__buf_add_str(out, out->data[out->len - 1] == '{' ? "" : ",");
        segmo__buf_add_lit(out, "\"context\":{");
        put_text(out, "ip", stamp->ip);
        segmo__buf_add_char(out, '}');
    }
    if (stamp->received[0])
        put_times(out, timestamp, stamp);
    else if (timestamp.len > 0)
        put_value(out, key_of("\"timestamp\""), timestamp);
    segmo__buf_add_char(out, '}');
}
