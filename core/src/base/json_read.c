/* Reading checked text: walks that find where a value ends without looking at what it says. */
#include "base/json.h"

#include "base/json_cursor.h"

/* ---- where containers end ---- */

/* The next quote or bracket of either kind. */
static inline const char *next_mark(const char *at, const char *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        /* with bit 5 set, [ and ] become { and } */
        __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
        __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(folded, _mm_set1_epi8('{')),
                                     _mm_cmpeq_epi8(folded, _mm_set1_epi8('}')));
        int mask =
            _mm_movemask_epi8(_mm_or_si128(marks, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'))));

        if (mask)
            return at + __builtin_ctz((unsigned)mask);
    }
#endif
    while (at < end && *at != '"' && (*at | 0x20) != '{' && (*at | 0x20) != '}')
        at++;
    return at;
}

#ifdef __SSE2__
/* What stands where in 64 bytes; bit n is byte n. */
typedef struct json_block {
    uint64_t quotes, backslashes, opening, closing;
} json_block;

static inline json_block read_block(const char *at)
{
    json_block block = {0};

    for (int i = 0; i < 4; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(at + 16 * i));
        /* with bit 5 set, [ and ] become { and } */
        __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));

#define WHERE(vector, byte)                                                                        \
    ((uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(vector, _mm_set1_epi8(byte))) << 16 * i)
        block.quotes |= WHERE(bytes, '"');
        block.backslashes |= WHERE(bytes, '\\');
        block.opening |= WHERE(folded, '{');
        block.closing |= WHERE(folded, '}');
#undef WHERE
    }
    return block;
}

/* The bytes that a backslash takes the meaning from; `*carry` is 1 when the last byte of the block
 * before was such a backslash. */
static inline uint64_t escaped_bytes(uint64_t backslashes, uint64_t *carry)
{
    uint64_t escaped = *carry;

    *carry = 0;
    for (backslashes &= ~escaped; backslashes; backslashes &= backslashes - 1) {
        uint64_t next = (backslashes & -backslashes) << 1;

        escaped |= next;
        backslashes &= ~next;
        *carry = next == 0;
    }
    return escaped;
}

/* From each quote to before the next one: bit n is the parity of the bits up to n. */
static inline uint64_t between_quotes(uint64_t quotes)
{
    for (int shift = 1; shift < 64; shift *= 2)
        quotes ^= quotes << shift;
    return quotes;
}

/* Takes whole blocks. Answers 1 and the end, or 0 and a place outside strings to go on from. */
static int skip_blocks(const char **at, const char *end, int *depth)
{
    uint64_t inside = 0, carry = 0; /* `inside`: all bits set when a block begins in a string */
    int open = *depth;

    for (const char *here = *at; end - here >= 64; here += 64) {
        json_block block = read_block(here);
        uint64_t quotes = block.quotes & ~escaped_bytes(block.backslashes, &carry);
        uint64_t strings = between_quotes(quotes) ^ inside;
        uint64_t brackets = (block.opening | block.closing) & ~strings;

        for (; brackets; brackets &= brackets - 1) {
            open += block.opening & brackets & -brackets ? 1 : -1;
            if (open == 0) {
                *at = here + __builtin_ctzll(brackets) + 1;
                return 1;
            }
        }
        inside = (uint64_t)((int64_t)strings >> 63);
        if (!inside) {
            *at = here + 64;
            *depth = open;
        }
    }
    return 0;
}
#endif

const char *segmo__json_container_end(const char *at, const char *end)
{
    int depth = 1;

#ifdef __SSE2__
    if (skip_blocks(&at, end, &depth))
        return at;
#endif
    for (; depth > 0; at++) {
        at = next_mark(at, end);
        if (at >= end)
            return end;
        if (*at == '"')
            at = segmo__json_string_end(at + 1, end);
        else
            depth += (*at | 0x20) == '{' ? 1 : -1;
    }
    return at;
}

/* ---- walking ---- */

segmo__slice segmo__json_trim(segmo__slice text)
{
    const char *end = text.at + text.len;
    const char *at = segmo__json_skip_space(text.at, end);

    while (end > at && segmo__json_is_space(end[-1]))
        end--;
    return (segmo__slice){at, (size_t)(end - at)};
}

#define KIND(kind) ((kind) ^ SEGMO__JSON_NUMBER)

const unsigned char segmo__json_kinds[256] = {
    ['{'] = KIND(SEGMO__JSON_OBJECT), ['['] = KIND(SEGMO__JSON_ARRAY),
    ['"'] = KIND(SEGMO__JSON_STRING), ['t'] = KIND(SEGMO__JSON_TRUE),
    ['f'] = KIND(SEGMO__JSON_FALSE),  ['n'] = KIND(SEGMO__JSON_NULL),
};

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
    segmo__slice wanted = segmo__slice_of(key), name, found;
    segmo__json_walk walk;

    segmo__json_walk_begin(&walk, object);
    while (walk.is_object && segmo__json_next(&walk, &name, &found))
        if (segmo__json_key_means(name, wanted)) {
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

    if (raw_key.len < text.len)
        return 0;
    if (raw_key.len == text.len)
        return memcmp(at, text.at, text.len) == 0 && !has_escape(raw_key);
    if (!has_escape(raw_key))
        return 0;
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
