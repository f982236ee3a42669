/* Reads the records of one spool file in order, passing over damage. */
#ifndef SEGMO_SPOOL_SEGMENT_READER_H
#define SEGMO_SPOOL_SEGMENT_READER_H

#include "base/file.h"
#include "spool/segment_file.h"

typedef struct segmo__segment_record {
    uint32_t offset;
    uint8_t flags;
    segmo__slice payload; /* valid until the next call */
} segmo__segment_record;

/* As segmo__file_read(), for who has the bytes of a file in memory already. */
typedef ssize_t (*segmo__segment_read_fn)(void *ctx, uint32_t at, void *bytes, uint32_t len);

typedef struct segmo__segment_reader {
    const segmo__file *file;     /* borrowed */
    segmo__segment_read_fn read; /* in place of reading the file, or NULL */
    void *ctx;
    unsigned char *chunk;
    uint32_t chunk_at, chunk_len;
    uint32_t at;   /* the next place to look at */
    uint32_t end;  /* nothing behind it is looked at; may be raised between calls */
    int published; /* all up to `end` was visible once: an unwritten place is damage, not a torn
                      tail */
    uint32_t lost_from; /* start of the damaged stretch we are in, or 0 */
    int lost_is_damage; /* that stretch held something visible */
    uint64_t
        damaged_records; /* stretches that could not be read; one may have held several records */
    uint64_t damaged_bytes;
} segmo__segment_reader;

/* Makes the chunk of a reader; 0 when memory ran out. */
int segmo__segment_reader_init(segmo__segment_reader *reader);
void segmo__segment_reader_free(segmo__segment_reader *reader);
/* Points it at a file: `at` from where (SEGMO__SEGMENT_DATA: all), `end` up to where. */
void segmo__segment_reader_aim(segmo__segment_reader *reader, const segmo__file *file, uint32_t at,
                               uint32_t end, int published);
/* 1 and the next whole record, 0 at the end, -errno when the file cannot be read. */
int segmo__segment_reader_next(segmo__segment_reader *reader, segmo__segment_record *out);

#endif
