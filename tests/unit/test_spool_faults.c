/* Short lives of a spool and of dead letters, in which each allocation and each call that reaches
 * the disk fails, one after the other, once and from then on. A refusal must say why; what was
 * accepted must be handed out then or to the next process, and what was refused to nobody. */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "scratch_dir.h"
#include "spool/dead_letters.h"
#include "spool_help.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MESSAGES 64
#define FOREIGN  56 /* from here on they are another client's */

typedef enum fate { NOT_TRIED, ACCEPTED, REFUSED, UNKNOWN } fate;

static struct {
    fate fate[MESSAGES];
    unsigned char handed_out[2][MESSAGES];
} ledger;

/* ---- failing ----------------------------------------------------------------------------- */

static struct {
    long calls, nth;
    int code, for_ever;
    char where[100]; /* for whoever reads a failure */
} failing;

static int fail_call(void *ctx, segmo__file_op op, const char *path, int fd, uint64_t offset,
                     size_t *len)
{
    long call = failing.calls++;

    (void)ctx, (void)op, (void)path, (void)fd, (void)offset, (void)len;
    if (failing.nth < 0 || call < failing.nth || (call > failing.nth && !failing.for_ever))
        return 0;
    return failing.code;
}

/* -1: nothing fails, calls and allocations are counted. */
static void set_fault(long allocation, long call, int for_ever)
{
    static const int codes[] = {-EIO, -ENOSPC, -EMFILE, -EACCES};

    failing.calls = 0;
    failing.nth = call;
    failing.code = codes[call < 0 ? 0 : call % 4];
    failing.for_ever = for_ever;
    segmo__file_hook(fail_call, NULL);
    segmo__mem_fail(allocation, for_ever);
}

static void set_no_fault(void)
{
    segmo__mem_fail(-1, 0);
    segmo__file_hook(NULL, NULL);
}

/* ---- what the stories are made of --------------------------------------------------------- */

static int heard(int status, segmo_error *err)
{
    if (status != SEGMO_OK) {
        assert_int_equal(segmo_error_status(err), status);
        assert_true(strlen(segmo_error_message(err)) > 5);
    }
    segmo_error_free(err);
    return status;
}

#define TRY(call)                                                                                  \
    __extension__({                                                                                \
        segmo_error *err = NULL;                                                                   \
        int status_of_it = (call);                                                                 \
        heard(status_of_it, err);                                                                  \
    })

static segmo__spool *try_open(segmo__spool_options options)
{
    segmo__spool *spool = NULL;

    return TRY(segmo__spool_open(&spool, &options, &err)) == SEGMO_OK ? spool : NULL;
}

static segmo__slice text_of(unsigned number)
{
    static char text[512];
    size_t len = 10 + number * 7 % 500; /* as number_of() checks it */

    memset(text, '.', sizeof text);
    text[snprintf(text, sizeof text, "%u", number)] = '.';
    return (segmo__slice){text, len};
}

static void append_all(segmo__spool *spool, unsigned from, unsigned to)
{
    for (unsigned number = from; number < to; number++)
        ledger.fate[number] =
            TRY(segmo__spool_append(spool, text_of(number), nothing_preset, &err)) == SEGMO_OK
                ? ACCEPTED
                : REFUSED;
}

static void read_once_more(segmo__spool *spool, const segmo__record_ref *ref, unsigned number)
{
    segmo__slice payload;

    if (TRY(segmo__spool_read(spool, ref, &payload, &err)) == SEGMO_OK)
        assert_int_equal(number_of(payload), number);
}

static void hand_out(segmo__spool *spool, unsigned destination)
{
    segmo__spool_cursor *cursor;
    segmo__record_ref ref;
    segmo__slice payload;

    if (TRY(segmo__spool_cursor_open(&cursor, spool, destination, &err)) != SEGMO_OK)
        return;
    while (segmo__spool_next(cursor, &ref, &payload)) {
        unsigned number = number_of(payload);

        ledger.handed_out[destination][number] = 1;
        if (number % 5 == 0)
            read_once_more(spool, &ref, number);
        assert_int_equal(segmo__spool_settle(spool, &ref, destination, SEGMO__DELIVERED), 1);
        if (number % 16 == 0)
            TRY(segmo__spool_commit(spool, &err));
    }
    segmo__spool_cursor_free(cursor);
}

