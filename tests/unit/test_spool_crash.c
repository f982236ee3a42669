/* The spool when processes die, fork and compete, and when its files are damaged. */
#include "base/id.h"
#include "scratch_dir.h"
#include "spool_help.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A generator of our own: the same damage in every run. */
static uint64_t dice = 42;

static uint32_t roll(uint32_t sides)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (uint32_t)(dice % sides);
}

static void *shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(memory != MAP_FAILED);
    return memory;
}

/* ---- kill -9 ---- */

static void append_until_killed(atomic_uint *accepted)
{
    segmo__spool *spool = open_usual();

    segmo__spool_start(spool);
    for (unsigned number = 0;; number++) {
        if (append_number(spool, number) != SEGMO_OK)
            _exit(1);
        atomic_store(accepted, number + 1);
    }
}

/* Every number below `accepted` is there, in order, once. One more may be: it was appended and not
 * told yet. */
static void expect_numbers(segmo__spool *spool, unsigned accepted)
{
    segmo__spool_cursor *cursor = cursor_of(spool, 0);
    segmo__record_ref ref;
    segmo__slice payload;
    unsigned number = 0;

    for (; segmo__spool_next(cursor, &ref, &payload); number++) {
        assert_int_equal(number_of(payload), number);
        segmo__spool_settle(spool, &ref, 0, SEGMO__DELIVERED);
        segmo__spool_settle(spool, &ref, 1, SEGMO__DELIVERED);
    }
    assert_in_range(number, accepted, accepted + 1);
    segmo__spool_cursor_free(cursor);
}

static void a_killed_process_loses_nothing_that_was_accepted(void **state)
{
    atomic_uint *accepted = shared_memory(sizeof *accepted);
    unsigned most = 0;

    (void)state;
    for (int trial = 0; trial < 100; trial++) {
        segmo__spool *spool;
        pid_t child;

        atomic_store(accepted, 0);
        child = fork();
        if (child == 0)
            append_until_killed(accepted);
        while (atomic_load(accepted) == 0)
            usleep(100);
        usleep(roll(3000));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        spool = open_usual();
        expect_numbers(spool, atomic_load(accepted));
        assert_int_equal(told.damaged, 0);
        segmo__spool_close(spool, 0);
        assert_int_equal(entries(spool_dir), 0);
        most = atomic_load(accepted) > most ? atomic_load(accepted) : most;
    }
    assert_true(most > 100);
    munmap(accepted, sizeof *accepted);
}

/* ---- damage ---- */

static size_t read_file(const char *path, unsigned char *bytes, size_t room)
{
    int fd = open(path, O_RDONLY);
    ssize_t len = read(fd, bytes, room);

    close(fd);
    assert_true(len > 0);
    return (size_t)len;
}

