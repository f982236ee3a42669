/* What is settled: marked in memory, written in one go, files unlinked when nothing in them is
 * wanted any more. The worker's thread, but for marks. */
#include "spool/spool_parts.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>

#define UNLINK_AGAIN_MS 1000

static int is_at_rest(const spool_file *file)
{
    return atomic_load_explicit(&file->at_rest, memory_order_acquire);
}

int segmo__spool_load_rows(spool_file *file)
{
    segmo__file handle;
    uint8_t *rows;
    int code;

    if (file->rows)
        return 0;
    rows = segmo__zalloc(SEGMO__SEGMENT_ROWS);
    if (!rows)
        return -ENOMEM;
    code = segmo__spool_file_handle(&handle, file, 0);
    if (code == 0) {
        code = segmo__segment_load_rows(&handle, rows, SEGMO__SEGMENT_ROWS);
        segmo__spool_file_close_handle(file, &handle);
    }
    if (code == 0)
        file->rows = rows;
    else
        segmo__free(rows);
    return code;
}

/* ---- settling ---- */

static spool_file *find_file(segmo__spool *spool, uint32_t number)
{
    spool_file *file = spool->found;

    if (file && file->number == number)
        return file;
    for (file = segmo__spool_file_after(spool, NULL); file && file->number != number;)
        file = segmo__spool_file_after(spool, file);
    spool->found = file;
    return file;
}

/* The row of a record that was read out before; NULL when its file is gone. */
static uint8_t *find_row(segmo__spool *spool, const segmo__record_ref *ref, spool_file **file)
{
    *file = find_file(spool, ref->file);
    if (!*file || !(*file)->rows)
        return NULL;
    return &(*file)->rows[segmo__segment_row(ref->offset)];
}

static void mark_dirty(spool_file *file, uint32_t row)
{
    if (file->dirty_from == file->dirty_to) {
        file->dirty_from = row;
        file->dirty_to = row + 1;
    } else if (row < file->dirty_from) {
        file->dirty_from = row;
    } else if (row >= file->dirty_to) {
        file->dirty_to = row + 1;
    }
}

/* What was counted as lost may turn up all the same, or have been handed out before. */
static int was_written_off(segmo__spool *spool, const spool_file *file, unsigned destination)
{
    int none_left;

    if (file->damage.records == 0)
        return 0;
    pthread_mutex_lock(&spool->append);
    none_left = file->settled[destination].records >= file->in[destination].records;
    pthread_mutex_unlock(&spool->append);
    return none_left;
}

int segmo__spool_settle(segmo__spool *spool, const segmo__record_ref *ref, unsigned destination,
                        segmo__settled state)
{
    spool_file *file;
    uint8_t *row = find_row(spool, ref, &file);

    if (!row || segmo__segment_state(*row, destination) != SEGMO__PENDING)
        return 0;
    *row = segmo__segment_with_state(*row, destination, state);
    mark_dirty(file, segmo__segment_row(ref->offset));
    if (was_written_off(spool, file, destination))
        return 1;
    file->settled[destination].records++;
    file->settled[destination].bytes += ref->length;
    raise_tally(&spool->settled_for[destination], 1, ref->length);
    return 1;
}

segmo__settled segmo__spool_settled(segmo__spool *spool, const segmo__record_ref *ref,
                                    unsigned destination)
{
    spool_file *file;
    const uint8_t *row = find_row(spool, ref, &file);

    return row ? (segmo__settled)segmo__segment_state(*row, destination) : SEGMO__SKIPPED;
}

void segmo__spool_write_off(segmo__spool *spool, spool_file *file, unsigned destination, tally lost)
{
    file->settled[destination].records += lost.records;
    file->settled[destination].bytes += lost.bytes;
    raise_tally(&spool->settled_for[destination], lost.records, lost.bytes);
}

/* ---- how far everything is settled ---- */

