/* The keeper thread syncs what was appended, every `sync_ms` and whenever somebody asks. It sleeps
 * while nothing is appended. */
#include "spool/spool_parts.h"

#include "base/clock.h"

#include <errno.h>

#define GRACE_MS 1000

/* ---- syncing ---- */

static int is_unsynced(const spool_file *file)
{
    uint32_t end = atomic_load_explicit(&file->end, memory_order_acquire);

    return end > SEGMO__SEGMENT_DATA && end > file->synced_to;
}

/* The next file behind number `behind` that has something to sync, claimed. */
static spool_file *claim_unsynced(segmo__spool *spool, uint32_t behind)
{
    spool_file *file;

    pthread_mutex_lock(&spool->files);
    for (file = spool->first; file;) {
        if (file->number <= behind || !is_unsynced(file)) {
            file = file->next;
        } else if (!file->claimed) {
            file->claimed = 1;
            break;
        } else {
            pthread_cond_wait(&spool->claim_free, &spool->files);
            file = spool->first; /* the list may be another one now */
        }
    }
    pthread_mutex_unlock(&spool->files);
    return file;
}

/* A process that was killed may have left names that only memory knows. */
static int sync_names(segmo__spool *spool, const spool_file *file)
{
    int code = segmo__file_sync_dir(file->dir->path);

    if (code == 0 && (file->adopted || !spool->root_synced)) {
        code = segmo__file_sync_path(spool->root);
        spool->root_synced = code == 0;
    }
    return code;
}

static int sync_closed(spool_file *file)
{
    segmo__file handle;
    int code = segmo__spool_file_handle(&handle, file, 1);

    if (code != 0)
        return code == -ENOENT ? 0 : code; /* deleted: nothing is left to sync */
    code = segmo__file_sync(&handle, 0, file->end);
    segmo__file_close(&handle);
    return code;
}

/* Records are never stored into again; the settled table is. The page that the last sync left half
 * filled starts before `from`. */
static uint32_t released(uint32_t from)
{
    uint32_t page = from & ~(uint32_t)4095;

    return page > SEGMO__SEGMENT_DATA ? page : SEGMO__SEGMENT_DATA;
}

static int sync_open(spool_file *file, uint32_t from, uint32_t end)
{
    segmo__file_release(&file->file, released(from), end - released(from));
    return segmo__file_sync(&file->file, from, end - from);
}

/* The settled table may be stored into by others meanwhile; without it messages are sent twice, not
 * lost. */
static int store_again(const spool_file *file, uint32_t from, uint32_t end)
{
    segmo__file handle;
    int code = segmo__spool_file_handle(&handle, file, 1);

    if (code != 0)
        return code == -ENOENT ? 0 : code;
    if (from < SEGMO__SEGMENT_DATA) {
        code = segmo__file_store_again(&handle, 0, SEGMO__SEGMENT_TABLE);
        from = SEGMO__SEGMENT_DATA;
    }
    if (code == 0)
        code = segmo__file_store_again(&handle, from, end);
    segmo__file_close(&handle);
    return code;
}

/* Syncs the pages that were appended to: a sync of all would undo that the others are ready. */
static int sync_file(segmo__spool *spool, spool_file *file)
{
    uint32_t end = atomic_load_explicit(&file->end, memory_order_acquire);
    uint32_t from = file->synced_to;
    int code = file->sync_failed && file->dir ? store_again(file, from, end) : 0;

    if (code == 0 && atomic_load_explicit(&file->at_rest, memory_order_acquire))
        code = sync_closed(file);
    else if (code == 0)
        code = sync_open(file, from, end);
    file->sync_failed = code != 0;
    if (code == 0 && from == 0)
        code = sync_names(spool, file);
    if (code == 0)
        file->synced_to = end;
    return code;
}

static int sync_all(segmo__spool *spool)
{
    uint32_t behind = 0;
    spool_file *file;
    int first_code = 0;

    while ((file = claim_unsynced(spool, behind))) {
        int code = sync_file(spool, file);

        behind = file->number;
        segmo__spool_file_unclaim(spool, file);
        if (code != 0 && first_code == 0)
            first_code = code;
    }
    return first_code;
}

/* Under `append` no record can become visible between the two steps and stay unsynced. */
static int sync_appended(segmo__spool *spool)
{
    int code;

    pthread_mutex_lock(&spool->append);
    atomic_fetch_and(&spool->keeper_wants, ~(unsigned)KEEPER_SYNC);
    pthread_mutex_unlock(&spool->append);
    code = sync_all(spool);
    if (code != 0) {
        atomic_fetch_or(&spool->keeper_wants, KEEPER_SYNC);
        if (spool->sync_code == 0)
            segmo__spool_notice(spool, "sync_failed", 1, "the spool could not be synced to disk");
    }
    return code;
}

/* ---- the thread ---- */

