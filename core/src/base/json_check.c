/* The strict check that stands in front of everything else: one pass, no recursion, no memory for
 * ordinary text, and words for a failure that are only made when there is one. See json_scan.h for
 * its parts.
 *
 * This is the hot path of the library. What usually comes is asked for first: the closing quote,
 * the colon and the comma without white space, short keys, plain numbers.
 */
#include "base/json_scan.h"
#include "base/mem.h"

typedef segmo__scan scan;
typedef segmo__scan_frame frame;
typedef segmo__scan_key seen_key;

/* ---- strings ---- */

static const char *check_unicode_escape(scan *s, const char *at)
{
    static const char lone[] = "a lone surrogate escape; write both halves of the pair";
    int unit = s->end - at >= 6 ? segmo__json_hex4(at + 2) : -1;
    int low;

    if (unit < 0)
        return segmo__scan_fail(s, at, "\\u takes four hexadecimal digits");
    if (s->grammar_only)
        return at + 6;
    if (segmo__json_is_low_surrogate(unit))
        return segmo__scan_fail(s, at, lone);
    if (!segmo__json_is_high_surrogate(unit))
        return at + 6;
    low = s->end - at >= 12 && at[6] == '\\' && at[7] == 'u' ? segmo__json_hex4(at + 8) : -1;
    return segmo__json_is_low_surrogate(low) ? at + 12 : segmo__scan_fail(s, at, lone);
}

static const char *check_escape(scan *s, const char *at)
{
    if (s->end - at < 2)
        return segmo__scan_fail(s, s->end, "the text ends inside a string; send it whole");
    if (at[1] == 'u')
        return check_unicode_escape(s, at);
    if (memchr("\"\\/bfnrt", at[1], 8))
        return at + 2;
    return segmo__scan_fail(
        s, at, "an unknown escape; only \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u exist");
}

/* Bytes of a string that do not stand for themselves. */
static __attribute__((noinline)) const char *check_odd_bytes(scan *s, const char *at)
{
    if (at == s->end)
        return segmo__scan_fail(s, at, "the text ends inside a string; send it whole");
    if (*at == '\\')
        return check_escape(s, at);
    if ((unsigned char)*at < 0x20)
        return segmo__scan_fail(
            s, at, "a control character inside a string; escape it, as \\n or \\u0000");
    while (at < s->end && (unsigned char)*at >= 0x80) {
        int len = segmo__json_utf8_len(at, s->end);

        if (len == 0 && !s->grammar_only)
            return segmo__scan_fail(s, at, "not valid UTF-8; encode the text as UTF-8");
        at += len > 0 ? len : 1;
    }
    return at;
}

/* From behind the opening quote to behind the closing one. */
static inline const char *check_string(scan *s, const char *at, const char *end)
{
    for (;;) {
        at = segmo__json_skip_plain(at, end);
        if (at < end && *at == '"')
            return at + 1;
        at = check_odd_bytes(s, at);
        if (!at)
            return NULL;
    }
}

/* ---- numbers ---- */

#ifdef __SSE2__
/* The end of digits with or without a fraction, within 16 bytes; NULL: not that simple. */
static inline const char *plain_number_end(const char *digits, const char *end)
{
    __m128i values, are_digits;
    unsigned others, len;

    if (end - digits < 16)
        return NULL;
    values = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)digits), _mm_set1_epi8('0'));
    are_digits = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
    others = ~(unsigned)_mm_movemask_epi8(are_digits); /* the upper half is set as well */
    len = (unsigned)__builtin_ctz(others);
    if (len == 0 || len > 14 || (len > 1 && *digits == '0'))
        return NULL;
    if (digits[len] == '.') {
        unsigned fraction = (unsigned)__builtin_ctz(others >> (len + 1));

        len += 1 + fraction;
        if (fraction == 0 || len > 15)
            return NULL;
    }
    return (digits[len] | 0x20) == 'e' ? NULL : digits + len;
}
#else
static inline const char *plain_number_end(const char *digits, const char *end)
{
    (void)digits, (void)end;
    return NULL;
}
#endif

static inline const char *check_number(scan *s, const char *at, const char *end)
{
    const char *behind = plain_number_end(at + (*at == '-'), end);

    return behind ? behind : segmo__scan_number(s, at);
}

/* ---- keys ---- */

#ifdef __SSE2__
/* The closing quote of a plain key of up to 15 bytes, and its fingerprint; NULL: not that simple.
 */
