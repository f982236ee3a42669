/* One compressor is kept for all batches: making one costs more than compressing a small batch. */
#include "deliver/compress.h"

#include "base/mem.h"

static int nearest_level(int level)
{
    if (level < 1)
        return 1;
    return level < 9 ? level : 9;
}

/* All the room that `out` may give for `bound` bytes: its ceiling may be lower than the bound,
 * which real output seldom reaches. NULL when memory ran out. */
static char *room_for(segmo__buf *out, size_t bound, size_t *room)
{
    segmo__buf_clear(out);
    *room = bound < out->max ? bound : out->max;
    return segmo__buf_extend(out, *room);
}

#ifdef SEGMO_LIBDEFLATE

#include <libdeflate.h>

struct segmo__gzip {
    struct libdeflate_compressor *compressor;
};

segmo__gzip *segmo__gzip_new(int level)
{
    segmo__gzip *gzip = segmo__alloc(sizeof *gzip);

    if (!gzip)
        return NULL;
    gzip->compressor = libdeflate_alloc_compressor(nearest_level(level));
    if (gzip->compressor)
        return gzip;
    segmo__free(gzip);
    return NULL;
}

void segmo__gzip_free(segmo__gzip *gzip)
{
    if (!gzip)
        return;
    libdeflate_free_compressor(gzip->compressor);
    segmo__free(gzip);
}

int segmo__gzip_run(segmo__gzip *gzip, segmo__slice in, segmo__buf *out)
{
    size_t room;
    char *at = room_for(out, libdeflate_gzip_compress_bound(gzip->compressor, in.len), &room);

    out->len = at ? libdeflate_gzip_compress(gzip->compressor, in.at, in.len, at, room) : 0;
    return out->len > 0;
}

const char *segmo__gzip_name(void)
{
    return "libdeflate";
}

#else

#include <limits.h>
#include <zlib.h>

#define GZIP_FORMAT 16 /* added to the window bits */

struct segmo__gzip {
    z_stream stream;
};

static voidpf take_memory(voidpf unused, uInt items, uInt size)
{
    (void)unused;
    return segmo__alloc((size_t)items * size);
}

static void give_memory_back(voidpf unused, voidpf memory)
{
    (void)unused;
    segmo__free(memory);
}

segmo__gzip *segmo__gzip_new(int level)
{
    segmo__gzip *gzip = segmo__zalloc(sizeof *gzip);

    if (!gzip)
        return NULL;
    gzip->stream.zalloc = take_memory;
    gzip->stream.zfree = give_memory_back;
    if (deflateInit2(&gzip->stream, nearest_level(level), Z_DEFLATED, MAX_WBITS + GZIP_FORMAT, 8,
                     Z_DEFAULT_STRATEGY) == Z_OK)
        return gzip;
    segmo__free(gzip);
    return NULL;
}

void segmo__gzip_free(segmo__gzip *gzip)
{
    if (!gzip)
        return;
    deflateEnd(&gzip->stream);
    segmo__free(gzip);
}

int segmo__gzip_run(segmo__gzip *gzip, segmo__slice in, segmo__buf *out)
{
    z_stream *stream = &gzip->stream;
    size_t room;
    char *at;

    if (deflateReset(stream) != Z_OK) /* first: deflateBound() of a finished stream is too small */
        return 0;
    at = room_for(out, deflateBound(stream, in.len), &room);
    out->len = 0;
    if (!at || in.len > UINT_MAX || room > UINT_MAX)
        return 0;
    stream->next_in = (z_const Bytef *)in.at;
    stream->avail_in = (uInt)in.len;
    stream->next_out = (Bytef *)at;
    stream->avail_out = (uInt)room;
    if (deflate(stream, Z_FINISH) != Z_STREAM_END)
        return 0;
    out->len = room - stream->avail_out;
    return 1;
}

const char *segmo__gzip_name(void)
{
    return "zlib";
}

#endif