static void live_in(segmo__spool_options options)
{
    segmo__spool *spool = try_open(options);

    if (!spool)
        return;
    append_all(spool, 0, MESSAGES);
    TRY(segmo__spool_sync(spool, 1000, &err));
    hand_out(spool, 0);
    hand_out(spool, 1);
    TRY(segmo__spool_commit(spool, &err));
    segmo__spool_close(spool, 0);
}

/* ---- the stories --------------------------------------------------------------------------- */

static void live(void)
{
    live_in(usual_options());
}

static void live_in_memory(void)
{
    segmo__spool_options options = usual_options();

    options.dir = NULL;
    live_in(options);
    memset(&ledger, 0, sizeof ledger); /* gone with the process, as was said */
}

/* A process that ended without closing. */
static void leave_messages(void)
{
    segmo__spool *spool = open_usual();

    append_all(spool, 0, MESSAGES);
    segmo__spool_close(spool, 1);
}

static int is_mine(void *ctx, segmo__slice payload)
{
    (void)ctx;
    return number_of(payload) < FOREIGN;
}

static void adopt(void)
{
    segmo__spool_options options = usual_options();
    segmo__spool *spool;

    options.mine = is_mine;
    if (!(spool = try_open(options)))
        return;
    hand_out(spool, 0);
    hand_out(spool, 1);
    TRY(segmo__spool_commit(spool, &err));
    segmo__spool_adopt(spool, NULL);
    segmo__spool_close(spool, 0);
    for (unsigned number = FOREIGN; number < MESSAGES; number++)
        assert_int_equal(ledger.handed_out[0][number], 0);
}

static int see(void *ctx, const segmo__spool_sight *sight)
{
    unsigned *count = ctx;

    number_of(sight->payload);
    ++*count;
    return 0;
}

static void look(void)
{
    unsigned count = 0;

    if (TRY(segmo__spool_look(spool_dir, see, &count, &err)) == SEGMO_OK)
        assert_int_equal(count, MESSAGES);
}

static int next_to_plant(void *ctx, segmo__slice *payload,
                         uint8_t preset[SEGMO__SPOOL_DESTINATIONS])
{
    unsigned *number = ctx;

    if (*number == 20)
        return 0;
    *payload = text_of((*number)++);
    preset[2] = preset[3] = SEGMO__SKIPPED;
    return 1;
}

static void plant(void)
{
    unsigned number = 0;
    int status = TRY(segmo__spool_plant(spool_dir, next_to_plant, &number, &err));

    for (number = 0; number < 20; number++) /* a disk that fails for good takes nothing back */
        ledger.fate[number] = status == SEGMO_OK ? ACCEPTED : failing.for_ever ? UNKNOWN : REFUSED;
}

/* What a client without faults finds, after a while. */
static void expect_the_rest(void)
{
    segmo__spool *spool;

    segmo__clock_shift(0, 2000);
    spool = open_usual();
    hand_out(spool, 0);
    hand_out(spool, 1);
    assert_int_equal(segmo__spool_commit(spool, NULL), SEGMO_OK);
    segmo__spool_close(spool, 0);
    assert_int_equal(find_files(spool_dir, NULL), 0);
    for (unsigned number = 0; number < MESSAGES; number++)
        for (unsigned d = 0; d < 2 && ledger.fate[number] != UNKNOWN; d++)
            assert_int_equal(ledger.handed_out[d][number], ledger.fate[number] == ACCEPTED);
}

/* ---- dead letters ---- */

static const char *letters_dir(void)
{
    return scratch_path(spool_dir, "dead");
}

static void add_letters(segmo__dead_letters *letters)
{
    for (unsigned number = 0; number < MESSAGES; number++) {
        char line[100];

        snprintf(line, sizeof line, "{\"n\":%u}", number);
        ledger.fate[number] =
            TRY(segmo__dead_letters_add(letters, segmo__slice_of(line), &err)) == SEGMO_OK
                ? ACCEPTED
                : REFUSED;
        if (number % 8 == 0)
            TRY(segmo__dead_letters_sync(letters, &err));
    }
}

static unsigned letter_number(segmo__slice line)
{
    return (unsigned)strtoul(line.at + 5, NULL, 10);
}

static int is_odd(void *ctx, segmo__slice line)
{
    (void)ctx;
    return letter_number(line) % 2 == 1;
}

