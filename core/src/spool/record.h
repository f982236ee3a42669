/* A framed record: magic u16 | version u8 | flags u8 | length u32 | crc32c u32 | payload,
 * little-endian.
 *
 * The checksum covers the first 8 bytes and the payload. Flags are the states that destinations had
 * from the start (2 bits each, see segment_file.h), so that they are stored with the record in one
 * step. The first magic byte is never part of valid UTF-8, and payloads are an index of ours and
 * checked JSON, so a search for the next record after damage is hardly ever led astray by a
 * message; where it is, the checksum tells.
 */
#ifndef SEGMO_SPOOL_RECORD_H
#define SEGMO_SPOOL_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define SEGMO__RECORD_HEADER  12
#define SEGMO__RECORD_VERSION 1

void segmo__record_header(unsigned char out[SEGMO__RECORD_HEADER], uint8_t flags,
                          const void *payload, size_t len);

/* The header's first 4 bytes as segmo__file_publish() wants them: stored last, they make the record
 * visible. */
uint32_t segmo__record_word(const unsigned char header[SEGMO__RECORD_HEADER]);

typedef enum segmo__record_state {
    SEGMO__RECORD_WHOLE,  /* header and checksum fit */
    SEGMO__RECORD_NONE,   /* the first 4 bytes are zero: nothing was made visible here */
    SEGMO__RECORD_SHORT,  /* may go on behind `len`: ask again with more bytes */
    SEGMO__RECORD_DAMAGED /* anything else */
} segmo__record_state;

static inline uint8_t segmo__record_flags(const unsigned char *header)
{
    return header[3];
}

/* Looks at the bytes at a record's place; `*payload_len` is set for a whole record (and for SHORT
 * when the header can be read). `max_payload` bounds what a header may claim. */
segmo__record_state segmo__record_look(const unsigned char *bytes, size_t len, size_t max_payload,
                                       size_t *payload_len);

#endif
