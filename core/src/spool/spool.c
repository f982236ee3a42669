/* The spool as a whole: opening, closing, fork, counts and room. */
#include "spool/spool_parts.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

#define LOOK_AGAIN_MS 100

void segmo__spool_notice(segmo__spool *spool, const char *code, uint64_t count, const char *format,
                         ...)
{
    char words[512];
    va_list args;

    if (!spool->options.notice)
        return;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    spool->options.notice(spool->options.ctx, code, words, count);
}

/* ---- open and close ---- */

static void init_locks(segmo__spool *spool)
{
    segmo__mutex_init(&spool->append);
    segmo__mutex_init(&spool->keeper);
    segmo__mutex_init(&spool->files);
    segmo__mutex_init(&spool->room);
    segmo__cond_init(&spool->keeper_wake);
    segmo__cond_init(&spool->keeper_done);
    segmo__cond_init(&spool->preparer_wake);
    segmo__cond_init(&spool->claim_free);
    segmo__cond_init(&spool->room_made);
}

static int make_own_dir(segmo__spool *spool, const char *root, segmo_error **err)
{
    int code;

    spool->root = segmo__strdup(root);
    if (!spool->root)
        return segmo__fail_memory(err);
    code = segmo__file_mkdir(root);
    if (code == 0)
        code = segmo__process_dir_make(&spool->dir, root);
    if (code == 0)
        code = segmo__process_dir_show(spool->dir);
    return code == 0 ? SEGMO_OK : segmo__fail_io(err, code, "cannot use the spool directory", root);
}

int segmo__spool_open(segmo__spool **out, const segmo__spool_options *options, segmo_error **err)
{
    segmo__spool *spool = segmo__zalloc(sizeof *spool);
    size_t room;
    int status = SEGMO_OK;

    if (!spool)
        return segmo__fail_memory(err);
    spool->options = *options;
    spool->options.dir = NULL; /* `root` is our copy */
    spool->options.file_size = options->file_size > 0 ? options->file_size : SEGMO__SPOOL_FILE_SIZE;
    room = spool->options.file_size - SEGMO__SEGMENT_DATA - SEGMO__RECORD_HEADER;
    spool->max_payload = room < SEGMO__SEGMENT_MAX_PAYLOAD ? room : SEGMO__SEGMENT_MAX_PAYLOAD;
    atomic_store(&spool->settled_up_to, (uint64_t)1 << 32);
    init_locks(spool);
    if (!segmo__read_again_init(&spool->again))
        status = segmo__fail_memory(err);
    else if (options->dir)
        status = make_own_dir(spool, options->dir, err);
    if (status == SEGMO_OK) {
        segmo__spool_adopt(spool, NULL);
        *out = spool;
    } else {
        segmo__spool_close(spool, 0);
    }
    return status;
}

/* What was prepared and never used. */
static void drop_prepared(segmo__spool *spool)
{
    char *path = spool->prepared && spool->dir ? segmo__spool_file_path(spool->prepared) : NULL;

    if (path)
        segmo__file_unlink(path);
    segmo__free(path);
    segmo__spool_file_free(spool->prepared);
    spool->prepared = NULL;
}

static void settle_down(segmo__spool *spool)
{
    segmo__keeper_stop(spool);
    if (spool->active)
        segmo__spool_file_seal(spool, spool->active);
    spool->active = NULL;
    segmo__spool_rest_sealed(spool);
    drop_prepared(spool);
    segmo__spool_commit(spool, NULL);
    if (spool->dir)
        segmo__process_dir_remove(spool->dir);
}

void segmo__spool_close(segmo__spool *spool, int inherited)
{
    if (!spool)
        return;
    if (!inherited)
        settle_down(spool);
    segmo__read_again_free(&spool->again);
    while (spool->first) {
        spool_file *next = spool->first->next;

        segmo__spool_file_free(spool->first);
        spool->first = next;
    }
    segmo__spool_file_free(spool->prepared);
    while (spool->dirs) {
        segmo__process_dir *next = spool->dirs->next;

        segmo__process_dir_free(spool->dirs);
        spool->dirs = next;
    }
    segmo__process_dir_free(spool->dir);
    segmo__spool_look_again(spool);
    segmo__free(spool->root);
    segmo__free(spool);
}

/* ---- fork ---- */

void segmo__spool_fork_prepare(segmo__spool *spool)
{
    pthread_mutex_lock(&spool->append);
    pthread_mutex_lock(&spool->keeper);
    pthread_mutex_lock(&spool->files);
    pthread_mutex_lock(&spool->room);
}

void segmo__spool_fork_parent(segmo__spool *spool)
{
    pthread_mutex_unlock(&spool->room);
    pthread_mutex_unlock(&spool->files);
    pthread_mutex_unlock(&spool->keeper);
    pthread_mutex_unlock(&spool->append);
}

