#include "envelope.h"

#include "base/json.h"
#include "base/json_cursor.h"

static void split_batch(struct envelope *out, segmo__json_cursor *cursor)
{
    segmo__slice key;

    out->has_batch = 1;
    segmo__json_enter(cursor);
    while (segmo__json_advance(cursor, 0, &key)) {
        segmo__slice message = segmo__json_take(cursor);

        if (out->count < ENVELOPE_MESSAGES_MAX)
            out->messages[out->count] = message;
        out->count++;
    }
}

void envelope_open(struct envelope *out, segmo__slice body)
{
    segmo__json_cursor cursor = {body.at, body.at + body.len};
    const segmo__slice none = {"", 0};
    segmo__slice key;

    out->write_key = out->sent_at = out->context = out->integrations = none;
    out->count = 0;
    out->has_batch = 0;
    segmo__json_enter(&cursor);
    while (segmo__json_advance(&cursor, 1, &key)) {
        if (segmo__json_key_is(key, "batch") && *cursor.at == '[')
            split_batch(out, &cursor);
        else if (segmo__json_key_is(key, "writeKey"))
            out->write_key = segmo__json_take(&cursor);
        else if (segmo__json_key_is(key, "sentAt"))
            out->sent_at = segmo__json_take(&cursor);
        else if (segmo__json_key_is(key, "context"))
            out->context = segmo__json_take(&cursor);
        else if (segmo__json_key_is(key, "integrations"))
            out->integrations = segmo__json_take(&cursor);
        else
            segmo__json_take(&cursor);
    }
}
