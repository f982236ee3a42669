/* One file of the spool: header, settled table, records.
 *
 *     0      magic, version, checksum; zeros up to 4,096
 *     4096   settled table: a row of 2 bytes for each cell of 256 bytes of the record area
 *     69632  records, each starting in a cell of its own
 *
 * A record's row follows from its offset alone, so that damage to one record never shifts the marks
 * of others. A row holds 2 bits per destination, twice: where the copies differ the record counts
 * as pending, for a damaged mark must lead to a second delivery, never to a loss. What was settled
 * from the start stands in the record's flags, in the same bits; a destination's state is what
 * either says.
 */
#ifndef SEGMO_SPOOL_SEGMENT_FILE_H
#define SEGMO_SPOOL_SEGMENT_FILE_H

#include "base/buf.h"
#include "base/file.h"
#include "spool/record.h"

#include <stdint.h>

#define SEGMO__SEGMENT_VERSION     1
#define SEGMO__SEGMENT_TABLE       4096u
#define SEGMO__SEGMENT_ROWS        32768u
#define SEGMO__SEGMENT_CELL        256u
#define SEGMO__SEGMENT_DATA        (SEGMO__SEGMENT_TABLE + 2 * SEGMO__SEGMENT_ROWS)
#define SEGMO__SEGMENT_MAX_SIZE    (SEGMO__SEGMENT_ROWS * SEGMO__SEGMENT_CELL)
#define SEGMO__SEGMENT_MAX_PAYLOAD (128u << 10)

/* The row of the record at `offset`. */
static inline uint32_t segmo__segment_row(uint32_t offset)
{
    return (offset - SEGMO__SEGMENT_DATA) / SEGMO__SEGMENT_CELL;
}

/* Rows that a file of `size` bytes can use. */
static inline uint32_t segmo__segment_rows(uint64_t size)
{
    if (size > SEGMO__SEGMENT_MAX_SIZE)
        size = SEGMO__SEGMENT_MAX_SIZE;
    return size > SEGMO__SEGMENT_DATA ? segmo__segment_row((uint32_t)size - 1) + 1 : 0;
}

/* Where the record behind the one at `offset` starts: a multiple of 8 in another cell. */
static inline uint32_t segmo__segment_behind(uint32_t offset, size_t payload_len)
{
    uint32_t behind = (offset + SEGMO__RECORD_HEADER + (uint32_t)payload_len + 7) & ~7u;
    uint32_t next_cell = (offset & ~(SEGMO__SEGMENT_CELL - 1)) + SEGMO__SEGMENT_CELL;

    return behind > next_cell ? behind : next_cell;
}

static inline int segmo__segment_fits(const segmo__file *file, uint32_t offset, size_t payload_len)
{
    return offset + SEGMO__RECORD_HEADER + (uint64_t)payload_len <= file->size;
}

/* One destination's 2 bits of a row. */
static inline unsigned segmo__segment_state(uint8_t row, unsigned destination)
{
    return (row >> (2 * destination)) & 3u;
}

static inline uint8_t segmo__segment_with_state(uint8_t row, unsigned destination, unsigned state)
{
    return (uint8_t)((row & ~(3u << (2 * destination))) | (state << (2 * destination)));
}

/* Creates `path` (NULL: in memory) with its header. 0 or -errno, then nothing is left behind. */
int segmo__segment_create(segmo__file *out, const char *path, uint32_t size);

typedef enum segmo__segment_kind {
    SEGMO__SEGMENT_OURS,
    SEGMO__SEGMENT_UNWRITTEN, /* its maker was killed at once, or the header was wiped */
    SEGMO__SEGMENT_DAMAGED,   /* the header is; records may be whole */
    SEGMO__SEGMENT_UNKNOWN    /* of another version: hands off */
} segmo__segment_kind;
int segmo__segment_check(const segmo__file *file, segmo__segment_kind *out); /* 0 or -errno */

/* Stores a record at `offset`, where it fits; visible when this returns 0. */
int segmo__segment_put(segmo__file *file, uint32_t offset,
                       const unsigned char header[SEGMO__RECORD_HEADER], segmo__slice payload);

/* Reads the first `count` rows, one byte each. What a cut file lacks is pending. 0 or -errno. */
int segmo__segment_load_rows(const segmo__file *file, uint8_t *rows, uint32_t count);
/* Writes rows `from` up to and without `to`. */
int segmo__segment_store_rows(segmo__file *file, const uint8_t *rows, uint32_t from, uint32_t to);

#endif
