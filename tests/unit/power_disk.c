#include "power_disk.h"

#include "base/file.h"
#include "dice.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512u
#define NAME   256u
#define NODES  65536u

/* ---- the record -------------------------------------------------------------------------- */

enum { ENTRY, MOVE, WRITE, SIZE, SYNC, SYNC_NAMES, FAILED_SYNC };

typedef struct change {
    int kind;
    uint32_t node;         /* of the file, or of the directory for names */
    uint32_t to;           /* MOVE: the directory it went to */
    uint32_t child;        /* ENTRY: what the name stands for now, or 0; MOVE: what moved */
    char *name, *new_name; /* MOVE: both */
    uint64_t offset, len;  /* SIZE: len */
    char *bytes;
    uint32_t began;   /* a sync keeps what was changed before it began */
    uint32_t *synced; /* by which change this is certainly on the disk; WRITE: for each sector */
} change;

typedef struct name_of {
    uint32_t dir, child;
    char name[NAME];
} name_of;

static struct {
    pthread_mutex_t lock;
    char root[4096];
    change *changes;
    uint32_t count, room;
    /* the tree as it is now */
    name_of *names;
    uint32_t name_count, name_room;
    ino_t inode[NODES];
    unsigned char is_dir[NODES];
    uint32_t node_count; /* node 1 is the root */
    _Atomic uint32_t *published;
    unsigned failing; /* of 256 syncs */
    dice luck;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local uint32_t sync_began;

static void add_change(change made)
{
    if (disk.count == disk.room) {
        disk.room = disk.room ? 2 * disk.room : 1024;
        disk.changes = realloc(disk.changes, disk.room * sizeof *disk.changes);
        if (!disk.changes)
            abort();
    }
    disk.changes[disk.count++] = made;
    if (disk.published)
        *disk.published = disk.count;
}

static name_of *find_name(uint32_t dir, const char *name)
{
    for (uint32_t i = 0; i < disk.name_count; i++)
        if (disk.names[i].dir == dir && strcmp(disk.names[i].name, name) == 0)
            return &disk.names[i];
    return NULL;
}

static void put_name(uint32_t dir, const char *name, uint32_t child)
{
    name_of *found = find_name(dir, name);

    if (child == 0) {
        if (found)
            *found = disk.names[--disk.name_count];
        return;
    }
    if (!found) {
        if (disk.name_count == disk.name_room) {
            disk.name_room = disk.name_room ? 2 * disk.name_room : 256;
            disk.names = realloc(disk.names, disk.name_room * sizeof *disk.names);
        }
        found = &disk.names[disk.name_count++];
        found->dir = dir;
        snprintf(found->name, NAME, "%s", name);
    }
    found->child = child;
}

/* The directory of a path below the root and the last part of it; 0 when it lies elsewhere. */
static uint32_t find_dir(const char *path, const char **last)
{
    size_t root_len = strlen(disk.root);
    uint32_t dir = 1;
    char part[NAME];

    if (strncmp(path, disk.root, root_len) != 0 || path[root_len] != '/')
        return 0;
    path += root_len;
    while (*path == '/')
        path++;
    for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
        const name_of *found;

        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        found = find_name(dir, part);
        if (!found)
            return 0;
        dir = found->child;
    }
    *last = path;
    return dir;
}

static uint32_t node_at(const char *path)
{
    const char *last;
    uint32_t dir = strcmp(path, disk.root) == 0 ? 0 : find_dir(path, &last);
    const name_of *found;

    if (strcmp(path, disk.root) == 0)
        return 1;
    found = dir ? find_name(dir, last) : NULL;
    return found ? found->child : 0;
}

static uint32_t new_node(ino_t inode)
{
    if (disk.node_count + 1 >= NODES)
        abort();
    disk.inode[++disk.node_count] = inode;
    disk.is_dir[disk.node_count] = 0;
    return disk.node_count;
}

/* The youngest: an inode's number is used again once its file is gone. */
static uint32_t node_of(int fd)
{
    struct stat info;

    if (fd < 0 || fstat(fd, &info) != 0)
        return 0;
    for (uint32_t node = disk.node_count; node > 0; node--)
        if (disk.inode[node] == info.st_ino)
            return node;
    return 0;
}

