/* Bytes of files: created with their space reserved, stored, read, synced; and text files that only
 * grow.
 *
 * A mapping is used only where reserved blocks can be trusted under it. Elsewhere (copy on write,
 * networks) a store into a mapping could meet a full disk as SIGBUS, so the bytes are written
 * there.
 */
#include "base/file.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

#define PAGE          4096u
#define PREFAULT_STEP (64 * PAGE)
#define FILL_STEP     (32 * PAGE) /* what a sync may write too much; larger ones gain little */

#ifdef SEGMO_FAULTS
static segmo__file_hook_fn _Atomic hook_fn;
static void *_Atomic hook_ctx;

void segmo__file_hook(segmo__file_hook_fn hook, void *ctx)
{
    hook_fn = NULL; /* no hook ever sees the context of another */
    hook_ctx = ctx;
    hook_fn = hook;
}

int segmo__file_ask(segmo__file_op op, const char *path, int fd, uint64_t offset, size_t *len)
{
    segmo__file_hook_fn hook = hook_fn;
    size_t unused = 0;

    return hook ? hook(hook_ctx, op, path, fd, offset, len ? len : &unused) : 0;
}

static segmo__file_watch_fn _Atomic watch_fn;
static void *_Atomic watch_ctx;

void segmo__file_watch(segmo__file_watch_fn watch, void *ctx)
{
    watch_fn = NULL;
    watch_ctx = ctx;
    watch_fn = watch;
}

void segmo__file_tell(const segmo__file_change *change)
{
    segmo__file_watch_fn watch = watch_fn;

    if (watch)
        watch(watch_ctx, change);
}
#endif

static void tell_created(const char *path, int fd, uint64_t size)
{
    segmo__file_tell(
        &(segmo__file_change){.op = SEGMO__FILE_CREATE, .path = path, .fd = fd, .len = size});
}

static void tell_stored(segmo__file_op op, int fd, uint64_t offset, const void *bytes, size_t len)
{
    segmo__file_tell(
        &(segmo__file_change){.op = op, .fd = fd, .offset = offset, .bytes = bytes, .len = len});
}

static void tell_synced(int fd, uint64_t offset, uint64_t len)
{
    segmo__file_tell(
        &(segmo__file_change){.op = SEGMO__FILE_SYNC, .fd = fd, .offset = offset, .len = len});
}

/* Growing over the process's file size limit would raise SIGXFSZ, which kills the host. */
static int check_size_limit(uint64_t size)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        size > limit.rlim_cur)
        return -EFBIG;
    return 0;
}

/* Reserving is undone and begun again by every signal on some file systems, so none is let in. */
static int reserve(int fd, size_t size)
{
    sigset_t all, old;
    int code;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    code = fallocate(fd, 0, 0, (off_t)size) == 0 ? 0 : -errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return code;
}

static int keeps_reserved_blocks(int fd)
{
    struct statfs info;

    if (fstatfs(fd, &info) != 0)
        return 0;
    return info.f_type == EXT4_SUPER_MAGIC || info.f_type == XFS_SUPER_MAGIC ||
           info.f_type == TMPFS_MAGIC;
}

static int open_new(const char *path)
{
    int fd = path ? open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)
                  : memfd_create("segmo", MFD_CLOEXEC);

    if (fd < 0)
        return -errno;
    return fchmod(fd, 0600) == 0 ? fd : (close(fd), -EPERM);
}

/* Reserves and, where that can be trusted, maps. */
static int give_room(segmo__file *file, size_t size)
{
    int code = reserve(file->fd, size);
    void *map;

    if (code == -EOPNOTSUPP || code == -ENOSYS)
        return ftruncate(file->fd, (off_t)size) == 0 ? 0 : -errno;
    if (code != 0 || !keeps_reserved_blocks(file->fd))
        return code;
    map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, 0);
    if (map == MAP_FAILED)
        return 0; /* out of address space: writing works as well */
    file->map = map;
    return 0;
}

int segmo__file_create(segmo__file *out, const char *path, size_t size)
{
    int code = segmo__file_ask(SEGMO__FILE_CREATE, path, -1, 0, &size);

    *out = (segmo__file){.fd = -1, .size = size};
    if (code == 0)
        code = check_size_limit(size);
    if (code != 0)
        return code;
    out->fd = open_new(path);
    if (out->fd < 0)
        return out->fd;
    code = give_room(out, size);
    if (code != 0) {
        if (path)
            unlink(path);
        segmo__file_close(out);
    } else if (path) {
        tell_created(path, out->fd, size);
    }
    return code;
}

