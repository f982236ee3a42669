/* Reading checked text in one pass, inlined where speed matters. A walk (json.h) hands out whole
 * values, so it has to find the end of a container that is then read once more; a cursor steps into
 * it instead. */
#ifndef SEGMO_BASE_JSON_CURSOR_H
#define SEGMO_BASE_JSON_CURSOR_H

#include "base/json.h"
#include "base/json_bytes.h"

/* ---- where things end ---- */

/* From behind the opening quote to the closing one. */
static inline const char *segmo__json_string_end(const char *at, const char *end)
{
#ifdef __SSE2__
    while (end - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        __m128i odd = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                   _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
        int mask = _mm_movemask_epi8(odd);

        if (!mask) {
            at += 16;
            continue;
        }
        at += __builtin_ctz((unsigned)mask);
        if (*at == '"')
            return at;
        at += 2;
    }
#endif
    while (at < end && *at != '"')
        at += *at == '\\' ? 2 : 1;
    return at;
}

/* From behind the opening bracket to behind the one that closes it. */
const char *segmo__json_container_end(const char *at, const char *end);

/* Whether a byte can be part of a number, true, false or null; in checked text what follows one is
 * white space, a comma or a closing bracket, which with bit 5 set is a closing brace. */
static inline int segmo__json_is_scalar(char c)
{
    return (c > ',' || c == '+') && (c | 0x20) != '}';
}

static inline const char *segmo__json_value_end(const char *at, const char *end)
{
    if (*at == '"')
        return segmo__json_string_end(at + 1, end) + 1;
    if (*at == '{' || *at == '[')
        return segmo__json_container_end(at + 1, end);
    while (at < end && segmo__json_is_scalar(*at))
        at++;
    return at;
}

/* ---- the cursor ---- */

typedef struct segmo__json_cursor {
    const char *at;
    const char *end; /* of the text, at least behind the container that is read */
} segmo__json_cursor;

/* Behind the opening bracket of the container at the cursor. */
static inline void segmo__json_enter(segmo__json_cursor *cursor)
{
    cursor->at++;
}

/* To the start of the next value of the container that was entered, past the value before it;
 * `*key` as in segmo__json_next(). 0 behind the last one: the cursor then stands behind the closing
 * bracket. */
static inline int segmo__json_advance(segmo__json_cursor *cursor, int in_object, segmo__slice *key)
{
    const char *at = segmo__json_skip_space(cursor->at, cursor->end), *close;

    if (*at == ',')
        at = segmo__json_skip_space(at + 1, cursor->end);
    if (*at == '}' || *at == ']') {
        cursor->at = at + 1;
        return 0;
    }
    *key = (segmo__slice){at, 0};
    if (in_object) {
        close = segmo__json_string_end(at + 1, cursor->end);
        *key = (segmo__slice){at + 1, (size_t)(close - at - 1)};
        at = segmo__json_skip_space(close + 1, cursor->end);
        at = segmo__json_skip_space(at + 1, cursor->end); /* behind the colon */
    }
    cursor->at = at;
    return 1;
}

/* The whole value at the cursor, which moves behind it. */
static inline segmo__slice segmo__json_take(segmo__json_cursor *cursor)
{
    const char *at = cursor->at;

    cursor->at = segmo__json_value_end(at, cursor->end);
    return (segmo__slice){at, (size_t)(cursor->at - at)};
}

#endif