static void write_file(const char *path, const unsigned char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

/* Numbers in one file of a process that is gone. */
static unsigned fill_one_file(char path[4096])
{
    segmo__spool *spool = open_usual();
    unsigned count = 0;

    while (find_files(spool_dir, path) < 2)
        assert_int_equal(append_number(spool, count++), SEGMO_OK);
    segmo__spool_close(spool, 0);
    return count;
}

/* Where the records of an undamaged file lie. */
static unsigned find_records(const unsigned char *bytes, size_t len, uint32_t *starts)
{
    unsigned count = 0;
    uint32_t at = SEGMO__SEGMENT_DATA;
    size_t payload;

    while (at < len &&
           segmo__record_look(bytes + at, len - at, SMALL_FILE, &payload) == SEGMO__RECORD_WHOLE) {
        starts[count++] = at;
        at = segmo__segment_behind(at, payload);
    }
    starts[count] = at;
    return count;
}

/* A process directory of the spool, as if its owner had just died. */
static void lay_out(const char *process, const unsigned char *bytes, size_t len)
{
    const char *path = scratch_path(spool_dir, process);

    mkdir(path, 0700);
    write_file(scratch_path(path, "00000001.seg"), bytes, len);
}

static unsigned damage(unsigned char *bytes, size_t *len, const uint32_t *starts, unsigned count,
                       char *hit)
{
    unsigned flips = roll(4), spared = count;

    memset(hit, 0, count);
    for (unsigned i = 0; i < flips; i++) {
        uint32_t at = roll((uint32_t)*len);

        bytes[at] ^= (unsigned char)(1 + roll(255));
        for (unsigned r = 0; r < count; r++)
            hit[r] |= at >= starts[r] && at < starts[r + 1];
    }
    if (flips == 0)
        *len = 1 + roll((uint32_t)*len - 1);
    for (unsigned r = 0; r < count; r++) {
        hit[r] |= starts[r + 1] > *len;
        spared -= (unsigned)hit[r];
    }
    return spared;
}

static void undamaged_records_survive_random_damage(void **state)
{
    static unsigned char whole[SMALL_FILE], bytes[SMALL_FILE];
    static uint32_t starts[1000];
    static char hit[1000];
    char path[4096];
    unsigned count;
    size_t whole_len;

    (void)state;
    fill_one_file(path);
    strrchr(path, '/')[9] = '\0';
    snprintf(strrchr(path, '/'), 16, "/00000001.seg");
    whole_len = read_file(path, whole, sizeof whole);
    count = find_records(whole, whole_len, starts);
    assert_true(count > 20);
    scratch_dir_remove(spool_dir);
    for (int trial = 0; trial < 1000; trial++) {
        size_t len = whole_len;
        segmo__spool *spool;
        segmo__spool_cursor *cursor;
        segmo__record_ref ref;
        segmo__slice payload;
        unsigned spared, found = 0;

        memcpy(bytes, whole, len);
        spared = damage(bytes, &len, starts, count, hit);
        mkdir(spool_dir, 0700);
        lay_out("1700000000000-1-00000000000000ab", bytes, len);
        spool = open_usual();
        cursor = cursor_of(spool, 0);
        while (segmo__spool_next(cursor, &ref, &payload)) {
            unsigned number = number_of(payload);

            assert_true(number < count);
            found += !hit[number];
            hit[number] = 1; /* each once */
            segmo__spool_settle(spool, &ref, 0, SEGMO__DELIVERED);
        }
        assert_int_equal(found, spared);
        assert_int_equal(counts_of(spool).pending_records[0], 0);
        segmo__spool_cursor_free(cursor);
        segmo__spool_close(spool, 0);
        scratch_dir_remove(spool_dir);
    }
    assert_true(told.damaged > 300);
}

static void a_damaged_file_is_set_aside_once_the_rest_is_settled(void **state)
{
    static unsigned char bytes[SMALL_FILE];
    char path[4096];
    segmo__spool *spool;
    unsigned count = fill_one_file(path);
    size_t len = read_file(path, bytes, sizeof bytes);

    (void)state;
    bytes[SEGMO__SEGMENT_DATA + 20] ^= 1;
    write_file(path, bytes, len);
    spool = open_usual();
    assert_int_equal(told.damaged, 1);
    assert_int_equal(counts_of(spool).damaged_records, 1);
    assert_int_equal(drain(spool, 0, 1), count - 1);
    assert_int_equal(drain(spool, 1, 1), count - 1);
    segmo__spool_close(spool, 0);
    assert_int_equal(find_files(spool_dir, NULL), 0);
    assert_int_equal(entries(scratch_path(spool_dir, "damaged")), 1);
    assert_int_equal(entries(spool_dir), 1);
}

static void damage_under_a_running_process_is_not_waited_for(void **state)
{
    static unsigned char bytes[SMALL_FILE];
    segmo__spool *spool = open_usual();
    segmo__spool_mark mark;
    char path[4096];
    size_t len;

    (void)state;
    for (unsigned number = 0; number < 10; number++)
        append_number(spool, number);
    segmo__spool_mark_end(spool, &mark);
    find_files(spool_dir, path);
    len = read_file(path, bytes, sizeof bytes);
    bytes[SEGMO__SEGMENT_DATA + 20] ^= 1;
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, bytes, len, 0), len);
    close(fd);
    assert_int_equal(drain(spool, 0, 1), 9);
    assert_int_equal(drain(spool, 1, 1), 9);
    segmo__spool_commit(spool, NULL);
    assert_int_equal(counts_of(spool).pending_records[0], 0);
    assert_int_equal(counts_of(spool).pending_bytes[1], 0);
    assert_int_equal(counts_of(spool).damaged_records, 1);
    assert_int_equal(segmo__spool_passed(spool, &mark), 1);
    segmo__spool_close(spool, 0);
}

static int count_sight(void *ctx, const segmo__spool_sight *sight)
{
    (void)sight;
    ++*(unsigned *)ctx;
    return 0;
}

