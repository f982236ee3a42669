/* The spool on disks that are full, forbidden or failing, and seen from outside. */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "scratch_dir.h"
#include "spool/spool_parts.h"
#include "spool_help.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a full disk ---- */

static void a_full_disk_refuses_and_recovers(void **state)
{
    static const char text[400];
    unsigned accepted = 0, more = 0;
    segmo__spool *spool;
    segmo_error *err = NULL;
    int status;

    (void)state;
    if (mount("none", spool_dir, "tmpfs", 0, "size=1m,mode=0700") != 0) {
        print_message("not run: a small file system cannot be mounted here\n");
        skip();
    }
    spool = open_usual(); /* without its threads, which give back room at moments of their own */
    while (append_number(spool, accepted) == SEGMO_OK)
        assert_true(++accepted < 100000);
    assert_int_equal(told.disk_full, 1);
    assert_int_equal(counts_of(spool).disk_full, 1);
    segmo__clock_shift(0, 200); /* it tries for another file now and then only */
    while ((status = segmo__spool_append(spool, (segmo__slice){text, sizeof text}, nothing_preset,
                                         &err)) == SEGMO_OK)
        accepted++; /* sealing gave back some room */
    assert_int_equal(status, SEGMO_ERR_FULL);
    assert_int_equal(segmo_error_retryable(err), 1);
    segmo_error_free(err);
    assert_int_equal(told.disk_full, told.disk_room + 1);
    assert_int_equal(segmo__spool_wait_room(spool, 1, NULL), SEGMO_ERR_TIMEOUT);

    assert_int_equal(drain(spool, 0, 1), accepted); /* delivering goes on */
    assert_int_equal(drain(spool, 1, 1), accepted);
    assert_int_equal(segmo__spool_commit(spool, NULL), SEGMO_OK);
    assert_int_equal(segmo__spool_wait_room(spool, 5000, NULL), SEGMO_OK);
    assert_int_equal(told.disk_room, told.disk_full);
    while (more < 50 && append_number(spool, more) == SEGMO_OK)
        more++;
    assert_int_equal(more, 50);
    assert_int_equal(counts_of(spool).disk_full, 0);
    segmo__spool_close(spool, 0);
}

static int unmount_and_remove(void **state)
{
    umount2(spool_dir, MNT_DETACH);
    return spool_dir_remove(state);
}

/* ---- directories that cannot be used ---- */

static void expect_refusal(const char *dir, const char *word, const char *other)
{
    segmo__spool_options options = usual_options();
    segmo__spool *spool = NULL;
    segmo_error *err = NULL;

    options.dir = dir;
    assert_int_equal(segmo__spool_open(&spool, &options, &err), SEGMO_ERR_IO);
    assert_non_null(strstr(segmo_error_message(err), dir));
    assert_non_null(strstr(segmo_error_message(err), word));
    assert_non_null(strstr(segmo_error_message(err), other));
    segmo_error_free(err);
}

static void a_file_in_the_directorys_place_is_told(void **state)
{
    const char *path = scratch_path(spool_dir, "file");
    int fd = open(path, O_CREAT | O_WRONLY, 0600);

    (void)state;
    close(fd);
    expect_refusal(path, "is a file", "move it away");
    expect_refusal(scratch_path(spool_dir, "file/spool"), "is a file", "move it away");
}

/* Runs a check as a user who is not root; the exit status of a failed assertion is not 0. */
static void as_nobody(void (*check)(void))
{
    pid_t child;

    if (geteuid() != 0) {
        check();
        return;
    }
    child = fork();
    if (child == 0) {
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(9);
        check();
        _exit(0);
    }
    expect_success(child);
}

static void expect_no_permission(void)
{
    expect_refusal(scratch_path(spool_dir, "closed"), "permission denied", "chown");
    expect_refusal(scratch_path(spool_dir, "closed/deeper"), "permission denied", "chown");
    expect_refusal(scratch_path(spool_dir, "read-only"), "mode 0555", "chown");
}

