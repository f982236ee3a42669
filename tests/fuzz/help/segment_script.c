#include "segment_script.h"

#include "fuzz.h"
#include "spool/record.h"
#include "spool/segment_file.h"

#define FILE_MAX (SEGMO__SEGMENT_DATA + (1u << 19))

/* Makes the file at least this long, with zeros. */
static void grow(segmo__buf *file, size_t len)
{
    size_t before = file->len;
    char *room = len > before ? segmo__buf_extend(file, len - before) : NULL;

    if (room)
        memset(room, 0, len - before);
}

static segmo__slice piece(segmo__slice *input, size_t len)
{
    segmo__slice taken = {input->at, len < input->len ? len : input->len};

    input->at += taken.len;
    input->len -= taken.len;
    return taken;
}

static void put_header(segmo__buf *file)
{
    segmo__file made;

    must(segmo__segment_create(&made, NULL, SEGMO__SEGMENT_DATA) == 0);
    grow(file, SEGMO__SEGMENT_DATA);
    must(segmo__file_read(&made, 0, file->data, 64) == 64);
    segmo__file_close(&made);
}

/* A whole record: flags, its length times up to 256, what it is filled with. */
static void put_record(segment_script *script, segmo__slice *input)
{
    unsigned char header[SEGMO__RECORD_HEADER];
    unsigned flags = fuzz_choice(input), len = fuzz_choice(input), times = fuzz_choice(input);
    uint32_t offset = (uint32_t)((script->file.len + 7) & ~(size_t)7);
    segmo__slice part = piece(input, len);
    segmo__buf payload;

    segmo__buf_init(&payload, SEGMO__SEGMENT_MAX_PAYLOAD);
    for (unsigned i = 0; i <= times; i++)
        segmo__buf_add_slice(&payload, part);
    if (offset + SEGMO__RECORD_HEADER + payload.len + 512 <= FILE_MAX &&
        script->count < SCRIPT_RECORDS_MAX) {
        segmo__record_header(header, (uint8_t)flags, payload.data, payload.len);
        grow(&script->file, offset);
        segmo__buf_add(&script->file, header, sizeof header);
        segmo__buf_add_slice(&script->file, segmo__buf_slice(&payload));
        grow(&script->file, segmo__segment_behind(offset, payload.len));
        script->record[script->count++] = offset;
    }
    segmo__buf_free(&payload);
}

/* Bytes written over what is there, at a place counted back from the end, or from the start. */
static void overwrite(segment_script *script, segmo__slice *input, int from_start)
{
    size_t back = fuzz_choice(input) << 8 | fuzz_choice(input);
    segmo__slice part = piece(input, fuzz_choice(input));
    size_t at = from_start ? back * 2 : script->file.len - back % (script->file.len + 1);

    script->is_damaged |= part.len > 0;
    if (at < script->file.len) {
        size_t room = script->file.len - at;

        memcpy(script->file.data + at, part.at, part.len < room ? part.len : room);
    }
}

static void step(segment_script *script, segmo__slice *input)
{
    segmo__slice part;

    switch (fuzz_choice(input) % 6) {
    case 0:
    case 1:
        put_record(script, input);
        break;
    case 2: /* bytes of any kind behind the last record */
        part = piece(input, fuzz_choice(input));
        segmo__buf_add_slice(&script->file, part);
        script->is_damaged = 1;
        break;
    case 3:
        overwrite(script, input, 0);
        break;
    case 4:
        overwrite(script, input, 1); /* header and table first of all */
        break;
    default: /* cut */
        script->file.len -= (fuzz_choice(input) << 8 | fuzz_choice(input)) % (script->file.len + 1);
        script->is_damaged = 1;
    }
}

void segment_script_run(segment_script *script, segmo__slice input)
{
    *script = (segment_script){.count = 0};
    segmo__buf_init(&script->file, FILE_MAX);
    put_header(&script->file);
    while (input.len > 0)
        step(script, &input);
}
