/* The reader of one spool file: whole records only, in order, and every one where nothing was
 * damaged. */
#include "help/fuzz.h"
#include "help/segment_script.h"

#include "spool/record.h"
#include "spool/segment_reader.h"

/* The checksum by the table of its polynomial, without the library's tricks. */
static uint32_t crc32c(uint32_t crc, const unsigned char *at, size_t len)
{
    static uint32_t table[256];

    for (uint32_t i = 1; table[255] == 0; i++) {
        uint32_t row = i;

        for (int bit = 0; bit < 8; bit++)
            row = row >> 1 ^ (row & 1 ? 0x82F63B78u : 0);
        table[i] = row;
    }
    crc = ~crc;
    for (size_t i = 0; i < len; i++)
        crc = crc >> 8 ^ table[(crc ^ at[i]) & 0xff];
    return ~crc;
}

static void check_whole(const segment_script *script, const segmo__segment_record *record)
{
    const unsigned char *at = (const unsigned char *)script->file.data + record->offset;
    uint32_t stored;

    must(record->offset >= SEGMO__SEGMENT_DATA);
    must(record->offset + SEGMO__RECORD_HEADER + record->payload.len <= script->file.len);
    memcpy(&stored, at + 8, sizeof stored);
    must(stored == crc32c(crc32c(0, at, 8), at + SEGMO__RECORD_HEADER, record->payload.len));
    must(fuzz_same(record->payload,
                   (segmo__slice){(const char *)at + SEGMO__RECORD_HEADER, record->payload.len}));
}

static void read_all(const segment_script *script, segmo__file *file)
{
    segmo__segment_reader reader;
    segmo__segment_record record;
    uint32_t behind = 0;
    size_t count = 0;
    int got;

    must(segmo__segment_reader_init(&reader));
    segmo__segment_reader_aim(&reader, file, SEGMO__SEGMENT_DATA, (uint32_t)script->file.len, 0);
    while ((got = segmo__segment_reader_next(&reader, &record)) > 0) {
        must(record.offset >= behind);
        behind = record.offset + SEGMO__RECORD_HEADER + (uint32_t)record.payload.len;
        check_whole(script, &record);
        if (!script->is_damaged)
            must(count < script->count && record.offset == script->record[count]);
        count++;
    }
    must(got == 0);
    must(script->is_damaged || (count == script->count && reader.damaged_records == 0));
    must(reader.damaged_bytes <= script->file.len);
    segmo__segment_reader_free(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t rows[SEGMO__SEGMENT_ROWS];
    segment_script script;
    segmo__segment_kind kind;
    segmo__file file;

    segment_script_run(&script, fuzz_slice(data, size));
    must(segmo__file_open(&file, fuzz_file(segmo__buf_slice(&script.file)), 0) == 0);
    must(segmo__segment_check(&file, &kind) == 0);
    must(script.is_damaged || kind == SEGMO__SEGMENT_OURS);
    must(segmo__segment_load_rows(&file, rows, segmo__segment_rows(script.file.len)) == 0);
    if (script.file.len > SEGMO__SEGMENT_DATA)
        read_all(&script, &file);
    segmo__file_close(&file);
    segmo__buf_free(&script.file);
    return 0;
}