int segmo__file_open(segmo__file *out, const char *path, int writable)
{
    int code = segmo__file_ask(SEGMO__FILE_OPEN, path, -1, 0, NULL);
    int flags = (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK;
    struct stat info;

    *out = (segmo__file){.fd = -1};
    if (code != 0)
        return code;
    out->fd = open(path, flags | O_NOATIME); /* only an owner may leave the access time alone */
    if (out->fd < 0 && errno == EPERM)
        out->fd = open(path, flags);
    if (out->fd < 0)
        return -errno;
    if (fstat(out->fd, &info) != 0)
        code = -errno;
    else if (!S_ISREG(info.st_mode))
        code = -EINVAL;
    else
        out->size = (size_t)info.st_size;
    if (code != 0)
        segmo__file_close(out);
    return code;
}

/* In steps, since the address space is locked during each, and stores into other new pages wait for
 * it. Pages that were released meanwhile, and kernels before Linux 5.14, end it: pages are then
 * made ready by the first store. Touching them here instead could hit a released one. */
void segmo__file_prefault(segmo__file *file, uint64_t offset, uint64_t len)
{
    uint64_t at = offset & ~(uint64_t)(PAGE - 1);
    uint64_t end = len < file->size - offset ? offset + len : file->size;

    if (!file->map || offset >= file->size)
        return;
    for (; at < end; at += PREFAULT_STEP) {
        size_t step = end - at < PREFAULT_STEP ? (size_t)(end - at) : PREFAULT_STEP;

        if (madvise(file->map + at, step, MADV_POPULATE_WRITE) != 0)
            return;
    }
}

void segmo__file_unmap(segmo__file *file)
{
    if (file->map)
        munmap(file->map, file->size);
    file->map = NULL;
}

void segmo__file_close(segmo__file *file)
{
    segmo__file_unmap(file);
    segmo__file_close_fd(file->fd);
    file->fd = -1;
}

void segmo__file_close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

static int write_all(int fd, uint64_t offset, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t done = pwrite(fd, bytes, len, (off_t)offset);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        bytes += done;
        offset += (uint64_t)done;
        len -= (size_t)done;
    }
    return 0;
}

static int is_inside(const segmo__file *file, uint64_t offset, size_t len)
{
    return offset <= file->size && len <= file->size - offset;
}

static int store(const segmo__file *file, char *map, uint64_t offset, const void *bytes, size_t len)
{
    int code = segmo__file_ask(SEGMO__FILE_STORE, NULL, file->fd, offset, &len);

    if (code != 0)
        return code;
    if (!is_inside(file, offset, len))
        return -EINVAL;
    if (map)
        memcpy(map + offset, bytes, len);
    else
        code = write_all(file->fd, offset, bytes, len);
    if (code == 0)
        tell_stored(SEGMO__FILE_STORE, file->fd, offset, bytes, len);
    return code;
}

int segmo__file_store(segmo__file *file, uint64_t offset, const void *bytes, size_t len)
{
    return store(file, file->map, offset, bytes, len);
}

int segmo__file_write(segmo__file *file, uint64_t offset, const void *bytes, size_t len)
{
    return store(file, NULL, offset, bytes, len);
}

/* In aligned steps: the kernel takes the size of a piece from that of the write. */
void segmo__file_fill(segmo__file *file, uint64_t offset)
{
    static const char zeros[FILL_STEP];

    while (file->map && offset < file->size) {
        uint64_t step_end = (offset / FILL_STEP + 1) * FILL_STEP;
        uint64_t end = step_end < file->size ? step_end : file->size;

        if (write_all(file->fd, offset, zeros, end - offset) != 0)
            return;
        offset = end;
    }
}

int segmo__file_publish(segmo__file *file, uint64_t offset, uint32_t word)
{
    int code = segmo__file_ask(SEGMO__FILE_PUBLISH, NULL, file->fd, offset, NULL);
    uint32_t stored = htole32(word);

    if (code != 0)
        return code;
    if (!is_inside(file, offset, sizeof stored) || offset % sizeof stored != 0)
        return -EINVAL;
    if (file->map)
        __atomic_store_n((uint32_t *)(void *)(file->map + offset), stored, __ATOMIC_RELEASE);
    else
        code = write_all(file->fd, offset, (const char *)&stored, sizeof stored);
    if (code == 0)
        tell_stored(SEGMO__FILE_PUBLISH, file->fd, offset, &stored, sizeof stored);
    return code;
}

ssize_t segmo__file_read(const segmo__file *file, uint64_t offset, void *bytes, size_t len)
{
    int code = segmo__file_ask(SEGMO__FILE_READ, NULL, file->fd, offset, &len);
    size_t total = 0;

    if (code != 0)
        return code;
    while (total < len) {
        ssize_t got = pread(file->fd, (char *)bytes + total, len - total, (off_t)(offset + total));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        total += (size_t)got;
    }
    return (ssize_t)total;
}

/* The range is synced through a mapping of its own that has no pages: syncing the one that is
 * stored into would take away, page by page, that its pages are ready, and disturb every processor
 * for it. */
