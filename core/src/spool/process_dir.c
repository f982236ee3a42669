/* Process directories: names, locks, making and removing. */
#include "spool/process_dir.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define HIDDEN       ".new-"
#define SWEEP_AGE_NS (600 * 1000000000ll)

static const char *skip_digits(const char *at, const char *digits)
{
    return at + strspn(at, digits);
}

int segmo__process_dir_is_name(const char *name)
{
    const char *pid = skip_digits(name, "0123456789");
    const char *random = *pid == '-' ? skip_digits(pid + 1, "0123456789") : pid;

    if (pid - name != 13 || random - pid < 2 || *random != '-')
        return 0;
    return strlen(random + 1) == 16 && *skip_digits(random + 1, "0123456789abcdef") == '\0';
}

int segmo__process_dir_is_file(const char *name)
{
    return strlen(name) == 12 && strcmp(skip_digits(name, "0123456789"), ".seg") == 0;
}

char *segmo__process_dir_join(const char *dir, const char *name)
{
    segmo__buf path;

    segmo__buf_init(&path, PATH_MAX);
    segmo__buf_addf(&path, "%s/%s", dir, name);
    return segmo__buf_detach(&path);
}

static segmo__process_dir *new_dir(char *path)
{
    segmo__process_dir *dir = path ? segmo__zalloc(sizeof *dir) : NULL;

    if (!dir) {
        segmo__free(path);
        return NULL;
    }
    dir->path = path;
    dir->lock_fd = -1;
    return dir;
}

void segmo__process_dir_free(segmo__process_dir *dir)
{
    if (!dir)
        return;
    segmo__file_close_fd(dir->lock_fd);
    segmo__free(dir->path);
    segmo__free(dir);
}

static int take_lock(segmo__process_dir *dir)
{
    char *path = segmo__process_dir_join(dir->path, "lock");
    int code = path ? segmo__file_lock(&dir->lock_fd, path, 1) : -ENOMEM;

    segmo__free(path);
    return code;
}

static char *new_path(const char *root)
{
    segmo__buf path;

    segmo__buf_init(&path, PATH_MAX);
    segmo__buf_addf(&path, "%s/" HIDDEN "%013lld-%ld-%016llx", root,
                    (long long)segmo__clock_wall_ms(), (long)getpid(),
                    (unsigned long long)segmo__id_random());
    return segmo__buf_detach(&path);
}

int segmo__process_dir_make(segmo__process_dir **out, const char *root)
{
    segmo__process_dir *dir = new_dir(new_path(root));
    int code = dir ? segmo__file_mkdir(dir->path) : -ENOMEM;

    if (code == 0)
        code = take_lock(dir);
    if (code == 0) {
        *out = dir;
        return 0;
    }
    if (dir)
        segmo__process_dir_remove(dir);
    segmo__process_dir_free(dir);
    return code;
}

int segmo__process_dir_show(segmo__process_dir *dir)
{
    char *shown = segmo__strdup(dir->path);
    char *hidden = shown ? strstr(strrchr(shown, '/'), HIDDEN) : NULL;
    int code = -ENOMEM;

    if (!hidden)
        goto done;
    memmove(hidden, hidden + strlen(HIDDEN), strlen(hidden + strlen(HIDDEN)) + 1);
    code = segmo__file_rename(dir->path, shown);
    if (code == 0) {
        segmo__free(dir->path);
        dir->path = shown;
        shown = NULL;
    }
done:
    segmo__free(shown);
    return code;
}

int segmo__process_dir_take(segmo__process_dir **out, const char *root, const char *name)
{
    segmo__process_dir *dir = new_dir(segmo__process_dir_join(root, name));
    int code = dir ? take_lock(dir) : -ENOMEM;

    if (code == 0)
        *out = dir;
    else
        segmo__process_dir_free(dir);
    return code;
}

static int is_stray(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "lock") != 0;
}

void segmo__process_dir_remove(const segmo__process_dir *dir)
{
    char *lock = segmo__process_dir_join(dir->path, "lock");

    if (lock && segmo__file_list(dir->path, is_stray, NULL) == 0) {
        segmo__file_unlink(lock);
        segmo__file_rmdir(dir->path);
    }
    segmo__free(lock);
}

static int unlink_file(void *ctx, const char *name)
{
    char *path = segmo__process_dir_is_file(name) ? segmo__process_dir_join(ctx, name) : NULL;

    if (path)
        segmo__file_unlink(path);
    segmo__free(path);
    return 0;
}

/* What nobody has touched for a while and nobody holds was never shown, so nothing in it was
 * promised. */
void segmo__process_dir_sweep(const char *root, const char *name)
{
    segmo__process_dir *dir;
    char *path;

    if (strncmp(name, HIDDEN, strlen(HIDDEN)) != 0 ||
        !segmo__process_dir_is_name(name + strlen(HIDDEN)))
        return;
    path = segmo__process_dir_join(root, name);
    if (path && segmo__file_mtime_ns(path) + SWEEP_AGE_NS < segmo__clock_wall_ms() * 1000000 &&
        segmo__process_dir_take(&dir, root, name) == 0) {
        segmo__file_list(dir->path, unlink_file, dir->path);
        segmo__process_dir_remove(dir);
        segmo__process_dir_free(dir);
    }
    segmo__free(path);
}
