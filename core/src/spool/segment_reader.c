/* Reads with pread, a chunk at a time. Behind damage it looks at every 8th byte for the next whole
 * record. */
#include "spool/segment_reader.h"

#include "base/mem.h"

#include <errno.h>

#define CHUNK (256u << 10)

int segmo__segment_reader_init(segmo__segment_reader *reader)
{
    *reader = (segmo__segment_reader){.chunk = segmo__alloc(CHUNK)};
    return reader->chunk != NULL;
}

void segmo__segment_reader_free(segmo__segment_reader *reader)
{
    segmo__free(reader->chunk);
    reader->chunk = NULL;
}

void segmo__segment_reader_aim(segmo__segment_reader *reader, const segmo__file *file, uint32_t at,
                               uint32_t end, int published)
{
    *reader = (segmo__segment_reader){.file = file,
                                      .read = reader->read,
                                      .ctx = reader->ctx,
                                      .chunk = reader->chunk,
                                      .at = at,
                                      .end = end,
                                      .published = published};
}

/* Bytes of the chunk from `at` on. */
static uint32_t have(const segmo__segment_reader *reader)
{
    uint32_t chunk_end = reader->chunk_at + reader->chunk_len;

    return reader->at >= reader->chunk_at && reader->at < chunk_end ? chunk_end - reader->at : 0;
}

/* Reads the chunk anew from `at` on; the end moves forward when the file is shorter. */
static int fill(segmo__segment_reader *reader)
{
    uint32_t wanted = reader->end - reader->at;
    ssize_t got;

    if (wanted > CHUNK)
        wanted = CHUNK;
    reader->chunk_len = 0;
    got = reader->read ? reader->read(reader->ctx, reader->at, reader->chunk, wanted)
                       : segmo__file_read(reader->file, reader->at, reader->chunk, wanted);
    if (got < 0)
        return (int)got;
    if ((uint32_t)got < wanted)
        reader->end = reader->at + (uint32_t)got;
    reader->chunk_at = reader->at;
    reader->chunk_len = (uint32_t)got;
    return 0;
}

static void close_stretch(segmo__segment_reader *reader)
{
    if (reader->lost_from > 0 && reader->lost_is_damage) {
        reader->damaged_records++;
        reader->damaged_bytes += reader->at - reader->lost_from;
    }
    reader->lost_from = 0;
}

/* Steps over 8 bytes that start no record. */
static void pass_over(segmo__segment_reader *reader, int is_damage)
{
    if (reader->lost_from == 0) {
        reader->lost_from = reader->at;
        reader->lost_is_damage = is_damage || reader->published;
    }
    reader->at += reader->end - reader->at < 8 ? reader->end - reader->at : 8;
}

static int take(segmo__segment_reader *reader, size_t len, segmo__segment_record *out)
{
    const unsigned char *bytes = reader->chunk + (reader->at - reader->chunk_at);

    if (reader->lost_from > 0)
        reader->lost_is_damage = 1; /* a record stands behind it, so it was no tail */
    close_stretch(reader);
    *out = (segmo__segment_record){
        reader->at,
        segmo__record_flags(bytes),
        {(const char *)bytes + SEGMO__RECORD_HEADER, len},
    };
    reader->at = segmo__segment_behind(reader->at, len);
    return 1;
}

int segmo__segment_reader_next(segmo__segment_reader *reader, segmo__segment_record *out)
{
    while (reader->at < reader->end) {
        uint32_t left = reader->end - reader->at, held = have(reader);
        const unsigned char *bytes = reader->chunk + (held > 0 ? reader->at - reader->chunk_at : 0);
        segmo__record_state state = SEGMO__RECORD_SHORT;
        size_t len = 0;
        int code;

        if (held > 0)
            state = segmo__record_look(bytes, held < left ? held : left, SEGMO__SEGMENT_MAX_PAYLOAD,
                                       &len);
        if (state == SEGMO__RECORD_WHOLE)
            return take(reader, len, out);
        if (state != SEGMO__RECORD_SHORT) {
            pass_over(reader, state == SEGMO__RECORD_DAMAGED);
        } else if (held < left && held < CHUNK / 2 + SEGMO__RECORD_HEADER) {
            if ((code = fill(reader)) != 0)
                return code;
        } else {
            pass_over(reader, bytes[0] != 0); /* cut off in the middle of a record */
        }
    }
    if (reader->at > reader->end)
        reader->at = reader->end;
    close_stretch(reader);
    return 0;
}
