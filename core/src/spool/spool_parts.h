/* What the spool's parts share: the object, its files, and who may touch what.
 *
 * Locks, in the order of taking them: `append` (the active file, one record at a time), `keeper`
 * (asking keeper and preparer), `files` (the lists of files and directories; descriptor and mapping
 * of each file), `room`. Slow work on a file is done without a lock by the one thread that has
 * claimed it. A counter is written by one side: by appenders under `append`, or by the worker;
 * anybody reads it.
 */
#ifndef SEGMO_SPOOL_SPOOL_PARTS_H
#define SEGMO_SPOOL_SPOOL_PARTS_H

#include "base/thread.h"
#include "spool/process_dir.h"
#include "spool/segment_file.h"
#include "spool/segment_reader.h"
#include "spool/spool.h"

#define DESTINATIONS SEGMO__SPOOL_DESTINATIONS
#define NO_RECORD    0xFF /* every destination: skipped */

typedef struct tally {
    uint64_t records, bytes;
} tally;

/* A tally that one side writes and others read. */
typedef struct shared_tally {
    _Atomic uint64_t records, bytes;
} shared_tally;

static inline void raise_by(_Atomic uint64_t *counter, uint64_t by)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, now + by, memory_order_relaxed);
}

static inline void raise_tally(shared_tally *counter, uint64_t records, uint64_t bytes)
{
    raise_by(&counter->records, records);
    raise_by(&counter->bytes, bytes);
}

typedef struct spool_file {
    struct spool_file *next;
    uint32_t number;
    segmo__process_dir *dir; /* NULL: in memory */
    char name[16];           /* in `dir`: rising in the order in which files were filled */
    uint32_t name_number;
    int adopted;
    segmo__file file;       /* open until it is at rest; in memory: always */
    _Atomic uint32_t end;   /* behind the last visible record */
    atomic_int sealed;      /* nothing is appended any more */
    atomic_int at_rest;     /* sealed, cut and closed */
    int claimed;            /* under `files`: a thread works on it, which no other does meanwhile */
    tally in[DESTINATIONS]; /* pending when appended or adopted; under `append` until sealed */
    uint32_t synced_to;     /* under the claim, as is: */
    int sync_failed;        /* what was to be synced has to be stored again */
    uint32_t disk_size;     /* under `files` */
    /* the worker's: */
    uint8_t *rows; /* settled table, when loaded; cells without a record get NO_RECORD */
    uint32_t dirty_from, dirty_to; /* rows that are not written yet */
    uint32_t scanned;              /* all rows before are settled */
    tally settled[DESTINATIONS];
    tally damage;
    uint32_t foreign;    /* records of others that still want something */
    unsigned failures;   /* reading failed so often */
    int64_t again_at_ms; /* when reading or unlinking is tried again */
} spool_file;

/* A dead process's directory that holds nothing for us, and its time when we looked. */
typedef struct passed_dir {
    struct passed_dir *next;
    char *path;
    int64_t mtime_ns;
} passed_dir;

/* Files are read in the order of their numbers. Only the active file can have more later: a cursor
 * that has read what stands in it goes on to files that were adopted since, and comes back. */
struct segmo__spool_cursor {
    struct segmo__spool_cursor *next;
    segmo__spool *spool;
    unsigned destination;
    uint32_t begun;   /* files up to this number were begun */
    spool_file *file; /* being read, or NULL */
    spool_file *live; /* left before it was sealed, or NULL */
    uint32_t live_at;
    spool_file *opened; /* the handle's */
    segmo__file handle;
    segmo__segment_reader reader;
};

/* Reading records again: a few open files, and the windows of them that were read last. */
#define READ_HANDLES 4
#define READ_WINDOWS 192 /* 12 MiB: what 32 lanes hold of users that come at random */
typedef struct read_handle {
    spool_file *file;
    segmo__file handle;
} read_handle;

typedef struct read_window {
    const spool_file *file; /* NULL: holds nothing */
    char *bytes;
    uint32_t at, len;
} read_window;

typedef struct read_again {
    spool_file *last; /* found last */
    read_handle handles[READ_HANDLES];
    unsigned next_handle;
    read_window windows[READ_WINDOWS];
    char *record; /* one that lies in two windows */
} read_again;

int segmo__read_again_init(read_again *again); /* 0: no memory */
void segmo__read_again_free(read_again *again);
/* As segmo__file_read(). `handle` (or NULL) serves where the file cannot be opened any more. */
ssize_t segmo__read_again_copy(read_again *again, spool_file *file, const segmo__file *handle,
                               uint32_t at, char *bytes, uint32_t len);
/* Of files in a directory: closes what the worker of the parent had open. Only at the fork itself:
 * the worker went on meanwhile, and what it opened then has no number yet that could be the child's
 * own. */
void segmo__read_again_fork_child(read_again *again);
void segmo__read_again_let_go(read_again *again, const spool_file *file);

enum { /* what keeper and preparer are asked for */
       KEEPER_STOP = 1,
       KEEPER_PREPARE = 2,  /* the next file will be wanted */
       KEEPER_PREFAULT = 4, /* the active file is being filled and was not made ready */
       KEEPER_SYNC = 8,     /* something was appended */
       KEEPER_REST = 16     /* a file was sealed */
};
#define FOR_PREPARER (KEEPER_PREPARE | KEEPER_PREFAULT | KEEPER_REST)

struct segmo__spool {
    segmo__spool_options options;
    char *root;              /* NULL: memory only */
    segmo__process_dir *dir; /* own */
    size_t max_payload;

