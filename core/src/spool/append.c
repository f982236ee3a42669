/* Appending, on the thread of whoever calls: a copy into the active file, under one lock. */
#include "spool/spool_parts.h"

#include "base/clock.h"

#include <errno.h>

#define CREATE_AGAIN_MS 100
#define BUSY_MS         1000 /* a file filled faster than that: the next one is wanted at once */
#define PREFAULT_FROM   (64u << 10) /* a process with few messages shall not fill memory */

/* Makes another file the active one: the prepared one, or a new one on the spot. */
static int change_file(segmo__spool *spool)
{
    spool_file *file = spool->prepared;
    unsigned made_ready = file ? KEEPER_PREFAULT : 0;
    int64_t now_ms = segmo__clock_mono_ms();

    if (!file) {
        if (spool->create_code != 0 && now_ms < spool->create_again_ms)
            return spool->create_code;
        spool->create_code = segmo__spool_file_create(spool, &file);
        spool->create_again_ms = now_ms + CREATE_AGAIN_MS;
        if (spool->create_code != 0)
            return spool->create_code;
    }
    spool->prepared = NULL;
    if (spool->active)
        segmo__spool_file_seal(spool, spool->active);
    segmo__spool_file_add(spool, file);
    spool->active = file;
    spool->asked = made_ready;
    spool->busy = now_ms - spool->changed_ms < BUSY_MS;
    spool->changed_ms = now_ms;
    return 0;
}

static void ask_keeper(segmo__spool *spool, uint32_t end)
{
    uint64_t half = spool->active->file.size / 2;
    uint64_t prepare_from = spool->busy ? 0 : half;
    unsigned wants = 0;

    if (!atomic_load_explicit(&spool->keeper_runs, memory_order_relaxed))
        return;
    if (end > PREFAULT_FROM + SEGMO__SEGMENT_DATA)
        wants |= KEEPER_PREFAULT & ~spool->asked;
    if (end > prepare_from)
        wants |= KEEPER_PREPARE & ~spool->asked;
    spool->asked |= wants;
    if (spool->options.sync_ms > 0 && spool->dir &&
        !(atomic_load_explicit(&spool->keeper_wants, memory_order_relaxed) & KEEPER_SYNC))
        wants |= KEEPER_SYNC;
    if (wants != 0)
        segmo__keeper_ask(spool, wants);
}

static void count_appended(segmo__spool *spool, uint8_t flags, size_t len)
{
    raise_tally(&spool->appended, 1, len);
    for (unsigned d = 0; d < DESTINATIONS; d++) {
        if (!is_configured(spool, d) || segmo__segment_state(flags, d) != SEGMO__PENDING)
            continue;
        raise_tally(&spool->appended_for[d], 1, len);
        spool->active->in[d].records++;
        spool->active->in[d].bytes += len;
    }
}

static int append_locked(segmo__spool *spool, const unsigned char *header, segmo__slice payload)
{
    spool_file *file = spool->active;
    uint32_t at = file ? atomic_load_explicit(&file->end, memory_order_relaxed) : 0;
    int code;

    if (!file || !segmo__segment_fits(&file->file, at, payload.len)) {
        code = change_file(spool);
        if (code != 0)
            return code;
        file = spool->active;
        at = SEGMO__SEGMENT_DATA;
    }
    code = segmo__segment_put(&file->file, at, header, payload);
    if (code != 0) { /* what stands behind the end now is cut off */
        spool->active = NULL;
        segmo__spool_file_seal(spool, file);
        return code;
    }
    count_appended(spool, segmo__record_flags(header), payload.len);
    at = segmo__segment_behind(at, payload.len);
    atomic_store_explicit(&file->end, at, memory_order_release);
    ask_keeper(spool, at);
    return 0;
}

/* Nobody else would ever settle a destination that is not configured here. */
static uint8_t states_from_start(const segmo__spool *spool,
                                 const uint8_t preset[SEGMO__SPOOL_DESTINATIONS])
{
    uint8_t flags = 0;

    for (unsigned d = 0; d < DESTINATIONS; d++) {
        unsigned state = preset[d];

        if (!is_configured(spool, d) && state == SEGMO__PENDING)
            state = SEGMO__SKIPPED;
        flags = segmo__segment_with_state(flags, d, state);
    }
    return flags;
}

static int is_full(int code)
{
    return code == -ENOSPC || code == -EDQUOT;
}

/* Tells once when the disk is full and once when it has room again. */
static void note_room(segmo__spool *spool, int code)
{
    if (is_full(code) && !atomic_exchange(&spool->disk_full, 1))
        segmo__spool_notice(spool, "disk_full", 1,
                            "no room for another spool file in %s; free some (df -h)",
                            spool->root ? spool->root : "memory");
    if (code == 0 && atomic_load_explicit(&spool->disk_full, memory_order_relaxed) &&
        atomic_exchange(&spool->disk_full, 0))
        segmo__spool_notice(spool, "disk_room", 1, "the spool has room again");
}

static int fail_append(segmo__spool *spool, int code, segmo_error **err)
{
    const char *path = spool->dir ? spool->dir->path : "memory";

    if (code == -ECHILD)
        return segmo__fail(err, SEGMO_ERR_CLOSED, NULL, "this spool belongs to the parent process");
    if (is_full(code))
        return segmo__fail(
            err, SEGMO_ERR_FULL, "spool.dir",
            "no room for another spool file in %s; free some (df -h), then try again", path);
    return segmo__fail_io(err, code, "cannot append to the spool in", path);
}

int segmo__spool_append(segmo__spool *spool, segmo__slice payload,
                        const uint8_t preset[SEGMO__SPOOL_DESTINATIONS], segmo_error **err)
{
    unsigned char header[SEGMO__RECORD_HEADER];
    int code;

    if (payload.len > spool->max_payload)
        return segmo__fail(
            err, SEGMO_ERR_TOO_LARGE, NULL,
            "%zu bytes, the spool takes at most %zu in one record; send less at once", payload.len,
            spool->max_payload);
    segmo__record_header(header, states_from_start(spool, preset), payload.at, payload.len);
    pthread_mutex_lock(&spool->append);
    code = spool->forgotten ? -ECHILD : append_locked(spool, header, payload);
    pthread_mutex_unlock(&spool->append);
    note_room(spool, code);
    return code == 0 ? SEGMO_OK : fail_append(spool, code, err);
}

int segmo__spool_try_disk(segmo__spool *spool)
{
    int code;

    pthread_mutex_lock(&spool->append);
    code = spool->forgotten ? -ECHILD : change_file(spool);
    pthread_mutex_unlock(&spool->append);
    note_room(spool, code);
    return code == 0;
}
