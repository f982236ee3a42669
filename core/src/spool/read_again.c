/* Records that are read again, when their message is sent. Cursors read files in windows, and the
 * last ones are kept: a message that is sent soon, or read by another destination's cursor, costs a
 * look-up instead of a system call. The worker's thread. */
#include "spool/spool_parts.h"

#include "base/mem.h"

#include <errno.h>

#define WINDOW (64u << 10)

int segmo__read_again_init(read_again *again)
{
    *again = (read_again){0};
    for (unsigned i = 0; i < READ_HANDLES; i++)
        again->handles[i].handle.fd = -1;
    again->record = segmo__alloc(SEGMO__RECORD_HEADER + SEGMO__SEGMENT_MAX_PAYLOAD);
    return again->record != NULL;
}

void segmo__read_again_fork_child(read_again *again)
{
    for (unsigned i = 0; i < READ_HANDLES; i++) {
        segmo__file_close_fd(again->handles[i].handle.fd);
        again->handles[i] = (read_handle){.handle.fd = -1};
    }
}

void segmo__read_again_free(read_again *again)
{
    for (unsigned i = 0; i < READ_HANDLES; i++)
        segmo__file_close(&again->handles[i].handle);
    for (unsigned i = 0; i < READ_WINDOWS; i++)
        segmo__free(again->windows[i].bytes);
    segmo__free(again->record);
}

void segmo__read_again_let_go(read_again *again, const spool_file *file)
{
    if (again->last == file)
        again->last = NULL;
    for (unsigned i = 0; i < READ_WINDOWS; i++)
        if (again->windows[i].file == file)
            again->windows[i].file = NULL;
    for (unsigned i = 0; i < READ_HANDLES; i++) {
        if (again->handles[i].file != file)
            continue;
        segmo__spool_file_close_handle(file, &again->handles[i].handle);
        again->handles[i] = (read_handle){.handle.fd = -1};
    }
}

static int find_handle(read_again *again, spool_file *file, const segmo__file **out)
{
    read_handle *slot = &again->handles[again->next_handle];
    int code;

    for (unsigned i = 0; i < READ_HANDLES; i++) {
        if (again->handles[i].file == file) {
            *out = &again->handles[i].handle;
            return 0;
        }
    }
    if (slot->file)
        segmo__spool_file_close_handle(slot->file, &slot->handle);
    *slot = (read_handle){.handle.fd = -1};
    code = segmo__spool_file_handle(&slot->handle, file, 0);
    if (code != 0)
        return code;
    slot->file = file;
    again->next_handle = (again->next_handle + 1) % READ_HANDLES;
    *out = &slot->handle;
    return 0;
}

/* Windows that lie one behind the other take slots one behind the other. */
static read_window *slot_of(read_again *again, const spool_file *file, uint32_t at)
{
    uint32_t in_file = SEGMO__SEGMENT_MAX_SIZE / WINDOW;

    return &again->windows[(file->number * in_file + at / WINDOW) % READ_WINDOWS];
}

static int holds(const read_window *window, const spool_file *file, uint32_t start, uint32_t len)
{
    return window->file == file && window->at == start && window->len >= len;
}

/* A window of a file that grew is read on from where it ended. A handle of its own is opened while
 * the file is there: somebody may delete it before it is read again. */
static int fill_window(read_again *again, read_window *window, spool_file *file,
                       const segmo__file *handle, uint32_t start)
{
    const segmo__file *from = handle;
    int code = find_handle(again, file, &from);
    uint32_t end = atomic_load_explicit(&file->end, memory_order_acquire);
    uint32_t wanted = end - start < WINDOW ? end - start : WINDOW;
    uint32_t have = holds(window, file, start, 0) ? window->len : 0;
    ssize_t got;

    window->file = NULL;
    if (!from)
        return code;
    if (!window->bytes && !(window->bytes = segmo__alloc(WINDOW)))
        return -ENOMEM;
    got = segmo__file_read(from, start + have, window->bytes + have, wanted - have);
    if (got < 0)
        return (int)got;
    window->file = file;
    window->at = start;
    window->len = have + (uint32_t)got;
    return 0;
}

ssize_t segmo__read_again_copy(read_again *again, spool_file *file, const segmo__file *handle,
                               uint32_t at, char *bytes, uint32_t len)
{
    uint32_t done = 0;
    int is_short = 0;

    while (done < len && !is_short) {
        uint32_t in_window = (at + done) % WINDOW, start = at + done - in_window;
        uint32_t part = len - done < WINDOW - in_window ? len - done : WINDOW - in_window;
        read_window *window = slot_of(again, file, start);
        int code = holds(window, file, start, in_window + part)
                       ? 0
                       : fill_window(again, window, file, handle, start);

        if (code != 0)
            return code;
        is_short = window->len < in_window + part;
        if (is_short)
            part = window->len > in_window ? window->len - in_window : 0;
        memcpy(bytes + done, window->bytes + in_window, part);
        done += part;
    }
    return done;
}

/* The bytes of a whole record; in a window when it lies in one, else copied together. */
static int find_bytes(read_again *again, spool_file *file, uint32_t at, uint32_t len,
                      const char **out)
{
    uint32_t start = at - at % WINDOW;
    read_window *window = slot_of(again, file, start);
    ssize_t got;

    if (holds(window, file, start, at + len - start)) {
        *out = window->bytes + (at - start);
        return 0;
    }
    *out = again->record;
    got = segmo__read_again_copy(again, file, NULL, at, again->record, len);
    return got < 0 ? (int)got : (uint32_t)got < len ? -EIO : 0;
}

static spool_file *file_of(segmo__spool *spool, uint32_t number)
{
    spool_file *file = spool->again.last;

    if (file && file->number == number)
        return file;
    pthread_mutex_lock(&spool->files);
    for (file = spool->first; file && file->number != number;)
        file = file->next;
    pthread_mutex_unlock(&spool->files);
    spool->again.last = file;
    return file;
}

static int read_record(segmo__spool *spool, const segmo__record_ref *ref, segmo__slice *payload)
{
    uint32_t len = SEGMO__RECORD_HEADER + ref->length;
    spool_file *file = file_of(spool, ref->file);
    const char *bytes;
    size_t found;
    int code = file ? find_bytes(&spool->again, file, ref->offset, len, &bytes) : -ENOENT;

    if (code != 0)
        return code;
    if (segmo__record_look((const unsigned char *)bytes, len, ref->length, &found) !=
        SEGMO__RECORD_WHOLE)
        return -EIO;
    *payload = (segmo__slice){bytes + SEGMO__RECORD_HEADER, found};
    return 0;
}

int segmo__spool_read(segmo__spool *spool, const segmo__record_ref *ref, segmo__slice *payload,
                      segmo_error **err)
{
    int code = read_record(spool, ref, payload);

    if (code == 0)
        return SEGMO_OK;
    return segmo__fail_io(err, code, "cannot read a record again in",
                          spool->root ? spool->root : "memory");
}
