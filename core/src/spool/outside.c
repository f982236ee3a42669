/* The spool directory from outside: looking at it without changing it, and planting records to be
 * adopted. */
#include "spool/spool_parts.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>

/* ---- look ---- */

typedef struct looking {
    int (*each)(void *ctx, const segmo__spool_sight *sight);
    void *ctx;
    const char *root;
    char *process; /* its directory */
    segmo__spool_sight sight;
    segmo__segment_reader reader;
    uint8_t *rows;
    int code; /* of the first thing that could not be read */
} looking;

/* What is gone by now belonged to a process that is at work. */
static void note_failure(looking *look, int code)
{
    if (look->code == 0 && code < 0 && code != -ENOENT)
        look->code = code;
}

static int show_record(looking *look, const segmo__segment_record *record)
{
    uint8_t row = look->rows[segmo__segment_row(record->offset)] | record->flags;
    uint8_t settled[DESTINATIONS];

    for (unsigned d = 0; d < DESTINATIONS; d++)
        settled[d] = (uint8_t)segmo__segment_state(row, d);
    look->sight.settled = settled;
    look->sight.payload = record->payload;
    return look->each(look->ctx, &look->sight);
}

static int look_through(looking *look, const segmo__file *file)
{
    uint32_t end =
        file->size < SEGMO__SEGMENT_MAX_SIZE ? (uint32_t)file->size : SEGMO__SEGMENT_MAX_SIZE;
    segmo__segment_record record;
    segmo__segment_kind kind;
    int stop = 0, code = segmo__segment_check(file, &kind);

    if (code == 0 && kind == SEGMO__SEGMENT_UNKNOWN)
        return 0;
    if (code == 0)
        code = segmo__segment_load_rows(file, look->rows, SEGMO__SEGMENT_ROWS);
    segmo__segment_reader_aim(&look->reader, file, SEGMO__SEGMENT_DATA, end, 0);
    while (code == 0 && !stop) {
        int got = segmo__segment_reader_next(&look->reader, &record);

        if (got == 0)
            break;
        if (got < 0)
            code = got;
        else
            stop = show_record(look, &record);
    }
    note_failure(look, code);
    return stop;
}

static int look_at_file(void *ctx, const char *name)
{
    looking *look = ctx;
    segmo__file file;
    char *path;
    int stop = 0, code;

    if (!segmo__process_dir_is_file(name))
        return 0;
    path = segmo__process_dir_join(look->process, name);
    code = path ? segmo__file_open(&file, path, 0) : -ENOMEM;
    segmo__free(path);
    if (code == 0) {
        look->sight.file = name;
        stop = look_through(look, &file);
        segmo__file_close(&file);
    }
    note_failure(look, code);
    return stop;
}

static int look_at_process(void *ctx, const char *name)
{
    looking *look = ctx;
    char *lock;
    int stop = -ENOMEM;

    if (!segmo__process_dir_is_name(name))
        return 0;
    look->process = segmo__process_dir_join(look->root, name);
    lock = look->process ? segmo__process_dir_join(look->process, "lock") : NULL;
    if (lock) {
        look->sight.process = name;
        look->sight.alive = segmo__file_locked(lock) == 1;
        stop = segmo__file_list(look->process, look_at_file, look);
    }
    note_failure(look, stop);
    segmo__free(lock);
    segmo__free(look->process);
    return stop > 0 ? stop : 0;
}

int segmo__spool_look(const char *dir, int (*each)(void *ctx, const segmo__spool_sight *sight),
                      void *ctx, segmo_error **err)
{
    looking look = {.each = each, .ctx = ctx, .root = dir};
    int status = SEGMO_OK, code;

    look.rows = segmo__alloc(SEGMO__SEGMENT_ROWS);
    if (!segmo__segment_reader_init(&look.reader) || !look.rows) {
        status = segmo__fail_memory(err);
        goto done;
    }
    code = segmo__file_list(dir, look_at_process, &look);
    if (code >= 0)
        code = look.code;
    if (code < 0)
        status = segmo__fail_io(err, code, "cannot look into the spool directory", dir);
done:
    segmo__segment_reader_free(&look.reader);
    segmo__free(look.rows);
    return status;
}

