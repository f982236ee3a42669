#include "duplicates.h"

#include "base/file.h"
#include "base/id.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROW     8
#define HEAD    128
#define EPOCH_S 1577836800 /* 2020-01-01: seconds from there fit into 31 bits until 2088 */
#define OPEN    0x80000000u

struct head {
    char magic[8];
    uint64_t rows;
    uint64_t given_up_s; /* the youngest id that had to make room was this old */
};

struct duplicates {
    int fd; /* -1: in memory */
    char *map;
    size_t size;
    struct head *head;
    duplicates_mark *marks;
    int64_t window_s;
    int64_t given_up_at_s; /* when that was */
};

static const char magic[8] = "sgmdup1";

static uint64_t rows_for(uint64_t ids)
{
    uint64_t rows = 1;

    while (rows * ROW < ids + ids / 4)
        rows *= 2;
    return rows;
}

static int map_file(struct duplicates *seen, const char *path, const char **note)
{
    struct stat state;

    seen->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (seen->fd < 0)
        return errno;
    if (lockf(seen->fd, F_TLOCK, 0) != 0) {
        *note = "another gateway uses the list of message ids in this spool directory; this one "
                "keeps its own in memory";
        return EAGAIN;
    }
    if (fstat(seen->fd, &state) != 0)
        return errno;
    if ((size_t)state.st_size != seen->size) {
        if (state.st_size > 0)
            *note = "the list of message ids has another size than gateway.duplicates_max asks "
                    "for; it begins anew";
        if (ftruncate(seen->fd, 0) != 0)
            return errno;
    }
    /* Reserved before it is mapped, so that no store meets a full disk. */
    if (posix_fallocate(seen->fd, 0, (off_t)seen->size) != 0)
        return ENOSPC;
    seen->map = mmap(NULL, seen->size, PROT_READ | PROT_WRITE, MAP_SHARED, seen->fd, 0);
    return seen->map == MAP_FAILED ? errno : 0;
}

static int map_memory(struct duplicates *seen)
{
    if (seen->fd >= 0)
        close(seen->fd);
    seen->fd = -1;
    seen->map = mmap(NULL, seen->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return seen->map == MAP_FAILED ? errno : 0;
}

/* What was open when a process died was perhaps never appended. */
static void drop_open(struct duplicates *seen)
{
    for (uint64_t i = 0; i < seen->head->rows * ROW; i++)
        if (seen->marks[i].seconds & OPEN)
            seen->marks[i].seconds = 0;
}

int duplicates_open(struct duplicates **out, const char *path, uint64_t ids, int64_t window_ms,
                    const char **note, segmo_error **err)
{
    struct duplicates *seen = segmo__zalloc(sizeof *seen);
    uint64_t rows = rows_for(ids);
    int code;

    *note = NULL;
    if (!seen)
        return segmo__fail_memory(err);
    seen->fd = -1;
    seen->size = HEAD + rows * ROW * sizeof *seen->marks;
    seen->window_s = window_ms / 1000;
    code = path ? map_file(seen, path, note) : EAGAIN;
    if (code != 0) {
        if (path && !*note)
            *note = "the list of message ids cannot be kept on disk; it is kept in memory";
        code = map_memory(seen);
    }
    if (code != 0) {
        segmo__free(seen);
        return segmo__fail_memory(err);
    }
    seen->head = (struct head *)(void *)seen->map;
    seen->marks = (duplicates_mark *)(void *)(seen->map + HEAD);
    if (memcmp(seen->head->magic, magic, sizeof magic) != 0 || seen->head->rows != rows) {
        memset(seen->map, 0, seen->size);
        seen->head->rows = rows;
        memcpy(seen->head->magic, magic, sizeof magic);
    }
    drop_open(seen);
    *out = seen;
    return SEGMO_OK;
}

void duplicates_free(struct duplicates *seen)
{
    if (!seen)
        return;
    munmap(seen->map, seen->size);
    if (seen->fd >= 0)
        close(seen->fd);
    segmo__free(seen);
}

static void give_up(struct duplicates *seen, const duplicates_mark *mark, int64_t now_s)
{
    int64_t age = now_s - (int64_t)(mark->seconds & ~OPEN);

    if (now_s - seen->given_up_at_s > seen->window_s || age < (int64_t)seen->head->given_up_s ||
        seen->head->given_up_s == 0)
        seen->head->given_up_s = age > 0 ? (uint64_t)age : 1;
    seen->given_up_at_s = now_s;
}

duplicates_mark *duplicates_note(struct duplicates *seen, uint64_t source, segmo__slice id,
                                 int64_t now_ms)
{
    uint64_t low = segmo__id_hash(id.at, id.len, source), high;
    int64_t now_s = now_ms / 1000 - EPOCH_S;
    duplicates_mark *row, *place;
    uint32_t print[3];

    high = segmo__id_hash(id.at, id.len, low ^ 0x5bd1e995u);
    print[0] = (uint32_t)high;
    print[1] = (uint32_t)(high >> 32);
    print[2] = (uint32_t)(low >> 32);
    row = seen->marks + (low & (seen->head->rows - 1)) * ROW;
    place = row;
    for (duplicates_mark *mark = row; mark < row + ROW; mark++) {
        if (mark->seconds && memcmp(mark->print, print, sizeof print) == 0) {
            if (now_s - (int64_t)(mark->seconds & ~OPEN) < seen->window_s)
                return NULL;
            place = mark;
            break;
        }
        if ((mark->seconds & ~OPEN) < (place->seconds & ~OPEN))
            place = mark;
    }
    if (place->seconds && now_s - (int64_t)(place->seconds & ~OPEN) < seen->window_s)
        give_up(seen, place, now_s);
    memcpy(place->print, print, sizeof print);
    place->seconds = (uint32_t)now_s | OPEN;
    return place;
}

void duplicates_confirm(duplicates_mark *mark)
{
    mark->seconds &= ~OPEN;
}

void duplicates_forget(duplicates_mark *mark)
{
    mark->seconds = 0;
}

int64_t duplicates_reach_ms(const struct duplicates *seen, int64_t now_ms)
{
    int64_t now_s = now_ms / 1000 - EPOCH_S, reach = (int64_t)seen->head->given_up_s;

    if (reach == 0 || reach > seen->window_s ||
        (seen->given_up_at_s && now_s - seen->given_up_at_s > seen->window_s))
        reach = seen->window_s;
    return reach * 1000;
}
