/* Dead letters: NDJSON files that are appended to under a lock, since `segmo dead` may replace them
 * meanwhile. */
#include "spool/dead_letters.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/thread.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#define CUT_AT   (16u << 20)
#define READ_MAX (64u << 20)

struct segmo__dead_letters {
    segmo__mutex lock;
    char *dir; /* NULL: memory only */
    uint64_t max_bytes;
    uint64_t cut_at;
    uint64_t others; /* bytes of all other files when they were last counted */
    int fd;          /* the current file, or -1 */
    uint64_t size;   /* of its whole lines */
    uint64_t synced; /* of these, on the disk */
    int sync_failed; /* the others have to be stored again */
    int name_synced;
    char *name;
    _Atomic uint64_t dropped;
};

static char *join(const char *dir, const char *name)
{
    segmo__buf path;

    segmo__buf_init(&path, PATH_MAX);
    segmo__buf_addf(&path, "%s/%s", dir, name);
    return segmo__buf_detach(&path);
}

static int is_letter_file(const char *name)
{
    size_t len = strlen(name);

    return len > 7 && strcmp(name + len - 7, ".ndjson") == 0;
}

int segmo__dead_letters_open(segmo__dead_letters **out, const char *dir, uint64_t max_bytes,
                             segmo_error **err)
{
    segmo__dead_letters *letters = segmo__zalloc(sizeof *letters);

    if (!letters || (dir && !(letters->dir = segmo__strdup(dir)))) {
        segmo__free(letters);
        return segmo__fail_memory(err);
    }
    segmo__mutex_init(&letters->lock);
    letters->max_bytes = max_bytes;
    letters->cut_at = max_bytes / 8 < CUT_AT ? max_bytes / 8 : CUT_AT;
    letters->fd = -1;
    *out = letters;
    return SEGMO_OK;
}

static void close_current(segmo__dead_letters *letters)
{
    segmo__file_close_fd(letters->fd);
    segmo__free(letters->name);
    letters->name = NULL;
    letters->fd = -1;
}

void segmo__dead_letters_free(segmo__dead_letters *letters)
{
    if (!letters)
        return;
    close_current(letters);
    segmo__free(letters->dir);
    segmo__free(letters);
}

uint64_t segmo__dead_letters_dropped(const segmo__dead_letters *letters)
{
    return atomic_load(&letters->dropped);
}

/* ---- the ceiling ---- */

typedef struct ceiling {
    segmo__dead_letters *letters;
    uint64_t total; /* of the other files */
    uint64_t limit;
} ceiling;

static int is_current(const segmo__dead_letters *letters, const char *name)
{
    return letters->name && strcmp(letters->name, name) == 0;
}

static int add_size(void *ctx, const char *name)
{
    ceiling *over = ctx;
    char *path;
    int64_t size;

    if (!is_letter_file(name) || is_current(over->letters, name))
        return 0;
    path = join(over->letters->dir, name);
    size = path ? segmo__file_size(path) : 0;
    over->total += size > 0 ? (uint64_t)size : 0;
    segmo__free(path);
    return 0;
}

static uint64_t count_lines(segmo__slice text)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < text.len; i++)
        lines += text.at[i] == '\n';
    return lines;
}

/* Names come sorted: the oldest first. */
static int drop_oldest(void *ctx, const char *name)
{
    ceiling *over = ctx;
    segmo__slice text = {NULL, 0};
    char *path, *bytes = NULL;

    if (over->total <= over->limit)
        return 1;
    if (!is_letter_file(name) || is_current(over->letters, name))
        return 0;
    path = join(over->letters->dir, name);
    if (path && segmo__file_slurp(path, READ_MAX, &bytes, &text.len) == 0) {
        text.at = bytes;
        if (segmo__file_unlink(path) == 0) {
            over->total -= text.len < over->total ? text.len : over->total;
            atomic_fetch_add(&over->letters->dropped, count_lines(text));
        }
    }
    segmo__free(bytes);
    segmo__free(path);
    return 0;
}

static void keep_under_ceiling(segmo__dead_letters *letters)
{
    ceiling over = {.letters = letters};

    over.limit = letters->max_bytes > letters->size ? letters->max_bytes - letters->size : 0;
    segmo__file_list(letters->dir, add_size, &over);
    segmo__file_list(letters->dir, drop_oldest, &over);
    letters->others = over.total;
}

/* ---- adding ---- */

