/* Two published converters from camelCase to snake_case. Both see ASCII letters and digits only:
 * other bytes part words, so a name without any of them converts to nothing. */
#include "wire/snake_case.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static int is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static int is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int is_word(char c)
{
    return is_lower(c) || is_upper(c) || is_digit(c);
}

/* The length of the part that is snake_case already. `*splits_upper`: an upper-case letter behind
 * it starts a new word; otherwise it goes on with the word that the part ends in. */
static size_t good_prefix(segmo__slice key, int *splits_upper)
{
    int any_lower = 0, underscore = 0, lower_since = 0;
    size_t at = 0;

    for (; at < key.len; at++) {
        if (is_lower(key.at[at])) {
            any_lower = lower_since = 1;
        } else if (key.at[at] == '_' && at > 0 && at + 1 < key.len &&
                   (is_lower(key.at[at + 1]) || is_digit(key.at[at + 1]))) {
            underscore = 1;
            lower_since = 0;
        } else if (!is_digit(key.at[at])) {
            break;
        }
    }
    *splits_upper = any_lower && (!underscore || lower_since);
    return at;
}

#ifdef __SSE2__
static inline unsigned in_range(__m128i bytes, char least, char most)
{
    __m128i from_least = _mm_sub_epi8(bytes, _mm_set1_epi8(least));
    __m128i within = _mm_min_epu8(from_least, _mm_set1_epi8((char)(most - least)));

    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(within, from_least));
}

/* All of a key of 1 to 16 bytes at once: no underscore is the first, the last or behind another. */
static inline int is_short_snake_case(segmo__slice key)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)key.at);
    unsigned all = 0xFFFFu >> (16 - key.len), last = 1u << (key.len - 1);
    unsigned words = (in_range(bytes, 'a', 'z') | in_range(bytes, '0', '9')) & all;
    unsigned underscores = in_range(bytes, '_', '_') & all;

    return (words | underscores) == all && !(underscores & (underscores << 1 | 1u | last));
}
#endif

int segmo__is_snake_case(segmo__slice key, const char *end)
{
    char before = '_';

#ifdef __SSE2__
    if (key.len - 1 < 16 && end - key.at >= 16)
        return is_short_snake_case(key);
#endif
    for (size_t i = 0; i < key.len; i++) {
        char c = key.at[i];

        if (!is_lower(c) && !is_digit(c) && (c != '_' || before == '_'))
            return 0;
        before = c;
    }
    return before != '_';
}

/* Copies one word: capitals and digits in lower case, then small letters and digits. */
static size_t copy_word(char **to, segmo__slice key, size_t at)
{
    while (at < key.len && (is_upper(key.at[at]) || is_digit(key.at[at])))
        *(*to)++ = segmo__ascii_lower(key.at[at++]);
    while (at < key.len && (is_lower(key.at[at]) || is_digit(key.at[at])))
        *(*to)++ = key.at[at++];
    return at;
}

void segmo__snake_case(segmo__buf *out, segmo__slice key)
{
    int splits_upper;
    size_t at = good_prefix(key, &splits_upper);
    char *start, *to;

    if (at == key.len) {
        segmo__buf_add_slice(out, key);
        return;
    }
    if (!segmo__buf_reserve(out, 2 * key.len))
        return;
    start = to = out->data + out->len;
    memcpy(to, key.at, at);
    to += at;
    if (is_upper(key.at[at]) && !splits_upper)
        at = copy_word(&to, key, at);
    while (at < key.len) {
        if (!is_word(key.at[at])) {
            at++;
            continue;
        }
        if (to > start)
            *to++ = '_';
        at = copy_word(&to, key, at);
    }
    out->len += (size_t)(to - start);
}

/* to-no-case splits camel humps only in a key without white space and without _ - . : */
static int has_humps(segmo__slice key)
{
    int humps = 0;

    for (size_t i = 0; i < key.len; i++) {
        if (memchr("_-.: \t\n\v\f\r", key.at[i], 10))
            return 0;
        if (i > 0)
            humps |= (is_lower(key.at[i - 1]) && is_upper(key.at[i])) ||
                     (is_upper(key.at[i - 1]) && is_lower(key.at[i]));
    }
    return humps;
}

void segmo__snake_case_tsc(segmo__buf *out, segmo__slice key)
{
    int humps = has_humps(key), parted = 0;
    char *start, *to;

    if (key.len == 0 || !segmo__buf_reserve(out, 2 * key.len))
        return;
    start = to = out->data + out->len;
    for (size_t i = 0; i < key.len; i++) {
        if (!is_word(key.at[i])) {
            parted = 1;
            continue;
        }
        if (to > start && (parted || (humps && is_upper(key.at[i]))))
            *to++ = '_';
        parted = 0;
        *to++ = segmo__ascii_lower(key.at[i]);
    }
    out->len += (size_t)(to - start);
}
