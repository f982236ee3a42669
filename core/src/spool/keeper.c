/* The keeper thread: does for the appenders what would make them wait. It prepares the next file,
 * syncs what was appended, and lays sealed files to rest. It sleeps while nothing is appended. */
#include "spool/spool_parts.h"

#include "base/clock.h"

#include <errno.h>

/* Own files before they are at rest are the keeper's: nobody else unmaps or frees them. */
static spool_file *next_awake(segmo__spool *spool, uint32_t behind)
{
    spool_file *file;

    pthread_mutex_lock(&spool->files);
    for (file = spool->first; file; file = file->next)
        if (file->number > behind && !atomic_load_explicit(&file->at_rest, memory_order_relaxed))
            break;
    pthread_mutex_unlock(&spool->files);
    return file;
}

static int sync_names(segmo__spool *spool)
{
    int code = segmo__file_sync_dir(spool->dir->path);

    if (code == 0 && !spool->root_synced) {
        code = segmo__file_sync_dir(spool->root);
        spool->root_synced = code == 0;
    }
    return code;
}

/* Records are never stored into again; the settled table is. The page that the last sync left half
 * filled starts before `from`. */
static uint32_t released(uint32_t from)
{
    uint32_t page = from & ~(uint32_t)4095;

    return page > SEGMO__SEGMENT_DATA ? page : SEGMO__SEGMENT_DATA;
}

/* Syncs the pages that were appended to, and not the whole file, which would take away that its
 * pages are ready. */
static int sync_file(segmo__spool *spool, spool_file *file)
{
    uint32_t end = atomic_load_explicit(&file->end, memory_order_acquire);
    uint32_t from = file->synced_to;
    int code;

    if (!file->dir || end <= (from > 0 ? from : SEGMO__SEGMENT_DATA))
        return 0;
    segmo__file_release(&file->file, released(from), end - released(from));
    code = segmo__file_sync(&file->file, from, end - from);
    if (code == 0 && from == 0)
        code = sync_names(spool);
    if (code == 0)
        file->synced_to = end;
    return code;
}

