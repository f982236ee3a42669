/* The gateway's list of message ids: window, restarts, crashes, a full table, a damaged file. */
#include "base/buf.h"
#include "scratch_dir.h"

#include "gateway/duplicates.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW_MS  1767607872000
#define HOUR_MS 3600000
#define SOURCE  7

static struct duplicates *open_list(const char *path, uint64_t ids, const char **note)
{
    struct duplicates *seen = NULL;

    assert_int_equal(duplicates_open(&seen, path, ids, 24 * HOUR_MS, note, NULL), SEGMO_OK);
    return seen;
}

/* 1 when it is new; then it is confirmed. */
static int is_new(struct duplicates *seen, uint64_t source, const char *id, int64_t now_ms)
{
    duplicates_mark *mark = duplicates_note(seen, source, segmo__slice_of(id), now_ms);

    if (mark)
        duplicates_confirm(mark);
    return mark != NULL;
}

static void an_id_counts_for_its_source_and_window(void **state)
{
    const char *note;
    struct duplicates *seen = open_list(NULL, 1000, &note);

    (void)state;
    assert_true(is_new(seen, SOURCE, "a", NOW_MS));
    assert_false(is_new(seen, SOURCE, "a", NOW_MS + 23 * HOUR_MS));
    assert_true(is_new(seen, SOURCE + 1, "a", NOW_MS));
    assert_true(is_new(seen, SOURCE, "b", NOW_MS));
    assert_true(is_new(seen, SOURCE, "", NOW_MS));
    assert_true(is_new(seen, SOURCE, "a", NOW_MS + 24 * HOUR_MS));
    assert_false(is_new(seen, SOURCE, "a", NOW_MS + 25 * HOUR_MS));
    duplicates_free(seen);
}

static void an_id_is_taken_while_its_message_is_under_way_and_free_when_refused(void **state)
{
    const char *note;
    struct duplicates *seen = open_list(NULL, 1000, &note);
    duplicates_mark *mark = duplicates_note(seen, SOURCE, segmo__slice_of("a"), NOW_MS);

    (void)state;
    assert_non_null(mark);
    assert_null(duplicates_note(seen, SOURCE, segmo__slice_of("a"), NOW_MS));
    duplicates_forget(mark);
    assert_true(is_new(seen, SOURCE, "a", NOW_MS));
    duplicates_free(seen);
}

static void confirmed_ids_outlive_the_process_and_open_ones_do_not(void **state)
{
    const char *dir = scratch_dir_make(), *path = scratch_path(dir, "ids"), *note;
    struct duplicates *seen;

    (void)state;
    seen = open_list(path, 1000, &note);
    assert_null(note);
    assert_true(is_new(seen, SOURCE, "done", NOW_MS));
    assert_non_null(duplicates_note(seen, SOURCE, segmo__slice_of("open"), NOW_MS));
    duplicates_free(seen);
    seen = open_list(path, 1000, &note);
    assert_null(note);
    assert_false(is_new(seen, SOURCE, "done", NOW_MS));
    assert_true(is_new(seen, SOURCE, "open", NOW_MS));
    duplicates_free(seen);
    scratch_dir_remove(dir);
}

static void a_file_of_another_size_or_content_begins_anew(void **state)
{
    const char *dir = scratch_dir_make(), *path = scratch_path(dir, "ids"), *note;
    struct duplicates *seen;
    int fd;

    (void)state;
    seen = open_list(path, 1000, &note);
    assert_true(is_new(seen, SOURCE, "a", NOW_MS));
    duplicates_free(seen);
    seen = open_list(path, 100000, &note);
    assert_non_null(note);
    assert_true(is_new(seen, SOURCE, "a", NOW_MS));
    duplicates_free(seen);
    fd = open(path, O_WRONLY);
    assert_true(pwrite(fd, "nonsense", 8, 0) == 8);
    close(fd);
    seen = open_list(path, 100000, &note);
    assert_true(is_new(seen, SOURCE, "a", NOW_MS));
    duplicates_free(seen);
    scratch_dir_remove(dir);
}

static void a_path_that_cannot_be_used_leaves_a_list_in_memory(void **state)
{
    const char *note;
    struct duplicates *seen = open_list("/proc/none/ids", 1000, &note);

    (void)state;
    assert_non_null(note);
    assert_true(is_new(seen, SOURCE, "a", NOW_MS));
    assert_false(is_new(seen, SOURCE, "a", NOW_MS));
    duplicates_free(seen);
}

/* The promised number of ids fits, nearly all of them; beyond it the oldest go, and the list says
 * how far back it reaches. */
static void a_full_list_gives_up_its_oldest_ids(void **state)
{
    const char *note;
    struct duplicates *seen = open_list(NULL, 10000, &note);
    char id[24];
    int kept = 0;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        snprintf(id, sizeof id, "id-%d", i);
        assert_true(is_new(seen, SOURCE, id, NOW_MS + i * 1000));
    }
    for (int i = 0; i < 10000; i++) {
        duplicates_mark *mark;

        snprintf(id, sizeof id, "id-%d", i);
        mark = duplicates_note(seen, SOURCE, segmo__slice_of(id), NOW_MS + 10000 * 1000);
        kept += mark == NULL;
        if (mark)
            duplicates_forget(mark);
    }
    assert_true(kept > 9500);
    for (int i = 0; i < 100000; i++) {
        snprintf(id, sizeof id, "more-%d", i);
        assert_true(is_new(seen, SOURCE, id, NOW_MS + (10000 + i / 10) * 1000));
    }
    assert_false(is_new(seen, SOURCE, "more-99999", NOW_MS + 20000 * 1000));
    assert_true(is_new(seen, SOURCE, "id-1", NOW_MS + 20000 * 1000));
    assert_true(duplicates_reach_ms(seen, NOW_MS + 20000 * 1000) < 20000 * 1000);
    assert_true(duplicates_reach_ms(seen, NOW_MS + 20000 * 1000) > 0);
    duplicates_free(seen);
}

static void an_empty_list_reaches_back_the_whole_window(void **state)
{
    const char *note;
    struct duplicates *seen = open_list(NULL, 1000, &note);

    (void)state;
    assert_int_equal(duplicates_reach_ms(seen, NOW_MS), 24 * HOUR_MS);
    duplicates_free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_counts_for_its_source_and_window),
        cmocka_unit_test(an_id_is_taken_while_its_message_is_under_way_and_free_when_refused),
        cmocka_unit_test(confirmed_ids_outlive_the_process_and_open_ones_do_not),
        cmocka_unit_test(a_file_of_another_size_or_content_begins_anew),
        cmocka_unit_test(a_path_that_cannot_be_used_leaves_a_list_in_memory),
        cmocka_unit_test(a_full_list_gives_up_its_oldest_ids),
        cmocka_unit_test(an_empty_list_reaches_back_the_whole_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