int segmo__spool_is_done(const segmo__spool *spool, const spool_file *file)
{
    for (unsigned d = 0; d < DESTINATIONS; d++)
        if (is_configured(spool, d) && file->in[d].records != file->settled[d].records)
            return 0;
    return 1;
}

/* The active file's end when all in it is settled, else 0. */
static uint32_t done_up_to(segmo__spool *spool, const spool_file *file)
{
    uint32_t end = 0;

    pthread_mutex_lock(&spool->append);
    if (segmo__spool_is_done(spool, file))
        end = atomic_load(&file->end);
    pthread_mutex_unlock(&spool->append);
    return end;
}

static int row_is_settled(const segmo__spool *spool, uint8_t row)
{
    for (unsigned d = 0; d < DESTINATIONS; d++)
        if (is_configured(spool, d) && segmo__segment_state(row, d) == SEGMO__PENDING)
            return 0;
    return 1;
}

static void scan_rows(segmo__spool *spool, spool_file *file)
{
    uint32_t end = segmo__segment_row(atomic_load_explicit(&file->end, memory_order_acquire));
    uint32_t done = is_at_rest(file) ? 0 : done_up_to(spool, file);

    if (done > 0)
        file->scanned = segmo__segment_row(done);
    while (file->rows && file->scanned < end && row_is_settled(spool, file->rows[file->scanned]))
        file->scanned++;
}

static void publish_progress(segmo__spool *spool, spool_file *first_open)
{
    uint64_t position;

    if (first_open) {
        scan_rows(spool, first_open);
        position = (uint64_t)first_open->number << 32 |
                   (SEGMO__SEGMENT_DATA + first_open->scanned * SEGMO__SEGMENT_CELL);
    } else {
        pthread_mutex_lock(&spool->files);
        position = ((uint64_t)spool->number + 1) << 32;
        pthread_mutex_unlock(&spool->files);
    }
    atomic_store(&spool->settled_up_to, position);
}

void segmo__spool_mark_end(segmo__spool *spool, segmo__spool_mark *out)
{
    pthread_mutex_lock(&spool->append);
    if (spool->active) {
        out->file = spool->active->number;
        out->offset = atomic_load(&spool->active->end);
    } else {
        pthread_mutex_lock(&spool->files);
        *out = (segmo__spool_mark){spool->number, UINT32_MAX};
        pthread_mutex_unlock(&spool->files);
    }
    pthread_mutex_unlock(&spool->append);
}

int segmo__spool_passed(segmo__spool *spool, const segmo__spool_mark *mark)
{
    uint32_t cell = mark->offset & ~(SEGMO__SEGMENT_CELL - 1);

    return atomic_load(&spool->settled_up_to) >= ((uint64_t)mark->file << 32 | cell);
}

/* ---- commit ---- */

/* While the keeper may still unmap the file, its own descriptor is used under the lock. */
static int write_rows(segmo__spool *spool, spool_file *file)
{
    segmo__file handle;
    int code;

    pthread_mutex_lock(&spool->files);
    if (!is_at_rest(file) || !file->dir) {
        code = segmo__segment_store_rows(&file->file, file->rows, file->dirty_from, file->dirty_to);
        pthread_mutex_unlock(&spool->files);
        return code;
    }
    pthread_mutex_unlock(&spool->files);
    code = segmo__spool_file_handle(&handle, file, 1);
    if (code == 0) {
        code = segmo__segment_store_rows(&handle, file->rows, file->dirty_from, file->dirty_to);
        segmo__file_close(&handle);
    }
    return code;
}

static int write_if_dirty(segmo__spool *spool, spool_file *file)
{
    int code = 0;

    if (file->dirty_from < file->dirty_to)
        code = write_rows(spool, file);
    if (code == 0)
        file->dirty_from = file->dirty_to = 0;
    return code;
}