static void a_directory_without_permission_is_told_with_its_remedy(void **state)
{
    (void)state;
    chmod(spool_dir, 0755);
    mkdir(scratch_path(spool_dir, "closed"), 0700);
    mkdir(scratch_path(spool_dir, "read-only"), 0755);
    chmod(scratch_path(spool_dir, "closed"), 0000);
    chmod(scratch_path(spool_dir, "read-only"), 0555);
    as_nobody(expect_no_permission);
    chmod(scratch_path(spool_dir, "closed"), 0700);
}

static void a_missing_directory_is_made_with_its_parents(void **state)
{
    segmo__spool_options options = usual_options();
    segmo__spool *spool;
    struct stat info;

    (void)state;
    options.dir = scratch_path(spool_dir, "var/spool/segmo");
    spool = open_with(options);
    assert_int_equal(append_text(spool, "x"), SEGMO_OK);
    assert_int_equal(stat(options.dir, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    segmo__spool_close(spool, 0);
}

static void a_directory_deleted_under_us_is_noticed(void **state)
{
    segmo__spool *spool = open_usual();

    (void)state;
    append_text(spool, "lost");
    scratch_dir_remove(spool_dir);
    assert_int_equal(drain(spool, 0, 0), 0);
    assert_int_equal(told.unreadable, 1);
    assert_int_equal(append_text(spool, "refused"), SEGMO_ERR_IO);
    segmo__spool_commit(spool, NULL);
    assert_int_equal(counts_of(spool).pending_records[0], 0);
    assert_int_equal(counts_of(spool).damaged_records, 1);
    segmo__spool_close(spool, 0);
}

/* ---- failing calls ---- */

static struct {
    segmo__file_op op;
    atomic_int calls;
    int from, to, code; /* calls number `from` up to and without `to` fail */
} fault;

static int fail_some(void *ctx, segmo__file_op op, const char *path, int fd, uint64_t offset,
                     size_t *len)
{
    int call;

    (void)ctx, (void)path, (void)fd, (void)offset, (void)len;
    if (op != fault.op)
        return 0;
    call = atomic_fetch_add(&fault.calls, 1);
    return call >= fault.from && call < fault.to ? fault.code : 0;
}

static void fail_calls(segmo__file_op op, int from, int to, int code)
{
    fault.op = op;
    fault.from = from;
    fault.to = to;
    fault.code = code;
    atomic_store(&fault.calls, 0);
    segmo__file_hook(fail_some, NULL);
}

static void what_could_not_be_stored_is_not_accepted(void **state)
{
    static const segmo__file_op ops[] = {SEGMO__FILE_STORE, SEGMO__FILE_PUBLISH};
    segmo__spool *spool;

    (void)state;
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        for (int call = 0; call < 6; call++) {
            segmo__spool_cursor *cursor;
            unsigned refused = 0;

            spool = open_usual();
            assert_int_equal(append_text(spool, "before"), SEGMO_OK);
            fail_calls(ops[i], call, call + 1, -EIO);
            for (int n = 0; n < 3; n++)
                refused += append_text(spool, "while it fails") != SEGMO_OK;
            segmo__file_hook(NULL, NULL);
            assert_int_equal(append_text(spool, "after"), SEGMO_OK);
            cursor = cursor_of(spool, 0);
            expect_next(cursor, "before", NULL);
            for (unsigned n = refused; n < 3; n++)
                expect_next(cursor, "while it fails", NULL);
            expect_next(cursor, "after", NULL);
            expect_none(cursor);
            segmo__spool_cursor_free(cursor);
            assert_int_equal(refused, call < (ops[i] == SEGMO__FILE_STORE ? 6 : 3));
            drain(spool, 0, 1);
            drain(spool, 1, 1);
            segmo__spool_close(spool, 0);
            assert_int_equal(entries(spool_dir), 0);
        }
    }
    assert_int_equal(told.damaged, 0);
}

static void a_failed_read_is_tried_again_after_a_while(void **state)
{
    segmo__spool *spool = open_usual();
    segmo__spool_cursor *cursor = cursor_of(spool, 0);

    (void)state;
    append_text(spool, "one");
    fail_calls(SEGMO__FILE_READ, 0, 1, -EIO);
    expect_none(cursor);
    expect_none(cursor);
    assert_int_equal(atomic_load(&fault.calls), 1);
    assert_int_equal(told.unreadable, 1);
    segmo__clock_shift(0, 2000);
    expect_next(cursor, "one", NULL);
    segmo__spool_cursor_free(cursor);
    segmo__spool_close(spool, 0);
}

static void a_file_that_somebody_cuts_is_not_read_for_ever(void **state)
{
    segmo__spool *spool = open_usual();
    segmo__spool_cursor *cursor = cursor_of(spool, 0);
    char path[4096];
    segmo__record_ref ref;
    segmo__slice payload;
    unsigned count = 0, read = 0;

    (void)state;
    while (find_files(spool_dir, path) < 2)
        append_number(spool, count++);
    memcpy(strrchr(path, '/'), "/00000001.seg", 14);
    assert_int_equal(truncate(path, SEGMO__SEGMENT_DATA + 2000), 0);
    for (int tries = 0; tries < 4; tries++) {
        while (segmo__spool_next(cursor, &ref, &payload)) {
            segmo__spool_settle(spool, &ref, 0, SEGMO__DELIVERED);
            read++;
        }
        segmo__clock_shift(0, 2000);
    }
    assert_in_range(read, 2, count - 1);
    assert_int_equal(counts_of(spool).pending_records[0], 0);
    assert_int_equal(counts_of(spool).damaged_records, count - read);
    segmo__spool_cursor_free(cursor);
    segmo__spool_close(spool, 0);
}

static void what_can_never_be_read_is_counted_as_damage(void **state)
{
    segmo__spool *spool = open_usual();
    segmo__spool_cursor *cursor = cursor_of(spool, 0);
    unsigned count = 0;

    (void)state;
    while (find_files(spool_dir, NULL) < 2)
        append_number(spool, count++);
    append_text(spool, "in the next file");
    fail_calls(SEGMO__FILE_READ, 0, 1000, -EIO);
    for (int tries = 0; tries < 3; tries++) {
        expect_none(cursor);
        segmo__clock_shift(0, 2000);
    }
    assert_int_equal(told.unreadable, 2); /* this one and the next */
    segmo__file_hook(NULL, NULL);
    while (counts_of(spool).pending_records[0] > 1) { /* what stood in the next one already */
        segmo__record_ref ref;
        segmo__slice payload;

        assert_int_equal(segmo__spool_next(cursor, &ref, &payload), 1);
        segmo__spool_settle(spool, &ref, 0, SEGMO__DELIVERED);
    }
    expect_next(cursor, "in the next file", NULL);
    assert_true(counts_of(spool).damaged_records > 10);
    segmo__spool_commit(spool, NULL);
    assert_int_equal(entries(scratch_path(spool_dir, "damaged")), 1);
    segmo__spool_cursor_free(cursor);
    segmo__spool_close(spool, 0);
}

/* Ten messages were handed out for one destination before the disk failed; the other one reads all
 * of them once it works again. */
static void what_was_counted_as_lost_and_turns_up_counts_once(void **state)
{
    segmo__spool *spool = open_usual();
    segmo__spool_cursor *cursor = cursor_of(spool, 0);
    segmo__record_ref handed_out[10];
    segmo__slice payload;
    segmo__spool_mark mark;

    (void)state;
    for (unsigned number = 0; number < 10; number++)
        append_number(spool, number);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(segmo__spool_next(cursor, &handed_out[i], &payload), 1);
    for (unsigned number = 10; number < 15; number++)
        append_number(spool, number);
    segmo__spool_mark_end(spool, &mark);
    fail_calls(SEGMO__FILE_READ, 0, 1000, -EIO);
    for (int tries = 0; tries < 3; tries++) {
        expect_none(cursor);
        segmo__clock_shift(0, 2000);
    }
    segmo__file_hook(NULL, NULL);
    assert_int_equal(counts_of(spool).damaged_records, 15);
    fail_calls(SEGMO__FILE_READ, 0, 1, -EIO);
    assert_int_equal(drain(spool, 1, 0), 0); /* it goes on behind the file that was given up */
    segmo__file_hook(NULL, NULL);
    assert_int_equal(counts_of(spool).damaged_records, 15);
    segmo__clock_shift(0, 2000);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(segmo__spool_settle(spool, &handed_out[i], 0, SEGMO__DELIVERED), 1);
    assert_int_equal(drain(spool, 1, 1), 15);
    for (unsigned d = 0; d < 2; d++) {
        assert_int_equal(counts_of(spool).pending_records[d], 0);
        assert_int_equal(counts_of(spool).pending_bytes[d], 0);
        assert_int_equal(segmo__spool_over_quota(spool, d, 1000), 0);
    }
    assert_int_equal(segmo__spool_commit(spool, NULL), SEGMO_OK);
    assert_int_equal(segmo__spool_passed(spool, &mark), 1);
    append_text(spool, "next");
    assert_int_equal(counts_of(spool).pending_records[0], 1);
    segmo__spool_cursor_free(cursor);
    segmo__spool_close(spool, 0);
}

static void a_failed_commit_is_made_up_for(void **state)
{
    segmo__spool *spool = open_usual();

    (void)state;
    append_text(spool, "one");
    append_text(spool, "two");
    drain(spool, 0, 1);
    fail_calls(SEGMO__FILE_STORE, 0, 1, -EIO);
    assert_int_equal(segmo__spool_commit(spool, NULL), SEGMO_ERR_IO);
    assert_int_equal(segmo__spool_commit(spool, NULL), SEGMO_OK);
    segmo__spool_close(spool, 0);
    spool = open_usual();
    assert_int_equal(counts_of(spool).pending_records[0], 0);
    assert_int_equal(counts_of(spool).pending_records[1], 2);
    segmo__spool_close(spool, 0);
}

static void a_failed_sync_is_told_and_tried_again(void **state)
{
    segmo__spool_options options = usual_options();
    segmo__spool *spool;
    segmo_error *err = NULL;

    (void)state;
    options.sync_ms = 0;
    for (int with_keeper = 0; with_keeper < 2; with_keeper++) {
        spool = open_with(options);
        if (with_keeper)
            segmo__spool_start(spool);
        append_text(spool, "x");
        fail_calls(SEGMO__FILE_SYNC, 0, 1, -EIO);
        assert_int_equal(segmo__spool_sync(spool, 10000, &err), SEGMO_ERR_IO);
        assert_int_equal(segmo__spool_sync(spool, 10000, NULL), SEGMO_OK);
        assert_int_equal(atomic_load(&fault.calls), 2);
        assert_int_equal(segmo__spool_sync(spool, 10000, NULL), SEGMO_OK);
        assert_int_equal(atomic_load(&fault.calls), 2); /* nothing new to sync */
        segmo_error_free(err);
        err = NULL;
        segmo__file_hook(NULL, NULL);
        drain(spool, 0, 1);
        drain(spool, 1, 1);
        segmo__spool_close(spool, 0);
    }
    assert_int_equal(told.sync_failed, 1);
}

static void the_keeper_syncs_without_being_asked(void **state)
{
    segmo__spool *spool = open_usual();

    (void)state;
    fail_calls(SEGMO__FILE_SYNC, 0, 0, 0); /* only counts */
    segmo__spool_start(spool);
    append_text(spool, "x");
    while (atomic_load(&fault.calls) == 0)
        usleep(1000);
    segmo__file_hook(NULL, NULL);
    segmo__spool_close(spool, 0);
}

/* A disk on which the first sync lasts until it is let go on. */
static struct slow_disk {
    atomic_int syncing, go_on;
} slow_disk;

static int sync_slowly(void *ctx, segmo__file_op op, const char *path, int fd, uint64_t offset,
                       size_t *len)
{
    (void)ctx, (void)path, (void)fd, (void)offset, (void)len;
    if (op == SEGMO__FILE_SYNC && !atomic_exchange(&slow_disk.syncing, 1))
        while (!atomic_load(&slow_disk.go_on))
            usleep(1000);
    return 0;
}

static void slow_down(void)
{
    atomic_store(&slow_disk.syncing, 0);
    atomic_store(&slow_disk.go_on, 0);
    segmo__file_hook(sync_slowly, NULL);
}

static void a_disk_that_does_not_confirm_in_time_is_told(void **state)
{
    segmo__spool *spool = open_usual();
    segmo_error *err = NULL;

    (void)state;
    slow_down();
    segmo__spool_start(spool);
    append_text(spool, "x");
    assert_int_equal(segmo__spool_sync(spool, 1, &err), SEGMO_ERR_TIMEOUT);
    assert_non_null(strstr(segmo_error_message(err), "wait again"));
    segmo_error_free(err);
    atomic_store(&slow_disk.go_on, 1);
    assert_int_equal(segmo__spool_sync(spool, 20000, NULL), SEGMO_OK);
    segmo__spool_close(spool, 0);
}

/* The file that is being synced is the one that is filled, so nobody else makes its pages ready;
 * the next file is there all the same. */
static void a_file_is_filled_while_it_is_synced(void **state)
{
    static char text[4000];
    segmo__spool_options options = usual_options();
    segmo__spool *spool;
    unsigned count = 0;

    (void)state;
    options.file_size = SEGMO__SEGMENT_DATA + (512u << 10);
    spool = open_with(options);
    slow_down();
    segmo__spool_start(spool);
    append_text(spool, "x");
    while (!atomic_load(&slow_disk.syncing))
        usleep(1000);
    memset(text, 'x', sizeof text);
    while (find_files(spool_dir, NULL) < 2) {
        if (++count < 100) /* more than half of the file, not all of it */
            assert_int_equal(
                segmo__spool_append(spool, (segmo__slice){text, sizeof text}, nothing_preset, NULL),
                SEGMO_OK);
        else
            usleep(1000);
    }
    atomic_store(&slow_disk.go_on, 1);
    segmo__spool_close(spool, 0);
}

/* While the preparer makes a file, an appender fills one after the other and makes the next itself:
 * names that rise no more are changed, or the file is not used. */
static struct {
    atomic_int making, go_on;
    int renames_fail;
} slow_create;

static int create_slowly(void *ctx, segmo__file_op op, const char *path, int fd, uint64_t offset,
                         size_t *len)
{
    char name[16] = "";

    (void)ctx, (void)path, (void)fd, (void)offset, (void)len;
    pthread_getname_np(pthread_self(), name, sizeof name);
    if (op == SEGMO__FILE_RENAME)
        return slow_create.renames_fail ? -EIO : 0;
    if (op != SEGMO__FILE_CREATE || strcmp(name, "segmo-preparer") != 0 ||
        atomic_exchange(&slow_create.making, 1))
        return 0;
    while (!atomic_load(&slow_create.go_on))
        usleep(1000);
    return 0;
}

static unsigned overtake_the_preparer(segmo__spool *spool)
{
    unsigned count = 0;
    uint64_t files;

    atomic_store(&slow_create.making, 0);
    atomic_store(&slow_create.go_on, 0);
    segmo__file_hook(create_slowly, NULL);
    segmo__spool_start(spool);
    while (!atomic_load(&slow_create.making))
        assert_int_equal(append_number(spool, count++ % 100), SEGMO_OK);
    files = counts_of(spool).files;
    while (counts_of(spool).files < files + 2)
        assert_int_equal(append_number(spool, count++ % 100), SEGMO_OK);
    atomic_store(&slow_create.go_on, 1);
    while (counts_of(spool).files < files + 5)
        assert_int_equal(append_number(spool, count++ % 100), SEGMO_OK);
    return count;
}

static void expect_in_order(segmo__spool *spool, unsigned count)
{
    segmo__spool_cursor *cursor = cursor_of(spool, 0);
    segmo__record_ref ref;
    segmo__slice payload;

    for (unsigned number = 0; number < count; number++) {
        assert_int_equal(segmo__spool_next(cursor, &ref, &payload), 1);
        assert_int_equal(number_of(payload), number % 100);
        segmo__spool_settle(spool, &ref, 0, SEGMO__DELIVERED);
    }
    expect_none(cursor);
    segmo__spool_cursor_free(cursor);
    assert_int_equal(drain(spool, 1, 1), count);
}

static void a_preparer_that_is_overtaken_changes_no_order(void **state)
{
    segmo__spool_options options = usual_options();

    (void)state;
    for (int in_memory = 0; in_memory < 2; in_memory++) {
        for (slow_create.renames_fail = 0; slow_create.renames_fail < 2;
             slow_create.renames_fail++) {
            segmo__spool *spool;

            options.dir = in_memory ? NULL : spool_dir;
            spool = open_with(options);
            expect_in_order(spool, overtake_the_preparer(spool));
            segmo__spool_close(spool, 0);
            segmo__file_hook(NULL, NULL);
            segmo__spool_close(open_usual(), 0); /* who adopts what was not used */
            assert_int_equal(entries(spool_dir), 0);
        }
    }
}

static void a_file_that_is_full_before_its_sync_has_ended_is_let_go_all_the_same(void **state)
{
    segmo__spool *spool = open_usual();
    segmo__spool_mark mark;
    unsigned count = 0;

    (void)state;
    slow_down();
    segmo__spool_start(spool);
    append_number(spool, count++);
    while (!atomic_load(&slow_disk.syncing))
        usleep(1000);
    while (find_files(spool_dir, NULL) < 4)
        append_number(spool, count++);
    usleep(50000); /* those who lay files to rest pass over the one that is being synced */
    segmo__spool_mark_end(spool, &mark);
    drain(spool, 0, 1);
    drain(spool, 1, 1);
    assert_int_equal(segmo__spool_commit(spool, NULL), SEGMO_OK);
    assert_int_equal(segmo__spool_passed(spool, &mark), 1);
    atomic_store(&slow_disk.go_on, 1);
    while (find_files(spool_dir, NULL) > 2) { /* the active one and perhaps one that is ready */
        usleep(1000);
        segmo__spool_commit(spool, NULL);
    }
    segmo__file_hook(NULL, NULL);
    segmo__spool_close(spool, 0);
}

/* ---- waiting for room ---- */

static void *wait_for_room(void *arg)
{
    assert_int_equal(segmo__spool_wait_room(arg, 60000, NULL), SEGMO_OK);
    return NULL;
}

static void whoever_waits_for_room_is_woken_by_a_commit(void **state)
{
    segmo__spool_options options = usual_options();
    segmo__spool *spool;
    pthread_t waiter;

    (void)state;
    options.max_bytes = 1000;
    spool = open_with(options);
    for (unsigned number = 0; !segmo__spool_over_quota(spool, 0, 500); number++)
        append_number(spool, number);
    assert_int_equal(pthread_create(&waiter, NULL, wait_for_room, spool), 0);
    while (atomic_load(&spool->room_waiters) == 0)
        usleep(1000);
    drain(spool, 0, 1);
    drain(spool, 1, 1);
    assert_int_equal(segmo__spool_commit(spool, NULL), SEGMO_OK);
    pthread_join(waiter, NULL);
    segmo__spool_close(spool, 0);
}

/* ---- reading again ---- */

static void a_record_that_cannot_be_read_again_is_refused(void **state)
{
    segmo__spool *spool = open_usual();
    segmo__spool_cursor *cursor = cursor_of(spool, 0);
    segmo__record_ref first, ref;
    segmo__slice payload;
    segmo_error *err = NULL;
    unsigned last = 0;
    char path[4096];
    int fd;

    (void)state;
    while (find_files(spool_dir, path) < 5)
        append_number(spool, ++last);
    assert_int_equal(segmo__spool_next(cursor, &first, &payload), 1);
    while (segmo__spool_next(cursor, &ref, &payload))
        continue; /* until what was read first is remembered no more */
    segmo__mem_fail(0, 0);
    assert_int_equal(segmo__spool_read(spool, &first, &payload, NULL), SEGMO_ERR_IO);
    segmo__mem_fail(-1, 0);
    fail_calls(SEGMO__FILE_OPEN, 0, 1, -EMFILE);
    assert_int_equal(segmo__spool_read(spool, &first, &payload, NULL), SEGMO_ERR_IO);
    segmo__file_hook(NULL, NULL);
    memcpy(strrchr(path, '/'), "/00000001.seg", 14);
    fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "?", 1, first.offset + SEGMO__RECORD_HEADER), 1);
    close(fd);
    assert_int_equal(segmo__spool_read(spool, &first, &payload, &err), SEGMO_ERR_IO);
    segmo_error_free(err);
    assert_int_equal(segmo__spool_read(spool, &ref, &payload, NULL), SEGMO_OK);
    assert_int_equal(number_of(payload), last);
    segmo__spool_cursor_free(cursor);
    segmo__spool_close(spool, 0);
}