static inline const char *short_key_end(const char *at, const char *end, uint32_t *print)
{
    static const unsigned char keep[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                           255, 255, 255, 255, 255, 255, 255, 255};
    __m128i bytes, odd, kept;
    unsigned mask, len;

    if (end - at < 16)
        return NULL;
    bytes = _mm_loadu_si128((const __m128i *)at);
    odd = segmo__json_odd_bytes(bytes);
    mask = (unsigned)_mm_movemask_epi8(odd);
    if (mask == 0)
        return NULL;
    len = (unsigned)__builtin_ctz(mask);
    kept = _mm_and_si128(bytes, _mm_loadu_si128((const __m128i *)(keep + 16 - len)));
    *print = segmo__scan_print_end(
        segmo__scan_print_step(0, (uint64_t)_mm_cvtsi128_si64(kept),
                               (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(kept, kept))),
        len);
    return at[len] == '"' ? at + len : NULL;
}
#else
static inline const char *short_key_end(const char *at, const char *end, uint32_t *print)
{
    (void)at, (void)end, (void)print;
    return NULL;
}
#endif

static __attribute__((noinline)) const char *any_key_end(scan *s, const char *at, uint32_t *print)
{
    const char *behind = check_string(s, at, s->end);

    if (!behind)
        return NULL;
    *print = segmo__scan_print(at, behind - 1);
    return behind - 1;
}

static const char *key_twice(scan *s, const char *at)
{
    return segmo__scan_fail(s, at - 1, "a key that its object already has; keep one of them");
}

/* The envelope's own keys are never ambiguous. */
static inline int compares_keys(const scan *s)
{
    return !s->grammar_only || s->top == s->frames + 1;
}

/* Fails when the object has that key already, as far as that is found out here. */
static inline const char *remember_key(scan *s, uint64_t *prints, seen_key key)
{
    uint64_t bit = UINT64_C(1) << (key.print & 63);

    if (s->key_count == s->key_room && !segmo__scan_more_keys(s))
        return segmo__scan_fail(s, key.at, NULL);
    s->keys[s->key_count++] = key;
    if (*prints & bit && compares_keys(s) && segmo__scan_has_key(s))
        return key_twice(s, key.at);
    *prints |= bit;
    return key.at;
}

/* The failure inside a key belongs to its object, which is the last that can be named. */
static const char *bad_key(scan *s)
{
    s->key_count = s->top->first_key;
    return NULL;
}

static inline int is_at(const char *at, const char *end, char c)
{
    return at < end && *at == c;
}

/* A key and its colon with the space before them. */
static inline const char *check_key(scan *s, uint64_t *prints, const char *at, const char *end)
{
    const char *key, *key_end;
    uint32_t print = 0;

    if (!is_at(at, end, '"')) {
        at = segmo__json_skip_space(at, end);
        if (!is_at(at, end, '"'))
            return segmo__scan_no_key(s, at);
    }
    key = at + 1;
    key_end = short_key_end(key, end, &print);
    if (!key_end)
        key_end = any_key_end(s, key, &print);
    if (!key_end)
        return bad_key(s);
    s->saw_rare_print |= print == s->rare_print;
    if (!remember_key(s, prints, (seen_key){key, (uint32_t)(key_end - key), print}))
        return NULL;
    at = key_end + 1;
    if (is_at(at, end, ':'))
        return at + 1;
    at = segmo__json_skip_space(at, end);
    return is_at(at, end, ':') ? at + 1 : segmo__scan_no_colon(s, at);
}

/* ---- containers ---- */

static inline frame *open_container(scan *s, frame *outer, const char *at)
{
    frame *top = outer + 1;

    if (outer == s->highest) {
        segmo__scan_fail(s, at, "nested deeper than 64 levels; flatten the value");
        return NULL;
    }
    top->first_key = s->key_count;
    top->elements = 0;
    top->closer = *at == '{' ? '}' : ']';
    s->top = top;
    return top;
}

static const char *check_many_keys(scan *s, const char *at)
{
    const seen_key *twin = compares_keys(s) ? segmo__scan_find_twin(s) : NULL;

    return twin ? key_twice(s, twin->at) : at;
}

/* `at` is the closing bracket. */
static inline const char *close_container(scan *s, frame *top, const char *at)
{
    if (s->key_count - top->first_key > SEGMO__SCAN_KEYS_COMPARED && !check_many_keys(s, at))
        return NULL;
    s->key_count = top->first_key;
    s->top = top - 1;
    return at + 1;
}

/* Tells a member at the top that ends here. */
static void tell_member(const scan *s, const char *end)
{
    const seen_key *key = s->keys + s->key_count - 1;

    if (s->top->closer == '}' && s->key_count > 0)
        s->notes->each(s->notes->ctx, (segmo__slice){key->at, key->len},
                       (segmo__slice){s->member_value, (size_t)(end - s->member_value)});
}

/* ---- values ---- */

static inline const char *check_word(scan *s, const char *at, const char *word, size_t len)
{
    if ((size_t)(s->end - at) < len || memcmp(at, word, len) != 0)
        return segmo__scan_no_value(s, at);
    return at + len;
}

