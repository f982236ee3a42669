/* A framed record: magic u16 | version u8 | flags u8 | length u32 | crc32c u32 | payload, little-endian.
 *
 * Records start at multiples of 8. The first magic byte is never part of valid UTF-8, and payloads are an index of
 * ours and checked JSON, so a search for the next record after damage cannot be led astray by a message.
 */
#ifndef SEGMO_SPOOL_RECORD_H
#define SEGMO_SPOOL_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define SEGMO__RECORD_HEADER  12
#define SEGMO__RECORD_VERSION 1

/* Bytes that a record of `payload_len` takes in a file, padding included. */
static inline size_t segmo__record_size(size_t payload_len)
{
    return (SEGMO__RECORD_HEADER + payload_len + 7) & ~(size_t)7;
}

void segmo__record_header(unsigned char out[SEGMO__RECORD_HEADER], const void *payload, size_t len);

typedef enum segmo__record_state {
    SEGMO__RECORD_WHOLE,   /* header and checksum fit */
    SEGMO__RECORD_NONE,    /* zeros: nothing was written here */
    SEGMO__RECORD_SHORT,   /* may go on behind `len`: ask again with more bytes */
    SEGMO__RECORD_DAMAGED  /* anything else */
} segmo__record_state;

/* Looks at the bytes at a record's place; `*payload_len` is set for a whole record (and for SHORT when the header
 * can be read). `max_payload` bounds what a header may claim. */
segmo__record_state segmo__record_look(const unsigned char *bytes, size_t len, size_t max_payload,
                                       size_t *payload_len);

#endif
