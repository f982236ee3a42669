/* The bytes JSON is made of: what the check, the readers and the writer all need to know. */
#ifndef SEGMO_BASE_JSON_BYTES_H
#define SEGMO_BASE_JSON_BYTES_H

#include "base/buf.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline int segmo__json_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static inline const char *segmo__json_skip_space(const char *at, const char *end)
{
    if (at < end && (unsigned char)*at > ' ') /* mostly there is none */
        return at;
    while (at < end && segmo__json_is_space(*at))
        at++;
    return at;
}

/* Plain: ASCII that stands for itself in a string, so neither control character, quote nor
 * backslash. */
static inline int segmo__json_is_plain(char c)
{
    return (signed char)c >= 0x20 && c != '"' && c != '\\';
}

#ifdef __SSE2__
/* All bits of each byte that is not plain. Signed: bytes from 0x80 on are negative and so below
 * 0x20. */
static inline __m128i segmo__json_odd_bytes(__m128i bytes)
{
    __m128i odd = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));

    odd = _mm_or_si128(odd, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
    return _mm_or_si128(odd, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
}
#endif

/* The first byte from `at` on that is not plain, or `end`. */
static inline const char *segmo__json_skip_plain(const char *at, const char *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        int mask = _mm_movemask_epi8(segmo__json_odd_bytes(_mm_loadu_si128((const __m128i *)at)));

        if (mask)
            return at + __builtin_ctz((unsigned)mask);
    }
#endif
    while (at < end && segmo__json_is_plain(*at))
        at++;
    return at;
}

/* Length of the well-formed UTF-8 sequence at `at` (which is below `end`); 0 when there is none:
 * overlong forms, surrogates and what is above U+10FFFF are not well-formed (table 3-7 of the
 * Unicode standard). */
static inline int segmo__json_utf8_len(const char *at, const char *end)
{
    const unsigned char *byte = (const unsigned char *)at;
    unsigned lead = byte[0], least = 0x80, most = 0xbf;
    int len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4 || end - at < len)
        return 0;
    if (lead == 0xe0)
        least = 0xa0;
    else if (lead == 0xed)
        most = 0x9f;
    else if (lead == 0xf0)
        least = 0x90;
    else if (lead == 0xf4)
        most = 0x8f;
    if (byte[1] < least || byte[1] > most)
        return 0;
    for (int i = 2; i < len; i++)
        if ((byte[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

/* The number that four hexadecimal digits stand for, or -1. */
static inline int segmo__json_hex4(const char *at)
{
    int number = 0;

    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;

        if (digit < 0)
            return -1;
        number = number << 4 | digit;
    }
    return number;
}

static inline int segmo__json_is_high_surrogate(int unit)
{
    return (unit & 0xfc00) == 0xd800;
}

static inline int segmo__json_is_low_surrogate(int unit)
{
    return (unit & 0xfc00) == 0xdc00;
}

/* Decodes the escape or the byte at `*at` of a checked string into `out` (1 to 4 bytes) and moves
 * on. */
int segmo__json_decode(const char **at, char out[4]);

#endif