static void a_file_of_another_version_is_left_alone(void **state)
{
    unsigned seen = 0;
    static unsigned char bytes[SMALL_FILE];
    unsigned char header[16] = "segmo\xFB\r\n\x02";
    char path[4096];
    segmo__spool *spool;
    uint32_t crc;

    (void)state;
    fill_one_file(path);
    size_t len = read_file(path, bytes, sizeof bytes);
    crc = segmo__id_crc32c(0, header, 12);
    memcpy(header + 12, &crc, 4); /* little-endian, as this test's machine */
    memcpy(bytes, header, sizeof header);
    write_file(path, bytes, len);
    spool = open_usual();
    assert_int_equal(told.unknown_version, 1);
    drain(spool, 0, 1);
    drain(spool, 1, 1);
    segmo__spool_adopt(spool, NULL);
    assert_int_equal(segmo__spool_look(spool_dir, count_sight, &seen, NULL), SEGMO_OK);
    assert_int_equal(seen, 0);
    segmo__spool_close(spool, 0);
    assert_int_equal(find_files(spool_dir, NULL), 1);
}

static void leftovers_of_crashes_are_cleaned_up(void **state)
{
    const struct timespec long_ago[2] = {{1700000000, 0}, {1700000000, 0}};
    const char *half = scratch_path(spool_dir, ".new-1700000000000-1-00000000000000ab");
    segmo__spool *spool;

    (void)state;
    mkdir(half, 0700);
    write_file(scratch_path(half, "00000001.seg"), (const unsigned char *)"half", 4);
    utimensat(AT_FDCWD, half, long_ago, 0);
    mkdir(scratch_path(spool_dir, ".new-1700000000000-2-00000000000000ab"), 0700);
    mkdir(scratch_path(spool_dir, "1700000000000-1-00000000000000ab"), 0700);
    mkdir(scratch_path(spool_dir, "not ours"), 0700);
    spool = open_usual();
    segmo__spool_close(spool, 0);
    assert_int_equal(entries(spool_dir), 2); /* "not ours", and the one that may be in the making */
}

/* ---- several processes ---- */

static int is_even(void *ctx, segmo__slice payload)
{
    (void)ctx;
    return number_of(payload) % 2 == 0;
}

static int is_odd(void *ctx, segmo__slice payload)
{
    (void)ctx;
    return number_of(payload) % 2 == 1;
}

static void records_of_others_are_left_to_them(void **state)
{
    segmo__spool_options options = usual_options();
    segmo__spool *spool = open_usual();

    (void)state;
    for (unsigned number = 0; number < 100; number++)
        append_number(spool, number);
    segmo__spool_close(spool, 0);

    options.mine = is_even;
    spool = open_with(options);
    assert_int_equal(counts_of(spool).pending_records[0], 50);
    assert_int_equal(drain(spool, 0, 1), 50);
    assert_int_equal(drain(spool, 1, 1), 50);
    segmo__spool_commit(spool, NULL);
    assert_int_equal(segmo__spool_adopt(spool, NULL), 0);
    assert_int_equal(counts_of(spool).files, 0);

    options.mine = is_odd; /* the directory is free while the first client lives on */
    segmo__spool *other = open_with(options);
    assert_int_equal(drain(other, 0, 1), 50);
    assert_int_equal(drain(other, 1, 1), 50);
    segmo__spool_close(other, 0);
    segmo__spool_close(spool, 0);
    assert_int_equal(entries(spool_dir), 0);
}

static void one_of_two_competing_processes_adopts(void **state)
{
    atomic_uint *adopted = shared_memory(2 * sizeof *adopted);

    (void)state;
    for (int trial = 0; trial < 20; trial++) {
        segmo__spool *spool = open_usual();
        pid_t children[2];

        atomic_store(&adopted[0], 0);
        atomic_store(&adopted[1], 0);
        for (unsigned number = 0; number < 50; number++)
            append_number(spool, number);
        segmo__spool_close(spool, 0);
        for (int i = 0; i < 2; i++) {
            children[i] = fork();
            if (children[i] == 0) {
                segmo__spool *mine = open_usual();

                atomic_fetch_add(&adopted[0], (unsigned)counts_of(mine).adopted_records);
                atomic_fetch_add(&adopted[1], 1);
                while (atomic_load(&adopted[1]) < 2)
                    usleep(100); /* both are alive together */
                drain(mine, 0, 1);
                drain(mine, 1, 1);
                segmo__spool_close(mine, 0);
                _exit(0);
            }
        }
        expect_success(children[0]);
        expect_success(children[1]);
        assert_int_equal(atomic_load(&adopted[0]), 50);
        assert_int_equal(entries(spool_dir), 0);
    }
    munmap(adopted, 2 * sizeof *adopted);
}