/* Whoever has replaced the file meanwhile has written its lines anew. */
static int store_again(const segmo__dead_letters *letters)
{
    int code = segmo__file_append_lock(letters->fd);
    char *path = join(letters->dir, letters->name);
    segmo__file file = {.fd = -1};

    if (code == 0 && segmo__file_append_size(letters->fd) >= 0) {
        code = path ? segmo__file_open(&file, path, 1) : -ENOMEM;
        if (code == 0)
            code = segmo__file_store_again(&file, letters->synced, letters->size);
        segmo__file_close(&file);
    }
    segmo__file_append_unlock(letters->fd);
    segmo__free(path);
    return code;
}

static int sync_current(segmo__dead_letters *letters)
{
    int code = 0;

    if (letters->size == letters->synced)
        return 0;
    if (letters->sync_failed)
        code = store_again(letters);
    if (code == 0)
        code = segmo__file_append_sync(letters->fd);
    letters->sync_failed = code != 0;
    if (code == 0 && !letters->name_synced) {
        code = segmo__file_sync_path(letters->dir);
        letters->name_synced = code == 0;
    }
    if (code == 0)
        letters->synced = letters->size;
    return code;
}

static int start_file(segmo__dead_letters *letters)
{
    segmo__buf name;
    char *path = NULL;
    int code = sync_current(letters);

    if (code != 0)
        return code;
    code = segmo__file_mkdir(letters->dir);
    close_current(letters);
    letters->size = letters->synced = 0;
    letters->name_synced = 0;
    segmo__buf_init(&name, 128);
    segmo__buf_addf(&name, "%013lld-%ld-%016llx.ndjson", (long long)segmo__clock_wall_ms(),
                    (long)getpid(), (unsigned long long)segmo__id_random());
    letters->name = segmo__buf_detach(&name);
    path = letters->name ? join(letters->dir, letters->name) : NULL;
    if (code == 0)
        code = path ? segmo__file_append_open(&letters->fd, path) : -ENOMEM;
    if (code == 0)
        keep_under_ceiling(letters);
    else
        close_current(letters);
    segmo__free(path);
    return code;
}

/* A write that failed halfway may have left bytes behind the whole lines. */
static int cut_rest(const segmo__dead_letters *letters, int64_t size)
{
    segmo__file file = {.fd = letters->fd};

    return (uint64_t)size > letters->size ? segmo__file_truncate(&file, letters->size) : 0;
}

/* One attempt at the current file; -ENOENT when it was replaced meanwhile. */
static int append_line(segmo__dead_letters *letters, segmo__slice line)
{
    int code = segmo__file_append_lock(letters->fd);
    int64_t size;

    if (code != 0)
        return code;
    size = segmo__file_append_size(letters->fd);
    code = size < 0 ? (int)size : cut_rest(letters, size);
    if (code == 0)
        code = segmo__file_append(letters->fd, line.at, line.len);
    if (code == 0)
        letters->size += line.len;
    segmo__file_append_unlock(letters->fd);
    return code;
}

static int add_line(segmo__dead_letters *letters, segmo__slice line)
{
    int code = letters->fd >= 0 && letters->size + line.len <= letters->cut_at
                   ? append_line(letters, line)
                   : -ENOENT;

    if (code == -ENOENT && (code = start_file(letters)) == 0)
        code = append_line(letters, line);
    if (code == 0 && letters->others + letters->size > letters->max_bytes)
        keep_under_ceiling(letters);
    return code;
}

int segmo__dead_letters_add(segmo__dead_letters *letters, segmo__slice line, segmo_error **err)
{
    segmo__buf text;
    int code = -ENOMEM;

    if (!letters->dir) {
        atomic_fetch_add(&letters->dropped, 1);
        return SEGMO_OK;
    }
    segmo__buf_init(&text, line.len + 1);
    segmo__buf_add_slice(&text, line);
    segmo__buf_add_char(&text, '\n');
    if (!text.failed) {
        pthread_mutex_lock(&letters->lock);
        code = add_line(letters, segmo__buf_slice(&text));
        pthread_mutex_unlock(&letters->lock);
    }
    segmo__buf_free(&text);
    return code == 0 ? SEGMO_OK
                     : segmo__fail_io(err, code, "cannot write a dead letter in", letters->dir);
}

int segmo__dead_letters_sync(segmo__dead_letters *letters, segmo_error **err)
{
    int code;

    pthread_mutex_lock(&letters->lock);
    code = sync_current(letters);
    pthread_mutex_unlock(&letters->lock);
    return code == 0 ? SEGMO_OK
                     : segmo__fail_io(err, code, "cannot sync the dead letters in", letters->dir);
}

/* ---- reading and removing ---- */

