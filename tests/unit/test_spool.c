/* The spool in one process: order, marks, counts, files. */
#include "base/mem.h"
#include "spool_help.h"

#include <sys/stat.h>

/* ---- one process ---- */

static void records_come_back_in_order(void **state)
{
    segmo__spool *spool = open_usual();
    segmo__spool_cursor *cursor = cursor_of(spool, 0);

    (void)state;
    expect_none(cursor);
    assert_int_equal(append_text(spool, "{\"a\":1}"), SEGMO_OK);
    assert_int_equal(append_text(spool, "{\"b\":2}"), SEGMO_OK);
    expect_next(cursor, "{\"a\":1}", NULL);
    expect_next(cursor, "{\"b\":2}", NULL);
    expect_none(cursor);
    assert_int_equal(append_text(spool, "{\"c\":3}"), SEGMO_OK);
    expect_next(cursor, "{\"c\":3}", NULL);
    expect_none(cursor);
    segmo__spool_cursor_free(cursor);
    segmo__spool_close(spool, 0);
}

static void destinations_settle_on_their_own(void **state)
{
    segmo__spool *spool = open_usual();
    segmo__spool_cursor *first = cursor_of(spool, 0);
    segmo__record_ref ref;

    (void)state;
    append_text(spool, "one");
    append_text(spool, "two");
    expect_next(first, "one", &ref);
    assert_int_equal(segmo__spool_settled(spool, &ref, 0), SEGMO__PENDING);
    assert_int_equal(segmo__spool_settle(spool, &ref, 0, SEGMO__DEAD), 1);
    assert_int_equal(segmo__spool_settle(spool, &ref, 0, SEGMO__DELIVERED), 0);
    assert_int_equal(segmo__spool_settled(spool, &ref, 0), SEGMO__DEAD);
    assert_int_equal(segmo__spool_settled(spool, &ref, 1), SEGMO__PENDING);
    assert_int_equal(counts_of(spool).pending_records[0], 1);
    assert_int_equal(counts_of(spool).pending_records[1], 2);
    assert_int_equal(counts_of(spool).pending_bytes[1], 6);
    assert_int_equal(drain(spool, 0, 0), 1);
    assert_int_equal(drain(spool, 1, 0), 2);
    segmo__spool_cursor_free(first);
    segmo__spool_close(spool, 0);
}

static void what_is_preset_is_never_handed_out(void **state)
{
    const uint8_t only_second[SEGMO__SPOOL_DESTINATIONS] = {SEGMO__SKIPPED};
    segmo__spool *spool = open_usual();

    (void)state;
    segmo__spool_append(spool, segmo__slice_of("x"), only_second, NULL);
    assert_int_equal(counts_of(spool).pending_records[0], 0);
    assert_int_equal(drain(spool, 0, 0), 0);
    segmo__spool_close(spool, 0);
    spool = open_usual(); /* and not after a restart either */
    assert_int_equal(drain(spool, 0, 0), 0);
    assert_int_equal(drain(spool, 1, 0), 1);
    segmo__spool_close(spool, 0);
}

static void a_record_can_be_read_again(void **state)
{
    segmo__spool *spool = open_usual();
    segmo__spool_cursor *cursor = cursor_of(spool, 0);
    segmo__record_ref ref;
    segmo__slice again;

    (void)state;
    append_text(spool, "first");
    append_text(spool, "second");
    expect_next(cursor, "first", NULL);
    expect_next(cursor, "second", &ref);
    assert_int_equal(segmo__spool_read(spool, &ref, &again, NULL), SEGMO_OK);
    assert_true(segmo__slice_is(again, "second"));
    ref.file += 100;
    assert_int_equal(segmo__spool_read(spool, &ref, &again, NULL), SEGMO_ERR_IO);
    segmo__spool_cursor_free(cursor);
    segmo__spool_close(spool, 0);
}

static void settled_files_are_unlinked_and_directories_with_them(void **state)
{
    segmo__spool *spool = open_usual();
    unsigned count = 0;

    (void)state;
    while (find_files(spool_dir, NULL) < 4)
        assert_int_equal(append_number(spool, count++), SEGMO_OK);
    assert_int_equal(drain(spool, 0, 1), count);
    assert_int_equal(segmo__spool_commit(spool, NULL), SEGMO_OK);
    assert_int_equal(find_files(spool_dir, NULL), 4); /* the other destination still wants them */
    assert_int_equal(drain(spool, 1, 1), count);
    assert_int_equal(segmo__spool_commit(spool, NULL), SEGMO_OK);
    assert_int_equal(find_files(spool_dir, NULL), 1); /* the active one */
    segmo__spool_close(spool, 0);
    assert_int_equal(entries(spool_dir), 0);
}

static void settled_marks_survive_a_restart(void **state)
{
    segmo__spool *spool = open_usual();
    segmo__spool_cursor *cursor = cursor_of(spool, 0);
    segmo__record_ref ref;

    (void)state;
    append_text(spool, "kept");
    append_text(spool, "done");
    expect_next(cursor, "kept", NULL);
    expect_next(cursor, "done", &ref);
    segmo__spool_settle(spool, &ref, 0, SEGMO__DELIVERED);
    segmo__spool_cursor_free(cursor);
    segmo__spool_close(spool, 0);

    spool = open_usual();
    assert_int_equal(told.adopted, 1);
    assert_int_equal(counts_of(spool).adopted_records, 2);
    assert_int_equal(counts_of(spool).pending_records[0], 1);
    cursor = cursor_of(spool, 0);
    expect_next(cursor, "kept", NULL);
    expect_none(cursor);
    segmo__spool_cursor_free(cursor);
    segmo__spool_close(spool, 0);
}