/* ---- threads and fork ---- */

#define THREADS 8

static segmo__spool *forked_spool;
static atomic_int threads_stop;
static atomic_uint appended;

static void *append_all_the_time(void *arg)
{
    (void)arg;
    while (!atomic_load(&threads_stop)) {
        assert_int_equal(append_number(forked_spool, atomic_load(&appended) % 100), SEGMO_OK);
        atomic_fetch_add(&appended, 1);
    }
    return NULL;
}

static void child_appends_to_its_own(void)
{
    segmo__spool *own;

    if (append_number(forked_spool, 1) != SEGMO_ERR_CLOSED)
        end_child(1);
    segmo__spool_close(forked_spool, 1);
    own = open_usual();
    if (append_number(own, 1) != SEGMO_OK || drain(own, 0, 1) != 1 || drain(own, 1, 1) != 1)
        end_child(2);
    segmo__spool_close(own, 0);
    end_child(0);
}

static void a_child_never_touches_its_parents_files(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    forked_spool = open_usual();
    segmo__spool_start(forked_spool);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, append_all_the_time, NULL), 0);
    for (int trial = 0; trial < 30; trial++) {
        pid_t child;

        segmo__spool_fork_prepare(forked_spool);
        child = fork();
        if (child == 0) {
            segmo__spool_fork_child(forked_spool);
            child_appends_to_its_own();
        }
        segmo__spool_fork_parent(forked_spool);
        expect_success(child);
        usleep(500);
    }
    atomic_store(&threads_stop, 1);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(drain(forked_spool, 0, 1), atomic_load(&appended));
    assert_int_equal(drain(forked_spool, 1, 1), atomic_load(&appended));
    segmo__spool_close(forked_spool, 0);
    assert_int_equal(entries(spool_dir), 0);
}

/* Files whose records share windows, so that reading them in turn opens each anew. */
#define FILES_IN_TURN 6
#define WINDOWS_SHARE 3

static segmo__record_ref in_turn[FILES_IN_TURN];

static void fill_files_in_turn(void)
{
    segmo__spool_cursor *cursor = cursor_of(forked_spool, 0);
    segmo__record_ref ref;
    segmo__slice payload;
    unsigned found = 0;

    while (counts_of(forked_spool).files <= FILES_IN_TURN * WINDOWS_SHARE)
        assert_int_equal(append_number(forked_spool, 1), SEGMO_OK);
    while (segmo__spool_next(cursor, &ref, &payload))
        if (ref.file == 1 + WINDOWS_SHARE * found && found < FILES_IN_TURN)
            in_turn[found++] = ref;
    assert_int_equal(found, FILES_IN_TURN);
    segmo__spool_cursor_free(cursor);
}

static void *read_all_the_time(void *arg)
{
    segmo__slice payload;

    (void)arg;
    for (unsigned i = 0; !atomic_load(&threads_stop); i = (i + 1) % FILES_IN_TURN)
        assert_int_equal(segmo__spool_read(forked_spool, &in_turn[i], &payload, NULL), SEGMO_OK);
    return NULL;
}

/* Opens what gets the numbers that the parent had just closed, and forgets the parent's spool. */
static void child_keeps_its_descriptors(void)
{
    int own[32];

    segmo__spool_fork_child(forked_spool); /* at the fork; what follows comes with the next call */
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        own[i] = open("/dev/null", O_RDONLY);
    segmo__spool_close(forked_spool, 1);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (fcntl(own[i], F_GETFD) < 0)
            _exit(1);
    _exit(0);
}

