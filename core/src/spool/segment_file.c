/* Layout of a spool file: header, settled table, records. */
#include "spool/segment_file.h"

#include "base/id.h"

#include <endian.h>
#include <errno.h>

#define BLOCK 1024 /* rows handled at a time */

typedef struct file_header {
    char magic[8];
    uint32_t version;
    uint32_t crc; /* over what stands before it */
} file_header;

static const char magic[8] = "segmo\xFB\r\n";

static uint32_t header_crc(const file_header *header)
{
    return htole32(segmo__id_crc32c(0, header, offsetof(file_header, crc)));
}

int segmo__segment_create(segmo__file *out, const char *path, uint32_t size)
{
    file_header header = {.version = htole32(SEGMO__SEGMENT_VERSION)};
    int code = segmo__file_create(out, path, size);

    if (code != 0)
        return code;
    memcpy(header.magic, magic, sizeof magic);
    header.crc = header_crc(&header);
    code = segmo__file_write(out, 0, &header, sizeof header);
    if (code != 0) {
        segmo__file_close(out);
        if (path)
            segmo__file_unlink(path);
    }
    return code;
}

int segmo__segment_check(const segmo__file *file, segmo__segment_kind *out)
{
    static const file_header unwritten;
    file_header header = {0};
    ssize_t got = segmo__file_read(file, 0, &header, sizeof header);

    if (got < 0)
        return (int)got;
    if (memcmp(&header, &unwritten, sizeof header) == 0)
        *out = SEGMO__SEGMENT_UNWRITTEN;
    else if (memcmp(header.magic, magic, sizeof magic) != 0 || header.crc != header_crc(&header))
        *out = SEGMO__SEGMENT_DAMAGED;
    else if (le32toh(header.version) != SEGMO__SEGMENT_VERSION)
        *out = SEGMO__SEGMENT_UNKNOWN;
    else
        *out = SEGMO__SEGMENT_OURS;
    return 0;
}

static uint64_t row_place(uint32_t row)
{
    return SEGMO__SEGMENT_TABLE + 2 * (uint64_t)row;
}

int segmo__segment_put(segmo__file *file, uint32_t offset,
                       const unsigned char header[SEGMO__RECORD_HEADER], segmo__slice payload)
{
    int code = segmo__file_store(file, offset + 4, header + 4, SEGMO__RECORD_HEADER - 4);

    if (code == 0)
        code = segmo__file_store(file, offset + SEGMO__RECORD_HEADER, payload.at, payload.len);
    if (code == 0)
        code = segmo__file_publish(file, offset, segmo__record_word(header));
    return code;
}

/* A destination's state counts only where both copies agree. */
static uint8_t agreed(uint8_t a, uint8_t b)
{
    uint8_t differ = a ^ b;
    uint8_t row = a;

    for (unsigned d = 0; differ != 0 && d < 4; d++)
        if (segmo__segment_state(differ, d) != 0)
            row = segmo__segment_with_state(row, d, 0);
    return row;
}

int segmo__segment_load_rows(const segmo__file *file, uint8_t *rows, uint32_t count)
{
    uint8_t block[2 * BLOCK];

    for (uint32_t from = 0; from < count; from += BLOCK) {
        uint32_t wanted = count - from < BLOCK ? count - from : BLOCK;
        ssize_t got;

        memset(block, 0, sizeof block);
        got = segmo__file_read(file, row_place(from), block, 2 * wanted);
        if (got < 0)
            return (int)got;
        for (uint32_t i = 0; i < wanted; i++)
            rows[from + i] = agreed(block[2 * i], block[2 * i + 1]);
    }
    return 0;
}

int segmo__segment_store_rows(segmo__file *file, const uint8_t *rows, uint32_t from, uint32_t to)
{
    uint8_t block[2 * BLOCK];

    while (from < to) {
        uint32_t count = to - from < BLOCK ? to - from : BLOCK;
        int code;

        for (uint32_t i = 0; i < count; i++)
            block[2 * i] = block[2 * i + 1] = rows[from + i];
        code = segmo__file_store(file, row_place(from), block, 2 * count);
        if (code != 0)
            return code;
        from += count;
    }
    return 0;
}
