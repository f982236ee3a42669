/* Directories, names, locks and small files as wholes. */
#include "base/buf.h"
#include "base/file.h"
#include "base/id.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int tell_named(segmo__file_op op, const char *path, const char *to, int fd)
{
    segmo__file_tell(&(segmo__file_change){.op = op, .path = path, .to = to, .fd = fd});
    return 0;
}

static int is_directory(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static int make_directory(const char *path)
{
    if (mkdir(path, 0700) == 0) /* a umask may have taken our own rights */
        return chmod(path, 0700) == 0 ? tell_named(SEGMO__FILE_MKDIR, path, NULL, -1) : -errno;
    if (errno == EEXIST)
        return is_directory(path) ? 0 : -ENOTDIR;
    return -errno;
}

int segmo__file_mkdir(const char *path)
{
    int code = segmo__file_ask(SEGMO__FILE_MKDIR, path, -1, 0, NULL);
    size_t len = strlen(path);
    char part[PATH_MAX];

    if (code != 0)
        return code;
    if (len == 0 || len >= sizeof part)
        return len == 0 ? -ENOENT : -ENAMETOOLONG;
    memcpy(part, path, len + 1);
    for (size_t i = 1; i < len; i++) {
        if (part[i] != '/')
            continue;
        part[i] = '\0';
        if (!is_directory(part) && (code = make_directory(part)) != 0)
            return code;
        part[i] = '/';
    }
    return make_directory(part);
}

int segmo__file_unlink(const char *path)
{
    int code = segmo__file_ask(SEGMO__FILE_UNLINK, path, -1, 0, NULL);

    if (code != 0)
        return code;
    return unlink(path) == 0 ? tell_named(SEGMO__FILE_UNLINK, path, NULL, -1) : -errno;
}

int segmo__file_rmdir(const char *path)
{
    int code = segmo__file_ask(SEGMO__FILE_RMDIR, path, -1, 0, NULL);

    if (code != 0)
        return code;
    return rmdir(path) == 0 ? tell_named(SEGMO__FILE_RMDIR, path, NULL, -1) : -errno;
}

int segmo__file_rename(const char *from, const char *to)
{
    int code = segmo__file_ask(SEGMO__FILE_RENAME, from, -1, 0, NULL);

    if (code != 0)
        return code;
    return rename(from, to) == 0 ? tell_named(SEGMO__FILE_RENAME, from, to, -1) : -errno;
}

int segmo__file_sync_dir(const char *path)
{
    int code = segmo__file_ask(SEGMO__FILE_SYNC_DIR, path, -1, 0, NULL);
    int fd;

    if (code != 0)
        return code;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fsync(fd) != 0 && errno != EINVAL) /* EINVAL: a file system without such a thing */
        code = -errno;
    close(fd);
    return code == 0 ? tell_named(SEGMO__FILE_SYNC_DIR, path, NULL, -1) : code;
}

int segmo__file_sync_path(const char *path)
{
    int code = segmo__file_sync_dir(path);
    size_t len = strlen(path);
    char above[PATH_MAX];

    if (len >= sizeof above)
        return -ENAMETOOLONG;
    memcpy(above, path, len + 1);
    for (char *slash; code == 0 && (slash = strrchr(above, '/')) && slash > above;) {
        *slash = '\0';
        code = segmo__file_sync_dir(above);
        if (code == -EACCES || code == -EROFS)
            code = 0;
    }
    return code;
}

int64_t segmo__file_size(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? (int64_t)info.st_size : -errno;
}

int64_t segmo__file_mtime_ns(const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0)
        return -errno;
    return (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
}

