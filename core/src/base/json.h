/* JSON: a strict check in front, span reading behind it, a writer, and trees (cJSON) where a tree
 * is needed. One header, four files: json_check.c, json_read.c, json_write.c and json.c (trees, the
 * only one with cJSON).
 *
 * Text that strangers send passes segmo__json_check() once. After that the span readers walk it
 * without checking again and hand out slices of the original bytes: numbers keep every digit,
 * strings every byte, keys their order.
 */
#ifndef SEGMO_BASE_JSON_H
#define SEGMO_BASE_JSON_H

#include "base/buf.h"
#include "base/error.h"

#define SEGMO__JSON_DEPTH_MAX 64

/* One JSON value and nothing behind it but white space: RFC 8259 grammar, valid UTF-8, no lone
 * surrogate escapes, depth at most 64, no two equal keys in an object (compared after unescaping),
 * no NaN or Infinity and no number that overflows a double such as 1e999. Fails with
 * SEGMO_ERR_JSON; the field is the JSON pointer of the spot, the message names the byte offset and
 * what is wrong, never the content. */
int segmo__json_check(segmo__slice text, segmo_error **err);

/* The same, and notes on the way what would cost another walk later. What was noted counts only
 * when the check succeeds in the end. */
typedef struct segmo__json_notes {
    /* Told of each member of the object `text` (see segmo__json_next() for the spans). */
    void (*each)(void *ctx, segmo__slice key, segmo__slice value);
    void *ctx;
    const char *rare_key; /* or NULL */
    int saw_rare_key;     /* 0: no object in the text has that key, on any level; else one may */
} segmo__json_notes;
int segmo__json_check_noting(segmo__slice text, segmo__json_notes *notes, segmo_error **err);

/* The same for a whole body, which may nest some levels deeper than the messages in it. */
int segmo__json_check_body(segmo__slice text, segmo_error **err);

/* Only the grammar, as deep as a body, and no equal keys at the top: enough to take a body apart
 * whose parts are checked one by one, so that a bad part does not cost its neighbours. The readers
 * below work on such text too. */
int segmo__json_check_grammar(segmo__slice text, segmo_error **err);

typedef enum segmo__json_kind {
    SEGMO__JSON_NULL,
    SEGMO__JSON_FALSE,
    SEGMO__JSON_TRUE,
    SEGMO__JSON_NUMBER,
    SEGMO__JSON_STRING,
    SEGMO__JSON_ARRAY,
    SEGMO__JSON_OBJECT
} segmo__json_kind;

/* ---- reading checked text ---- */

/* Walks the members of an object or the elements of an array. `value` of segmo__json_next() is the
 * exact span of the value (a string with its quotes); `key` is the span between the quotes, escapes
 * intact, empty for arrays. */
typedef struct segmo__json_walk {
    const char *at;
    const char *end;
    int is_object;
} segmo__json_walk;

segmo__slice segmo__json_trim(segmo__slice text);  /* without surrounding white space */
extern const unsigned char segmo__json_kinds[256]; /* by first byte; 0: a number */
/* What a value is that starts with this byte, and what a whole value is (nothing is null). */
static inline segmo__json_kind segmo__json_kind_at(char first)
{
    return (segmo__json_kind)(segmo__json_kinds[(unsigned char)first] ^ SEGMO__JSON_NUMBER);
}
static inline segmo__json_kind segmo__json_kind_of(segmo__slice value)
{
    return value.len > 0 ? segmo__json_kind_at(*value.at) : SEGMO__JSON_NULL;
}
void segmo__json_walk_begin(segmo__json_walk *walk, segmo__slice container);
int segmo__json_next(segmo__json_walk *walk, segmo__slice *key,
                     segmo__slice *value); /* 0 at the end */

/* The value of `key` in an object; 0 when absent or when `object` is no object. */
int segmo__json_member(segmo__slice object, const char *key, segmo__slice *value);
/* 1 when a raw key (escapes intact) means `text`. */
int segmo__json_key_means(segmo__slice raw_key, segmo__slice text);
static inline int segmo__json_key_is(segmo__slice raw_key, const char *text)
{
    return segmo__json_key_means(raw_key, segmo__slice_of(text));
}

/* The bytes a string value (with quotes) or raw key (without) stands for. Unescaped strings are
 * handed out in place; otherwise they are decoded into `scratch`, whose earlier content goes; where
 * that fails, scratch->failed is set and the text is empty. NULs are kept. */
segmo__slice segmo__json_text(segmo__slice string, segmo__buf *scratch);
int segmo__json_is_empty(segmo__slice container); /* {} or [] */
size_t
segmo__json_code_points(segmo__slice string); /* of a string value or raw key, escapes resolved */

/* ---- writing ---- */

void segmo__json_put_string(segmo__buf *out, const char *bytes,
                            size_t len); /* quoted and escaped; bad UTF-8 becomes U+FFFD */
static inline void segmo__json_put_text(segmo__buf *out, const char *text)
{
    segmo__json_put_string(out, text, strlen(text));
}
/* Copies checked JSON without the white space between tokens. */
void segmo__json_put_compact(segmo__buf *out, segmo__slice value);

/* A JSON pointer in the making, for error fields. */
void segmo__json_pointer_add(segmo__buf *pointer, const char *bytes,
                             size_t len); /* "/name" with ~0 and ~1 */

/* ---- trees, for configuration, settings and the program ---- */

typedef struct segmo__json segmo__json; /* a cJSON node */

int segmo__json_parse(segmo__json **out, segmo__slice text,
                      segmo_error **err); /* strict check first */
void segmo__json_free(segmo__json *tree);
segmo__json_kind segmo__json_tree_kind(const segmo__json *node);
const segmo__json *segmo__json_get(const segmo__json *object,
                                   const char *key); /* case-sensitive; NULL */
const segmo__json *segmo__json_first(const segmo__json *container);
const segmo__json *segmo__json_after(const segmo__json *node);
const char *segmo__json_name(const segmo__json *node);               /* of a member, else NULL */
const char *segmo__json_string(const segmo__json *node);             /* NULL unless a string */
double segmo__json_number(const segmo__json *node, double fallback); /* fallback unless a number */
int segmo__json_bool(const segmo__json *node, int fallback);
size_t segmo__json_count(const segmo__json *container);

#endif
