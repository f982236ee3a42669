#include "support/message_id.h"

#include "base/json.h"

segmo__slice message_id_of(segmo__slice message, segmo__buf *scratch)
{
    segmo__slice value;

    if (!segmo__json_member(message, "messageId", &value) ||
        segmo__json_kind_of(value) != SEGMO__JSON_STRING)
        return (segmo__slice){"", 0};
    return segmo__json_text(value, scratch);
}

segmo__slice message_id_put(segmo__buf *out, segmo__slice message, const char *id)
{
    segmo__slice trimmed = segmo__json_trim(message);
    segmo__slice value;
    const char *end = trimmed.at + trimmed.len;

    segmo__buf_clear(out);
    if (segmo__json_member(trimmed, "messageId", &value)) {
        segmo__buf_add(out, trimmed.at, (size_t)(value.at - trimmed.at));
        segmo__json_put_text(out, id);
        segmo__buf_add(out, value.at + value.len, (size_t)(end - value.at) - value.len);
    } else {
        segmo__buf_add(out, trimmed.at, trimmed.len - 1);
        if (!segmo__json_is_empty(trimmed))
            segmo__buf_add_char(out, ',');
        segmo__buf_add_lit(out, "\"messageId\":");
        segmo__json_put_text(out, id);
        segmo__buf_add_char(out, '}');
    }
    return segmo__buf_slice(out);
}
