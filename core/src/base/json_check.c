/* The strict check that stands in front of everything else: one pass, no recursion, no memory for
 * ordinary text, and words for a failure that are only made when there is one.
 *
 * Two lists grow and shrink as containers open and close: a frame for each open container and the
 * keys of each open object, so that the keys of one object lie side by side.
 *
 *     {"a": {"b": 1, "c": [ ...            frames   {0}  {1}  [
 *                                          keys     a    b c
 */
#include "base/json.h"

#include "base/json_bytes.h"
#include "base/mem.h"

#include <stdlib.h>

#define KEYS_INLINE 96
#define KEYS_COMPARED                                                                              \
    32 /* up to here a new key is compared with its neighbours, beyond they are sorted */
#define POINTER_MAX    512
#define ENVELOPE_DEPTH 2 /* what a body may add around a part: an object and an array */

typedef struct seen_key {
    const char *at; /* behind the opening quote */
    uint32_t len;   /* raw, escapes intact */
    uint32_t print; /* fingerprint of the decoded bytes */
} seen_key;

typedef struct frame {
    uint64_t prints; /* one bit for each fingerprint among the keys; a clear bit says: a new key */
    uint32_t first_key;
    uint32_t elements; /* before the current one, in an array */
    int is_object;
} frame;

typedef struct scan {
    const char *start;
    const char *end;
    const char *failed_at;
    const char *reason; /* why it failed; NULL: memory ran out */
    int grammar_only;   /* let pass what a later check of the parts will find */
    int escaped;        /* an escape was met since the last time this was cleared */
    uint32_t depth;
    uint32_t depth_max;
    uint32_t key_count;
    uint32_t key_room;
    seen_key *keys;
    segmo__json_member_fn each; /* NULL: nobody wants the top-level members */
    void *ctx;
    segmo__slice member; /* the top-level key that is being read */
    const char *value;   /* and where its value began */
    frame frames[SEGMO__JSON_DEPTH_MAX + ENVELOPE_DEPTH];
    seen_key inline_keys[KEYS_INLINE];
} scan;

/* Every step below answers the place behind what it read, or NULL by way of this. */
static const char *fail(scan *s, const char *at, const char *reason)
{
    s->failed_at = at;
    s->reason = reason;
    return NULL;
}

/* ---- strings ---- */

static const char *check_unicode_escape(scan *s, const char *at)
{
    int unit = s->end - at >= 6 ? segmo__json_hex4(at + 2) : -1;
    int low;

    if (unit < 0)
        return fail(s, at, "\\u takes four hexadecimal digits");
    if (s->grammar_only)
        return at + 6;
    if (segmo__json_is_low_surrogate(unit))
        return fail(s, at, "a lone surrogate escape; write both halves of the pair");
    if (!segmo__json_is_high_surrogate(unit))
        return at + 6;
    low = s->end - at >= 12 && at[6] == '\\' && at[7] == 'u' ? segmo__json_hex4(at + 8) : -1;
    if (!segmo__json_is_low_surrogate(low))
        return fail(s, at, "a lone surrogate escape; write both halves of the pair");
    return at + 12;
}

