/* Reading: cursors that hand out what is pending. The worker's thread. */
#include "spool/spool_parts.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>

#define READ_AGAIN_MS 1000
#define GIVE_UP_AFTER 3 /* failures to read one file */

/* Through the windows in which records are looked for when they are sent, and in which the next
 * cursor finds them. */
static ssize_t read_through_windows(void *ctx, uint32_t at, void *bytes, uint32_t len)
{
    segmo__spool_cursor *cursor = ctx;

    return segmo__read_again_copy(&cursor->spool->again, cursor->opened, &cursor->handle, at, bytes,
                                  len);
}

int segmo__spool_cursor_open(segmo__spool_cursor **out, segmo__spool *spool, unsigned destination,
                             segmo_error **err)
{
    segmo__spool_cursor *cursor = segmo__zalloc(sizeof *cursor);

    if (!cursor || !segmo__segment_reader_init(&cursor->reader)) {
        segmo__free(cursor);
        return segmo__fail_memory(err);
    }
    cursor->reader.read = read_through_windows;
    cursor->reader.ctx = cursor;
    cursor->spool = spool;
    cursor->destination = destination;
    cursor->handle.fd = -1;
    cursor->next = spool->cursors;
    spool->cursors = cursor;
    *out = cursor;
    return SEGMO_OK;
}

static void close_file(segmo__spool_cursor *cursor)
{
    if (cursor->opened)
        segmo__spool_file_close_handle(cursor->opened, &cursor->handle);
    cursor->opened = NULL;
}

void segmo__spool_cursor_free(segmo__spool_cursor *cursor)
{
    segmo__spool_cursor **place;

    if (!cursor)
        return;
    for (place = &cursor->spool->cursors; *place && *place != cursor;)
        place = &(*place)->next;
    if (*place)
        *place = cursor->next;
    close_file(cursor);
    segmo__segment_reader_free(&cursor->reader);
    segmo__free(cursor);
}

void segmo__spool_let_go(segmo__spool *spool, const spool_file *file)
{
    for (segmo__spool_cursor *cursor = spool->cursors; cursor; cursor = cursor->next) {
        if (cursor->opened == file)
            close_file(cursor);
        if (cursor->file == file)
            cursor->file = NULL;
        if (cursor->live == file)
            cursor->live = NULL;
    }
    segmo__read_again_let_go(&spool->again, file);
    if (spool->found == file)
        spool->found = NULL;
}

/* ---- which file is next ---- */

static uint32_t end_of(const spool_file *file)
{
    return atomic_load_explicit(&file->end, memory_order_acquire);
}

static int is_transient(int code)
{
    return code == -EMFILE || code == -ENFILE || code == -ENOMEM;
}

/* Appending to a file that somebody has deleted would accept messages for nowhere. */
static void retire_deleted(segmo__spool *spool, spool_file *file)
{
    pthread_mutex_lock(&spool->append);
    if (spool->active == file) {
        spool->active = NULL;
        segmo__spool_file_seal(spool, file);
    }
    pthread_mutex_unlock(&spool->append);
}

/* What cannot be read is tried again; in the end what is lost with it is counted, and reading goes
 * on. */
static void note_failure(segmo__spool *spool, spool_file *file, int code)
{
    const char *name = strerrorname_np(-code);

    file->again_at_ms = segmo__clock_mono_ms() + READ_AGAIN_MS;
    if (file->failures++ == 0)
        segmo__spool_notice(spool, "unreadable", 1, "a spool file cannot be read (%s)",
                            name ? name : "unknown error");
    if (code == -ENOENT)
        retire_deleted(spool, file);
    if (is_transient(code) || (code != -ENOENT && file->failures < GIVE_UP_AFTER))
        return;
    file->failures = GIVE_UP_AFTER;
    segmo__spool_recount(spool, file);
}

static int is_given_up(const spool_file *file)
{
    return file->failures >= GIVE_UP_AFTER;
}

static int must_wait(const spool_file *file)
{
    return file->failures > 0 && segmo__clock_mono_ms() < file->again_at_ms;
}

static int open_file(segmo__spool_cursor *cursor, spool_file *file, uint32_t at)
{
    int code = segmo__spool_load_rows(file);

    if (code == 0 && cursor->opened != file) {
        close_file(cursor);
        code = segmo__spool_file_handle(&cursor->handle, file, 0);
        cursor->opened = code == 0 ? file : NULL;
    }
    if (code == 0)
        segmo__segment_reader_aim(&cursor->reader, &cursor->handle, at, end_of(file),
                                  !file->adopted);
    return code;
}