static int note_letter(void *ctx, segmo__slice line)
{
    (void)ctx;
    ledger.handed_out[0][letter_number(line)] = 1;
    return 0;
}

static void bury(void)
{
    segmo__dead_letters *letters;
    uint64_t dropped;

    if (TRY(segmo__dead_letters_open(&letters, letters_dir(), 1600, &err)) != SEGMO_OK)
        return; /* files of 200 bytes each */
    add_letters(letters);
    TRY(segmo__dead_letters_each(letters_dir(), note_letter, NULL, &err));
    TRY(segmo__dead_letters_remove(letters_dir(), is_odd, NULL, &dropped, &err));
    segmo__dead_letters_free(letters);
}

static void expect_the_letters(void)
{
    uint64_t dropped = 1;

    assert_int_equal(segmo__dead_letters_remove(letters_dir(), is_odd, NULL, &dropped, NULL),
                     SEGMO_OK);
    memset(ledger.handed_out, 0, sizeof ledger.handed_out);
    assert_int_equal(segmo__dead_letters_each(letters_dir(), note_letter, NULL, NULL), SEGMO_OK);
    for (unsigned number = 0; number < MESSAGES; number++)
        assert_int_equal(ledger.handed_out[0][number],
                         number % 2 == 0 && ledger.fate[number] == ACCEPTED);
}

/* ---- all runs ------------------------------------------------------------------------------ */

typedef struct story {
    const char *name;
    void (*prepare)(void);
    void (*play)(void);
    void (*check)(void);
} story;

static void run(const story *of, long allocation, long call, int for_ever)
{
    snprintf(failing.where, sizeof failing.where, "%s: allocation %ld, call %ld%s", of->name,
             allocation, call, for_ever ? " and all after it" : "");
    memset(&ledger, 0, sizeof ledger);
    scratch_dir_remove(spool_dir);
    mkdir(spool_dir, 0700);
    if (of->prepare)
        of->prepare();
    set_fault(allocation, call, for_ever);
    of->play();
    if (allocation >= 0 || call >= 0)
        set_no_fault();
    of->check();
    failing.where[0] = '\0';
}

static void fail_each_point(const story *of)
{
    long allocations, calls;

    run(of, -1, -1, 0);
    allocations = segmo__mem_count();
    calls = failing.calls;
    assert_true(allocations > 2 && calls > 2);
    for (int for_ever = 0; for_ever < 2; for_ever++) {
        for (long nth = 0; nth < allocations; nth++)
            run(of, nth, -1, for_ever);
        for (long nth = 0; nth < calls; nth++)
            run(of, -1, nth, for_ever);
    }
}

static void what_is_accepted_is_handed_out_whatever_fails(void **state)
{
    (void)state;
    fail_each_point(&(story){"live", NULL, live, expect_the_rest});
}

static void a_spool_in_memory_refuses_with_words(void **state)
{
    (void)state;
    fail_each_point(&(story){"live_in_memory", NULL, live_in_memory, expect_the_rest});
}

static void what_cannot_be_adopted_now_is_adopted_later(void **state)
{
    (void)state;
    fail_each_point(&(story){"adopt", leave_messages, adopt, expect_the_rest});
}

static void looking_changes_nothing_whatever_fails(void **state)
{
    (void)state;
    fail_each_point(&(story){"look", leave_messages, look, expect_the_rest});
}

static void all_is_planted_or_nothing(void **state)
{
    (void)state;
    fail_each_point(&(story){"plant", NULL, plant, expect_the_rest});
}

static void letters_stay_whatever_fails(void **state)
{
    (void)state;
    fail_each_point(&(story){"bury", NULL, bury, expect_the_letters});
}

static int tell_where(void **state)
{
    if (failing.where[0] != '\0')
        print_error("%s\n", failing.where);
    set_no_fault();
    return spool_dir_remove(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, spool_dir_make, tell_where)
        TEST(what_is_accepted_is_handed_out_whatever_fails),
        TEST(a_spool_in_memory_refuses_with_words),
        TEST(what_cannot_be_adopted_now_is_adopted_later),
        TEST(looking_changes_nothing_whatever_fails),
        TEST(all_is_planted_or_nothing),
        TEST(letters_stay_whatever_fails),
    };

    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
