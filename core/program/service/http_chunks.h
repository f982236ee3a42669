/* A chunked body, taken apart where it lies: a pure step function over bytes. */
#ifndef SEGMO_SERVICE_HTTP_CHUNKS_H
#define SEGMO_SERVICE_HTTP_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

#define HTTP_TRAILER_MAX   4096 /* bytes behind the last chunk */
#define HTTP_EXTENSION_MAX 256  /* bytes of a line with a chunk's size */

/* All zero to begin with. */
typedef struct http_chunks {
    int state;
    unsigned digits;
    uint64_t left;   /* of this chunk */
    size_t line_len; /* of the line with its size */
    size_t trailer_len;
    int line_is_empty;
} http_chunks;

/* Reads up to `len` bytes at `in` and stores what they carry at `out`, which may lie before `in` in
 * the same memory. `*taken` and `*made` receive how many bytes were read and stored. HTTP_COMPLETE
 * behind the body's end, HTTP_INCOMPLETE when all were read, or the status to refuse with: 400, 413
 * when a chunk would bring the body over `room` bytes, 431 for trailers without end. */
int http_chunks_read(http_chunks *chunks, const char *in, size_t len, char *out, uint64_t room,
                     size_t *taken, size_t *made);

#endif