static void a_child_closes_no_descriptor_of_its_own(void **state)
{
    pthread_t reader;
    int failed = 0, status;

    (void)state;
    forked_spool = open_usual();
    fill_files_in_turn();
    atomic_store(&threads_stop, 0);
    assert_int_equal(pthread_create(&reader, NULL, read_all_the_time, NULL), 0);
    for (int trial = 0; trial < 50; trial++) {
        pid_t child;

        segmo__spool_fork_prepare(forked_spool);
        child = fork();
        if (child == 0)
            child_keeps_its_descriptors();
        segmo__spool_fork_parent(forked_spool);
        failed += waitpid(child, &status, 0) != child || status != 0;
    }
    atomic_store(&threads_stop, 1);
    pthread_join(reader, NULL);
    assert_int_equal(failed, 0);
    segmo__spool_close(forked_spool, 0);
}

/* Forks a child that outlives us and says when its fork handler has run. */
static void leave_a_child_behind(segmo__spool *spool, const int ended[2])
{
    int ready[2];
    char byte;

    if (pipe(ready) != 0)
        _exit(1);
    segmo__spool_fork_prepare(spool);
    if (fork() == 0) {
        segmo__spool_fork_child(spool);
        close(ended[1]);
        end_child(write(ready[1], "", 1) == 1 && read(ended[0], &byte, 1) == 0 ? 0 : 1);
    }
    _exit(read(ready[0], &byte, 1) == 1 ? 0 : 1);
}

/* Neither its own nor the one that it had adopted. */
static void a_child_does_not_keep_its_parents_directories_locked(void **state)
{
    segmo__spool *spool = open_usual();
    int ended[2];
    pid_t parent;

    (void)state;
    append_number(spool, 6);
    segmo__spool_close(spool, 1);
    assert_int_equal(pipe(ended), 0);
    parent = fork();
    if (parent == 0) {
        spool = open_usual();
        append_number(spool, 7);
        leave_a_child_behind(spool, ended);
    }
    expect_success(parent);
    spool = open_usual();
    assert_int_equal(counts_of(spool).adopted_records, 2);
    segmo__spool_close(spool, 0);
    close(ended[0]);
    close(ended[1]);
}

static void readers_keep_up_with_threads_that_append(void **state)
{
    pthread_t threads[4];
    segmo__spool_cursor *cursors[2];
    segmo__record_ref ref;
    segmo__slice payload;
    unsigned read[2] = {0, 0};
    int running = 4;

    (void)state;
    atomic_store(&threads_stop, 0);
    atomic_store(&appended, 0);
    forked_spool = open_usual();
    segmo__spool_start(forked_spool);
    cursors[0] = cursor_of(forked_spool, 0);
    cursors[1] = cursor_of(forked_spool, 1);
    for (int i = 0; i < running; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, append_all_the_time, NULL), 0);
    while (running > 0 || read[0] + read[1] < 2 * atomic_load(&appended)) {
        for (unsigned d = 0; d < 2; d++) {
            for (int i = 0; i < 50 && segmo__spool_next(cursors[d], &ref, &payload); i++) {
                number_of(payload);
                assert_int_equal(segmo__spool_settle(forked_spool, &ref, d, SEGMO__DELIVERED), 1);
                read[d]++;
            }
        }
        assert_int_equal(segmo__spool_commit(forked_spool, NULL), SEGMO_OK);
        if (running > 0 && read[0] > 5000) {
            atomic_store(&threads_stop, 1);
            for (; running > 0; running--)
                pthread_join(threads[running - 1], NULL);
        }
    }
    assert_int_equal(read[0], read[1]);
    assert_int_equal(read[0], atomic_load(&appended));
    segmo__spool_cursor_free(cursors[0]);
    segmo__spool_cursor_free(cursors[1]);
    segmo__spool_close(forked_spool, 0);
    assert_int_equal(entries(spool_dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, spool_dir_make, spool_dir_remove)
        TEST(a_killed_process_loses_nothing_that_was_accepted),
        TEST(undamaged_records_survive_random_damage),
        TEST(a_damaged_file_is_set_aside_once_the_rest_is_settled),
        TEST(damage_under_a_running_process_is_not_waited_for),
        TEST(a_file_of_another_version_is_left_alone),
        TEST(leftovers_of_crashes_are_cleaned_up),
        TEST(records_of_others_are_left_to_them),
        TEST(one_of_two_competing_processes_adopts),
        TEST(a_child_never_touches_its_parents_files),
        TEST(a_child_closes_no_descriptor_of_its_own),
        TEST(a_child_does_not_keep_its_parents_directories_locked),
        TEST(readers_keep_up_with_threads_that_append),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
