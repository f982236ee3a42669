#include "support/import_state.h"

#include "base/error.h"
#include "base/id.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAMPLE_SIZE (256u << 10)
#define STATE_MAGIC 0x31504d494f474d53ull /* "SMGOIMP1" */

/* The file, little-endian like the processor. */
struct layout {
    uint64_t magic;
    uint64_t identity;
    uint64_t size;
    uint64_t offset;
};

/* ---- which file ---- */

static int hash_sample(uint64_t *hash, int fd, off_t at, char *room)
{
    ssize_t got = pread(fd, room, SAMPLE_SIZE, at);

    if (got < 0)
        return -errno;
    *hash = segmo__id_hash(room, (size_t)got, *hash);
    return 0;
}

static int identify(struct import_state *state, const char *path, int fd)
{
    char real[PATH_MAX];
    struct stat info;
    char *room = segmo__alloc(SAMPLE_SIZE);
    int status = room ? 0 : -ENOMEM;

    if (status == 0 && (fstat(fd, &info) != 0 || !realpath(path, real)))
        status = -errno;
    if (status < 0)
        goto done;
    state->size = (uint64_t)info.st_size;
    state->identity = segmo__id_hash(real, strlen(real), state->size);
    status = hash_sample(&state->identity, fd, 0, room);
    if (status == 0 && info.st_size > (off_t)SAMPLE_SIZE)
        status = hash_sample(&state->identity, fd, info.st_size - (off_t)SAMPLE_SIZE, room);
done:
    segmo__free(room);
    return status;
}

void import_state_message_id(const struct import_state *state, uint64_t offset,
                             char out[IMPORT_ID_SIZE])
{
    snprintf(out, IMPORT_ID_SIZE, "import-%016" PRIx64 "-%012" PRIx64, state->identity, offset);
}

/* ---- the file beside the spool ---- */

static void name_file(const struct import_state *state, const char *dir, const char *end,
                      char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/import-%016" PRIx64 ".%s", dir, state->identity, end);
}

/* What an earlier run left, if it is about this input. */
static void read_earlier(struct import_state *state, const char *path)
{
    struct layout layout;
    char *bytes = NULL;
    size_t len = 0;

    if (segmo__file_slurp(path, 4096, &bytes, &len) == 0 && len >= sizeof layout) {
        memcpy(&layout, bytes, sizeof layout);
        if (layout.magic == STATE_MAGIC && layout.identity == state->identity &&
            layout.size == state->size && layout.offset <= state->size) {
            state->offset = layout.offset;
            state->resumed = 1;
        }
    }
    segmo__free(bytes);
}

/* Writes the state anew under another name and puts it in place at once, mapped from then on. */
static int write_anew(struct import_state *state, const char *path, const char *fresh)
{
    struct layout layout = {STATE_MAGIC, state->identity, state->size, state->offset};
    int status;

    segmo__file_unlink(fresh);
    status = segmo__file_create(&state->file, fresh, sizeof layout);
    if (status == 0)
        status = segmo__file_store(&state->file, 0, &layout, sizeof layout);
    return status == 0 ? segmo__file_rename(fresh, path) : status;
}

static int fail(struct import_state *state, const char *path, int code, segmo_error **err)
{
    import_state_close(state);
    if (code == -EWOULDBLOCK)
        return segmo__fail(err, SEGMO_ERR_INVALID, NULL,
                           "another process is importing this file; wait for it, or stop it");
    return segmo__fail_io(err, -code, "the import's state cannot be kept in", path);
}

int import_state_open(struct import_state *out, const char *dir, const char *path, int fd,
                      int again, segmo_error **err)
{
    char name[PATH_MAX], fresh[PATH_MAX], lock[PATH_MAX];
    int status;

    memset(out, 0, sizeof *out);
    out->lock = out->file.fd = -1;
    status = identify(out, path, fd);
    if (status < 0)
        return segmo__fail_io(err, -status, "cannot read", path);
    name_file(out, dir, "state", name);
    name_file(out, dir, "fresh", fresh);
    name_file(out, dir, "lock", lock);
    status = segmo__file_mkdir(dir);
    if (status == 0)
        status = segmo__file_lock(&out->lock, lock, 1);
    if (status < 0)
        return fail(out, lock, status, err);
    if (!again)
        read_earlier(out, name);
    status = write_anew(out, name, fresh);
    return status == 0 ? SEGMO_OK : fail(out, fresh, status, err);
}

void import_state_close(struct import_state *state)
{
    if (state->file.fd >= 0)
        segmo__file_close(&state->file);
    if (state->lock >= 0)
        segmo__file_close_fd(state->lock);
    state->file.fd = state->lock = -1;
}

int import_state_is_finished(const struct import_state *state)
{
    return state->resumed && state->offset == state->size;
}

/* One store of eight bytes, so that a kill never leaves half an offset. */
void import_state_advance(struct import_state *state, uint64_t offset)
{
    state->offset = offset;
    if (state->file.map)
        __atomic_store_n((uint64_t *)(void *)(state->file.map + offsetof(struct layout, offset)),
                         offset, __ATOMIC_RELEASE);
    else
        segmo__file_store(&state->file, offsetof(struct layout, offset), &offset, sizeof offset);
}
