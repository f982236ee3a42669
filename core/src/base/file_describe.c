/* What an operator must do about a path that cannot be used. Users and owners are numbers: looking
 * up names may ask a network. */
#include "base/file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Cuts `path` to its parent; 0 when there is none. */
static int go_up(char *path)
{
    char *slash = strrchr(path, '/');

    if (strcmp(path, "/") == 0 || strcmp(path, ".") == 0)
        return 0;
    if (!slash)
        memcpy(path, ".", 2);
    else
        slash[slash == path ? 1 : 0] = '\0';
    return 1;
}

/* The nearest part of `path` that is there and can be looked at. */
static int find_existing(const char *path, char part[PATH_MAX], struct stat *info)
{
    if (strlen(path) >= PATH_MAX)
        return 0;
    memcpy(part, path, strlen(path) + 1);
    do {
        if (stat(part, info) == 0)
            return 1;
    } while (go_up(part));
    return 0;
}

/* The part that refuses: what exists may be fine itself in a directory that is not. */
static int find_refusing(const char *path, char part[PATH_MAX], struct stat *info)
{
    char up[PATH_MAX];

    if (!find_existing(path, part, info))
        return 0;
    memcpy(up, part, strlen(part) + 1);
    if (!S_ISDIR(info->st_mode) && access(part, R_OK | W_OK) == 0 && go_up(up) &&
        stat(up, info) == 0)
        memcpy(part, up, strlen(up) + 1);
    return 1;
}

static void describe_refusal(const char *path, char *out, size_t size)
{
    struct stat info;
    char part[PATH_MAX];
    unsigned uid = (unsigned)geteuid();

    if (!find_refusing(path, part, &info)) {
        snprintf(out, size, "permission denied for user %u; choose a path this user may write",
                 uid);
        return;
    }
    snprintf(
        out, size,
        "permission denied: %s belongs to user %u, mode %04o, and this process runs as user %u; "
        "chown %u %s (or chmod u+rwx as its owner), or choose another path",
        part, (unsigned)info.st_uid, (unsigned)(info.st_mode & 07777), uid, uid, part);
}

static void describe_not_directory(const char *path, char *out, size_t size)
{
    struct stat info;
    char part[PATH_MAX];

    if (!find_existing(path, part, &info) || S_ISDIR(info.st_mode)) {
        snprintf(out, size, "a part of the path is not a directory; choose another path");
        return;
    }
    snprintf(out, size, "%s is a file, not a directory; move it away or choose another path", part);
}

static void describe_missing(const char *path, char *out, size_t size)
{
    struct stat info;
    char part[PATH_MAX];

    if (!find_existing(path, part, &info) || strcmp(part, path) == 0) {
        snprintf(out, size, "no such file or directory; create it first");
        return;
    }
    snprintf(out, size,
             "no such file or directory (%s is there, what follows is not); mkdir -p or correct "
             "the path",
             part);
}

/* The rest: one remedy each. */
static const struct {
    int code;
    const char *words;
} remedies[] = {
    {ENOSPC, "no space left on the file system; free some (df -h, df -i shows what is used)"},
    {EDQUOT, "the disk quota of this user is used up; free some space or have it raised"},
    {EROFS, "the file system is mounted read-only; remount it (mount -o remount,rw) or choose "
            "another path"},
    {EMFILE, "too many open files in this process; raise its limit (ulimit -n)"},
    {ENFILE, "too many open files on this machine; raise fs.file-max"},
    {EIO, "the disk reports an input/output error; look at dmesg and check the disk"},
    {EFBIG, "over the file size that is allowed; raise the limit (ulimit -f) or make it smaller"},
    {ENAMETOOLONG, "the path is too long; choose a shorter one"},
    {ELOOP, "too many symbolic links on the way; choose the real path"},
    {EISDIR, "it is a directory, a file is wanted; choose another path"},
    {ENOTEMPTY, "the directory is not empty; look what else is in it"},
    {ENOMEM, "memory ran out; free some and try again"},
    {EWOULDBLOCK, "another process holds its lock; stop that process or choose another path"},
};

void segmo__file_describe(const char *path, int code, char *out, size_t out_size)
{
    code = code < 0 ? -code : code;
    if (code == EACCES || code == EPERM) {
        describe_refusal(path, out, out_size);
        return;
    }
    if (code == ENOTDIR || code == EEXIST) {
        describe_not_directory(path, out, out_size);
        return;
    }
    if (code == ENOENT) {
        describe_missing(path, out, out_size);
        return;
    }
    for (size_t i = 0; i < sizeof remedies / sizeof remedies[0]; i++) {
        if (remedies[i].code == code) {
            snprintf(out, out_size, "%s", remedies[i].words);
            return;
        }
    }
    snprintf(out, out_size, "%s", strerrordesc_np(code) ? strerrordesc_np(code) : "unknown error");
}