static inline const char *check_scalar(scan *s, const char *at, const char *end)
{
    if (*at == '"')
        return check_string(s, at + 1, end);
    if (segmo__scan_is_digit(*at) || *at == '-')
        return check_number(s, at, end);
    if (*at == 'n')
        return check_word(s, at, "null", 4);
    if (*at == 't')
        return check_word(s, at, "true", 4);
    if (*at == 'f')
        return check_word(s, at, "false", 5);
    return segmo__scan_no_value(s, at);
}

/* From behind a value on, closes what ends, until a comma announces another value: the place behind
 * the comma or, with `*top` at the frame around the whole, behind the last bracket. */
static inline const char *check_behind_value(scan *s, frame **top, uint64_t *prints,
                                             const frame *told, const char *at, const char *end)
{
    for (;;) {
        if (*top == told)
            tell_member(s, at);
        if (!is_at(at, end, ','))
            at = segmo__json_skip_space(at, end);
        if (is_at(at, end, ',')) {
            (*top)->elements++;
            return at + 1;
        }
        if (at == end || *at != (*top)->closer)
            return segmo__scan_no_separator(s, at);
        at = close_container(s, *top, at);
        *prints = (*top)->outer_prints;
        if (!at || --*top == s->frames)
            return at;
    }
}

/* One value and all within it, from the space before it to its end. */
static const char *check_value(scan *s, const char *at)
{
    const char *end = s->end;
    const frame *told = s->notes ? s->frames + 1 : NULL; /* the frame whose members are told */
    frame *top = s->frames;
    uint64_t prints = 0; /* a bit for each fingerprint among the keys of the innermost object */

    do {
        if (top->closer == '}') {
            at = check_key(s, &prints, at, end);
            if (!at)
                return NULL;
        }
        at = segmo__json_skip_space(at, end);
        if (at == end)
            return segmo__scan_no_value(s, at);
        if (top == told)
            s->member_value = at;
        if (*at == '{' || *at == '[') {
            top = open_container(s, top, at);
            if (!top)
                return NULL;
            top->outer_prints = prints;
            prints = 0;
            at = segmo__json_skip_space(at + 1, end);
            if (!is_at(at, end, top->closer))
                continue; /* to its first member or element */
        } else {
            at = check_scalar(s, at, end);
            if (!at || top == s->frames)
                return at;
        }
        at = check_behind_value(s, &top, &prints, told, at, end);
    } while (at && top > s->frames);
    return at;
}

static uint32_t rare_print(const segmo__json_notes *notes)
{
    const char *key = notes ? notes->rare_key : NULL;

    return key ? segmo__scan_print(key, key + strlen(key)) : 0;
}

static int check(scan *s, segmo__slice text, segmo_error **err)
{
    const char *at;
    int status = SEGMO_OK;

    s->reason = NULL;
    s->rare_print = rare_print(s->notes);
    s->saw_rare_print = 0;
    s->start = text.at;
    s->end = text.at + text.len;
    s->top = s->frames;
    s->top->closer = 0;
    s->key_count = 0;
    s->key_room = SEGMO__SCAN_KEYS_INLINE;
    s->keys = s->inline_keys;
    at = check_value(s, text.at);
    if (at)
        at = segmo__json_skip_space(at, s->end);
    if (at && at < s->end)
        at = segmo__scan_fail(s, at,
                              "something stands behind the value; send exactly one JSON value");
    if (!at)
        status = segmo__scan_explain(s, err);
    if (s->keys != s->inline_keys)
        segmo__free(s->keys);
    return status;
}

int segmo__json_check(segmo__slice text, segmo_error **err)
{
    scan s;

    s.notes = NULL;
    s.grammar_only = 0;
    s.highest = s.frames + SEGMO__JSON_DEPTH_MAX;
    return check(&s, text, err);
}

int segmo__json_check_body(segmo__slice text, segmo_error **err)
{
    scan s;

    s.notes = NULL;
    s.grammar_only = 0;
    s.highest = s.frames + SEGMO__JSON_DEPTH_MAX + SEGMO__SCAN_ENVELOPE;
    return check(&s, text, err);
}

int segmo__json_check_noting(segmo__slice text, segmo__json_notes *notes, segmo_error **err)
{
    scan s;
    int status;

    s.notes = notes;
    s.grammar_only = 0;
    s.highest = s.frames + SEGMO__JSON_DEPTH_MAX;
    status = check(&s, text, err);
    notes->saw_rare_key = s.saw_rare_print;
    return status;
}

int segmo__json_check_grammar(segmo__slice text, segmo_error **err)
{
    scan s;

    s.notes = NULL;
    s.grammar_only = 1;
    s.highest = s.frames + SEGMO__JSON_DEPTH_MAX + SEGMO__SCAN_ENVELOPE;
    return check(&s, text, err);
}
