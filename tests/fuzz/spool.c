/* A spool that finds such a file in the directory of a dead process: it opens, hands out each
 * record at most once per destination, settles it, and leaves nothing behind but what was damaged.
 */
#include "help/fuzz.h"
#include "help/segment_script.h"

#include "base/file.h"
#include "scratch_dir.h"
#include "spool/segment_file.h"
#include "spool/spool.h"

#include <stdlib.h>

#define DEAD "1767607872345-1-0123456789abcdef"

static void put_dead_process(const char *root, segmo__slice content)
{
    const char *dir = scratch_path(root, DEAD);

    must(segmo__file_mkdir(dir) == 0);
    must(segmo__file_replace(scratch_path(dir, "00000001.seg"), content.at, content.len) == 0);
}

static int count_sight(void *ctx, const segmo__spool_sight *sight)
{
    (void)sight;
    ++*(unsigned *)ctx;
    return 0;
}

static unsigned drain(segmo__spool *spool, unsigned destination)
{
    segmo__spool_cursor *cursor = NULL;
    segmo__record_ref ref;
    segmo__slice payload, again;
    unsigned count = 0;

    must(segmo__spool_cursor_open(&cursor, spool, destination, NULL) == SEGMO_OK);
    while (segmo__spool_next(cursor, &ref, &payload)) {
        must(ref.length == payload.len);
        must(segmo__spool_settled(spool, &ref, destination) == SEGMO__PENDING);
        must(segmo__spool_read(spool, &ref, &again, NULL) == SEGMO_OK);
        must(again.len == ref.length);
        must(segmo__spool_settle(spool, &ref, destination, SEGMO__DELIVERED) == 1);
        must(segmo__spool_settle(spool, &ref, destination, SEGMO__DEAD) == 0);
        count++;
    }
    segmo__spool_cursor_free(cursor);
    return count;
}

static void use(const char *root, const segment_script *script, unsigned seen)
{
    static const uint8_t nothing_preset[SEGMO__SPOOL_DESTINATIONS];
    segmo__spool_options options = {.dir = root,
                                    .max_bytes = 1u << 30,
                                    .destinations = 3,
                                    .file_size = SEGMO__SEGMENT_DATA + 16384};
    segmo__spool *spool = NULL;
    segmo__spool_counts counts;
    unsigned first, second;

    must(segmo__spool_open(&spool, &options, NULL) == SEGMO_OK);
    must(segmo__spool_append(spool, segmo__slice_of("{}"), nothing_preset, NULL) == SEGMO_OK);
    first = drain(spool, 0);
    second = drain(spool, 1);
    must(first >= 1 && second >= 1 && first <= seen + 1 && second <= seen + 1);
    must(script->is_damaged || seen == script->count);
    must(segmo__spool_commit(spool, NULL) == SEGMO_OK);
    segmo__spool_count(spool, &counts);
    must(counts.pending_records[0] == 0 && counts.pending_records[1] == 0);
    must(counts.pending_bytes[0] == 0 && counts.pending_bytes[1] == 0);
    segmo__spool_close(spool, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    segment_script script;
    unsigned seen = 0;
    const char *root;

    setenv("TMPDIR", "/dev/shm", 0);
    root = scratch_dir_make();
    segment_script_run(&script, fuzz_slice(data, size));
    put_dead_process(root, segmo__buf_slice(&script.file));
    must(segmo__spool_look(root, count_sight, &seen, NULL) == SEGMO_OK);
    use(root, &script, seen);
    scratch_dir_remove(root);
    segmo__buf_free(&script.file);
    return 0;
}