static const char *check_escape(scan *s, const char *at)
{
    s->escaped = 1;
    if (s->end - at < 2)
        return fail(s, s->end, "the text ends inside a string; send it whole");
    switch (at[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return at + 2;
    case 'u':
        return check_unicode_escape(s, at);
    default:
        return fail(s, at,
                    "an unknown escape; only \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u exist");
    }
}

/* A byte of a string that does not stand for itself. */
static __attribute__((noinline)) const char *check_odd_byte(scan *s, const char *at)
{
    if (at == s->end)
        return fail(s, at, "the text ends inside a string; send it whole");
    if (*at == '\\')
        return check_escape(s, at);
    if ((unsigned char)*at < 0x20)
        return fail(s, at, "a control character inside a string; escape it, as \\n or \\u0000");
    while (at < s->end && (unsigned char)*at >= 0x80) {
        int len = segmo__json_utf8_len(at, s->end);

        if (len == 0 && !s->grammar_only)
            return fail(s, at, "not valid UTF-8; encode the text as UTF-8");
        at += len > 0 ? len : 1;
    }
    return at;
}

/* From behind the opening quote to behind the closing one. */
static inline const char *check_string(scan *s, const char *at)
{
    for (;;) {
        at = segmo__json_skip_plain(at, s->end);
        if (at < s->end && *at == '"')
            return at + 1;
        at = check_odd_byte(s, at);
        if (!at)
            return NULL;
    }
}

/* ---- numbers: only their text is checked, nothing is converted ---- */

static inline int is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static inline const char *skip_digits(const char *at, const char *end)
{
    while (at < end && is_digit(*at))
        at++;
    return at;
}

/* The exponent's value, cut at a million, which is beyond every limit. */
static long read_exponent(const char *at, const char *end)
{
    int negative = at < end && *at == '-';
    long number = 0;

    at += at < end && (*at == '-' || *at == '+');
    for (; at < end && is_digit(*at); at++)
        if (number < 1000000)
            number = number * 10 + (*at - '0');
    return negative ? -number : number;
}

/* Whether the significant digits reach those of the greatest double, 1.797693134862315807937e308.
 */
static int reaches_the_greatest_double(const char *at, const char *end)
{
    for (const char *limit = "1797693134862315807937"; *limit; limit++) {
        char digit;

        at += at < end && *at == '.';
        digit = at < end && is_digit(*at) ? *at++ : '0';
        if (digit != *limit)
            return digit > *limit;
    }
    return 1;
}

/* 0.DDD x 10^power with the first digit not 0: beyond a double when the power is above 309. */
static int overflows_double(const char *at, const char *end)
{
    const char *first, *point, *exponent;
    long power;

    at += *at == '-';
    exponent = at;
    while (exponent < end && *exponent != 'e' && *exponent != 'E')
        exponent++;
    point = memchr(at, '.', (size_t)(exponent - at));
    point = point ? point : exponent;
    first = at;
    while (first < exponent && (*first == '0' || *first == '.'))
        first++;
    if (first == exponent)
        return 0;
    power = first < point ? point - first : point + 1 - first;
    if (exponent < end)
        power += read_exponent(exponent + 1, end);
    return power > 309 || (power == 309 && reaches_the_greatest_double(first, exponent));
}

static const char *check_number_words(scan *s, const char *at)
{
    if (s->end - at >= 2 && at[0] == '-' && at[1] == 'I')
        return fail(s, at, "-Infinity is no JSON number; send null or a string");
    return fail(s, at, "a number takes a digit here");
}

static const char *check_exponent(scan *s, const char *at)
{
    const char *digits = at + 1;

    digits += digits < s->end && (*digits == '+' || *digits == '-');
    at = skip_digits(digits, s->end);
    return at == digits ? check_number_words(s, at) : at;
}

static inline const char *check_number(scan *s, const char *start)
{
    const char *digits = start + (*start == '-');
    const char *at = skip_digits(digits, s->end);
    int has_exponent = 0;

    if (at == digits)
        return check_number_words(s, at > start ? start : at);
    if (*digits == '0' && at - digits > 1)
        return fail(s, start, "a number starts with a superfluous 0; leave it out");
    if (at < s->end && *at == '.') {
        digits = at + 1;
        at = skip_digits(digits, s->end);
        if (at == digits)
            return check_number_words(s, at);
    }
    if (at < s->end && (*at | 0x20) == 'e') {
        at = check_exponent(s, at);
        has_exponent = 1;
    }
    if (at && (has_exponent || at - start > 308) && !s->grammar_only && overflows_double(start, at))
        return fail(s, start,
                    "a number too large for a double, such as 1e999; send it as a string");
    return at;
}

/* ---- keys ---- */

#define PRINT_FACTOR_1 0x9E3779B97F4A7C15u
#define PRINT_FACTOR_2 0xC2B2AE3D27D4EB4Fu

static inline uint64_t print_block(uint64_t print, const char block[16])
{
    uint64_t half[2];

    memcpy(half, block, sizeof half);
    print ^= half[0] * PRINT_FACTOR_1 ^ half[1] * PRINT_FACTOR_2;
    return (print ^ print >> 29) * PRINT_FACTOR_1;
}

/* Keys of up to 16 bytes, which nearly all are, in a few instructions: their bytes with zeros
 * behind. */
static inline uint32_t print_short_key(const char *at, size_t len, const char *end)
{
    static const unsigned char mask[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                           255, 255, 255, 255, 255, 255, 255, 255};
    char block[16] = {0};

    if (end - at >= 16) {
        uint64_t bytes[2], kept[2];

        memcpy(bytes, at, sizeof bytes);
        memcpy(kept, mask + 16 - len, sizeof kept);
        bytes[0] &= kept[0];
        bytes[1] &= kept[1];
        memcpy(block, bytes, sizeof block);
    } else {
        memcpy(block, at, len);
    }
    return (uint32_t)(print_block(len, block) >> 32);
}

/* The same for any key, decoding escapes; the length is of the decoded bytes. */
static uint32_t print_any_key(const char *at, const char *key_end)
{
    char decoded[4], block[16] = {0};
    uint64_t print = 0;
    size_t len = 0;

    for (const char *from = at; from < key_end;)
        len += (size_t)segmo__json_decode(&from, decoded);
    print = len;
    for (size_t filled = 0; at < key_end;) {
        int count = segmo__json_decode(&at, decoded);

        for (int i = 0; i < count; i++) {
            block[filled++] = decoded[i];
            if (filled == sizeof block || (at == key_end && i == count - 1)) {
                print = print_block(print, block);
                memset(block, 0, sizeof block);
                filled = 0;
            }
        }
    }
    return (uint32_t)(print >> 32);
}

/* Order of two keys as decoded: any total order in which equal keys are neighbours. */
static int compare_keys(const void *left_key, const void *right_key)
{
    const seen_key *left = left_key, *right = right_key;
    const char *l = left->at, *l_end = l + left->len, *r = right->at, *r_end = r + right->len;

    if (left->print != right->print)
        return left->print < right->print ? -1 : 1;
    while (l < l_end && r < r_end) {
        char l_bytes[4] = {0}, r_bytes[4] = {0};
        int order;

        segmo__json_decode(&l, l_bytes);
        segmo__json_decode(&r, r_bytes);
        order = memcmp(l_bytes, r_bytes, sizeof l_bytes);
        if (order != 0)
            return order;
    }
    return (l < l_end) - (r < r_end);
}

static int make_room_for_keys(scan *s)
{
    uint32_t room = s->key_room * 4;
    seen_key *keys =
        segmo__realloc(s->keys == s->inline_keys ? NULL : s->keys, room * sizeof *keys);

    if (!keys)
        return 0;
    if (s->keys == s->inline_keys)
        memcpy(keys, s->inline_keys, sizeof s->inline_keys);
    s->keys = keys;
    s->key_room = room;
    return 1;
}

static const char *key_twice(scan *s, const char *at)
{
    return fail(s, at, "a key that its object already has; keep one of them");
}

static __attribute__((noinline)) int has_equal_key(const scan *s, const frame *top)
{
    const seen_key *last = s->keys + s->key_count - 1;

    for (const seen_key *key = s->keys + top->first_key; key < last; key++)
        if (key->print == last->print && compare_keys(key, last) == 0)
            return 1;
    return 0;
}

/* The envelope's own keys are never ambiguous. */
static inline int compares_keys(const scan *s)
{
    return !s->grammar_only || s->depth == 1;
}

/* Remembers a key that ends with the quote before `behind`; fails when its object has it already.
 */
static inline const char *remember_key(scan *s, frame *top, const char *at, const char *behind)
{
    size_t len = (size_t)(behind - 1 - at);
    seen_key *key;
    uint64_t bit;

    if (s->key_count == s->key_room && !make_room_for_keys(s))
        return fail(s, at, NULL);
    key = s->keys + s->key_count++;
    key->at = at;
    key->len = (uint32_t)len;
    key->print =
        s->escaped || len > 16 ? print_any_key(at, behind - 1) : print_short_key(at, len, s->end);
    bit = UINT64_C(1) << (key->print & 63);
    if (top->prints & bit && compares_keys(s) && s->key_count - top->first_key <= KEYS_COMPARED &&
        has_equal_key(s, top))
        return key_twice(s, at - 1);
    top->prints |= bit;
    return behind;
}

/* An object with many keys is checked when it closes: sorted, equal keys are neighbours. */
static __attribute__((noinline)) const char *check_many_keys(scan *s, const frame *top,
                                                             const char *behind)
{
    seen_key *key = s->keys + top->first_key, *end = s->keys + s->key_count;

    qsort(key, (size_t)(end - key), sizeof *key, compare_keys);
    for (key++; key < end; key++)
        if (compare_keys(key - 1, key) == 0) {
            const char *second = key->at > key[-1].at ? key->at : key[-1].at;

            end[-1] = *key; /* the pointer names the last key */
            return key_twice(s, second - 1);
        }
    return behind;
}

/* ---- containers ---- */

static inline const char *skip_space(const scan *s, const char *at)
{
    if (at < s->end && (unsigned char)*at > ' ')
        return at;
    return segmo__json_skip_space(at, s->end);
}

/* The key that is being read cannot be named, so the pointer shall end at its object. */
static const char *no_key(scan *s, const frame *top, const char *at)
{
    s->key_count = top->first_key;
    if (s->reason)
        return NULL;
    if (at == s->end)
        return fail(s, at, "the text ends inside an object; send it whole");
    if (*at == '}')
        return fail(s, at, "a comma with nothing behind it; leave it out");
    return fail(s, at, "expected a key in double quotes");
}

static const char *no_colon(scan *s, const char *at)
{
    if (at == s->end)
        return fail(s, at, "the text ends inside an object; send it whole");
    return fail(s, at, "expected a colon behind the key");
}

/* ---- the members at the top, for those who want them told ---- */

static inline void begin_member(scan *s, const char *value)
{
    const seen_key *key = s->keys + s->key_count - 1;

    s->member = (segmo__slice){key->at, key->len};
    s->value = value;
}

static inline void end_member(const scan *s, const char *end)
{
    if (s->each && s->frames[0].is_object)
        s->each(s->ctx, s->member, (segmo__slice){s->value, (size_t)(end - s->value)});
}

/* A key, its colon and the space around them; ends where the value begins. */
static inline const char *check_key(scan *s, frame *top, const char *at)
{
    const char *key = at + 1;

    if (at == s->end || *at != '"')
        return no_key(s, top, at);
    s->escaped = 0;
    at = check_string(s, key);
    if (!at)
        return no_key(s, top, at);
    if (!remember_key(s, top, key, at))
        return NULL;
    at = skip_space(s, at);
    if (at == s->end || *at != ':')
        return no_colon(s, at);
    at = skip_space(s, at + 1);
    if (s->depth == 1)
        begin_member(s, at);
    return at;
}

static inline frame *open_container(scan *s, const char *at)
{
    frame *top = s->frames + s->depth;

    if (s->depth == s->depth_max) {
        fail(s, at, "nested deeper than 64 levels; flatten the value");
        return NULL;
    }
    *top = (frame){.first_key = s->key_count, .is_object = *at == '{'};
    s->depth++;
    return top;
}

static inline const char *close_container(scan *s, const char *at)
{
    const frame *top = s->frames + s->depth - 1;

    if (s->key_count - top->first_key > KEYS_COMPARED && compares_keys(s) &&
        !check_many_keys(s, top, at))
        return NULL;
    s->key_count = top->first_key;
    s->depth--;
    return at + 1;
}

/* ---- values ---- */

static int starts_with(const scan *s, const char *at, const char *word)
{
    size_t len = strlen(word);

    return (size_t)(s->end - at) >= len && memcmp(at, word, len) == 0;
}

static __attribute__((noinline)) const char *no_value(scan *s, const char *at)
{
    if (at == s->end)
        return fail(s, at,
                    s->depth ? "the text ends where a value is missing; send it whole"
                             : "there is no JSON value here; send one object");
    if (starts_with(s, at, "NaN") || starts_with(s, at, "nan"))
        return fail(s, at, "NaN is no JSON number; send null or a string");
    if (starts_with(s, at, "Inf") || starts_with(s, at, "inf"))
        return fail(s, at, "Infinity is no JSON number; send null or a string");
    if (*at == '/')
        return fail(s, at, "comments are not part of JSON; leave them out");
    if (*at == '\'')
        return fail(s, at, "strings take double quotes");
    if (*at == ']' || *at == '}')
        return fail(s, at, "a value is missing here; a comma or colon must have one behind it");
    if (starts_with(s, at, "\xEF\xBB\xBF"))
        return fail(s, at, "starts with a byte order mark (EF BB BF); remove it");
    return fail(s, at, "expected an object, array, string, number, true, false or null");
}

static inline const char *check_word(scan *s, const char *at, const char *word, size_t len)
{
    if ((size_t)(s->end - at) < len || memcmp(at, word, len) != 0)
        return no_value(s, at);
    return at + len;
}

static inline const char *check_scalar(scan *s, const char *at)
{
    if (*at == '"')
        return check_string(s, at + 1);
    if (is_digit(*at) || *at == '-')
        return check_number(s, at);
    if (*at == 'n')
        return check_word(s, at, "null", 4);
    if (*at == 't')
        return check_word(s, at, "true", 4);
    if (*at == 'f')
        return check_word(s, at, "false", 5);
    return no_value(s, at);
}

static const char *no_separator(scan *s, const char *at, int in_object)
{
    if (at == s->end)
        return fail(s, at,
                    in_object ? "the text ends inside an object; send it whole"
                              : "the text ends inside an array; send it whole");
    return fail(s, at,
                in_object ? "expected a comma or } behind a member"
                          : "expected a comma or ] behind an element");
}

/* One value and all within it; `at` is its first byte. */
static const char *check_value(scan *s, const char *at)
{
    frame *top = NULL;

    for (;;) {
        if (at == s->end)
            return no_value(s, at);
        if (*at == '{' || *at == '[') {
            top = open_container(s, at);
            if (!top)
                return NULL;
            at = skip_space(s, at + 1);
            if (at < s->end && *at == (top->is_object ? '}' : ']')) {
                at = close_container(s, at);
            } else {
                at = top->is_object ? check_key(s, top, at) : at;
                if (!at)
                    return NULL;
                continue;
            }
        } else {
            at = check_scalar(s, at);
            if (!at)
                return NULL;
        }
        /* behind a value: close what ends here, until a comma announces the next value */
        for (;;) {
            if (s->depth == 0)
                return at;
            if (s->depth == 1)
                end_member(s, at);
            top = s->frames + s->depth - 1;
            at = skip_space(s, at);
            if (at < s->end && *at == ',') {
                at = skip_space(s, at + 1);
                top->elements++;
                at = top->is_object ? check_key(s, top, at) : at;
                if (!at)
                    return NULL;
                break;
            }
            if (at == s->end || *at != (top->is_object ? '}' : ']'))
                return no_separator(s, at, top->is_object);
            at = close_container(s, at);
            if (!at)
                return NULL;
        }
    }
}

/* ---- words for a failure ---- */

static void name_key(segmo__buf *pointer, const seen_key *key)
{
    segmo__buf scratch;
    segmo__slice text;

    segmo__buf_init(&scratch, key->len + 1);
    text = segmo__json_text((segmo__slice){key->at, key->len}, &scratch);
    segmo__json_pointer_add(pointer, text.at, text.len);
    segmo__buf_free(&scratch);
}

/* The pointer of the spot: the last key or the element of each open container. */
static char *spot(const scan *s)
{
    segmo__buf pointer;

    segmo__buf_init(&pointer, POINTER_MAX);
    for (uint32_t i = 0; i < s->depth; i++) {
        uint32_t keys_end = i + 1 < s->depth ? s->frames[i + 1].first_key : s->key_count;

        if (!s->frames[i].is_object)
            segmo__buf_addf(&pointer, "/%u", s->frames[i].elements);
        else if (keys_end > s->frames[i].first_key)
            name_key(&pointer, s->keys + keys_end - 1);
    }
    return segmo__buf_detach(&pointer);
}

static __attribute__((noinline)) int explain(const scan *s, segmo_error **err)
{
    char *pointer;
    int status;

    if (!s->reason)
        return segmo__fail_memory(err);
    pointer = spot(s);
    status = segmo__fail(err, SEGMO_ERR_JSON, pointer, "byte %zu: %s",
                         (size_t)(s->failed_at - s->start), s->reason);
    segmo__free(pointer);
    return status;
}

static int run(scan *s, segmo__slice text, segmo_error **err)
{
    const char *at;
    int status = SEGMO_OK;

    s->reason = NULL;
    s->start = text.at;
    s->end = text.at + text.len;
    s->depth = 0;
    s->key_count = 0;
    s->key_room = KEYS_INLINE;
    s->keys = s->inline_keys;
    at = check_value(s, skip_space(s, text.at));
    if (at)
        at = skip_space(s, at);
    if (at && at < s->end)
        at = fail(s, at, "something stands behind the value; send exactly one JSON value");
    if (!at)
        status = explain(s, err);
    if (s->keys != s->inline_keys)
        segmo__free(s->keys);
    return status;
}

int segmo__json_check(segmo__slice text, segmo_error **err)
{
    return segmo__json_check_members(text, NULL, NULL, err);
}

int segmo__json_check_members(segmo__slice text, segmo__json_member_fn each, void *ctx,
                              segmo_error **err)
{
    scan s;

    s.each = each;
    s.ctx = ctx;
    s.grammar_only = 0;
    s.depth_max = SEGMO__JSON_DEPTH_MAX;
    return run(&s, text, err);
}

int segmo__json_check_grammar(segmo__slice text, segmo_error **err)
{
    scan s;

    s.each = NULL;
    s.grammar_only = 1;
    s.depth_max = SEGMO__JSON_DEPTH_MAX + ENVELOPE_DEPTH;
    return run(&s, text, err);
}
