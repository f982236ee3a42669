/* Reading checked text: walks that find where a value ends without looking at what it says. */
#include "base/json.h"

#include "base/json_cursor.h"

/* ---- walking ---- */

segmo__slice segmo__json_trim(segmo__slice text)
{
    const char *end = text.at + text.len;
    const char *at = segmo__json_skip_space(text.at, end);

    while (end > at && segmo__json_is_space(end[-1]))
        end--;
    return (segmo__slice){at, (size_t)(end - at)};
}

segmo__json_kind segmo__json_kind_of(segmo__slice value)
{
    return segmo__json_kind_at(value.len > 0 ? *value.at : 'n');
}

void segmo__json_walk_begin(segmo__json_walk *walk, segmo__slice container)
{
    segmo__slice exact = segmo__json_trim(container);
    segmo__json_kind kind = segmo__json_kind_of(exact);

    *walk = (segmo__json_walk){exact.at, exact.at, kind == SEGMO__JSON_OBJECT};
    if (kind == SEGMO__JSON_OBJECT || kind == SEGMO__JSON_ARRAY) {
        walk->at = exact.at + 1;
        walk->end = exact.at + exact.len - 1;
    }
}

int segmo__json_next(segmo__json_walk *walk, segmo__slice *key, segmo__slice *value)
{
    const char *at = segmo__json_skip_space(walk->at, walk->end), *end = walk->end, *close;

    if (at < end && *at == ',')
        at = segmo__json_skip_space(at + 1, end);
    *key = (segmo__slice){at, 0};
    if (at >= end)
        return 0;
    if (walk->is_object) {
        close = segmo__json_string_end(at + 1, end);
        *key = (segmo__slice){at + 1, (size_t)(close - at - 1)};
        at = segmo__json_skip_space(close + 1, end);
        at = segmo__json_skip_space(at + 1, end); /* behind the colon */
    }
    walk->at = segmo__json_value_end(at, end);
    *value = (segmo__slice){at, (size_t)(walk->at - at)};
    return 1;
}

int segmo__json_member(segmo__slice object, const char *key, segmo__slice *value)
{
    segmo__json_walk walk;
    segmo__slice name, found;

    segmo__json_walk_begin(&walk, object);
    while (walk.is_object && segmo__json_next(&walk, &name, &found))
        if (segmo__json_key_is(name, key)) {
            *value = found;
            return 1;
        }
    return 0;
}

int segmo__json_is_empty(segmo__slice container)
{
    segmo__json_walk walk;

    segmo__json_walk_begin(&walk, container);
    return segmo__json_skip_space(walk.at, walk.end) == walk.end;
}

/* ---- strings ---- */

static int put_utf8(char out[4], unsigned point)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xc0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}

/* The low half of a surrogate pair at `at`, or -1; never looks beyond the closing quote. */
static int low_half(const char *at)
{
    int unit = at[0] == '\\' && at[1] == 'u' ? segmo__json_hex4(at + 2) : -1;

    return segmo__json_is_low_surrogate(unit) ? unit : -1;
}

static int decode_unicode(const char **at, char out[4])
{
    int unit = segmo__json_hex4(*at + 2), low;

    *at += 6;
    low = segmo__json_is_high_surrogate(unit) ? low_half(*at) : -1;
    if (low >= 0) {
        *at += 6;
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
    return put_utf8(out, (unsigned)unit);
}

int segmo__json_decode(const char **at, char out[4])
{
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";

    if (**at != '\\') {
        out[0] = *(*at)++;
        return 1;
    }
    if ((*at)[1] == 'u')
        return decode_unicode(at, out);
    out[0] = bytes[strchr(names, (*at)[1]) - names];
    *at += 2;
    return 1;
}

static segmo__slice without_quotes(segmo__slice string)
{
    if (string.len >= 2 && *string.at == '"')
        return (segmo__slice){string.at + 1, string.len - 2};
    return string;
}

static int has_escape(segmo__slice raw)
{
    return raw.len > 0 && memchr(raw.at, '\\', raw.len) != NULL;
}

int segmo__json_key_means(segmo__slice raw_key, segmo__slice text)
{
    const char *at = raw_key.at, *end = at + raw_key.len;
    size_t matched = 0;

    if (raw_key.len <= text.len || !has_escape(raw_key))
        return raw_key.len == text.len && memcmp(at, text.at, text.len) == 0;
    while (at < end) {
        char bytes[4];
        size_t count = (size_t)segmo__json_decode(&at, bytes);

        if (count > text.len - matched || memcmp(text.at + matched, bytes, count) != 0)
            return 0;
        matched += count;
    }
    return matched == text.len;
}

segmo__slice segmo__json_text(segmo__slice string, segmo__buf *scratch)
{
    segmo__slice raw = without_quotes(string);
    const char *at = raw.at, *end = at + raw.len;
    char *out;

    if (!has_escape(raw))
        return raw;
    segmo__buf_clear(scratch);
    out = segmo__buf_extend(scratch, raw.len); /* decoding never makes a text longer */
    if (!out)
        return (segmo__slice){"", 0};
    while (at < end) {
        char bytes[4];
        int count = segmo__json_decode(&at, bytes);

        memcpy(out, bytes, (size_t)count);
        out += count;
    }
    scratch->len = (size_t)(out - scratch->data);
    return segmo__buf_slice(scratch);
}

size_t segmo__json_code_points(segmo__slice string)
{
    segmo__slice raw = without_quotes(string);
    const char *at = raw.at, *end = at + raw.len;
    size_t count = 0;

    while (at < end) {
        char bytes[4];

        segmo__json_decode(&at, bytes);
        count += ((unsigned char)bytes[0] & 0xc0) != 0x80;
    }
    return count;
}
