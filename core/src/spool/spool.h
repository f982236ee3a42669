/* The spool: a directory of append-only files where accepted messages wait.
 *
 *     spool.dir/
 *       <process>/lock            held while the process lives
 *       <process>/<number>.seg    8 MiB, reserved in advance
 *       damaged/<...>.seg         files in which something could not be read, once the rest of
 *                                 them is settled
 *       dead/<...>.ndjson         dead letters
 *
 * Appending is a copy into a mapped, reserved file on the caller's thread. A keeper thread prepares
 * the next file and syncs. Each record carries one settled state per destination in a table at the
 * head of its file: a crash between delivery and that mark leads to a second delivery, never to a
 * loss. A file is unlinked when every destination has settled every record in it. The spool moves
 * bytes; it does not know what a message is.
 */
#ifndef SEGMO_SPOOL_SPOOL_H
#define SEGMO_SPOOL_SPOOL_H

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

#define SEGMO__SPOOL_DESTINATIONS 4
#define SEGMO__SPOOL_FILE_SIZE    (8u << 20)

typedef enum segmo__settled {
    SEGMO__PENDING = 0,
    SEGMO__DELIVERED = 1,
    SEGMO__DEAD = 2,
    SEGMO__SKIPPED = 3
} segmo__settled;

typedef struct segmo__spool segmo__spool;

typedef struct segmo__spool_options {
    const char *dir;       /* NULL: memory only */
    uint64_t max_bytes;    /* quota of pending bytes per destination */
    uint32_t sync_ms;      /* 0: only when asked */
    uint32_t destinations; /* bit per configured destination */
    uint32_t file_size;    /* 0: SEGMO__SPOOL_FILE_SIZE; tests use small ones */
    /* 1 when a stored payload belongs to this client (its source is configured here); others are
     * never read out, settled or unlinked. NULL: all do. */
    int (*mine)(void *ctx, segmo__slice payload);
    /* Called by whoever commits, before settled states are written: brings to the disk what they
     * rest on. Not SEGMO_OK: they are not written now. NULL: they rest on nothing. */
    int (*before_commit)(void *ctx);
    /* Called from the thread that notices; must not call the spool. NULL: nobody listens. `code`:
     * adopted, damaged, unreadable, unknown_version, unlink_failed, sync_failed, disk_full,
     * disk_room. */
    void (*notice)(void *ctx, const char *code, const char *words, uint64_t count);
    void *ctx;
} segmo__spool_options;

/* A record's place. */
typedef struct segmo__record_ref {
    uint32_t file;   /* number private to this spool object, rising in reading order */
    uint32_t offset; /* in the file */
    uint32_t length; /* of the payload */
} segmo__record_ref;

/* Makes the directory of this process and adopts what dead ones left. Fails with SEGMO_ERR_IO,
 * SEGMO_ERR_MEMORY. */
int segmo__spool_open(segmo__spool **out, const segmo__spool_options *options, segmo_error **err);
void segmo__spool_start(
    segmo__spool *spool); /* starts the keeper, once; called with the first message */
/* Stops the keeper, syncs, unlinks what is settled, gives up the lock. Cursors are to be freed
 * before. In a forked child (`inherited`) it only forgets: nothing shared is touched, cursors may
 * still be there. */
void segmo__spool_close(segmo__spool *spool, int inherited);
/* For the fork guard: hold the append lock across fork; the child closes inherited lock
 * descriptors. */
void segmo__spool_fork_prepare(segmo__spool *spool);
void segmo__spool_fork_parent(segmo__spool *spool);
void segmo__spool_fork_child(segmo__spool *spool);

/* ---- any thread ---- */

/* Appends a payload of at most 128 KiB; `preset[d]` other than PENDING settles a destination from
 * the start. SEGMO_ERR_FULL when the disk has no room for another file. */
int segmo__spool_append(segmo__spool *spool, segmo__slice payload,
                        const uint8_t preset[SEGMO__SPOOL_DESTINATIONS], segmo_error **err);
/* Would `bytes` more of payload go over a destination's quota? */
int segmo__spool_over_quota(const segmo__spool *spool, unsigned destination, size_t bytes);
/* Waits until all that was appended is on the disk. SEGMO_ERR_TIMEOUT, SEGMO_ERR_IO. */
int segmo__spool_sync(segmo__spool *spool, uint32_t timeout_ms, segmo_error **err);
/* Waits until no configured destination is over quota and the disk has room. SEGMO_ERR_TIMEOUT. */
int segmo__spool_wait_room(segmo__spool *spool, uint32_t timeout_ms, segmo_error **err);
/* It will be closed: waits for room end at once, those for the disk if it needs more than a second,
 * with SEGMO_ERR_CLOSED. May be called again and again. */