/* Grows as it reads: what a size says of a pipe or of /proc is not true. */
static int read_whole(int fd, segmo__buf *text)
{
    for (;;) {
        ssize_t got;

        if (!segmo__buf_reserve(text, 1))
            return text->len < text->max ? -ENOMEM : -EFBIG;
        got = read(fd, text->data + text->len, text->cap - text->len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : 0;
        text->len += (size_t)got;
    }
}

int segmo__file_slurp(const char *path, size_t max, char **out, size_t *out_len)
{
    int code = segmo__file_ask(SEGMO__FILE_OPEN, path, -1, 0, NULL);
    segmo__buf text;
    int fd;

    if (code != 0)
        return code;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    segmo__buf_init(&text, max + 1); /* one more for the NUL */
    code = read_whole(fd, &text);
    close(fd);
    if (code == 0 && text.len > max)
        code = -EFBIG;
    if (code == 0) {
        *out_len = text.len;
        *out = segmo__buf_detach(&text);
        code = *out ? 0 : -ENOMEM;
    }
    segmo__buf_free(&text);
    return code;
}

static int write_beside(const char *path, const char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int code = 0;

    if (fd < 0)
        return -errno;
    tell_named(SEGMO__FILE_CREATE, path, NULL, fd);
    code = segmo__file_append(fd, bytes, len);
    if (code == 0)
        code = segmo__file_append_sync(fd);
    close(fd);
    return code;
}

int segmo__file_replace(const char *path, const void *bytes, size_t len)
{
    char beside[PATH_MAX];
    int code, size;

    size = snprintf(beside, sizeof beside, "%s.%016llx.new", path,
                    (unsigned long long)segmo__id_random());
    if (size < 0 || (size_t)size >= sizeof beside)
        return -ENAMETOOLONG;
    code = write_beside(beside, bytes, len);
    if (code == 0)
        code = segmo__file_rename(beside, path);
    if (code != 0)
        segmo__file_unlink(beside);
    return code;
}

typedef struct name_list {
    char **names;
    size_t count, room;
} name_list;

static int add_name(name_list *list, const char *name)
{
    if (list->count == list->room) {
        size_t room = list->room > 0 ? 2 * list->room : 32;
        char **names = segmo__realloc(list->names, room * sizeof *names);

        if (!names)
            return -ENOMEM;
        list->names = names;
        list->room = room;
    }
    list->names[list->count] = segmo__strdup(name);
    return list->names[list->count] ? (list->count++, 0) : -ENOMEM;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(const char *path, name_list *list)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int code = 0;

    if (!dir)
        return -errno;
    while (code == 0 && (errno = 0, entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            code = add_name(list, entry->d_name);
    }
    if (code == 0)
        code = -errno;
    closedir(dir);
    return code;
}

int segmo__file_list(const char *path, int (*each)(void *ctx, const char *name), void *ctx)
{
    int code = segmo__file_ask(SEGMO__FILE_LIST, path, -1, 0, NULL);
    name_list list = {0};

    if (code == 0)
        code = read_names(path, &list);
    if (list.count > 0)
        qsort(list.names, list.count, sizeof *list.names, by_name);
    for (size_t i = 0; i < list.count && code == 0; i++)
        code = each(ctx, list.names[i]);
    for (size_t i = 0; i < list.count; i++)
        segmo__free(list.names[i]);
    segmo__free(list.names);
    return code;
}

/* Locks of an open file description: as flock(), but one can look at them without taking them for a
 * moment. */
int segmo__file_lock(int *fd, const char *path, int create)
{
    int code = segmo__file_ask(SEGMO__FILE_LOCK, path, -1, 0, NULL);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    *fd = -1;
    if (code != 0)
        return code;
    *fd = open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0600);
    if (*fd < 0)
        return -errno;
    if (fcntl(*fd, F_OFD_SETLK, &whole) == 0)
        return tell_named(SEGMO__FILE_CREATE, path, NULL, *fd);
    code = errno == EACCES ? -EWOULDBLOCK : -errno;
    close(*fd);
    *fd = -1;
    return code;
}

int segmo__file_locked(const char *path)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int code;

    if (fd < 0)
        return -errno;
    code = fcntl(fd, F_OFD_GETLK, &whole) == 0 ? whole.l_type != F_UNLCK : -errno;
    close(fd);
    return code;
}