static void record_entry(const char *path, uint32_t child)
{
    const char *last;
    uint32_t dir = find_dir(path, &last);

    if (!dir)
        return;
    add_change((change){.kind = ENTRY, .node = dir, .child = child, .name = strdup(last)});
    put_name(dir, last, child);
}

static void record_created(const segmo__file_change *made)
{
    struct stat info;
    uint32_t known = node_at(made->path), node;
    const char *last;

    if (!find_dir(made->path, &last) || fstat(made->fd, &info) != 0)
        return;
    if (known && disk.inode[known] == info.st_ino)
        return; /* opened only */
    node = new_node(info.st_ino);
    add_change((change){.kind = SIZE, .node = node, .len = made->len});
    record_entry(made->path, node);
}

static void record_made_dir(const char *path)
{
    const char *last;
    struct stat info;

    if (!find_dir(path, &last) || stat(path, &info) != 0)
        return;
    record_entry(path, new_node(info.st_ino));
    disk.is_dir[disk.node_count] = 1;
}

static void record_move(const char *from, const char *to)
{
    const char *old_name, *name;
    uint32_t old_dir = find_dir(from, &old_name), dir = find_dir(to, &name), child = node_at(from);

    if (!old_dir || !dir || !child)
        return;
    add_change((change){.kind = MOVE,
                        .node = old_dir,
                        .to = dir,
                        .child = child,
                        .name = strdup(old_name),
                        .new_name = strdup(name)});
    put_name(old_dir, old_name, 0);
    put_name(dir, name, child);
}

static void record_write(const segmo__file_change *made)
{
    uint32_t node = node_of(made->fd);
    char *bytes = node ? malloc(made->len + 1) : NULL;

    if (!bytes)
        return;
    memcpy(bytes, made->bytes, made->len);
    add_change((change){
        .kind = WRITE, .node = node, .offset = made->offset, .len = made->len, .bytes = bytes});
}

static void record_of_file(int kind, const segmo__file_change *made)
{
    uint32_t node = node_of(made->fd);

    if (node && kind == SIZE)
        add_change((change){.kind = SIZE, .node = node, .len = made->offset});
    else if (node)
        add_change((change){.kind = SYNC,
                            .node = node,
                            .offset = made->offset,
                            .len = made->len,
                            .began = sync_began});
}

static void record(void *ctx, const segmo__file_change *made)
{
    uint32_t dir;

    (void)ctx;
    pthread_mutex_lock(&disk.lock);
    switch (made->op) {
    case SEGMO__FILE_CREATE:
        record_created(made);
        break;
    case SEGMO__FILE_MKDIR:
        record_made_dir(made->path);
        break;
    case SEGMO__FILE_UNLINK:
    case SEGMO__FILE_RMDIR:
        record_entry(made->path, 0);
        break;
    case SEGMO__FILE_RENAME:
        record_move(made->path, made->to);
        break;
    case SEGMO__FILE_STORE:
    case SEGMO__FILE_PUBLISH:
    case SEGMO__FILE_APPEND:
        record_write(made);
        break;
    case SEGMO__FILE_TRUNCATE:
        record_of_file(SIZE, made);
        break;
    case SEGMO__FILE_SYNC:
        record_of_file(SYNC, made);
        break;
    case SEGMO__FILE_SYNC_DIR:
        if ((dir = node_at(made->path)))
            add_change((change){.kind = SYNC_NAMES, .node = dir, .began = sync_began});
        break;
    default:
        break;
    }
    pthread_mutex_unlock(&disk.lock);
}

static int begin_sync(void *ctx, segmo__file_op op, const char *path, int fd, uint64_t offset,
                      size_t *len)
{
    int fails;

    (void)ctx, (void)path, (void)offset, (void)len;
    if (op == SEGMO__FILE_SYNC || op == SEGMO__FILE_SYNC_DIR)
        sync_began = power_disk_now();
    if (op != SEGMO__FILE_SYNC)
        return 0;
    pthread_mutex_lock(&disk.lock);
    fails = roll(&disk.luck, 256) < disk.failing;
    if (fails)
        add_change((change){.kind = FAILED_SYNC, .node = node_of(fd)});
    pthread_mutex_unlock(&disk.lock);
    return fails ? -EIO : 0;
}

void power_disk_publish(_Atomic uint32_t *now)
{
    disk.published = now;
}

void power_disk_fail_syncs(unsigned of_256, uint64_t seed)
{
    disk.failing = of_256;
    disk.luck = dice_of(seed);
}