static spool_file *first_not_begun(segmo__spool_cursor *cursor)
{
    spool_file *file;

    pthread_mutex_lock(&cursor->spool->files);
    for (file = cursor->spool->first; file && file->number <= cursor->begun;)
        file = file->next;
    pthread_mutex_unlock(&cursor->spool->files);
    return file;
}

/* 1 when `cursor->file` is one with something to read; 0 when there is none now. */
static int choose_file(segmo__spool_cursor *cursor)
{
    spool_file *file = first_not_begun(cursor);
    uint32_t at = SEGMO__SEGMENT_DATA;
    int code;

    /* An own file behind the live one is there only since that was sealed: once the one was seen,
     * the end of the other is final. */
    if (cursor->live && end_of(cursor->live) > cursor->live_at) {
        file = cursor->live;
        at = cursor->live_at;
    } else if (file && !file->adopted) {
        cursor->live = NULL;
    }
    if (!file || must_wait(file))
        return 0;
    code = open_file(cursor, file, at);
    if (code != 0) {
        note_failure(cursor->spool, file, code);
        if (!is_given_up(file))
            return 0;
    }
    if (file == cursor->live)
        cursor->live = NULL;
    else
        cursor->begun = file->number;
    cursor->file = code == 0 ? file : NULL;
    return 1;
}

/* ---- handing out ---- */

/* Cells between records hold none; so a look at the table alone tells how far all is settled. */
static void fill_gap(spool_file *file, uint32_t from_row, uint32_t to_row)
{
    if (from_row < to_row)
        memset(file->rows + from_row, NO_RECORD, to_row - from_row);
}

static void leave_file(segmo__spool_cursor *cursor, uint32_t was_at)
{
    spool_file *file = cursor->file;

    fill_gap(file, segmo__segment_row(was_at), segmo__segment_row(cursor->reader.at));
    if (cursor->reader.damaged_bytes > file->damage.bytes)
        segmo__spool_recount(cursor->spool, file);
    cursor->file = NULL;
    if (file->adopted)
        return;
    cursor->live = file;
    cursor->live_at = cursor->reader.at;
}

/* Is it for this cursor, and not settled yet? */
static int is_wanted(segmo__spool_cursor *cursor, const segmo__segment_record *record)
{
    const segmo__spool_options *options = &cursor->spool->options;
    spool_file *file = cursor->file;
    uint8_t *row = &file->rows[segmo__segment_row(record->offset)];

    *row |= record->flags;
    if (segmo__segment_state(*row, cursor->destination) != SEGMO__PENDING)
        return 0;
    return file->foreign == 0 || !options->mine || options->mine(options->ctx, record->payload);
}

enum { READ_WANTED, READ_OTHER, READ_LATER };

static int read_one(segmo__spool_cursor *cursor, segmo__segment_record *record)
{
    spool_file *file = cursor->file;
    uint32_t was_at = cursor->reader.at, end = end_of(file);
    int code;

    if (must_wait(file))
        return READ_LATER;
    cursor->reader.end = end;
    code = segmo__segment_reader_next(&cursor->reader, record);
    if (code == 0 && cursor->reader.end < end)
        code = -EIO; /* somebody has cut it: what was appended is not there */
    if (code < 0) {
        note_failure(cursor->spool, file, code);
        if (is_given_up(file))
            cursor->file = NULL;
        return READ_OTHER;
    }
    if (code == 0) {
        leave_file(cursor, was_at);
        return READ_OTHER;
    }
    fill_gap(file, segmo__segment_row(was_at), segmo__segment_row(record->offset));
    fill_gap(file, segmo__segment_row(record->offset) + 1, segmo__segment_row(cursor->reader.at));
    return is_wanted(cursor, record) ? READ_WANTED : READ_OTHER;
}

int segmo__spool_next(segmo__spool_cursor *cursor, segmo__record_ref *ref, segmo__slice *payload)
{
    segmo__segment_record record;

    while (cursor->file || choose_file(cursor)) {
        int read = cursor->file ? read_one(cursor, &record) : READ_OTHER;

        if (read == READ_LATER)
            return 0;
        if (read == READ_OTHER)
            continue;
        *ref =
            (segmo__record_ref){cursor->file->number, record.offset, (uint32_t)record.payload.len};
        *payload = record.payload;
        return 1;
    }
    return 0;
}