void segmo__spool_end_waits(segmo__spool *spool);

typedef struct segmo__spool_counts {
    uint64_t appended_records, appended_bytes;           /* by this process */
    uint64_t pending_records[SEGMO__SPOOL_DESTINATIONS]; /* mine, adopted included */
    uint64_t pending_bytes[SEGMO__SPOOL_DESTINATIONS];
    uint64_t files, file_bytes, adopted_records;
    uint64_t damaged_records, damaged_bytes; /* records as far as they can be told apart */
    int disk_full;
} segmo__spool_counts;
void segmo__spool_count(const segmo__spool *spool, segmo__spool_counts *out);

/* ---- the worker's thread ---- */

/* Takes over directories whose owners are gone; at open their records come before own ones. Returns
 * how many records it adopted; `pending[d]` (or NULL) receives how many of them destination d has
 * not settled. Called at open and now and then by the worker. */
uint64_t segmo__spool_adopt(segmo__spool *spool, uint64_t pending[SEGMO__SPOOL_DESTINATIONS]);

/* What `mine` answers has changed: directories that held nothing for us are looked at again by the
 * next adoption. */
void segmo__spool_look_again(segmo__spool *spool);

/* A reader for one destination that hands out pending records, oldest first, each once. There may
 * be several. */
typedef struct segmo__spool_cursor segmo__spool_cursor;
int segmo__spool_cursor_open(segmo__spool_cursor **out, segmo__spool *spool, unsigned destination,
                             segmo_error **err);
void segmo__spool_cursor_free(segmo__spool_cursor *cursor);
/* 1 and a record (payload valid until the next call), 0 when nothing is left to read now. */
int segmo__spool_next(segmo__spool_cursor *cursor, segmo__record_ref *ref, segmo__slice *payload);

/* Reads a record again; its payload is valid until the next call. Fails with SEGMO_ERR_IO. */
int segmo__spool_read(segmo__spool *spool, const segmo__record_ref *ref, segmo__slice *payload,
                      segmo_error **err);

/* Marks a record as settled for a destination, in memory; segmo__spool_commit() writes what was
 * marked since the last commit and unlinks finished files. Answers 1 when the record was pending
 * until now, 0 when it was settled before (the first state stands) or its file is gone: every
 * record gets exactly one outcome. */
int segmo__spool_settle(segmo__spool *spool, const segmo__record_ref *ref, unsigned destination,
                        segmo__settled state);
segmo__settled segmo__spool_settled(segmo__spool *spool, const segmo__record_ref *ref,
                                    unsigned destination);
int segmo__spool_commit(segmo__spool *spool, segmo_error **err);

/* Has everything that was appended before a mark been settled for all destinations? For flush; true
 * from the worker's next commit on. */
typedef struct segmo__spool_mark {
    uint32_t file;
    uint32_t offset;
} segmo__spool_mark;
void segmo__spool_mark_end(segmo__spool *spool, segmo__spool_mark *out);     /* any thread */
int segmo__spool_passed(segmo__spool *spool, const segmo__spool_mark *mark); /* any thread */

/* ---- from outside, without a client ---- */

/* Calls `each` for every whole record below `dir`, of live and dead processes alike; changes
 * nothing. */
typedef struct segmo__spool_sight {
    const char *process; /* directory's name */
    int alive;
    const char *file;
    const uint8_t *settled; /* a segmo__settled per destination */
    segmo__slice payload;
} segmo__spool_sight;
int segmo__spool_look(const char *dir, int (*each)(void *ctx, const segmo__spool_sight *sight),
                      void *ctx, segmo_error **err);
/* Writes payloads as the directory of a process that has just died, to be adopted. `next` hands out
 * one payload with its preset states per call, 0 at the end. Destinations that shall not get it
 * must be preset, those that do not exist too: a file stays while somebody may want something in
 * it. Nothing appears unless all could be written, but where the disk fails in the last step and
 * then refuses to take it back. SEGMO_ERR_FULL, SEGMO_ERR_IO. */
int segmo__spool_plant(const char *dir,
                       int (*next)(void *ctx, segmo__slice *payload,
                                   uint8_t preset[SEGMO__SPOOL_DESTINATIONS]),
                       void *ctx, segmo_error **err);

#endif