void power_disk_record(const char *root)
{
    struct stat info;

    snprintf(disk.root, sizeof disk.root, "%s", root);
    if (stat(root, &info) != 0)
        abort();
    new_node(info.st_ino);
    disk.failing = 0;
    disk.published = NULL;
    segmo__file_hook(begin_sync, NULL);
    segmo__file_watch(record, NULL);
}

uint32_t power_disk_now(void)
{
    uint32_t now;

    pthread_mutex_lock(&disk.lock);
    now = disk.count;
    pthread_mutex_unlock(&disk.lock);
    return now;
}

static uint64_t first_sector(const change *made)
{
    return made->offset / SECTOR;
}

static uint64_t sectors_of(const change *made)
{
    return made->len > 0 ? (made->offset + made->len - 1) / SECTOR - first_sector(made) + 1 : 0;
}

static int covers(const change *sync, uint32_t at, const change *made, uint64_t part)
{
    uint64_t place = (first_sector(made) + part) * SECTOR;

    if (sync->began <= at)
        return 0;
    if (made->kind == ENTRY || made->kind == MOVE)
        return sync->kind == SYNC_NAMES &&
               (sync->node == made->node || (made->kind == MOVE && sync->node == made->to));
    if (sync->kind != SYNC || sync->node != made->node)
        return 0;
    return made->kind == SIZE || (place >= sync->offset && place - sync->offset < sync->len);
}

static int is_taken_for_written(const change *failed, const change *made)
{
    return failed->kind == FAILED_SYNC && failed->node == made->node && made->kind == WRITE;
}

static void find_syncs(void)
{
    for (uint32_t i = 0; i < disk.count; i++) {
        change *made = &disk.changes[i];
        uint64_t parts = made->kind == WRITE ? sectors_of(made) : 1;

        if (made->kind == SYNC || made->kind == SYNC_NAMES || made->kind == FAILED_SYNC)
            continue;
        made->synced = malloc((parts + 1) * sizeof *made->synced);
        for (uint64_t part = 0; part < parts; part++) {
            uint32_t by = i + 1;

            while (by < disk.count && !covers(&disk.changes[by], i, made, part))
                by = is_taken_for_written(&disk.changes[by], made) ? disk.count : by + 1;
            made->synced[part] = by;
        }
    }
}

void power_disk_stop(void)
{
    segmo__file_watch(NULL, NULL);
    segmo__file_hook(NULL, NULL);
    find_syncs();
}

void power_disk_forget(void)
{
    for (uint32_t i = 0; i < disk.count; i++) {
        free(disk.changes[i].name);
        free(disk.changes[i].new_name);
        free(disk.changes[i].bytes);
        free(disk.changes[i].synced);
    }
    free(disk.changes);
    free(disk.names);
    disk.changes = NULL;
    disk.names = NULL;
    disk.count = disk.room = disk.name_count = disk.name_room = disk.node_count = 0;
}

/* ---- the cut ---------------------------------------------------------------------------- */

typedef struct cut {
    uint32_t moment;
    uint64_t seed;
    unsigned keeps; /* in 256: how much of what is not certain is there */
    name_of *names;
    uint32_t name_count;
} cut;

static unsigned chance(const cut *of, uint64_t what, uint64_t part)
{
    dice at = dice_of(of->seed ^ (what << 24) ^ (part << 48));

    return roll(&at, 256);
}

static int is_there(const cut *of, uint32_t i, uint64_t part)
{
    return disk.changes[i].synced[part] < of->moment || chance(of, i, part) < of->keeps;
}

static void set_name(cut *of, uint32_t dir, const char *name, uint32_t child)
{
    uint32_t i = 0;

    while (i < of->name_count && (of->names[i].dir != dir || strcmp(of->names[i].name, name) != 0))
        i++;
    if (child == 0) {
        if (i < of->name_count)
            of->names[i] = of->names[--of->name_count];
        return;
    }
    of->names[i].dir = dir;
    of->names[i].child = child;
    snprintf(of->names[i].name, NAME, "%s", name);
    of->name_count += i == of->name_count;
}

static void replay_names(cut *of)
{
    for (uint32_t i = 0; i < of->moment; i++) {
        const change *made = &disk.changes[i];

        if ((made->kind != ENTRY && made->kind != MOVE) || !is_there(of, i, 0))
            continue;
        set_name(of, made->node, made->name, made->kind == ENTRY ? made->child : 0);
        if (made->kind == MOVE)
            set_name(of, made->to, made->new_name, made->child);
    }
}

