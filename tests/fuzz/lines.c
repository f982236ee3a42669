/* The import reader: lines put together again are the file, wherever reading is taken up; and a
 * message that gets an id carries it. The first two bytes say how often the rest is repeated, so
 * that lines grow over the reader's piece. */
#include "help/fuzz.h"

#include "base/json.h"
#include "support/lines.h"
#include "support/message_id.h"

#define FILE_MAX ((size_t)3 << 20)
#define ID       "0123456789abcdef"

static void check_id(segmo__slice line)
{
    segmo__buf out, scratch;
    segmo__slice with_id;

    if (segmo__json_kind_of(segmo__json_trim(line)) != SEGMO__JSON_OBJECT ||
        segmo__json_check(line, NULL) != SEGMO_OK)
        return;
    segmo__buf_init(&out, FILE_MAX);
    segmo__buf_init(&scratch, FILE_MAX);
    if (message_id_of(line, &scratch).len == 0) {
        with_id = message_id_put(&out, line, ID);
        must(segmo__json_check(with_id, NULL) == SEGMO_OK);
        must(segmo__slice_is(message_id_of(with_id, &scratch), ID));
    }
    segmo__buf_free(&out);
    segmo__buf_free(&scratch);
}

static uint64_t read_all(const char *path, uint64_t from)
{
    struct lines lines;
    segmo__slice line;
    uint64_t hash = 0;
    int got;

    must(lines_open(&lines, path) == 0);
    must(lines_seek(&lines, from) >= 0);
    while ((got = lines_next(&lines, &line)) > 0) {
        must(lines.offset > lines.line_at && (got == LINES_TOO_LONG || line.len <= LINES_PIECE));
        hash = hash * 31 + lines.line_at + (uint64_t)got;
        if (got == 1)
            check_id(line);
    }
    must(got == 0);
    hash = hash * 31 + lines.offset;
    lines_close(&lines);
    return hash;
}

/* Where the second line starts, 0 when there is none. */
static uint64_t second_line(const segmo__buf *file)
{
    const char *end = file->len > 0 ? memchr(file->data, '\n', file->len) : NULL;

    return end ? (uint64_t)(end - file->data) + 1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    segmo__slice input = fuzz_slice(data, size);
    size_t times = 1 + (fuzz_choice(&input) << 8 | fuzz_choice(&input)) % 2048;
    segmo__buf file;
    struct lines lines;
    segmo__slice text;
    const char *path;

    segmo__buf_init(&file, FILE_MAX);
    for (size_t i = 0; i < times && file.len + input.len < FILE_MAX; i++)
        segmo__buf_add_slice(&file, input);
    path = fuzz_file(segmo__buf_slice(&file));
    must(read_all(path, 0) == read_all(path, 0));
    read_all(path, second_line(&file));
    must(lines_open(&lines, path) == 0);
    must(lines_peek(&lines, &text) == (file.len < LINES_PIECE));
    lines_close(&lines);
    segmo__buf_free(&file);
    return 0;
}
