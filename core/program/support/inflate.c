/* A whole body at once: libdeflate inflates faster than zlib when it is told the size, which gzip's
 * last four bytes tell. They are only believed up to the ceiling. */
#include "support/inflate.h"

#define HEAD_AND_TAIL 18
#define RATIO_MAX     1032 /* deflate cannot say more in a byte */

static uint32_t promised_size(segmo__slice gzip)
{
    const unsigned char *tail = (const unsigned char *)gzip.at + gzip.len - 4;

    return (uint32_t)tail[0] | (uint32_t)tail[1] << 8 | (uint32_t)tail[2] << 16 |
           (uint32_t)tail[3] << 24;
}

#ifdef SEGMO_LIBDEFLATE
#include <libdeflate.h>

static int inflate_exactly(segmo__slice gzip, char *out, size_t size)
{
    static struct libdeflate_decompressor *inflater;
    size_t taken, made;

    if (!inflater)
        inflater = libdeflate_alloc_decompressor();
    if (!inflater)
        return 0;
    return libdeflate_gzip_decompress_ex(inflater, gzip.at, gzip.len, out, size, &taken, &made) ==
               LIBDEFLATE_SUCCESS &&
           taken == gzip.len && made == size;
}
#else
#include <zlib.h>

static int inflate_exactly(segmo__slice gzip, char *out, size_t size)
{
    z_stream stream = {.next_in = (Bytef *)gzip.at,
                       .avail_in = (uInt)gzip.len,
                       .next_out = (Bytef *)out,
                       .avail_out = (uInt)size};
    int ended;

    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
        return 0;
    ended =
        inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in == 0 && stream.avail_out == 0;
    inflateEnd(&stream);
    return ended;
}
#endif

inflated inflate_gzip(segmo__slice gzip, segmo__buf *out)
{
    uint32_t size;
    char *at;

    segmo__buf_clear(out);
    if (gzip.len < HEAD_AND_TAIL || memcmp(gzip.at, "\x1f\x8b", 2) != 0)
        return INFLATE_DAMAGED;
    size = promised_size(gzip);
    if (size / RATIO_MAX > gzip.len)
        return INFLATE_DAMAGED;
    if (size > out->max)
        return INFLATE_TOO_LARGE;
    at = segmo__buf_extend(out, size > 0 ? size : 1);
    if (!at)
        return INFLATE_TOO_LARGE;
    out->len = size;
    return inflate_exactly(gzip, at, size) ? INFLATED : INFLATE_DAMAGED;
}