static void what_is_settled_once_its_file_is_gone_has_its_outcome_already(void **state)
{
    segmo__spool *spool = open_usual();
    segmo__spool_cursor *cursor = cursor_of(spool, 0);
    segmo__record_ref ref;
    segmo__slice payload;

    (void)state;
    for (unsigned number = 0; find_files(spool_dir, NULL) < 2; number++)
        append_number(spool, number);
    assert_int_equal(segmo__spool_next(cursor, &ref, &payload), 1);
    segmo__spool_cursor_free(cursor);
    drain(spool, 0, 1);
    drain(spool, 1, 1);
    assert_int_equal(segmo__spool_commit(spool, NULL), SEGMO_OK);
    assert_int_equal(find_files(spool_dir, NULL), 1);
    assert_int_equal(segmo__spool_settle(spool, &ref, 0, SEGMO__DELIVERED), 0);
    assert_int_equal(segmo__spool_settled(spool, &ref, 0), SEGMO__SKIPPED);
    segmo__spool_close(spool, 0);
}

/* ---- from outside ---- */

typedef struct seen {
    unsigned records, alive, settled_for_first;
    uint64_t sum;
} seen;

static int see(void *ctx, const segmo__spool_sight *sight)
{
    seen *all = ctx;

    assert_non_null(strstr(sight->file, ".seg"));
    all->records++;
    all->alive += (unsigned)sight->alive;
    all->settled_for_first += sight->settled[0] != SEGMO__PENDING;
    all->sum += number_of(sight->payload);
    return 0;
}

