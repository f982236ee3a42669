/* The spool's files as objects: created, listed, sealed, laid to rest. */
#include "spool/spool_parts.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>

#define MAX_AWAKE 4

spool_file *segmo__spool_file_new(segmo__process_dir *dir, const char *name)
{
    spool_file *file = segmo__zalloc(sizeof *file);

    if (!file)
        return NULL;
    file->dir = dir;
    file->file.fd = -1;
    snprintf(file->name, sizeof file->name, "%s", name);
    atomic_store(&file->end, SEGMO__SEGMENT_DATA);
    return file;
}

void segmo__spool_file_free(spool_file *file)
{
    if (!file)
        return;
    segmo__file_close(&file->file);
    segmo__free(file->rows);
    segmo__free(file);
}

char *segmo__spool_file_path(const spool_file *file)
{
    return segmo__process_dir_join(file->dir->path, file->name);
}

static void take_name(segmo__spool *spool, spool_file *file)
{
    file->name_number = atomic_fetch_add(&spool->names, 1) + 1;
    snprintf(file->name, sizeof file->name, "%08u.seg", file->name_number);
}

int segmo__spool_file_rename(segmo__spool *spool, spool_file *file)
{
    char *from, *to;
    int code = -ENOMEM;

    if (!file->dir) {
        take_name(spool, file);
        return 0;
    }
    from = segmo__spool_file_path(file);
    take_name(spool, file);
    to = segmo__spool_file_path(file);
    if (from && to)
        code = segmo__file_rename(from, to);
    segmo__free(from);
    segmo__free(to);
    return code;
}

int segmo__spool_file_create(segmo__spool *spool, spool_file **out)
{
    spool_file *file = segmo__spool_file_new(spool->dir, "");
    char *path = NULL;
    int code = -ENOMEM;

    if (!file)
        return code;
    take_name(spool, file);
    if (file->dir && !(path = segmo__spool_file_path(file)))
        goto done;
    code = segmo__segment_create(&file->file, path, spool->options.file_size);
done:
    segmo__free(path);
    if (code == 0)
        *out = file;
    else
        segmo__spool_file_free(file);
    return code;
}

/* Under `files`. */
static void count_file(segmo__spool *spool, spool_file *file, uint32_t disk_size)
{
    raise_by(&spool->file_bytes, (uint64_t)disk_size - file->disk_size);
    file->disk_size = disk_size;
}

void segmo__spool_file_add(segmo__spool *spool, spool_file *file)
{
    pthread_mutex_lock(&spool->files);
    file->number = ++spool->number;
    if (spool->last)
        spool->last->next = file;
    else
        spool->first = file;
    spool->last = file;
    if (file->dir)
        file->dir->files++;
    raise_by(&spool->file_count, 1);
    count_file(spool, file, file->adopted ? atomic_load(&file->end) : spool->options.file_size);
    pthread_mutex_unlock(&spool->files);
}

void segmo__spool_file_take_out(segmo__spool *spool, spool_file *file)
{
    spool_file *before = NULL;

    pthread_mutex_lock(&spool->files);
    for (spool_file *at = spool->first; at != file; at = at->next)
        before = at;
    if (before)
        before->next = file->next;
    else
        spool->first = file->next;
    if (spool->last == file)
        spool->last = before;
    if (file->dir)
        file->dir->files--;
    raise_by(&spool->file_count, (uint64_t)-1);
    count_file(spool, file, 0);
    pthread_cond_broadcast(&spool->claim_free); /* nobody needs to wait for it any more */
    pthread_mutex_unlock(&spool->files);
}

spool_file *segmo__spool_file_after(segmo__spool *spool, const spool_file *file)
{
    spool_file *next;

    pthread_mutex_lock(&spool->files);
    next = file ? file->next : spool->first;
    pthread_mutex_unlock(&spool->files);
    return next;
}

int segmo__spool_file_claim(segmo__spool *spool, spool_file *file)
{
    int is_ours;

    pthread_mutex_lock(&spool->files);
    is_ours = !file->claimed;
    file->claimed = 1;
    pthread_mutex_unlock(&spool->files);
    return is_ours;
}

static int must_rest(const spool_file *file)
{
    return atomic_load(&file->sealed) && !atomic_load(&file->at_rest);
}

/* A file that was sealed while it was claimed was passed over by those who lay files to rest, and
 * nobody will ask them again. */
void segmo__spool_file_unclaim(segmo__spool *spool, spool_file *file)
{
    pthread_mutex_lock(&spool->files);
    while (must_rest(file)) {
        pthread_mutex_unlock(&spool->files);
        segmo__spool_file_rest(spool, file);
        pthread_mutex_lock(&spool->files);
    }
    file->claimed = 0;
    pthread_cond_broadcast(&spool->claim_free);
    pthread_mutex_unlock(&spool->files);
}

/* Each file that is not at rest costs a descriptor and memory, so appenders that are far ahead of
 * the preparer do its work. */
void segmo__spool_file_seal(segmo__spool *spool, spool_file *file)
{
    int awake = atomic_fetch_add(&spool->sealed_awake, 1);

    atomic_store_explicit(&file->sealed, 1, memory_order_release);
    if (atomic_load(&spool->keeper_runs) && awake < MAX_AWAKE)
        segmo__keeper_ask(spool, KEEPER_REST);
    else
        segmo__spool_rest_sealed(spool);
}

/* Unmapping and cutting may take long, so they happen outside the lock that appenders need to
 * change files: without its mapping the worker writes rows through the descriptor, until that is
 * closed too. */
void segmo__spool_file_rest(segmo__spool *spool, spool_file *file)
{
    segmo__file mapped, closing = {.fd = -1};
    uint32_t end = atomic_load(&file->end);

    pthread_mutex_lock(&spool->files);
    mapped = file->file;
    file->file.map = NULL;
    pthread_mutex_unlock(&spool->files);
    segmo__file_unmap(&mapped);
    segmo__file_truncate(&mapped, end); /* if it fails, the file only is larger than it must be */
    pthread_mutex_lock(&spool->files);
    if (file->dir) {
        closing = file->file;
        file->file.fd = -1;
    }
    count_file(spool, file, end);
    atomic_store_explicit(&file->at_rest, 1, memory_order_release);
    atomic_fetch_sub(&spool->sealed_awake, 1);
    pthread_mutex_unlock(&spool->files);
    segmo__file_close(&closing);
}

int segmo__spool_file_handle(segmo__file *out, const spool_file *file, int writable)
{
    char *path;
    int code;

    if (!file->dir) {
        *out = (segmo__file){.fd = file->file.fd, .size = SEGMO__SEGMENT_MAX_SIZE};
        return 0;
    }
    path = segmo__spool_file_path(file);
    code = path ? segmo__file_open(out, path, writable) : -ENOMEM;
    segmo__free(path);
    return code;
}

void segmo__spool_file_close_handle(const spool_file *file, segmo__file *handle)
{
    if (file->dir)
        segmo__file_close(handle);
}
