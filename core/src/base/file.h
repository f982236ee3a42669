/* The one door to the disk. Everything that segmo stores goes through these calls, so that a test
 * can log, delay, fail and cut each of them (segmo__file_hook) for the mapped and the written back
 * end alike.
 *
 * Calls return 0 or a byte count on success and -errno on failure; they never print and never
 * abort.
 */
#ifndef SEGMO_BASE_FILE_H
#define SEGMO_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A file of fixed size whose bytes are stored either through a shared mapping (its blocks are
 * reserved first, so that SIGBUS cannot be reached) or, where a file system cannot reserve, with
 * pwrite(). */
typedef struct segmo__file {
    int fd;
    char *map; /* NULL: written */
    size_t size;
} segmo__file;

/* Creates `path` (0600, must not exist) with `size` zeroed bytes reserved. `path` NULL: an unnamed
 * file in memory. Fails with -ENOSPC when the disk has no room; then no file is left behind. */
int segmo__file_create(segmo__file *out, const char *path, size_t size);
int segmo__file_open(segmo__file *out, const char *path, int writable); /* never mapped */
/* Makes a mapping's pages ready, so that storing into them does not enter the kernel. Changes no
 * byte; any thread, beside stores. Does nothing for a written file. */
void segmo__file_prefault(segmo__file *file, uint64_t offset, uint64_t len);
/* Writes zeros from `offset` to the end of a mapped file that nobody stores into yet. The kernel
 * caches what is written in large pieces, and so prefaulting, storing and unmapping cost a third;
 * but from now on a sync writes whole pieces. Does nothing for a file that is not mapped. */
void segmo__file_fill(segmo__file *file, uint64_t offset);
void segmo__file_unmap(segmo__file *file); /* keeps the descriptor */
void segmo__file_close(segmo__file *file);

/* Stores bytes inside the size that was reserved; visible to segmo__file_read() at once. */
int segmo__file_store(segmo__file *file, uint64_t offset, const void *bytes, size_t len);
/* The same past the mapping: the first store into a mapping has the kernel cache what is around it
 * in small pieces. */
int segmo__file_write(segmo__file *file, uint64_t offset, const void *bytes, size_t len);
/* Stores 4 bytes in one step, after everything stored before (makes a record visible). */
int segmo__file_publish(segmo__file *file, uint64_t offset, uint32_t word);
ssize_t segmo__file_read(const segmo__file *file, uint64_t offset, void *bytes, size_t len);
int segmo__file_sync(segmo__file *file, uint64_t offset, uint64_t len); /* to the disk itself */
/* Stores the bytes from `from` up to `end` once more. After a sync that failed the system may take
 * them for written, and later syncs pass over them. Not of a mapped file. */
int segmo__file_store_again(segmo__file *file, uint64_t from, uint64_t end);
/* Nothing will be stored into the whole pages of this range any more: takes them out of the
 * mapping, so that syncing them costs no other processor anything. They can still be read. */
void segmo__file_release(segmo__file *file, uint64_t offset, uint64_t len);
int segmo__file_truncate(segmo__file *file, uint64_t size);

/* Text files that only grow (dead letters): one write per call, 0600. */
int segmo__file_append_open(int *fd, const char *path);
int segmo__file_append(int fd, const void *bytes, size_t len);
int segmo__file_append_sync(int fd);
/* Waits for the lock on a text file and holds it till unlocked: whoever appends to or replaces a
 * file that others may replace or append to takes it. */
int segmo__file_append_lock(int fd);
void segmo__file_append_unlock(int fd);
int64_t segmo__file_append_size(int fd); /* -ENOENT when the file has been replaced or unlinked */

int segmo__file_mkdir(const char *path); /* with parents, 0700; an existing directory is fine */
int segmo__file_unlink(const char *path);
int segmo__file_rmdir(const char *path);
int segmo__file_rename(const char *from, const char *to);
int segmo__file_sync_dir(const char *path); /* the names in it */
/* The names in a directory and those of its path. Directories above it that may not be read are
 * others', who made them long ago, and are passed over. */