static void looking_shows_all_records_and_changes_nothing(void **state)
{
    segmo__spool *dead = open_usual(), *alive;
    seen all = {0};

    (void)state;
    for (unsigned number = 0; number < 30; number++)
        append_number(dead, number);
    alive = open_usual();
    for (unsigned number = 30; number < 50; number++)
        append_number(alive, number);
    segmo__spool_close(dead, 0);
    drain(alive, 0, 1);
    segmo__spool_commit(alive, NULL);
    assert_int_equal(segmo__spool_look(spool_dir, see, &all, NULL), SEGMO_OK);
    assert_int_equal(all.records, 50);
    assert_int_equal(all.alive, 20);
    assert_int_equal(all.settled_for_first, 20);
    assert_int_equal(all.sum, 49 * 50 / 2);
    assert_int_equal(segmo__spool_adopt(alive, NULL), 30); /* the lock was left free */
    segmo__spool_close(alive, 0);
}

static void looking_into_nothing_is_an_error(void **state)
{
    seen all = {0};
    segmo_error *err = NULL;

    (void)state;
    assert_int_equal(segmo__spool_look(scratch_path(spool_dir, "none"), see, &all, &err),
                     SEGMO_ERR_IO);
    segmo_error_free(err);
}

static unsigned plant_left;