/* Sleeps until it is time to sync; 0 when it is time to stop. */
static int wait_for_work(segmo__spool *spool)
{
    int64_t sync_at_ms = 0;

    for (;;) {
        unsigned wants = atomic_load(&spool->keeper_wants);
        int64_t now_ms = segmo__clock_mono_ms();

        if (wants & KEEPER_STOP)
            return 0;
        if ((wants & KEEPER_SYNC) && sync_at_ms == 0)
            sync_at_ms = now_ms + spool->options.sync_ms;
        if (spool->sync_asked > spool->sync_done || (sync_at_ms > 0 && now_ms >= sync_at_ms))
            return 1;
        if (sync_at_ms > 0)
            segmo__cond_wait_until(&spool->keeper_wake, &spool->keeper, sync_at_ms);
        else
            pthread_cond_wait(&spool->keeper_wake, &spool->keeper);
    }
}

static void *run_keeper(void *arg)
{
    segmo__spool *spool = arg;

    pthread_mutex_lock(&spool->keeper);
    while (wait_for_work(spool)) {
        uint64_t asked = spool->sync_asked;
        int code;

        pthread_mutex_unlock(&spool->keeper);
        code = sync_appended(spool);
        pthread_mutex_lock(&spool->keeper);
        spool->sync_done = asked;
        spool->sync_code = code;
        pthread_cond_broadcast(&spool->keeper_done);
    }
    pthread_mutex_unlock(&spool->keeper);
    return NULL;
}

void segmo__keeper_ask(segmo__spool *spool, unsigned what)
{
    pthread_mutex_lock(&spool->keeper);
    atomic_fetch_or(&spool->keeper_wants, what);
    if (what & FOR_PREPARER)
        segmo__preparer_wake(spool);
    if (what & ~(unsigned)FOR_PREPARER)
        pthread_cond_signal(&spool->keeper_wake);
    pthread_mutex_unlock(&spool->keeper);
}

void segmo__spool_start(segmo__spool *spool)
{
    pthread_mutex_lock(&spool->append);
    if (!atomic_load(&spool->keeper_runs) &&
        segmo__thread_start(&spool->keeper_thread, run_keeper, spool, "segmo-keeper") == 0)
        atomic_store(&spool->keeper_runs, 1); /* without it appenders do the work themselves */
    pthread_mutex_unlock(&spool->append);
}

void segmo__keeper_stop(segmo__spool *spool)
{
    int preparer_runs;

    if (!atomic_load(&spool->keeper_runs))
        return;
    pthread_mutex_lock(&spool->keeper);
    atomic_fetch_or(&spool->keeper_wants, KEEPER_STOP);
    pthread_cond_signal(&spool->keeper_wake);
    pthread_cond_signal(&spool->preparer_wake);
    preparer_runs = spool->preparer_runs;
    pthread_mutex_unlock(&spool->keeper);
    pthread_join(spool->keeper_thread, NULL);
    if (preparer_runs)
        pthread_join(spool->preparer_thread, NULL);
    atomic_store(&spool->keeper_runs, 0);
    spool->preparer_runs = 0;
    if (spool->options.sync_ms > 0 && spool->dir)
        sync_all(spool);
}

/* ---- waiting for the disk ---- */

static int sync_without_keeper(segmo__spool *spool)
{
    int code;

    pthread_mutex_lock(&spool->append);
    code = sync_all(spool);
    pthread_mutex_unlock(&spool->append);
    return code;
}

/* Of a spool that will be closed, waiters have a little time left for a disk that answers. */
static int64_t deadline_now(const segmo__spool *spool, int64_t deadline_ms)
{
    int64_t ended_ms = segmo__spool_waits_ended_ms(spool);

    if (ended_ms > 0 && ended_ms + GRACE_MS < deadline_ms)
        return ended_ms + GRACE_MS;
    return deadline_ms;
}

/* Waiters that come while a sync runs share the next one. */
static int sync_by_keeper(segmo__spool *spool, uint32_t timeout_ms)
{
    int64_t deadline_ms = segmo__clock_mono_ms() + timeout_ms;
    uint64_t ticket;
    int in_time = 1, code;

    pthread_mutex_lock(&spool->keeper);
    ticket = ++spool->sync_asked;
    pthread_cond_signal(&spool->keeper_wake);
    while (spool->sync_done < ticket && in_time)
        in_time = segmo__cond_wait_until(&spool->keeper_done, &spool->keeper,
                                         deadline_now(spool, deadline_ms));
    code = spool->sync_done < ticket ? -ETIMEDOUT : spool->sync_code;
    pthread_mutex_unlock(&spool->keeper);
    return code;
}

int segmo__spool_sync(segmo__spool *spool, uint32_t timeout_ms, segmo_error **err)
{
    int code;

    if (!spool->dir)
        return SEGMO_OK;
    code = atomic_load(&spool->keeper_runs) ? sync_by_keeper(spool, timeout_ms)
                                            : sync_without_keeper(spool);
    if (code == -ETIMEDOUT && segmo__spool_waits_ended_ms(spool) > 0)
        return segmo__spool_fail_ended(err);
    if (code == -ETIMEDOUT)
        return segmo__fail(err, SEGMO_ERR_TIMEOUT, NULL,
                           "the disk did not confirm within %u ms; the messages are in its file, "
                           "wait again or look at the disk's load",
                           timeout_ms);
    return code == 0 ? SEGMO_OK : segmo__fail_io(err, code, "cannot sync", spool->dir->path);
}
