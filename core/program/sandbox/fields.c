/* Members by name in one walk: a judge looks at a dozen names of each message, so names are
 * compared by length first and escapes in keys are only resolved where there are any. */
#include "fields.h"

#include "base/id.h"

static int key_means(segmo__slice key, segmo__slice name)
{
    if (key.len == name.len && memcmp(key.at, name.at, name.len) == 0)
        return 1;
    return key.len > name.len && memchr(key.at, '\\', key.len) && segmo__json_key_is(key, name.at);
}

void sandbox_fields_read(segmo__slice object, const segmo__slice *names, size_t count,
                         segmo__slice *values)
{
    segmo__json_walk walk;
    segmo__slice key, value;

    memset(values, 0, count * sizeof *values);
    segmo__json_walk_begin(&walk, object);
    while (segmo__json_next(&walk, &key, &value)) {
        for (size_t i = 0; i < count; i++) {
            if (key_means(key, names[i])) {
                values[i] = value;
                break;
            }
        }
    }
}

int sandbox_is_absent(segmo__slice value)
{
    return !value.at || segmo__json_kind_of(value) == SEGMO__JSON_NULL;
}

int sandbox_is_kind(segmo__slice value, segmo__json_kind kind)
{
    return value.at && segmo__json_kind_of(value) == kind;
}

int sandbox_is_bool(segmo__slice value)
{
    return sandbox_is_kind(value, SEGMO__JSON_TRUE) || sandbox_is_kind(value, SEGMO__JSON_FALSE);
}

int sandbox_is_text(segmo__slice value)
{
    return sandbox_is_kind(value, SEGMO__JSON_STRING) && value.len > 2;
}

segmo__slice sandbox_unquoted(segmo__slice string)
{
    return (segmo__slice){string.at + 1, string.len - 2};
}

int64_t sandbox_seq_of(segmo__slice container)
{
    segmo__slice value;
    int64_t seq = 0;

    if (!sandbox_is_kind(container, SEGMO__JSON_OBJECT) ||
        !segmo__json_member(container, "seq", &value) || value.len > 18)
        return -1;
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return -1;
        seq = seq * 10 + (value.at[i] - '0');
    }
    return seq;
}

uint64_t sandbox_hash_of(segmo__slice string, segmo__buf *scratch)
{
    segmo__slice text;
    uint64_t hash;

    segmo__buf_clear(scratch);
    text = segmo__json_text(string, scratch);
    hash = segmo__id_hash(text.at, text.len, 0);
    return hash ? hash : 1;
}
