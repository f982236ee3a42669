/* Taking over what dead processes left: their directories are locked by us, their files go into our
 * list. */
#include "spool/spool_parts.h"

#include "base/mem.h"

#include <errno.h>

typedef struct adoption {
    segmo__spool *spool;
    segmo__process_dir *dir;
    uint64_t records, total;
    uint64_t *pending;
} adoption;

/* ---- directories that hold nothing for us ---- */

static passed_dir *find_passed(segmo__spool *spool, const char *path)
{
    passed_dir *passed;

    for (passed = spool->passed; passed && strcmp(passed->path, path) != 0;)
        passed = passed->next;
    return passed;
}

static void remember_passed(segmo__spool *spool, const char *path)
{
    passed_dir *passed = find_passed(spool, path);
    int64_t mtime_ns = segmo__file_mtime_ns(path);

    if (mtime_ns < 0)
        return;
    if (!passed) {
        passed = segmo__zalloc(sizeof *passed);
        if (!passed || !(passed->path = segmo__strdup(path))) {
            segmo__free(passed); /* then we look again */
            return;
        }
        passed->next = spool->passed;
        spool->passed = passed;
    }
    passed->mtime_ns = mtime_ns;
}

void segmo__spool_look_again(segmo__spool *spool)
{
    while (spool->passed) {
        passed_dir *first = spool->passed;

        spool->passed = first->next; /* before it is freed: a fork may come in between */
        segmo__free(first->path);
        segmo__free(first);
    }
}

static int is_unchanged(segmo__spool *spool, const char *path)
{
    const passed_dir *passed = find_passed(spool, path);

    return passed && segmo__file_mtime_ns(path) == passed->mtime_ns;
}

void segmo__spool_leave_dir(segmo__spool *spool, segmo__process_dir *dir)
{
    segmo__process_dir **place = &spool->dirs;

    if (!dir || dir == spool->dir || dir->files > 0)
        return;
    segmo__process_dir_remove(dir);
    remember_passed(spool, dir->path);
    pthread_mutex_lock(&spool->files);
    while (*place != dir)
        place = &(*place)->next;
    *place = dir->next;
    segmo__process_dir_free(dir);
    pthread_mutex_unlock(&spool->files);
}

/* ---- files ---- */

static spool_file *new_adopted(segmo__process_dir *dir, const char *name)
{
    spool_file *file = segmo__spool_file_new(dir, name);
    char *path = file ? segmo__spool_file_path(file) : NULL;
    int64_t size = path ? segmo__file_size(path) : -ENOMEM;

    segmo__free(path);
    if (size < 0) {
        segmo__spool_file_free(file);
        return NULL;
    }
    file->adopted = 1;
    atomic_store(&file->sealed, 1);
    atomic_store(&file->at_rest, 1);
    atomic_store(&file->end,
                 size < SEGMO__SEGMENT_MAX_SIZE ? (uint32_t)size : SEGMO__SEGMENT_MAX_SIZE);
    return file;
}

static int check_kind(const spool_file *file, segmo__segment_kind *kind)
{
    segmo__file handle;
    int code = segmo__spool_file_handle(&handle, file, 0);

    if (code != 0)
        return code;
    code = segmo__segment_check(&handle, kind);
    segmo__spool_file_close_handle(file, &handle);
    return code;
}

static void note_damage(segmo__spool *spool, const spool_file *file)
{
    if (file->damage.records == 0)
        return;
    raise_tally(&spool->damaged, file->damage.records, file->damage.bytes);
    segmo__spool_notice(spool, "damaged", file->damage.records,
                        "%llu bytes of %s/%s are damaged; the rest of it is used, the file is kept "
                        "in damaged/",
                        (unsigned long long)file->damage.bytes, file->dir->path, file->name);
}

static void take_in(adoption *adopting, spool_file *file, const survey *found)
{
    segmo__spool *spool = adopting->spool;

    for (unsigned d = 0; d < DESTINATIONS; d++) {
        file->in[d] = found->pending[d];
        raise_tally(&spool->adopted_for[d], found->pending[d].records, found->pending[d].bytes);
        if (adopting->pending)
            adopting->pending[d] += found->pending[d].records;
    }
    file->damage.records += found->damage.records;
    file->damage.bytes += found->damage.bytes;
    file->foreign = found->foreign;
    note_damage(spool, file);
    segmo__free(file->rows); /* until it is read */
    file->rows = NULL;
    adopting->records += found->records;
    segmo__spool_file_add(spool, file);
}

