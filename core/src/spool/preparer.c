/* The preparer thread, which only a busy process has, keeps files ready for the appenders: it makes
 * the next one, and lays sealed ones to rest. It never syncs: a slow disk must not hold it up. */
#include "spool/spool_parts.h"

/* ---- the next file ---- */

static void prefault(spool_file *file)
{
    uint32_t end = atomic_load_explicit(&file->end, memory_order_relaxed);

    segmo__file_prefault(&file->file, end, file->file.size - end);
}

static void prefault_active(segmo__spool *spool)
{
    spool_file *file;
    int claimed;

    pthread_mutex_lock(&spool->append);
    file = spool->active;
    claimed = file && segmo__spool_file_claim(spool, file);
    pthread_mutex_unlock(&spool->append);
    if (!claimed)
        return;
    prefault(file);
    segmo__spool_file_unclaim(spool, file);
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

/* What fails here is tried again by the appender that needs the file; it tells why. Only a file
 * that will soon be full is filled first: one that takes minutes would have its pieces synced again
 * and again. */
static void prepare_next(segmo__spool *spool)
{
    spool_file *file;
    int is_there, busy;

    pthread_mutex_lock(&spool->append);
    is_there = spool->prepared != NULL;
    busy = spool->busy;
    pthread_mutex_unlock(&spool->append);
    if (is_there || segmo__spool_file_create(spool, &file) != 0)
        return;
    if (busy)
        segmo__file_fill(&file->file, SEGMO__SEGMENT_DATA);
    prefault(file);
    while (!offer(spool, file)) {
        if (segmo__spool_file_rename(spool, file) == 0)
            continue;
        segmo__spool_file_free(file); /* it stays empty until somebody adopts the directory */
        return;
    }
}

/* ---- files that are full ---- */

static spool_file *claim_sealed(segmo__spool *spool)
{
    spool_file *file;

    pthread_mutex_lock(&spool->files);
    for (file = spool->first; file; file = file->next)
        if (!file->claimed && atomic_load(&file->sealed) && !atomic_load(&file->at_rest))
            break;
    if (file)
        file->claimed = 1;
    pthread_mutex_unlock(&spool->files);
    return file;
}

void segmo__spool_rest_sealed(segmo__spool *spool)
{
    spool_file *file;

    while ((file = claim_sealed(spool))) {
        segmo__spool_file_rest(spool, file);
        segmo__spool_file_unclaim(spool, file);
    }
}

/* ---- the thread ---- */

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
        segmo__spool_rest_sealed(spool);
        pthread_mutex_lock(&spool->keeper);
    }
    pthread_mutex_unlock(&spool->keeper);
    return NULL;
}

void segmo__preparer_wake(segmo__spool *spool)
{
    if (!spool->preparer_runs)
        spool->preparer_runs = segmo__thread_start(&spool->preparer_thread, run_preparer, spool,
                                                   "segmo-preparer") == 0;
    pthread_cond_signal(&spool->preparer_wake);
}
