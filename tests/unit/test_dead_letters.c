/* Dead letters: what is added can be read, removed and bounded, by several processes at once. */
#include "base/file.h"
#include "base/mem.h"
#include "scratch_dir.h"
#include "spool/dead_letters.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char *root, *dir;

static int make_dir(void **state)
{
    (void)state;
    root = scratch_dir_make();
    dir = scratch_path(root, "dead");
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    segmo__file_hook(NULL, NULL);
    scratch_dir_remove(root);
    return 0;
}

static segmo__dead_letters *open_letters(uint64_t max_bytes)
{
    segmo__dead_letters *letters = NULL;

    assert_int_equal(segmo__dead_letters_open(&letters, dir, max_bytes, NULL), SEGMO_OK);
    return letters;
}

static int add(segmo__dead_letters *letters, unsigned number)
{
    char line[100];

    snprintf(line, sizeof line, "{\"id\":\"%06u\",\"destination\":\"segment\"}", number);
    return segmo__dead_letters_add(letters, segmo__slice_of(line), NULL);
}

static unsigned number_of(segmo__slice line)
{
    assert_true(line.len > 13);
    return (unsigned)strtoul(line.at + 7, NULL, 10);
}

typedef struct found {
    unsigned count, last, stop_after;
    int in_order;
} found;

static int collect(void *ctx, segmo__slice line)
{
    found *all = ctx;
    unsigned number = number_of(line);

    all->in_order &= all->count == 0 || number > all->last;
    all->last = number;
    return ++all->count == all->stop_after;
}

static found read_all(void)
{
    found all = {.in_order = 1};

    assert_int_equal(segmo__dead_letters_each(dir, collect, &all, NULL), SEGMO_OK);
    return all;
}

static unsigned count_files(char last[4096])
{
    DIR *open_dir = opendir(dir);
    struct dirent *entry;
    unsigned count = 0;

    while (open_dir && (entry = readdir(open_dir))) {
        if (entry->d_name[0] == '.')
            continue;
        count++;
        if (last)
            snprintf(last, 4096, "%s/%s", dir, entry->d_name);
    }
    if (open_dir)
        closedir(open_dir);
    return count;
}

static int is_odd(void *ctx, segmo__slice line)
{
    (void)ctx;
    return number_of(line) % 2 == 1;
}

static int is_any(void *ctx, segmo__slice line)
{
    (void)ctx, (void)line;
    return 1;
}

static void what_was_added_outlives_the_process(void **state)
{
    segmo__dead_letters *letters = open_letters(1 << 20);
    struct stat info;
    char path[4096];

    (void)state;
    assert_int_equal(count_files(NULL), 0); /* made with the first line */
    for (unsigned number = 1; number <= 10; number++)
        assert_int_equal(add(letters, number), SEGMO_OK);
    segmo__dead_letters_free(letters);
    assert_int_equal(read_all().count, 10);
    assert_int_equal(read_all().in_order, 1);
    assert_int_equal(count_files(path), 1);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
}

static void no_directory_holds_no_letters(void **state)
{
    uint64_t dropped = 7;

    (void)state;
    assert_int_equal(read_all().count, 0);
    assert_int_equal(segmo__dead_letters_remove(dir, is_any, NULL, &dropped, NULL), SEGMO_OK);
    assert_int_equal(dropped, 0);
}

static void reading_stops_when_asked(void **state)
{
    segmo__dead_letters *letters = open_letters(1 << 20);
    found all = {.stop_after = 3};

    (void)state;
    for (unsigned number = 1; number <= 10; number++)
        add(letters, number);
    assert_int_equal(segmo__dead_letters_each(dir, collect, &all, NULL), SEGMO_OK);
    assert_int_equal(all.count, 3);
    segmo__dead_letters_free(letters);
}

static void broken_lines_are_passed_over(void **state)
{
    const char *text = "{\"id\":\"000001\",\"x\":1}\n"
                       "{\"id\":\"000002\",\"x\":\n"
                       "not json\n\n"
                       "{\"id\":\"000003\",\"x\":1}\n"
                       "{\"id\":\"000004\",\"x\":1}"; /* torn: no newline */

    (void)state;
    assert_int_equal(segmo__file_mkdir(dir), 0);
    assert_int_equal(segmo__file_replace(scratch_path(dir, "1-1-1.ndjson"), text, strlen(text)), 0);
    assert_int_equal(segmo__file_replace(scratch_path(dir, "stray.txt"), text, strlen(text)), 0);
    assert_int_equal(read_all().count, 2);
    assert_int_equal(read_all().last, 3);
}

static int tear_once(void *ctx, segmo__file_op op, const char *path, int fd, uint64_t offset,
                     size_t *len)
{
    int *torn = ctx;

    (void)path, (void)fd, (void)offset;
    if (op == SEGMO__FILE_APPEND && !(*torn)++)
        *len -= 1; /* all but the newline */
    return 0;
}

static void nothing_of_a_failed_line_is_left_to_read(void **state)
{
    segmo__dead_letters *letters = open_letters(1 << 20);
    int torn = 0;

    (void)state;
    assert_int_equal(add(letters, 1), SEGMO_OK);
    segmo__file_hook(tear_once, &torn);
    assert_int_equal(add(letters, 2), SEGMO_ERR_IO);
    assert_int_equal(read_all().count, 1);
    assert_int_equal(add(letters, 3), SEGMO_OK);
    assert_int_equal(read_all().count, 2);
    assert_int_equal(read_all().last, 3);
    segmo__dead_letters_free(letters);
}