/* A file's sectors: up to which change each has certainly been written, and which of them show
 * nothing later, since a write behind that is missing. */
typedef struct sectors {
    uint32_t *certain;
    unsigned char *stopped;
} sectors;

static uint64_t furthest(const cut *of, uint32_t node)
{
    uint64_t end = 0;

    for (uint32_t i = 0; i < of->moment; i++) {
        const change *made = &disk.changes[i];

        if (made->node == node && made->kind == WRITE && made->offset + made->len > end)
            end = made->offset + made->len;
    }
    return end;
}

static void find_certain(const cut *of, uint32_t node, sectors *file)
{
    for (uint32_t i = 0; i < of->moment; i++) {
        const change *made = &disk.changes[i];

        if (made->node != node || made->kind != WRITE)
            continue;
        for (uint64_t part = 0; part < sectors_of(made); part++)
            if (made->synced[part] < of->moment)
                file->certain[first_sector(made) + part] = i + 1;
    }
}

static void write_sectors(const cut *of, uint32_t i, int fd, sectors *file)
{
    const change *made = &disk.changes[i];
    uint64_t end = made->offset + made->len;

    if (i + 1 == of->moment && chance(of, i, 99) < 64) /* the cut comes in the middle of it */
        end = made->offset + made->len * chance(of, i, 100) / 256;
    for (uint64_t part = 0; part < sectors_of(made); part++) {
        uint64_t sector = first_sector(made) + part, from = sector * SECTOR;
        uint64_t until = from + SECTOR < end ? from + SECTOR : end;

        from = from > made->offset ? from : made->offset;
        if (i >= file->certain[sector] && !is_there(of, i, part))
            file->stopped[sector] = 1;
        if (file->stopped[sector] || from >= until)
            continue;
        if (pwrite(fd, made->bytes + (from - made->offset), until - from, (off_t)from) < 0)
            abort();
    }
}

/* A file that only grows has its size from its writes. */
static uint64_t size_of(const cut *of, uint32_t node)
{
    uint64_t size = 0;

    for (uint32_t i = 0; i < of->moment; i++) {
        const change *made = &disk.changes[i];

        if (made->node != node)
            continue;
        if (made->kind == SIZE && is_there(of, i, 0))
            size = made->len;
        if (made->kind == WRITE && made->len > 0 && made->offset + made->len > size &&
            is_there(of, i, sectors_of(made) - 1))
            size = made->offset + made->len;
    }
    return size;
}

static void fill_file(const cut *of, uint32_t node, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    uint64_t count = furthest(of, node) / SECTOR + 1;
    sectors file = {calloc(count, sizeof *file.certain), calloc(count, 1)};

    if (fd < 0 || !file.certain || !file.stopped)
        abort();
    find_certain(of, node, &file);
    for (uint32_t i = 0; i < of->moment; i++)
        if (disk.changes[i].node == node && disk.changes[i].kind == WRITE)
            write_sectors(of, i, fd, &file);
    if (ftruncate(fd, (off_t)size_of(of, node)) != 0)
        abort();
    close(fd);
    free(file.certain);
    free(file.stopped);
}

static void lay_out_dir(const cut *of, uint32_t dir, const char *path)
{
    for (uint32_t i = 0; i < of->name_count; i++) {
        const name_of *entry = &of->names[i];
        char below[4096 + NAME];

        if (entry->dir != dir)
            continue;
        snprintf(below, sizeof below, "%s/%s", path, entry->name);
        if (!disk.is_dir[entry->child]) {
            fill_file(of, entry->child, below);
        } else {
            if (mkdir(below, 0700) != 0)
                abort();
            lay_out_dir(of, entry->child, below);
        }
    }
}

void power_disk_cut(const char *target, uint32_t moment, uint64_t seed)
{
    static const unsigned keeps[] = {0, 256, 128, 32, 224, 128};
    cut of = {.moment = moment, .seed = seed, .keeps = keeps[seed % 6]};

    of.names = calloc(disk.count + 1, sizeof *of.names);
    if (!of.names)
        abort();
    replay_names(&of);
    lay_out_dir(&of, 1, target);
    free(of.names);
}