static int next_planted(void *ctx, segmo__slice *payload, uint8_t preset[SEGMO__SPOOL_DESTINATIONS])
{
    static char text[100000];

    (void)ctx;
    if (plant_left == 0)
        return 0;
    plant_left--;
    memset(text, 'p', sizeof text);
    *payload = (segmo__slice){text, sizeof text};
    preset[0] = SEGMO__SKIPPED;
    preset[1] = SEGMO__PENDING;
    preset[2] = preset[3] = SEGMO__SKIPPED;
    return 1;
}

static void planted_records_are_adopted(void **state)
{
    segmo__spool *spool = open_usual();
    uint64_t pending[SEGMO__SPOOL_DESTINATIONS] = {0};

    (void)state;
    plant_left = 200; /* more than one file */
    assert_int_equal(segmo__spool_plant(spool_dir, next_planted, NULL, NULL), SEGMO_OK);
    assert_true(find_files(spool_dir, NULL) > 1);
    assert_int_equal(segmo__spool_adopt(spool, pending), 200);
    assert_int_equal(pending[0], 0);
    assert_int_equal(pending[1], 200);
    assert_int_equal(drain(spool, 0, 1), 0);
    assert_int_equal(drain(spool, 1, 1), 200);
    segmo__spool_close(spool, 0);
    assert_int_equal(entries(spool_dir), 0);
}