/* Moves a file in which something could not be read to `damaged/`, for a human to look at. */
static int set_aside(segmo__spool *spool, const spool_file *file, const char *path)
{
    char *damaged = segmo__process_dir_join(spool->root, "damaged");
    const char *process = strrchr(file->dir->path, '/') + 1;
    segmo__buf target;
    int code = damaged ? segmo__file_mkdir(damaged) : -ENOMEM;

    segmo__buf_init(&target, 8192);
    segmo__buf_addf(&target, "%s/%s-%s", damaged ? damaged : "", process, file->name);
    segmo__buf_add_char(&target, '\0');
    if (code == 0)
        code = target.failed ? -ENOMEM : segmo__file_rename(path, target.data);
    segmo__buf_free(&target);
    segmo__free(damaged);
    return code;
}

static int remove_from_disk(segmo__spool *spool, const spool_file *file)
{
    char *path;
    int code;

    if (!file->dir || file->foreign > 0)
        return 0;
    path = segmo__spool_file_path(file);
    if (!path)
        return -ENOMEM;
    code = file->damage.records > 0 ? set_aside(spool, file, path) : segmo__file_unlink(path);
    segmo__free(path);
    return code == -ENOENT ? 0 : code;
}

/* Lets go of a file in which nothing of ours is left. */
static int finish(segmo__spool *spool, spool_file *file)
{
    int64_t now_ms = segmo__clock_mono_ms();
    int code;

    if (now_ms < file->again_at_ms || !segmo__spool_file_claim(spool, file))
        return write_if_dirty(spool, file);
    code = remove_from_disk(spool, file);
    if (code == 0 && file->foreign > 0)
        code = write_if_dirty(spool, file);
    if (code != 0) {
        file->again_at_ms = now_ms + UNLINK_AGAIN_MS;
        segmo__spool_file_unclaim(spool, file);
        segmo__spool_notice(spool, "unlink_failed", 1,
                            "a finished spool file could not be removed");
        return write_if_dirty(spool, file);
    }
    segmo__spool_file_take_out(spool, file);
    segmo__spool_let_go(spool, file);
    segmo__spool_leave_dir(spool, file->dir);
    segmo__spool_file_free(file);
    return 0;
}

static void wake_room_waiters(segmo__spool *spool)
{
    if (atomic_load(&spool->room_waiters) == 0)
        return;
    pthread_mutex_lock(&spool->room);
    pthread_cond_broadcast(&spool->room_made);
    pthread_mutex_unlock(&spool->room);
}

static int has_dirty_rows(segmo__spool *spool)
{
    spool_file *file = segmo__spool_file_after(spool, NULL);

    while (file && file->dirty_from == file->dirty_to)
        file = segmo__spool_file_after(spool, file);
    return file != NULL;
}

static int may_commit(segmo__spool *spool)
{
    const segmo__spool_options *options = &spool->options;

    return !options->before_commit || !has_dirty_rows(spool) ||
           options->before_commit(options->ctx) == SEGMO_OK;
}

int segmo__spool_commit(segmo__spool *spool, segmo_error **err)
{
    spool_file *file = segmo__spool_file_after(spool, NULL), *next, *first_open = NULL;
    int first_code = 0;

    if (!may_commit(spool))
        return segmo__fail_io(err, -EIO, "cannot note what is settled in",
                              spool->root ? spool->root : "memory");
    for (; file; file = next) {
        int done = atomic_load_explicit(&file->sealed, memory_order_acquire) &&
                   segmo__spool_is_done(spool, file);
        int finished = done && is_at_rest(file);
        int code;

        next = segmo__spool_file_after(spool, file);
        if (!done && !first_open)
            first_open = file;
        code = finished ? finish(spool, file) : write_if_dirty(spool, file);
        if (code != 0 && first_code == 0)
            first_code = code;
    }
    publish_progress(spool, first_open);
    wake_room_waiters(spool);
    if (first_code == 0)
        return SEGMO_OK;
    return segmo__fail_io(err, first_code, "cannot note what is settled in",
                          spool->root ? spool->root : "memory");
}
