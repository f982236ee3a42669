/* A file of dead letters with anything in it: reading hands out whole lines only, and taking all of
 * them out leaves none. */
#include "help/fuzz.h"

#include "base/file.h"
#include "base/json.h"
#include "scratch_dir.h"
#include "spool/dead_letters.h"

#include <stdlib.h>

static int count_line(void *ctx, segmo__slice line)
{
    ++*(uint64_t *)ctx;
    must(line.len > 0 && !memchr(line.at, '\n', line.len));
    return 0;
}

static int drop_line(void *ctx, segmo__slice line)
{
    return count_line(ctx, line) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t found = 0, asked = 0, dropped = 0;
    const char *root, *file;

    setenv("TMPDIR", "/dev/shm", 0);
    root = scratch_dir_make();
    file = scratch_path(root, "1767607872345-1-0123456789abcdef.ndjson");
    must(segmo__file_replace(file, size > 0 ? data : (const uint8_t *)"", size) == 0);
    must(segmo__dead_letters_each(root, count_line, &found, NULL) == SEGMO_OK);
    must(segmo__dead_letters_remove(root, drop_line, &asked, &dropped, NULL) == SEGMO_OK);
    must(asked == found && dropped == found);
    found = 0;
    must(segmo__dead_letters_each(root, count_line, &found, NULL) == SEGMO_OK && found == 0);
    scratch_dir_remove(root);
    return 0;
}