typedef struct reading {
    const char *dir;
    int (*each)(void *ctx, segmo__slice line);
    int (*drop)(void *ctx, segmo__slice line);
    void *ctx;
    uint64_t dropped;
    int stop;
    int code;
} reading;

/* Cuts the first line off `rest`; 0 when no whole one is left. */
static int next_line(segmo__slice *rest, segmo__slice *line)
{
    const char *end = memchr(rest->at, '\n', rest->len);

    if (!end)
        return 0;
    *line = (segmo__slice){rest->at, (size_t)(end - rest->at)};
    rest->at = end + 1;
    rest->len -= line->len + 1;
    return 1;
}

static int is_whole(segmo__slice line)
{
    return line.len > 0 && line.at[0] == '{' && segmo__json_check(line, NULL) == SEGMO_OK;
}

static int read_file(void *ctx, const char *name)
{
    reading *read = ctx;
    segmo__slice rest = {NULL, 0}, line;
    char *path, *text = NULL;
    int code;

    if (!is_letter_file(name))
        return 0;
    path = join(read->dir, name);
    code = path ? segmo__file_slurp(path, READ_MAX, &text, &rest.len) : -ENOMEM;
    rest.at = text;
    while (code == 0 && !read->stop && next_line(&rest, &line))
        if (is_whole(line))
            read->stop = read->each(read->ctx, line);
    segmo__free(text);
    segmo__free(path);
    if (code != 0 && code != -ENOENT)
        read->code = code;
    return read->stop || read->code != 0;
}

static int finish_reading(const reading *read, int code, const char *what, segmo_error **err)
{
    if (code >= 0)
        code = read->code;
    if (code == 0 || code == -ENOENT)
        return SEGMO_OK;
    return segmo__fail_io(err, code, what, read->dir);
}

int segmo__dead_letters_each(const char *dir, int (*each)(void *ctx, segmo__slice line), void *ctx,
                             segmo_error **err)
{
    reading read = {.dir = dir, .each = each, .ctx = ctx};

    return finish_reading(&read, segmo__file_list(dir, read_file, &read),
                          "cannot read the dead letters in", err);
}

/* Lines that are kept, in `kept`; returns how many are not. */
static uint64_t sift(const reading *read, segmo__slice text, segmo__buf *kept)
{
    segmo__slice line;
    uint64_t dropped = 0;

    while (next_line(&text, &line)) {
        if (is_whole(line) && read->drop(read->ctx, line)) {
            dropped++;
            continue;
        }
        segmo__buf_add_slice(kept, line);
        segmo__buf_add_char(kept, '\n');
    }
    return dropped;
}

/* Under the file's lock. */
static int rewrite(reading *read, const char *path)
{
    segmo__slice text = {NULL, 0};
    segmo__buf kept;
    char *bytes = NULL;
    uint64_t dropped = 0;
    int code = segmo__file_slurp(path, READ_MAX, &bytes, &text.len);

    segmo__buf_init(&kept, READ_MAX);
    text.at = bytes;
    if (code == 0)
        dropped = sift(read, text, &kept);
    if (code == 0 && kept.failed)
        code = -ENOMEM;
    if (code == 0 && dropped > 0)
        code = kept.len > 0 ? segmo__file_replace(path, kept.data, kept.len)
                            : segmo__file_unlink(path);
    if (code == 0)
        read->dropped += dropped;
    segmo__buf_free(&kept);
    segmo__free(bytes);
    return code;
}

static int sift_file(void *ctx, const char *name)
{
    reading *read = ctx;
    segmo__file file = {.fd = -1};
    char *path;
    int code;

    if (!is_letter_file(name))
        return 0;
    path = join(read->dir, name);
    code = path ? segmo__file_open(&file, path, 1) : -ENOMEM;
    if (code == 0)
        code = segmo__file_append_lock(file.fd);
    if (code == 0 && segmo__file_append_size(file.fd) >= 0)
        code = rewrite(read, path);
    segmo__file_close(&file);
    segmo__free(path);
    read->code = code == -ENOENT ? 0 : code;
    return read->code != 0;
}

int segmo__dead_letters_remove(const char *dir, int (*drop)(void *ctx, segmo__slice line),
                               void *ctx, uint64_t *dropped, segmo_error **err)
{
    reading read = {.dir = dir, .drop = drop, .ctx = ctx};
    int status = finish_reading(&read, segmo__file_list(dir, sift_file, &read),
                                "cannot rewrite the dead letters in", err);

    *dropped = read.dropped;
    return status;
}
