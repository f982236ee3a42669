#include "spool_help.h"

#include "base/file.h"
#include "scratch_dir.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

const uint8_t nothing_preset[SEGMO__SPOOL_DESTINATIONS];
const char *spool_dir;
struct told told;

static void listen(void *ctx, const char *code, const char *words, uint64_t count)
{
    (void)ctx, (void)count;
    assert_true(strlen(words) > 0);
    told.adopted += strcmp(code, "adopted") == 0;
    told.damaged += strcmp(code, "damaged") == 0;
    told.disk_full += strcmp(code, "disk_full") == 0;
    told.disk_room += strcmp(code, "disk_room") == 0;
    told.unknown_version += strcmp(code, "unknown_version") == 0;
    told.unreadable += strcmp(code, "unreadable") == 0;
    told.sync_failed += strcmp(code, "sync_failed") == 0;
}

int spool_dir_make(void **state)
{
    (void)state;
    memset(&told, 0, sizeof told);
    spool_dir = scratch_dir_make();
    return 0;
}

int spool_dir_remove(void **state)
{
    (void)state;
    segmo__file_hook(NULL, NULL);
    scratch_dir_remove(spool_dir);
    return 0;
}

segmo__spool_options usual_options(void)
{
    return (segmo__spool_options){
        .dir = spool_dir,
        .max_bytes = 1u << 30,
        .sync_ms = 50,
        .destinations = 3,
        .file_size = SMALL_FILE,
        .notice = listen,
    };
}

segmo__spool *open_with(segmo__spool_options options)
{
    segmo__spool *spool = NULL;
    segmo_error *err = NULL;
    int status = segmo__spool_open(&spool, &options, &err);

    if (status != SEGMO_OK)
        print_error("%s\n", segmo_error_message(err));
    assert_int_equal(status, SEGMO_OK);
    return spool;
}

segmo__spool *open_usual(void)
{
    return open_with(usual_options());
}

int append_text(segmo__spool *spool, const char *text)
{
    return segmo__spool_append(spool, segmo__slice_of(text), nothing_preset, NULL);
}

static size_t filled_length(unsigned number)
{
    return 10 + number * 7 % 500;
}

int append_number(segmo__spool *spool, unsigned number)
{
    char text[512];
    int digits = snprintf(text, sizeof text, "%u", number);

    memset(text + digits, '.', sizeof text - (size_t)digits);
    return segmo__spool_append(spool, (segmo__slice){text, filled_length(number)}, nothing_preset,
                               NULL);
}

unsigned number_of(segmo__slice payload)
{
    unsigned number = 0;
    size_t at = 0;

    while (at < payload.len && payload.at[at] >= '0' && payload.at[at] <= '9')
        number = number * 10 + (unsigned)(payload.at[at++] - '0');
    assert_int_equal(payload.len, filled_length(number));
    while (at < payload.len)
        assert_int_equal(payload.at[at++], '.');
    return number;
}

segmo__spool_cursor *cursor_of(segmo__spool *spool, unsigned destination)
{
    segmo__spool_cursor *cursor = NULL;

    assert_int_equal(segmo__spool_cursor_open(&cursor, spool, destination, NULL), SEGMO_OK);
    return cursor;
}

void expect_next(segmo__spool_cursor *cursor, const char *text, segmo__record_ref *ref)
{
    segmo__record_ref unused;
    segmo__slice payload;

    assert_int_equal(segmo__spool_next(cursor, ref ? ref : &unused, &payload), 1);
    assert_true(segmo__slice_is(payload, text));
}

void expect_none(segmo__spool_cursor *cursor)
{
    segmo__record_ref ref;
    segmo__slice payload;

    assert_int_equal(segmo__spool_next(cursor, &ref, &payload), 0);
}

unsigned drain(segmo__spool *spool, unsigned destination, int settle)
{
    segmo__spool_cursor *cursor = cursor_of(spool, destination);
    segmo__record_ref ref;
    segmo__slice payload;
    unsigned count = 0;

    for (; segmo__spool_next(cursor, &ref, &payload); count++)
        if (settle)
            assert_int_equal(segmo__spool_settle(spool, &ref, destination, SEGMO__DELIVERED), 1);
    segmo__spool_cursor_free(cursor);
    return count;
}

segmo__spool_counts counts_of(segmo__spool *spool)
{
    segmo__spool_counts counts;

    segmo__spool_count(spool, &counts);
    return counts;
}

unsigned find_files(const char *at, char last[4096])
{
    DIR *open_dir = opendir(at);
    struct dirent *entry;
    unsigned count = 0;

    while (open_dir && (entry = readdir(open_dir))) {
        char path[4096];

        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "damaged") == 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", at, entry->d_name);
        if (entry->d_type == DT_DIR)
            count += find_files(path, last);
        if (entry->d_type == DT_DIR || !strstr(entry->d_name, ".seg"))
            continue;
        count++;
        if (last)
            snprintf(last, 4096, "%s", path);
    }
    if (open_dir)
        closedir(open_dir);
    return count;
}

unsigned entries(const char *at)
{
    DIR *open_dir = opendir(at);
    struct dirent *entry;
    unsigned count = 0;

    while (open_dir && (entry = readdir(open_dir)))
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (open_dir)
        closedir(open_dir);
    return count;
}

#ifdef SEGMO_COVERAGE
void __gcov_dump(void);
#endif

void end_child(int code)
{
#ifdef SEGMO_COVERAGE
    __gcov_dump();
#endif
    _exit(code);
}

void expect_success(pid_t child)
{
    int how = 0;

    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 0);
}
