/* Bytes: a borrowed piece (slice) and a growing buffer born with a ceiling.
 *
 * A buffer that could not grow turns `failed`; later additions do nothing, so a writer adds all it
 * wants and asks once at the end.
 */
#ifndef SEGMO_BASE_BUF_H
#define SEGMO_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct segmo__slice {
    const char *at;
    size_t len;
} segmo__slice;

typedef struct segmo__buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max;
    int failed;
} segmo__buf;

static inline segmo__slice segmo__slice_of(const char *text)
{
    return (segmo__slice){text, text ? strlen(text) : 0};
}

static inline int segmo__slice_is(segmo__slice slice, const char *text)
{
    size_t len = strlen(text);

    return slice.len == len && memcmp(slice.at, text, len) == 0;
}

/* Are they the same? Takes as long for a text that is nearly right as for any other of its length:
 * every comparison with a secret goes through here. */
int segmo__same_secret(segmo__slice secret, segmo__slice text);

static inline char segmo__ascii_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static inline segmo__slice segmo__buf_slice(const segmo__buf *buf)
{
    return (segmo__slice){buf->data, buf->len};
}

void segmo__buf_init(segmo__buf *buf, size_t max);
void segmo__buf_free(segmo__buf *buf);
void segmo__buf_clear(segmo__buf *buf); /* empties and un-fails it, keeps the memory */

/* Makes room for `len` more bytes; 0 when there is none. */
int segmo__buf_reserve(segmo__buf *buf, size_t len);

/* `len` writable bytes at the end, already counted in buf->len; NULL when over the ceiling. */
static inline char *segmo__buf_extend(segmo__buf *buf, size_t len)
{
    size_t at = buf->len;

    if ((len > buf->cap - at || buf->failed) && !segmo__buf_reserve(buf, len))
        return NULL;
    buf->len += len;
    return buf->data + at;
}

void segmo__buf_add_slow(segmo__buf *buf, const void *bytes, size_t len);

static inline void segmo__buf_add(segmo__buf *buf, const void *bytes, size_t len)
{
    if (len <= buf->cap - buf->len && !buf->failed && len > 0) {
        memcpy(buf->data + buf->len, bytes, len);
        buf->len += len;
        return;
    }
    segmo__buf_add_slow(buf, bytes, len);
}

static inline void segmo__buf_add_slice(segmo__buf *buf, segmo__slice slice)
{
    segmo__buf_add(buf, slice.at, slice.len);
}

#define segmo__buf_add_lit(buf, literal) segmo__buf_add((buf), "" literal, sizeof(literal) - 1)

void segmo__buf_add_str(segmo__buf *buf, const char *text);
/* In front of what is there. */
void segmo__buf_put_before(segmo__buf *buf, segmo__slice head);
void segmo__buf_add_char(segmo__buf *buf, char c);
void segmo__buf_add_u64(segmo__buf *buf, uint64_t number);
void segmo__buf_add_i64(segmo__buf *buf, int64_t number);
void segmo__buf_addf(segmo__buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The content as a NUL terminated string; free it with segmo__free(). NULL if the buffer failed. */
char *segmo__buf_detach(segmo__buf *buf);

#endif