static void the_oldest_go_when_there_are_too_many(void **state)
{
    segmo__dead_letters *letters = open_letters(20000);
    found all;

    (void)state;
    for (unsigned number = 1; number <= 2000; number++) {
        assert_int_equal(add(letters, number), SEGMO_OK);
        if (number % 20 == 0)
            usleep(1100); /* files that are begun in one millisecond have no order */
    }
    all = read_all();
    assert_int_equal(all.count + segmo__dead_letters_dropped(letters), 2000);
    assert_int_equal(all.last, 2000);
    assert_int_equal(all.in_order, 1);
    assert_in_range(all.count, 200, 20000 / 39);
    segmo__dead_letters_free(letters);
}

/* What a user puts there stays, also when room is made and when letters are removed. */
static void files_of_others_are_left_alone(void **state)
{
    segmo__dead_letters *letters = open_letters(2000);
    const char *note = scratch_path(dir, "0-note.txt");
    uint64_t dropped;

    (void)state;
    assert_int_equal(segmo__file_mkdir(dir), 0);
    assert_int_equal(segmo__file_replace(note, "{}\n", 3), 0);
    for (unsigned number = 1; number <= 100; number++)
        assert_int_equal(add(letters, number), SEGMO_OK);
    assert_true(segmo__dead_letters_dropped(letters) > 0);
    assert_int_equal(segmo__dead_letters_remove(dir, is_any, NULL, &dropped, NULL), SEGMO_OK);
    assert_int_equal(dropped + segmo__dead_letters_dropped(letters), 100);
    assert_int_equal(segmo__file_size(scratch_path(dir, "0-note.txt")), 3);
    segmo__dead_letters_free(letters);
}

static void removed_lines_are_gone_and_the_others_stay(void **state)
{
    segmo__dead_letters *letters = open_letters(1 << 20);
    uint64_t dropped;

    (void)state;
    for (unsigned number = 1; number <= 9; number++)
        add(letters, number);
    assert_int_equal(segmo__dead_letters_remove(dir, is_odd, NULL, &dropped, NULL), SEGMO_OK);
    assert_int_equal(dropped, 5);
    assert_int_equal(read_all().count, 4);
    assert_int_equal(add(letters, 10), SEGMO_OK); /* although its file was replaced */
    assert_int_equal(read_all().count, 5);
    assert_int_equal(segmo__dead_letters_remove(dir, is_any, NULL, &dropped, NULL), SEGMO_OK);
    assert_int_equal(dropped, 5);
    assert_int_equal(count_files(NULL), 0);
    segmo__dead_letters_free(letters);
}

#define EACH 500

static void *add_many(void *arg)
{
    for (unsigned number = 0; number < EACH; number++)
        assert_int_equal(add(arg, 2 * number), SEGMO_OK);
    return NULL;
}

static void nothing_is_lost_while_others_remove(void **state)
{
    segmo__dead_letters *letters = open_letters(1 << 20);
    pthread_t threads[2];
    uint64_t dropped, total = 0;
    int how;
    pid_t child;

    (void)state;
    child = fork();
    if (child == 0) { /* another process adds, too */
        segmo__dead_letters *own = open_letters(1 << 20);

        for (unsigned number = 0; number < EACH; number++)
            if (add(own, 2 * number + number % 2) != SEGMO_OK)
                _exit(1);
        _exit(0);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, letters), 0);
    for (int round = 0; round < 50; round++) {
        assert_int_equal(segmo__dead_letters_remove(dir, is_odd, NULL, &dropped, NULL), SEGMO_OK);
        total += dropped;
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
    assert_int_equal(segmo__dead_letters_remove(dir, is_odd, NULL, &dropped, NULL), SEGMO_OK);
    assert_int_equal(total + dropped, EACH / 2);
    assert_int_equal(read_all().count, 2 * EACH + EACH / 2);
    segmo__dead_letters_free(letters);
}

static void in_memory_they_are_only_counted(void **state)
{
    segmo__dead_letters *letters = NULL;

    (void)state;
    assert_int_equal(segmo__dead_letters_open(&letters, NULL, 100, NULL), SEGMO_OK);
    assert_int_equal(add(letters, 1), SEGMO_OK);
    assert_int_equal(segmo__dead_letters_dropped(letters), 1);
    segmo__dead_letters_free(letters);
}

static void a_directory_that_cannot_be_made_is_told(void **state)
{
    segmo__dead_letters *letters;
    segmo_error *err = NULL;

    (void)state;
    assert_int_equal(segmo__file_replace(dir, "", 0), 0); /* a file in its place */
    letters = open_letters(1000);
    assert_int_equal(segmo__dead_letters_add(letters, segmo__slice_of("{}"), &err), SEGMO_ERR_IO);
    assert_non_null(strstr(segmo_error_message(err), "is a file"));
    segmo_error_free(err);
    segmo__dead_letters_free(letters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)
        TEST(what_was_added_outlives_the_process),
        TEST(no_directory_holds_no_letters),
        TEST(reading_stops_when_asked),
        TEST(broken_lines_are_passed_over),
        TEST(nothing_of_a_failed_line_is_left_to_read),
        TEST(the_oldest_go_when_there_are_too_many),
        TEST(files_of_others_are_left_alone),
        TEST(removed_lines_are_gone_and_the_others_stay),
        TEST(nothing_is_lost_while_others_remove),
        TEST(in_memory_they_are_only_counted),
        TEST(a_directory_that_cannot_be_made_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