    segmo__mutex append;
    spool_file *active;
    spool_file *prepared; /* the next active file */
    unsigned asked;       /* of the preparer, for this active file */
    int64_t changed_ms;   /* when it became the active one */
    int busy;             /* the one before was filled quickly */
    int forgotten;        /* a forked child's copy */
    int create_code;      /* why there is no further file */
    int64_t create_again_ms;
    atomic_int disk_full;
    _Atomic uint32_t names; /* used up in the own directory */
    shared_tally appended, appended_for[DESTINATIONS];

    segmo__mutex keeper;
    segmo__cond keeper_wake, keeper_done, preparer_wake;
    pthread_t keeper_thread, preparer_thread;
    atomic_int keeper_runs;
    int preparer_runs;
    atomic_uint keeper_wants;
    uint64_t sync_asked, sync_done;
    int sync_code;
    int root_synced;

    segmo__mutex files;
    segmo__cond claim_free;
    spool_file *first, *last;
    uint32_t number;         /* last one given to a file */
    atomic_int sealed_awake; /* files that are sealed and not at rest yet */
    _Atomic uint64_t file_count, file_bytes;
    segmo__process_dir *dirs; /* adopted */

    /* the worker's: */
    segmo__spool_cursor *cursors;
    spool_file *found; /* last looked up */
    read_again again;
    _Atomic uint64_t settled_up_to; /* file number << 32 | offset of a cell */
    passed_dir *passed;
    shared_tally adopted_for[DESTINATIONS], settled_for[DESTINATIONS], damaged;
    _Atomic uint64_t adopted_records;

    segmo__mutex room;
    segmo__cond room_made;
    atomic_int room_waiters;
    atomic_int_least64_t waits_ended_ms; /* 0: they are not */
};

static inline int is_configured(const segmo__spool *spool, unsigned destination)
{
    return (int)(spool->options.destinations >> destination & 1u);
}

void segmo__spool_notice(segmo__spool *spool, const char *code, uint64_t count, const char *format,
                         ...) __attribute__((format(printf, 4, 5)));

/* When the waits were ended, or 0; and the failure of one that was. */
int64_t segmo__spool_waits_ended_ms(const segmo__spool *spool);
int segmo__spool_fail_ended(segmo_error **err);

/* ---- spool_file.c: files and their list ---- */

/* The next file of the own directory, not in the list yet. 0 or -errno. */
int segmo__spool_file_create(segmo__spool *spool, spool_file **out);
int segmo__spool_file_rename(segmo__spool *spool, spool_file *file); /* to a higher name */
spool_file *segmo__spool_file_new(segmo__process_dir *dir, const char *name);
void segmo__spool_file_free(spool_file *file);
/* Puts it at the end of the list and gives it its number. */
void segmo__spool_file_add(segmo__spool *spool, spool_file *file);
void segmo__spool_file_take_out(segmo__spool *spool, spool_file *file);
spool_file *segmo__spool_file_after(segmo__spool *spool,
                                    const spool_file *file); /* NULL: the first */
/* Seals the active file; nothing may be appended to it again. Under `append`. */
void segmo__spool_file_seal(segmo__spool *spool, spool_file *file);
/* A file is synced, laid to rest or removed by one thread at a time: 1 when it is ours now. */
int segmo__spool_file_claim(segmo__spool *spool, spool_file *file);
void segmo__spool_file_unclaim(segmo__spool *spool, spool_file *file);
/* Unmaps, cuts and closes a sealed file that is claimed. */
void segmo__spool_file_rest(segmo__spool *spool, spool_file *file);
char *segmo__spool_file_path(const spool_file *file); /* NULL: memory ran out */
/* A handle for reading and for writing rows; closed with segmo__spool_file_close_handle(). */
int segmo__spool_file_handle(segmo__file *out, const spool_file *file, int writable);
void segmo__spool_file_close_handle(const spool_file *file, segmo__file *handle);

/* ---- append.c ---- */

int segmo__spool_try_disk(segmo__spool *spool); /* 1 when another file could be had */

/* ---- keeper.c ---- */

void segmo__keeper_ask(segmo__spool *spool, unsigned what);
void segmo__keeper_stop(segmo__spool *spool); /* both threads, after a last sync */

/* ---- preparer.c ---- */

void segmo__preparer_wake(segmo__spool *spool); /* under `keeper`; starts it if need be */
void segmo__spool_rest_sealed(segmo__spool *spool);

/* ---- settle.c ---- */

int segmo__spool_load_rows(spool_file *file); /* 0 or -errno */
int segmo__spool_is_done(const segmo__spool *spool,
                         const spool_file *file); /* nothing of ours is left in it */
/* Counts records as settled that cannot be read any more. */
void segmo__spool_write_off(segmo__spool *spool, spool_file *file, unsigned destination,
                            tally lost);

/* ---- cursor.c ---- */

void segmo__spool_let_go(segmo__spool *spool, const spool_file *file); /* it is about to be freed */

/* ---- adopt.c ---- */

/* Gives up an adopted directory in which nothing of ours is left. */
void segmo__spool_leave_dir(segmo__spool *spool, segmo__process_dir *dir);

/* ---- survey.c ---- */

/* What a file holds for us, by reading all of it. */
typedef struct survey {
    tally pending[DESTINATIONS];
    tally damage;
    uint64_t records; /* of ours with something pending */
    uint32_t foreign;
    uint32_t behind; /* where the last whole record ends */
} survey;
/* 0, or -errno; `out` then holds what was found up to there. */
int segmo__spool_survey(segmo__spool *spool, spool_file *file, uint32_t end, survey *out);
/* Finds out how many appended records damage has cost, so that nobody waits for them. */
void segmo__spool_recount(segmo__spool *spool, spool_file *file);

#endif