static int next_too_large(void *ctx, segmo__slice *payload,
                          uint8_t preset[SEGMO__SPOOL_DESTINATIONS])
{
    static char text[SEGMO__SEGMENT_MAX_PAYLOAD + 1];
    unsigned *number = ctx;

    (void)preset;
    memset(text, 'p', sizeof text);
    *payload = (segmo__slice){text, *number == 3 ? sizeof text : 1};
    return ++*number < 10;
}

static void with_a_payload_that_is_too_large_nothing_is_planted(void **state)
{
    unsigned number = 0;
    segmo_error *err = NULL;

    (void)state;
    assert_int_equal(segmo__spool_plant(spool_dir, next_too_large, &number, &err), SEGMO_ERR_IO);
    assert_int_equal(number, 4);
    segmo_error_free(err);
    assert_int_equal(entries(spool_dir), 0);
}

static void no_partial_plant_stays_on_a_full_disk(void **state)
{
    (void)state;
    for (int call = 0; call < 3; call++) {
        plant_left = 200;
        fail_calls(SEGMO__FILE_CREATE, call, call + 1, -ENOSPC);
        assert_int_equal(segmo__spool_plant(spool_dir, next_planted, NULL, NULL), SEGMO_ERR_FULL);
        assert_int_equal(entries(spool_dir), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, spool_dir_make, spool_dir_remove)
        cmocka_unit_test_setup_teardown(a_full_disk_refuses_and_recovers, spool_dir_make,
                                        unmount_and_remove),
        TEST(a_file_in_the_directorys_place_is_told),
        TEST(a_directory_without_permission_is_told_with_its_remedy),
        TEST(a_missing_directory_is_made_with_its_parents),
        TEST(a_directory_deleted_under_us_is_noticed),
        TEST(what_could_not_be_stored_is_not_accepted),
        TEST(a_failed_read_is_tried_again_after_a_while),
        TEST(a_file_that_somebody_cuts_is_not_read_for_ever),
        TEST(what_can_never_be_read_is_counted_as_damage),
        TEST(what_was_counted_as_lost_and_turns_up_counts_once),
        TEST(a_failed_commit_is_made_up_for),
        TEST(a_failed_sync_is_told_and_tried_again),
        TEST(the_keeper_syncs_without_being_asked),
        TEST(a_disk_that_does_not_confirm_in_time_is_told),
        TEST(a_file_is_filled_while_it_is_synced),
        TEST(a_preparer_that_is_overtaken_changes_no_order),
        TEST(whoever_waits_for_room_is_woken_by_a_commit),
        TEST(a_record_that_cannot_be_read_again_is_refused),
        TEST(what_is_settled_once_its_file_is_gone_has_its_outcome_already),
        TEST(with_a_payload_that_is_too_large_nothing_is_planted),
        TEST(a_file_that_is_full_before_its_sync_has_ended_is_let_go_all_the_same),
        TEST(looking_shows_all_records_and_changes_nothing),
        TEST(looking_into_nothing_is_an_error),
        TEST(planted_records_are_adopted),
        TEST(no_partial_plant_stays_on_a_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
