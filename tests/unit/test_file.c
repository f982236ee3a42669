/* The door to the disk. */
#include "base/file.h"
#include "base/mem.h"
#include "scratch_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char *dir;

static int make_dir(void **state)
{
    (void)state;
    dir = scratch_dir_make();
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    segmo__file_hook(NULL, NULL);
    scratch_dir_remove(dir);
    return 0;
}

static mode_t mode_of(const char *path)
{
    struct stat info;

    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static void write_text(const char *path, const char *text)
{
    assert_int_equal(segmo__file_replace(path, text, strlen(text)), 0);
}

static void expect_text(const char *path, const char *text)
{
    char *found = NULL;
    size_t len = 0;

    assert_int_equal(segmo__file_slurp(path, 1000, &found, &len), 0);
    assert_string_equal(found, text);
    assert_int_equal(len, strlen(text));
    segmo__free(found);
}

/* ---- files of fixed size ---- */

static void check_storing(segmo__file *file)
{
    char back[8] = {0};

    assert_int_equal(segmo__file_store(file, 100, "payload", 7), 0);
    assert_int_equal(segmo__file_publish(file, 96, 0x04030201), 0);
    segmo__file_prefault(file, 4000, 5000);
    assert_int_equal(segmo__file_read(file, 96, back, 4), 4);
    assert_memory_equal(back, "\x01\x02\x03\x04", 4);
    assert_int_equal(segmo__file_read(file, 100, back, 7), 7);
    assert_memory_equal(back, "payload", 7);
    assert_int_equal(segmo__file_store(file, 65536 - 3, "1234", 4), -EINVAL);
    assert_int_equal(segmo__file_store(file, UINT64_MAX, "1", 1), -EINVAL);
    assert_int_equal(segmo__file_publish(file, 65534, 1), -EINVAL);
    assert_int_equal(segmo__file_sync(file, 96, 11), 0);
    assert_int_equal(segmo__file_read(file, 65530, back, 8), 6); /* up to the end */
}

static void what_is_stored_can_be_read_at_once(void **state)
{
    segmo__file file;

    (void)state;
    assert_int_equal(segmo__file_create(&file, scratch_path(dir, "a"), 65536), 0);
    check_storing(&file);
    segmo__file_unmap(&file); /* the written back end */
    check_storing(&file);
    segmo__file_close(&file);
}

static void assert_bytes(const segmo__file *file, uint64_t offset, const char *bytes, size_t len)
{
    char back[16];

    assert_int_equal(segmo__file_read(file, offset, back, len), len);
    assert_memory_equal(back, bytes, len);
}

static void filling_makes_zeros_of_all_from_an_offset_on(void **state)
{
    segmo__file file;

    (void)state;
    assert_int_equal(segmo__file_create(&file, scratch_path(dir, "a"), 400000), 0);
    assert_int_equal(segmo__file_write(&file, 100, "head", 4), 0);
    assert_int_equal(segmo__file_write(&file, 399998, "abc", 3), -EINVAL);
    assert_int_equal(segmo__file_store(&file, 200, "tail", 4), 0);
    assert_int_equal(segmo__file_store(&file, 399996, "last", 4), 0);
    segmo__file_fill(&file, 202);
    assert_bytes(&file, 100, "head", 4);
    assert_bytes(&file, 200, "ta\0\0", 4);
    assert_bytes(&file, 399996, "\0\0\0\0", 4);
    assert_int_equal(segmo__file_store(&file, 300000, "more", 4), 0);
    assert_bytes(&file, 300000, "more", 4);
    segmo__file_unmap(&file); /* a written file is as quick without */
    segmo__file_fill(&file, 202);
    assert_bytes(&file, 300000, "more", 4);
    assert_int_equal(segmo__file_size(scratch_path(dir, "a")), 400000);
    segmo__file_close(&file);
}

static void a_file_in_memory_needs_no_path(void **state)
{
    segmo__file file;

    (void)state;
    assert_int_equal(segmo__file_create(&file, NULL, 65536), 0);
    check_storing(&file);
    segmo__file_close(&file);
}

static void a_new_file_has_its_room_reserved(void **state)
{
    struct stat info;
    segmo__file file;

    (void)state;
    assert_int_equal(segmo__file_create(&file, scratch_path(dir, "a"), 1 << 20), 0);
    assert_int_equal(fstat(file.fd, &info), 0);
    assert_int_equal(info.st_size, 1 << 20);
    if (file.map)
        assert_true(info.st_blocks * 512 >= 1 << 20);
    segmo__file_close(&file);
    assert_int_equal(segmo__file_create(&file, scratch_path(dir, "a"), 10), -EEXIST);
}

static void a_mapped_file_cannot_be_cut(void **state)
{
    segmo__file file;

    (void)state;
    assert_int_equal(segmo__file_create(&file, scratch_path(dir, "a"), 65536), 0);
    if (file.map)
        assert_int_equal(segmo__file_truncate(&file, 100), -EBUSY);
    segmo__file_unmap(&file);
    assert_int_equal(segmo__file_truncate(&file, 100), 0);
    assert_int_equal(segmo__file_size(scratch_path(dir, "a")), 100);
    assert_int_equal(segmo__file_store(&file, 100, "x", 1), -EINVAL);
    segmo__file_close(&file);
}

static void the_file_size_limit_is_an_error_and_no_signal(void **state)
{
    const struct rlimit small = {1000, 1000};
    int how;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        segmo__file file;
        int fd, failed;

        setrlimit(RLIMIT_FSIZE, &small);
        failed = segmo__file_create(&file, scratch_path(dir, "a"), 2000) == -EFBIG &&
                 segmo__file_append_open(&fd, scratch_path(dir, "b")) == 0 &&
                 segmo__file_append(fd, dir, 10) == 0 &&
                 segmo__file_append(fd, scratch_path(dir, "c"), 995) == -EFBIG;
        _exit(failed ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
}

static void other_kinds_of_files_are_not_opened(void **state)
{
    segmo__file file;

    (void)state;
    assert_int_equal(segmo__file_open(&file, dir, 0), -EINVAL);
    assert_int_equal(mkfifo(scratch_path(dir, "pipe"), 0600), 0);
    assert_int_equal(segmo__file_open(&file, scratch_path(dir, "pipe"), 0), -EINVAL);
    assert_int_equal(segmo__file_open(&file, scratch_path(dir, "none"), 0), -ENOENT);
}

/* ---- names and small files ---- */

static void modes_are_ours_whatever_the_umask(void **state)
{
    mode_t before = umask(0777);
    segmo__file file;

    (void)state;
    assert_int_equal(segmo__file_mkdir(scratch_path(dir, "a/b")), 0);
    assert_int_equal(segmo__file_create(&file, scratch_path(dir, "a/b/c"), 100), 0);
    umask(before);
    segmo__file_close(&file);
    assert_int_equal(mode_of(scratch_path(dir, "a")), 0700);
    assert_int_equal(mode_of(scratch_path(dir, "a/b")), 0700);
    assert_int_equal(mode_of(scratch_path(dir, "a/b/c")), 0600);
}

static void an_existing_directory_is_fine_and_a_file_is_not(void **state)
{
    (void)state;
    chmod(dir, 0750);
    assert_int_equal(segmo__file_mkdir(dir), 0);
    assert_int_equal(mode_of(dir), 0750);
    write_text(scratch_path(dir, "file"), "x");
    assert_int_equal(segmo__file_mkdir(scratch_path(dir, "file")), -ENOTDIR);
    assert_int_equal(segmo__file_mkdir(scratch_path(dir, "file/a")), -ENOTDIR);
}

static void a_replaced_file_is_old_or_new(void **state)
{
    const char *path = scratch_path(dir, "a");

    (void)state;
    write_text(path, "old");
    expect_text(path, "old");
    write_text(path, "newer");
    expect_text(path, "newer");
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(segmo__file_replace(scratch_path(dir, "none/a"), "x", 1), -ENOENT);
}

static void a_large_file_is_not_slurped(void **state)
{
    char *text;
    size_t len;

    (void)state;
    write_text(scratch_path(dir, "a"), "12345");
    assert_int_equal(segmo__file_slurp(scratch_path(dir, "a"), 4, &text, &len), -EFBIG);
    assert_int_equal(segmo__file_slurp(scratch_path(dir, "a"), 5, &text, &len), 0);
    segmo__free(text);
    assert_int_equal(segmo__file_slurp(dir, 100, &text, &len), -EISDIR);
}

static int join_names(void *ctx, const char *name)
{
    char *names = ctx;

    memcpy(names + strlen(names), name, strlen(name) + 1);
    return strcmp(name, "c") == 0 ? 7 : 0;
}

static void names_come_sorted_until_somebody_has_enough(void **state)
{
    char names[100] = "";

    (void)state;
    write_text(scratch_path(dir, "b"), "");
    write_text(scratch_path(dir, "a"), "");
    assert_int_equal(segmo__file_list(dir, join_names, names), 0);
    assert_string_equal(names, "ab");
    names[0] = '\0';
    write_text(scratch_path(dir, "c"), "");
    write_text(scratch_path(dir, "d"), "");
    assert_int_equal(segmo__file_list(dir, join_names, names), 7);
    assert_string_equal(names, "abc");
    assert_int_equal(segmo__file_list(scratch_path(dir, "none"), join_names, names), -ENOENT);
}

static void a_lock_is_held_once_and_can_be_looked_at(void **state)
{
    const char *path = scratch_path(dir, "lock");
    int first, second;

    (void)state;
    assert_int_equal(segmo__file_lock(&first, path, 0), -ENOENT);
    assert_int_equal(segmo__file_lock(&first, path, 1), 0);
    assert_int_equal(segmo__file_lock(&second, path, 1), -EWOULDBLOCK);
    assert_int_equal(segmo__file_locked(path), 1);
    segmo__file_close_fd(first);
    assert_int_equal(segmo__file_locked(path), 0);
    assert_int_equal(segmo__file_lock(&second, path, 0), 0);
    segmo__file_close_fd(second);
    assert_int_equal(segmo__file_locked(scratch_path(dir, "none")), -ENOENT);
}

/* ---- what operators read ---- */

static void expect_words(const char *path, int code, const char *word)
{
    char words[512];

    segmo__file_describe(path, code, words, sizeof words);
    if (!strstr(words, word))
        print_error("%s does not say %s\n", words, word);
    assert_non_null(strstr(words, word));
}

static void causes_come_with_their_remedy(void **state)
{
    (void)state;
    write_text(scratch_path(dir, "file"), "");
    expect_words(scratch_path(dir, "a/b"), ENOENT, "mkdir");
    expect_words(scratch_path(dir, "file/a"), -ENOTDIR, "is a file");
    expect_words(dir, ENOSPC, "df -h");
    expect_words(dir, EROFS, "remount");
    expect_words(dir, EMFILE, "ulimit -n");
    expect_words(dir, EACCES, "chown");
    expect_words(dir, EACCES, "mode 0700");
    expect_words(dir, EDQUOT, "quota");
    expect_words(dir, EOPNOTSUPP, "not supported");
    expect_words(dir, 99999, "unknown");
}

static void words_fit_any_room(void **state)
{
    char words[16];

    (void)state;
    memset(words, 'x', sizeof words);
    segmo__file_describe(dir, EACCES, words, 10);
    assert_int_equal(strlen(words), 9);
    assert_int_equal(words[10], 'x');
}

/* ---- text files ---- */

static int tear(void *ctx, segmo__file_op op, const char *path, int fd, uint64_t offset,
                size_t *len)
{
    (void)ctx, (void)path, (void)fd, (void)offset;
    if (op == SEGMO__FILE_APPEND)
        *len = 3;
    return 0;
}

static void a_torn_append_is_an_error(void **state)
{
    const char *path = scratch_path(dir, "a");
    int fd;

    (void)state;
    assert_int_equal(segmo__file_append_open(&fd, path), 0);
    assert_int_equal(segmo__file_append(fd, "whole\n", 6), 0);
    segmo__file_hook(tear, NULL);
    assert_int_equal(segmo__file_append(fd, "torn\n", 5), -EIO);
    segmo__file_hook(NULL, NULL);
    expect_text(path, "whole\ntor");
    assert_int_equal(segmo__file_append_sync(fd), 0);
    segmo__file_close_fd(fd);
}

static void a_replaced_text_file_is_told(void **state)
{
    const char *path = scratch_path(dir, "a");
    int fd;

    (void)state;
    assert_int_equal(segmo__file_append_open(&fd, path), 0);
    assert_int_equal(segmo__file_append(fd, "12345", 5), 0);
    assert_int_equal(segmo__file_append_size(fd), 5);
    write_text(path, "other");
    assert_int_equal(segmo__file_append_size(fd), -ENOENT);
    segmo__file_close_fd(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)
        TEST(what_is_stored_can_be_read_at_once),
        TEST(filling_makes_zeros_of_all_from_an_offset_on),
        TEST(a_file_in_memory_needs_no_path),
        TEST(a_new_file_has_its_room_reserved),
        TEST(a_mapped_file_cannot_be_cut),
        TEST(the_file_size_limit_is_an_error_and_no_signal),
        TEST(other_kinds_of_files_are_not_opened),
        TEST(modes_are_ours_whatever_the_umask),
        TEST(an_existing_directory_is_fine_and_a_file_is_not),
        TEST(a_replaced_file_is_old_or_new),
        TEST(a_large_file_is_not_slurped),
        TEST(names_come_sorted_until_somebody_has_enough),
        TEST(a_lock_is_held_once_and_can_be_looked_at),
        TEST(causes_come_with_their_remedy),
        TEST(words_fit_any_room),
        TEST(a_torn_append_is_an_error),
        TEST(a_replaced_text_file_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