/* The locks on directories are the parent's: an open copy here would keep them beyond its life. */
void segmo__spool_fork_child(segmo__spool *spool)
{
    init_locks(spool);
    spool->forgotten = 1;
    atomic_store(&spool->keeper_runs, 0);
    spool->preparer_runs = 0;
    if (spool->dir) {
        segmo__read_again_fork_child(&spool->again);
        segmo__file_close_fd(spool->dir->lock_fd);
        spool->dir->lock_fd = -1;
    }
    for (segmo__process_dir *dir = spool->dirs; dir; dir = dir->next) {
        segmo__file_close_fd(dir->lock_fd);
        dir->lock_fd = -1;
    }
}

/* ---- counts and room ---- */

/* What left is read first: a difference is never below zero. */
static tally pending(const segmo__spool *spool, unsigned d)
{
    tally left = {atomic_load(&spool->settled_for[d].records),
                  atomic_load(&spool->settled_for[d].bytes)};

    return (tally){atomic_load(&spool->appended_for[d].records) +
                       atomic_load(&spool->adopted_for[d].records) - left.records,
                   atomic_load(&spool->appended_for[d].bytes) +
                       atomic_load(&spool->adopted_for[d].bytes) - left.bytes};
}

int segmo__spool_over_quota(const segmo__spool *spool, unsigned destination, size_t bytes)
{
    return pending(spool, destination).bytes + bytes > spool->options.max_bytes;
}

void segmo__spool_count(const segmo__spool *spool, segmo__spool_counts *out)
{
    *out = (segmo__spool_counts){
        .appended_records = atomic_load(&spool->appended.records),
        .appended_bytes = atomic_load(&spool->appended.bytes),
        .files = atomic_load(&spool->file_count),
        .file_bytes = atomic_load(&spool->file_bytes),
        .adopted_records = atomic_load(&spool->adopted_records),
        .damaged_records = atomic_load(&spool->damaged.records),
        .damaged_bytes = atomic_load(&spool->damaged.bytes),
        .disk_full = atomic_load(&spool->disk_full),
    };
    for (unsigned d = 0; d < DESTINATIONS; d++) {
        tally waiting = pending(spool, d);

        out->pending_records[d] = waiting.records;
        out->pending_bytes[d] = waiting.bytes;
    }
}

/* Room for a message of any size, so that a waiter does not come back at once. */
static size_t headroom(const segmo__spool *spool)
{
    uint64_t half = spool->options.max_bytes / 2;

    return half < spool->max_payload ? (size_t)half : spool->max_payload;
}

/* A message is refused when no destination that wants it has room, so it is enough that one has. */
static int has_quota(const segmo__spool *spool)
{
    int full = 0;

    for (unsigned d = 0; d < DESTINATIONS; d++) {
        if (!is_configured(spool, d) || pending(spool, d).records == 0)
            continue;
        if (!segmo__spool_over_quota(spool, d, headroom(spool)))
            return 1;
        full = 1;
    }
    return !full;
}

static int has_room(segmo__spool *spool)
{
    return has_quota(spool) && (!atomic_load(&spool->disk_full) || segmo__spool_try_disk(spool));
}

int64_t segmo__spool_waits_ended_ms(const segmo__spool *spool)
{
    return atomic_load(&spool->waits_ended_ms);
}

int segmo__spool_fail_ended(segmo_error **err)
{
    return segmo__fail(err, SEGMO_ERR_CLOSED, NULL, "the client was closed meanwhile");
}

void segmo__spool_end_waits(segmo__spool *spool)
{
    int_least64_t never = 0;

    atomic_compare_exchange_strong(&spool->waits_ended_ms, &never, segmo__clock_mono_ms());
    pthread_mutex_lock(&spool->keeper);
    pthread_cond_broadcast(&spool->keeper_done);
    pthread_mutex_unlock(&spool->keeper);
    pthread_mutex_lock(&spool->room);
    pthread_cond_broadcast(&spool->room_made);
    pthread_mutex_unlock(&spool->room);
}

int segmo__spool_wait_room(segmo__spool *spool, uint32_t timeout_ms, segmo_error **err)
{
    int64_t now_ms = segmo__clock_mono_ms(), deadline_ms = now_ms + timeout_ms;
    int room = has_room(spool);

    atomic_fetch_add(&spool->room_waiters, 1);
    while (!room && now_ms < deadline_ms && !segmo__spool_waits_ended_ms(spool)) {
        int64_t look_ms = now_ms + LOOK_AGAIN_MS;

        pthread_mutex_lock(&spool->room);
        segmo__cond_wait_until(&spool->room_made, &spool->room,
                               look_ms < deadline_ms ? look_ms : deadline_ms);
        pthread_mutex_unlock(&spool->room);
        room = has_room(spool);
        now_ms = segmo__clock_mono_ms();
    }
    atomic_fetch_sub(&spool->room_waiters, 1);
    if (room)
        return SEGMO_OK;
    if (segmo__spool_waits_ended_ms(spool))
        return segmo__spool_fail_ended(err);
    return segmo__fail(err, SEGMO_ERR_TIMEOUT, "spool.max_bytes",
                       "the spool had no room within %u ms; raise spool.max_bytes, free the disk "
                       "or look why a destination does not take messages",
                       timeout_ms);
}