int segmo__file_sync_path(const char *path);
int64_t segmo__file_size(const char *path);     /* or -errno */
int64_t segmo__file_mtime_ns(const char *path); /* or -errno */
/* Whole small file into a NUL terminated string that the caller frees with segmo__free(). -EFBIG
 * over `max`. */
int segmo__file_slurp(const char *path, size_t max, char **out, size_t *out_len);
/* Replaces a small file at once: written beside it, synced, renamed. */
int segmo__file_replace(const char *path, const void *bytes, size_t len);
/* Names in a directory, sorted, without "." and ".."; calls `each` until it answers non-zero, and
 * returns that answer (else 0, or -errno when the directory cannot be read). */
int segmo__file_list(const char *path, int (*each)(void *ctx, const char *name), void *ctx);

/* Opens and locks `path`; the lock ends with the descriptor or the process. -EWOULDBLOCK: held. */
int segmo__file_lock(int *fd, const char *path, int create);
int segmo__file_locked(
    const char *path); /* 1 while somebody holds that lock, 0 when not, or -errno */
void segmo__file_close_fd(int fd);

/* Words for an operator: owner, mode and the remedy for a path that cannot be used. */
void segmo__file_describe(const char *path, int code, char *out, size_t out_size);

/* Test point: sees each call before it is made; a non-zero answer -errno is returned instead of
 * making it.
 * `*len` may be shortened (a torn write). `path` or `fd` (-1: none) tells the file. May be set
 * while threads run. Not there in release builds. */
typedef enum segmo__file_op {
    SEGMO__FILE_CREATE,
    SEGMO__FILE_OPEN,
    SEGMO__FILE_STORE,
    SEGMO__FILE_PUBLISH,
    SEGMO__FILE_READ,
    SEGMO__FILE_SYNC,
    SEGMO__FILE_TRUNCATE,
    SEGMO__FILE_APPEND,
    SEGMO__FILE_MKDIR,
    SEGMO__FILE_UNLINK,
    SEGMO__FILE_RMDIR,
    SEGMO__FILE_RENAME,
    SEGMO__FILE_SYNC_DIR,
    SEGMO__FILE_LIST,
    SEGMO__FILE_LOCK
} segmo__file_op;
typedef int (*segmo__file_hook_fn)(void *ctx, segmo__file_op op, const char *path, int fd,
                                   uint64_t offset, size_t *len);

/* Test point: told of each change after it was made, so that a test can know what stands on the
 * disk and what only in memory. */
typedef struct segmo__file_change {
    segmo__file_op op; /* CREATE for whatever may have made a file, also OPEN and LOCK */
    const char *path;  /* of what is named */
    const char *to;    /* of a rename */
    int fd;            /* of a file that is open, or -1 */
    uint64_t offset;   /* TRUNCATE: the new size */
    uint64_t len;      /* CREATE: the new file's size; SYNC: how much of it is on the disk */
    const void *bytes; /* what was stored; NULL: nothing */
} segmo__file_change;
typedef void (*segmo__file_watch_fn)(void *ctx, const segmo__file_change *change);

#ifdef SEGMO_FAULTS
void segmo__file_hook(segmo__file_hook_fn hook, void *ctx); /* NULL: none */
int segmo__file_ask(segmo__file_op op, const char *path, int fd, uint64_t offset, size_t *len);
void segmo__file_watch(segmo__file_watch_fn watch, void *ctx); /* NULL: nobody */
void segmo__file_tell(const segmo__file_change *change);
#else
static inline int segmo__file_ask(segmo__file_op op, const char *path, int fd, uint64_t offset,
                                  size_t *len)
{
    (void)op, (void)path, (void)fd, (void)offset, (void)len;
    return 0;
}
static inline void segmo__file_tell(const segmo__file_change *change)
{
    (void)change;
}
#endif

#endif
