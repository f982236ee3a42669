/* The inside of the strict check, shared by its four files only: json_check.c walks over the text,
 * json_number.c and json_keys.c do what is rare about numbers and keys, json_refusal.c finds the
 * words.
 *
 * Two lists grow and shrink as containers open and close: a frame for each open container and the
 * keys of each open object, so that the keys of one object lie side by side.
 *
 *     {"a": {"b": 1, "c": [ ...            frames   {0}  {1}  [
 *                                          keys     a    b c
 */
#ifndef SEGMO_BASE_JSON_SCAN_H
#define SEGMO_BASE_JSON_SCAN_H

#include "base/json.h"
#include "base/json_bytes.h"

#define SEGMO__SCAN_KEYS_INLINE 96
#define SEGMO__SCAN_KEYS_COMPARED                                                                  \
    32 /* a new key is compared with the others; in bigger objects all are sorted */
#define SEGMO__SCAN_ENVELOPE 4 /* levels a body may add around a part: objects and arrays */

typedef struct segmo__scan_key {
    const char *at; /* behind the opening quote */
    uint32_t len;   /* raw, escapes intact */
    uint32_t print; /* fingerprint of the decoded bytes */
} segmo__scan_key;

typedef struct segmo__scan_frame {
    uint64_t outer_prints; /* kept for the container around this one */
    uint32_t first_key;
    uint32_t elements; /* before the current one, in an array */
    char closer;       /* } or ]; 0 around the whole */
} segmo__scan_frame;

typedef struct segmo__scan {
    const char *start;
    const char *end;
    const char *failed_at;
    const char *reason;         /* why it failed; NULL: memory ran out */
    int grammar_only;           /* let pass what a later check of the parts will find */
    segmo__scan_frame *top;     /* of the innermost open container; frames[0] when none is */
    segmo__scan_frame *highest; /* top may not pass it */
    uint32_t key_count;
    uint32_t key_room;
    segmo__scan_key *keys;
    segmo__json_notes *notes; /* or NULL */
    uint32_t rare_print;      /* of the notes' rare key */
    int saw_rare_print;
    const char *member_value; /* where the value of the current one began */
    segmo__scan_frame frames[1 + SEGMO__JSON_DEPTH_MAX + SEGMO__SCAN_ENVELOPE];
    segmo__scan_key inline_keys[SEGMO__SCAN_KEYS_INLINE];
} segmo__scan;

/* Every step answers the place behind what it read, or NULL by way of this. */
static inline const char *segmo__scan_fail(segmo__scan *s, const char *at, const char *reason)
{
    s->failed_at = at;
    s->reason = reason;
    return NULL;
}

static inline int segmo__scan_is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* ---- json_number.c ---- */

const char *segmo__scan_number(segmo__scan *s,
                               const char *at); /* any number, `at` its first byte */

/* ---- json_keys.c ---- */

uint32_t segmo__scan_print(const char *at, const char *key_end); /* of any key */
int segmo__scan_more_keys(segmo__scan *s);                       /* makes room; 0: no memory */
/* Whether the last key stands in its object already; asked when the fingerprint's bit was set. */
int segmo__scan_has_key(const segmo__scan *s);
/* Looks for equal keys in an object with many of them. Leaves them sorted; a second one stands
 * last. */
const segmo__scan_key *segmo__scan_find_twin(segmo__scan *s);

/* One step of the fingerprint: 16 decoded bytes, zeros behind the last. Quick rather than good:
 * keys that meet by accident or on purpose are compared in full. */
static inline uint64_t segmo__scan_print_step(uint64_t print, uint64_t first, uint64_t second)
{
    return ((print ^ first) + (second << 31 | second >> 33)) * 0x9E3779B97F4A7C15u;
}

static inline uint32_t segmo__scan_print_end(uint64_t print, size_t len)
{
    return (uint32_t)(print >> 32) + (uint32_t)len;
}

/* ---- json_refusal.c: what is wrong at a place where something else was expected ---- */

const char *segmo__scan_no_value(segmo__scan *s, const char *at);
const char *segmo__scan_no_key(segmo__scan *s, const char *at);
const char *segmo__scan_no_colon(segmo__scan *s, const char *at);
const char *segmo__scan_no_separator(segmo__scan *s, const char *at);
int segmo__scan_explain(const segmo__scan *s, segmo_error **err); /* the error of a failed check */

#endif