/* ---- plant ---- */

typedef struct planting {
    segmo__process_dir *dir;
    segmo__file file;
    uint32_t files, end;
} planting;

static char *planted_path(const planting *plant, uint32_t number)
{
    char name[16];

    snprintf(name, sizeof name, "%08u.seg", number);
    return segmo__process_dir_join(plant->dir->path, name);
}

static int close_planted(planting *plant)
{
    int code = 0;

    if (plant->file.fd < 0)
        return 0;
    code = segmo__file_sync(&plant->file, 0, plant->end);
    segmo__file_unmap(&plant->file);
    if (code == 0)
        code = segmo__file_truncate(&plant->file, plant->end);
    segmo__file_close(&plant->file);
    return code;
}

static int next_planted(planting *plant)
{
    int code = close_planted(plant);
    char *path = code == 0 ? planted_path(plant, ++plant->files) : NULL;

    if (code == 0)
        code = path ? segmo__segment_create(&plant->file, path, SEGMO__SPOOL_FILE_SIZE) : -ENOMEM;
    plant->end = SEGMO__SEGMENT_DATA;
    segmo__free(path);
    return code;
}

static int plant_record(planting *plant, segmo__slice payload,
                        const uint8_t preset[SEGMO__SPOOL_DESTINATIONS])
{
    unsigned char header[SEGMO__RECORD_HEADER];
    uint8_t flags = 0;
    int code = 0;

    if (payload.len > SEGMO__SEGMENT_MAX_PAYLOAD)
        return -EFBIG;
    for (unsigned d = 0; d < DESTINATIONS; d++)
        flags = segmo__segment_with_state(flags, d, preset[d]);
    if (plant->file.fd < 0 || !segmo__segment_fits(&plant->file, plant->end, payload.len))
        code = next_planted(plant);
    if (code != 0)
        return code;
    segmo__record_header(header, flags, payload.at, payload.len);
    code = segmo__segment_put(&plant->file, plant->end, header, payload);
    plant->end = segmo__segment_behind(plant->end, payload.len);
    return code;
}

/* On the disk under its name before it is told: the caller may then delete what it planted. */
static int show_planted(planting *plant, const char *root)
{
    int code = segmo__file_sync_dir(plant->dir->path);

    if (code == 0)
        code = segmo__process_dir_show(plant->dir);
    return code == 0 ? segmo__file_sync_path(root) : code;
}

/* Takes back what was planted so far. */
static void uproot(planting *plant)
{
    segmo__file_close(&plant->file);
    for (uint32_t number = 1; number <= plant->files; number++) {
        char *path = planted_path(plant, number);

        if (path)
            segmo__file_unlink(path);
        segmo__free(path);
    }
    segmo__process_dir_remove(plant->dir);
}

int segmo__spool_plant(const char *dir,
                       int (*next)(void *ctx, segmo__slice *payload,
                                   uint8_t preset[SEGMO__SPOOL_DESTINATIONS]),
                       void *ctx, segmo_error **err)
{
    planting plant = {.file.fd = -1};
    uint8_t preset[SEGMO__SPOOL_DESTINATIONS] = {0};
    segmo__slice payload = {NULL, 0};
    int code = segmo__file_mkdir(dir);

    if (code == 0)
        code = segmo__process_dir_make(&plant.dir, dir);
    while (code == 0 && next(ctx, &payload, preset))
        code = plant_record(&plant, payload, preset);
    if (code == 0)
        code = close_planted(&plant);
    if (code == 0 && plant.files > 0)
        code = show_planted(&plant, dir);
    if (plant.dir && (code != 0 || plant.files == 0))
        uproot(&plant);
    segmo__process_dir_free(plant.dir);
    if (code == 0)
        return SEGMO_OK;
    if (code == -ENOSPC || code == -EDQUOT)
        return segmo__fail(err, SEGMO_ERR_FULL, "spool.dir",
                           "no room in %s; free some (df -h), then try again", dir);
    return segmo__fail_io(err, code, "cannot write into the spool directory", dir);
}