/* Is the part before the records? */
static int is_damaged(const spool_file *file, segmo__segment_kind kind)
{
    return kind == SEGMO__SEGMENT_DAMAGED ||
           (kind == SEGMO__SEGMENT_OURS && atomic_load(&file->end) < SEGMO__SEGMENT_DATA);
}

/* What was reserved behind the last record is given back, so that nobody reads it again. A file
 * with damage is kept as it is. */
static void cut_tail(spool_file *file, const survey *found)
{
    segmo__file handle;

    if (found->damage.records > 0 || found->behind >= atomic_load(&file->end) ||
        segmo__spool_file_handle(&handle, file, 1) != 0)
        return;
    if (segmo__file_truncate(&handle, found->behind) == 0)
        atomic_store(&file->end, found->behind);
    segmo__spool_file_close_handle(file, &handle);
}

static int adopt_file(void *ctx, const char *name)
{
    adoption *adopting = ctx;
    segmo__spool *spool = adopting->spool;
    spool_file *file = NULL;
    segmo__segment_kind kind = SEGMO__SEGMENT_OURS;
    survey found;
    int code;

    if (segmo__process_dir_is_file(name))
        file = new_adopted(adopting->dir, name);
    if (!file)
        return 0;
    code = check_kind(file, &kind);
    if (code == 0 && kind == SEGMO__SEGMENT_UNKNOWN) {
        segmo__spool_notice(spool, "unknown_version", 1,
                            "%s/%s was written by another version of segmo; it is left alone, let "
                            "that version deliver it",
                            adopting->dir->path, name);
        segmo__spool_file_free(file);
        return 0;
    }
    if (code == 0)
        code = segmo__spool_survey(spool, file, atomic_load(&file->end), &found);
    if (code != 0) {
        segmo__spool_notice(spool, "unreadable", 1, "%s/%s cannot be read (%s); it is left alone",
                            adopting->dir->path, name,
                            strerrorname_np(-code) ? strerrorname_np(-code) : "unknown error");
        segmo__spool_file_free(file);
        return 0;
    }
    if (kind == SEGMO__SEGMENT_OURS)
        cut_tail(file, &found);
    if (is_damaged(file, kind))
        file->damage = (tally){1, SEGMO__SEGMENT_TABLE};
    take_in(adopting, file, &found);
    return 0;
}

/* ---- directories ---- */

/* Under `files`, so that a fork knows of every lock that is held. */
static segmo__process_dir *take_dir(segmo__spool *spool, const char *name)
{
    segmo__process_dir *dir = NULL;

    pthread_mutex_lock(&spool->files);
    if (segmo__process_dir_take(&dir, spool->root, name) == 0) {
        dir->next = spool->dirs;
        spool->dirs = dir;
    }
    pthread_mutex_unlock(&spool->files);
    return dir;
}

static int adopt_dir(void *ctx, const char *name)
{
    adoption *adopting = ctx;
    segmo__spool *spool = adopting->spool;
    char *path;

    segmo__process_dir_sweep(spool->root, name);
    if (!segmo__process_dir_is_name(name) || !(path = segmo__process_dir_join(spool->root, name)))
        return 0;
    adopting->dir = is_unchanged(spool, path) ? NULL : take_dir(spool, name);
    segmo__free(path);
    if (!adopting->dir)
        return 0; /* its owner lives, or nothing in it is ours */
    adopting->records = 0;
    segmo__file_list(adopting->dir->path, adopt_file, adopting);
    if (adopting->records > 0)
        segmo__spool_notice(spool, "adopted", adopting->records,
                            "took over %llu messages of the ended process %s",
                            (unsigned long long)adopting->records, name);
    adopting->total += adopting->records;
    segmo__spool_leave_dir(spool, adopting->dir);
    return 0;
}

uint64_t segmo__spool_adopt(segmo__spool *spool, uint64_t pending[SEGMO__SPOOL_DESTINATIONS])
{
    adoption adopting = {.spool = spool, .pending = pending};

    if (!spool->root)
        return 0;
    segmo__file_list(spool->root, adopt_dir, &adopting);
    atomic_store(&spool->adopted_records, atomic_load(&spool->adopted_records) + adopting.total);
    segmo__spool_commit(spool, NULL); /* lets go of files that hold nothing for us */
    if (adopting.total > 0 && spool->options.sync_ms > 0)
        segmo__keeper_ask(spool, KEEPER_SYNC); /* a killed process has not synced its last ones */
    return adopting.total;
}