static void a_mark_is_passed_when_all_before_it_is_settled(void **state)
{
    segmo__spool *spool = open_usual();
    segmo__spool_cursor *cursors[2] = {cursor_of(spool, 0), cursor_of(spool, 1)};
    segmo__record_ref first, second;
    segmo__spool_mark mark;

    (void)state;
    segmo__spool_mark_end(spool, &mark);
    assert_int_equal(segmo__spool_passed(spool, &mark), 1);
    append_text(spool, "one");
    append_text(spool, "two");
    segmo__spool_mark_end(spool, &mark);
    append_text(spool, "after the mark");
    for (unsigned d = 0; d < 2; d++) {
        expect_next(cursors[d], "one", &first);
        expect_next(cursors[d], "two", &second);
        segmo__spool_commit(spool, NULL);
        assert_int_equal(segmo__spool_passed(spool, &mark), 0);
        segmo__spool_settle(spool, &second, d, SEGMO__DELIVERED);
        segmo__spool_commit(spool, NULL);
        assert_int_equal(segmo__spool_passed(spool, &mark), 0);
        segmo__spool_settle(spool, &first, d, SEGMO__DELIVERED);
    }
    segmo__spool_commit(spool, NULL);
    assert_int_equal(segmo__spool_passed(spool, &mark), 1);
    segmo__spool_mark_end(spool, &mark);
    assert_int_equal(segmo__spool_passed(spool, &mark), 0);
    segmo__spool_cursor_free(cursors[0]);
    segmo__spool_cursor_free(cursors[1]);
    segmo__spool_close(spool, 0);
}

static void a_full_quota_is_told_per_destination(void **state)
{
    segmo__spool_options options = usual_options();
    segmo__spool *spool;

    (void)state;
    options.max_bytes = 1000;
    spool = open_with(options);
    assert_int_equal(segmo__spool_over_quota(spool, 0, 1000), 0);
    assert_int_equal(segmo__spool_over_quota(spool, 0, 1001), 1);
    for (unsigned i = 0; i < 10; i++)
        segmo__spool_append(spool,
                            (segmo__slice){"0123456789012345678901234567890123456789"
                                           "012345678901234567890123456789"
                                           "0123456789012345678901234567890",
                                           100},
                            nothing_preset, NULL);
    assert_int_equal(segmo__spool_over_quota(spool, 0, 1), 1);
    assert_int_equal(segmo__spool_wait_room(spool, 20, NULL), SEGMO_ERR_TIMEOUT);
    drain(spool, 0, 1);
    assert_int_equal(segmo__spool_over_quota(spool, 0, 1), 0);
    assert_int_equal(segmo__spool_over_quota(spool, 1, 1), 1);
    drain(spool, 1, 1);
    assert_int_equal(segmo__spool_wait_room(spool, 1000, NULL), SEGMO_OK);
    segmo__spool_close(spool, 0);
}

static void memory_only_leaves_nothing_on_disk(void **state)
{
    segmo__spool_options options = usual_options();
    segmo__spool *spool;
    unsigned count = 500;

    (void)state;
    options.dir = NULL;
    spool = open_with(options);
    segmo__spool_start(spool);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(append_number(spool, i), SEGMO_OK);
    assert_int_equal(segmo__spool_sync(spool, 1000, NULL), SEGMO_OK);
    assert_true(counts_of(spool).files > 3);
    assert_int_equal(drain(spool, 0, 1), count);
    assert_int_equal(drain(spool, 1, 1), count);
    segmo__spool_commit(spool, NULL);
    assert_int_equal(entries(spool_dir), 0);
    segmo__spool_close(spool, 0);
}

static void too_large_a_payload_is_refused(void **state)
{
    segmo__spool *spool = open_usual();
    segmo_error *err = NULL;
    char *bytes = segmo__zalloc(SMALL_FILE);

    (void)state;
    assert_int_equal(
        segmo__spool_append(spool, (segmo__slice){bytes, SMALL_FILE}, nothing_preset, &err),
        SEGMO_ERR_TOO_LARGE);
    assert_int_equal(segmo_error_status(err), SEGMO_ERR_TOO_LARGE);
    segmo_error_free(err);
    segmo__free(bytes);
    segmo__spool_close(spool, 0);
}

static void files_are_for_their_owner_alone(void **state)
{
    mode_t before = umask(0777);
    segmo__spool *spool = open_usual();
    char path[4096];
    struct stat info;

    (void)state;
    assert_int_equal(append_text(spool, "x"), SEGMO_OK);
    umask(before);
    assert_int_equal(find_files(spool_dir, path), 1);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    *strrchr(path, '/') = '\0';
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    segmo__spool_close(spool, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, spool_dir_make, spool_dir_remove)
        TEST(records_come_back_in_order),
        TEST(destinations_settle_on_their_own),
        TEST(what_is_preset_is_never_handed_out),
        TEST(a_record_can_be_read_again),
        TEST(settled_files_are_unlinked_and_directories_with_them),
        TEST(settled_marks_survive_a_restart),
        TEST(a_mark_is_passed_when_all_before_it_is_settled),
        TEST(a_full_quota_is_told_per_destination),
        TEST(memory_only_leaves_nothing_on_disk),
        TEST(too_large_a_payload_is_refused),
        TEST(files_are_for_their_owner_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