static int sync_range(int fd, uint64_t from, uint64_t len)
{
    char *map = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, (off_t)from);
    int code;

    if (map == MAP_FAILED)
        return -errno;
    code = msync(map, len, MS_SYNC) == 0 ? 0 : -errno;
    munmap(map, len);
    return code;
}

int segmo__file_sync(segmo__file *file, uint64_t offset, uint64_t len)
{
    int code = segmo__file_ask(SEGMO__FILE_SYNC, NULL, file->fd, offset, NULL);
    uint64_t from = offset & ~(uint64_t)(PAGE - 1);

    if (code != 0)
        return code;
    len = file->map ? len + (offset - from) : UINT64_MAX;
    if (file->map)
        code = sync_range(file->fd, from, len);
    else
        code = fdatasync(file->fd) == 0 ? 0 : -errno;
    if (code == 0)
        tell_synced(file->fd, file->map ? from : 0, len);
    return code;
}

int segmo__file_store_again(segmo__file *file, uint64_t from, uint64_t end)
{
    char bytes[16384];

    while (from < end) {
        size_t len = end - from < sizeof bytes ? (size_t)(end - from) : sizeof bytes;
        ssize_t got = segmo__file_read(file, from, bytes, len);
        int code = got > 0 ? segmo__file_store(file, from, bytes, (size_t)got) : (int)got;

        if (code != 0 || got == 0)
            return code;
        from += (uint64_t)got;
    }
    return 0;
}

void segmo__file_release(segmo__file *file, uint64_t offset, uint64_t len)
{
    uint64_t from = (offset + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    uint64_t end = (offset + len) & ~(uint64_t)(PAGE - 1);

    if (file->map && from < end)
        (void)mmap(file->map + from, end - from, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
}

int segmo__file_truncate(segmo__file *file, uint64_t size)
{
    int code = segmo__file_ask(SEGMO__FILE_TRUNCATE, NULL, file->fd, size, NULL);

    if (code != 0)
        return code;
    if (file->map)
        return -EBUSY; /* storing behind a mapping's end is SIGBUS */
    if (ftruncate(file->fd, (off_t)size) != 0)
        return -errno;
    file->size = (size_t)size;
    segmo__file_tell(
        &(segmo__file_change){.op = SEGMO__FILE_TRUNCATE, .fd = file->fd, .offset = size});
    return 0;
}

int segmo__file_append_open(int *fd, const char *path)
{
    int code = segmo__file_ask(SEGMO__FILE_OPEN, path, -1, 0, NULL);

    if (code != 0)
        return code;
    *fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0)
        return -errno;
    tell_created(path, *fd, 0);
    return 0;
}

/* A short write is taken back as far as possible: nothing of it may stay. */
static int append_once(int fd, const char *bytes, size_t len, off_t end)
{
    ssize_t done;

    do {
        done = write(fd, bytes, len);
    } while (done < 0 && errno == EINTR);
    if (done == (ssize_t)len)
        return 0;
    if (done < 0)
        return -errno;
    return ftruncate(fd, end) == 0 ? -ENOSPC : -EIO;
}

int segmo__file_append(int fd, const void *bytes, size_t len)
{
    off_t end = lseek(fd, 0, SEEK_END);
    size_t wanted = len;
    int code = segmo__file_ask(SEGMO__FILE_APPEND, NULL, fd, (uint64_t)end, &len);

    if (code == 0)
        code = end < 0 ? -errno : check_size_limit((uint64_t)end + len);
    if (code == 0)
        code = append_once(fd, bytes, len, end);
    if (code == 0)
        tell_stored(SEGMO__FILE_APPEND, fd, (uint64_t)end, bytes, len);
    return code == 0 && len < wanted ? -EIO : code; /* torn by the test point */
}

int segmo__file_append_sync(int fd)
{
    int code = segmo__file_ask(SEGMO__FILE_SYNC, NULL, fd, 0, NULL);

    if (code == 0)
        code = fdatasync(fd) == 0 ? 0 : -errno;
    if (code == 0)
        tell_synced(fd, 0, UINT64_MAX);
    return code;
}

int segmo__file_append_lock(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int code = segmo__file_ask(SEGMO__FILE_LOCK, NULL, fd, 0, NULL);

    if (code != 0)
        return code;
    while (fcntl(fd, F_OFD_SETLKW, &whole) != 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

void segmo__file_append_unlock(int fd)
{
    struct flock whole = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

    fcntl(fd, F_OFD_SETLK, &whole);
}

int64_t segmo__file_append_size(int fd)
{
    struct stat info;

    if (fstat(fd, &info) != 0)
        return -errno;
    return info.st_nlink > 0 ? (int64_t)info.st_size : -ENOENT;
}