int segmo__keeper_round(segmo__spool *spool, int sync)
{
    spool_file *file = next_awake(spool, 0);
    int first_code = 0;

    while (file) {
        uint32_t number = file->number;
        int sealed = atomic_load_explicit(&file->sealed, memory_order_acquire);
        int code = sync || (sealed && spool->options.sync_ms > 0) ? sync_file(spool, file) : 0;

        if (code != 0 && first_code == 0)
            first_code = code;
        if (sealed)
            segmo__spool_file_rest(spool, file);
        file = next_awake(spool, number);
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
    code = segmo__keeper_round(spool, 1);
    if (code != 0) {
        atomic_fetch_or(&spool->keeper_wants, KEEPER_SYNC);
        if (spool->sync_code == 0)
            segmo__spool_notice(spool, "sync_failed", 1, "the spool could not be synced to disk");
    }
    return code;
}

#define FOR_PREPARER (KEEPER_PREPARE | KEEPER_PREFAULT)

/* Sleeps until there is something to do; returns whether it is time to sync. */
static int wait_for_work(segmo__spool *spool, int64_t *sync_at_ms)
{
    for (;;) {
        unsigned wants = atomic_load(&spool->keeper_wants) & ~(unsigned)FOR_PREPARER;
        int64_t now_ms = segmo__clock_mono_ms();

        if ((wants & KEEPER_SYNC) && *sync_at_ms == 0)
            *sync_at_ms = now_ms + spool->options.sync_ms;
        if (spool->sync_asked > spool->sync_done || (*sync_at_ms > 0 && now_ms >= *sync_at_ms)) {
            *sync_at_ms = 0;
            return 1;
        }
        if (wants & ~(unsigned)KEEPER_SYNC)
            return 0;
        if (*sync_at_ms > 0)
            segmo__cond_wait_until(&spool->keeper_wake, &spool->keeper, *sync_at_ms);
        else
            pthread_cond_wait(&spool->keeper_wake, &spool->keeper);
    }
}

static void *run_keeper(void *arg)
{
    segmo__spool *spool = arg;
    int64_t sync_at_ms = 0;

    pthread_mutex_lock(&spool->keeper);
    while (!(atomic_load(&spool->keeper_wants) & KEEPER_STOP)) {
        int sync = wait_for_work(spool, &sync_at_ms);
        uint64_t asked = spool->sync_asked;
        int code;

        atomic_fetch_and(&spool->keeper_wants, ~(unsigned)KEEPER_REST);
        pthread_mutex_unlock(&spool->keeper);
        code = sync ? sync_appended(spool) : segmo__keeper_round(spool, 0);
        pthread_mutex_lock(&spool->keeper);
        if (sync) {
            spool->sync_done = asked;
            spool->sync_code = code;
            pthread_cond_broadcast(&spool->keeper_done);
        }
    }
    pthread_mutex_unlock(&spool->keeper);
    return NULL;
}

/* ---- the preparer ---- */

static void prefault(spool_file *file)
{
    uint32_t end = atomic_load_explicit(&file->end, memory_order_relaxed);

    segmo__file_prefault(&file->file, end, file->file.size - end);
}

/* 0 when a file was begun meanwhile that has a higher name. */
static int offer(segmo__spool *spool, spool_file *file)
{
    int in_order;

    pthread_mutex_lock(&spool->append);
    in_order = !spool->active || spool->active->name_number < file->name_number;
    if (in_order)
        spool->prepared = file;
    pthread_mutex_unlock(&spool->append);
    return in_order;
}

/* What fails here is tried again by the appender that needs the file; it tells why. */
static void prepare_next(segmo__spool *spool)
{
    spool_file *file;
    int is_there;

    pthread_mutex_lock(&spool->append);
    is_there = spool->prepared != NULL;
    pthread_mutex_unlock(&spool->append);
    if (is_there || segmo__spool_file_create(spool, &file) != 0)
        return;
    prefault(file);
    while (!offer(spool, file)) {
        if (segmo__spool_file_rename(spool, file) == 0)
            continue;
        segmo__spool_file_free(file); /* it stays empty until somebody adopts the directory */
        return;
    }
}

static void prefault_active(segmo__spool *spool)
{
    spool_file *file;

    pthread_mutex_lock(&spool->append);
    file = spool->active;
    pthread_mutex_unlock(&spool->append);
    if (file)
        prefault(file);
}

static void *run_preparer(void *arg)
{
    segmo__spool *spool = arg;
    unsigned wants;

    pthread_mutex_lock(&spool->keeper);
    while (!((wants = atomic_load(&spool->keeper_wants)) & KEEPER_STOP)) {
        if (!(wants & FOR_PREPARER)) {
            pthread_cond_wait(&spool->preparer_wake, &spool->keeper);
            continue;
        }
        atomic_fetch_and(&spool->keeper_wants, ~(unsigned)FOR_PREPARER);
        pthread_mutex_unlock(&spool->keeper);
        if (wants & KEEPER_PREFAULT)
            prefault_active(spool);
        if (wants & KEEPER_PREPARE)
            prepare_next(spool);
        pthread_mutex_lock(&spool->keeper);
    }
    pthread_mutex_unlock(&spool->keeper);
    return NULL;
}

/* ---- asking them ---- */

void segmo__keeper_ask(segmo__spool *spool, unsigned what)
{
    pthread_mutex_lock(&spool->keeper);
    atomic_fetch_or(&spool->keeper_wants, what);
    if ((what & FOR_PREPARER) && !spool->preparer_runs)
        spool->preparer_runs = segmo__thread_start(&spool->preparer_thread, run_preparer, spool,
                                                   "segmo-preparer") == 0;
    if (what & FOR_PREPARER)
        pthread_cond_signal(&spool->preparer_wake);
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
}

/* ---- waiting for the disk ---- */

static int sync_without_keeper(segmo__spool *spool)
{
    int code;

    pthread_mutex_lock(&spool->append);
    code = segmo__keeper_round(spool, 1);
    pthread_mutex_unlock(&spool->append);
    return code;
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
        in_time = segmo__cond_wait_until(&spool->keeper_done, &spool->keeper, deadline_ms);
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
    if (code == -ETIMEDOUT)
        return segmo__fail(err, SEGMO_ERR_TIMEOUT, NULL,
                           "the disk did not confirm within %u ms; the messages are in its file, "
                           "wait again or look at the disk's load",
                           timeout_ms);
    return code == 0 ? SEGMO_OK : segmo__fail_io(err, code, "cannot sync", spool->dir->path);
}
