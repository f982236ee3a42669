/* Power cuts: a history of appending, syncing, settling, dead letters, kills and adoption is
 * recorded change by change; then a disk that lost power at some moment of it is laid out and
 * opened. What was synced must be there, nothing may be unreadable, new messages must be taken.
 *
 *     POWER_CUTS=20000 build/test/unit/test_power_cuts    so many cuts
 *     POWER_CUT=1234 build/test/unit/test_power_cuts      one of them again
 */
#include "base/file.h"
#include "dice.h"
#include "power_disk.h"
#include "scratch_dir.h"
#include "spool/dead_letters.h"
#include "spool_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define USUAL_CUTS       1000
#define CUTS_PER_HISTORY 50
#define ACTIONS          60
#define MESSAGES         400
#define PROCESSES        3
#define TARGETS          2 /* destinations */
#define NEVER            UINT32_MAX
#define NOWHERE          (PROCESSES + 1)

/* ---- the history ------------------------------------------------------------------------- */

/* What each message was promised, by moments of the disk. */
typedef struct promise {
    uint32_t safe_at;            /* a sync that covers it had ended */
    uint32_t delivered[TARGETS]; /* it may be gone for this destination from here on */
    unsigned where;              /* process that has it, or PROCESSES: waits for adoption */
    uint32_t accepted_at;
} promise;

static promise promises[MESSAGES];
static uint32_t accepted_count;

typedef struct process {
    segmo__spool *spool; /* NULL: not running */
    segmo__dead_letters *letters;
    int sync_failed;
} process;

static process processes[PROCESSES];
static const char *root; /* the spool's directory: its parents are made with it */
static char letters_dir[4096];

static size_t text_of(uint32_t number, char *out)
{
    dice sizes = dice_of(number + 77);
    size_t len = 12 + roll(&sizes, roll(&sizes, 8) == 0 ? 6000 : 600);

    memset(out, ' ', len);
    out[(size_t)sprintf(out, "{\"n\":%u", number)] = ' ';
    out[len - 1] = '}';
    return len;
}

/* -1: it is no message of this test. */
static long number_in(segmo__slice payload)
{
    char *expected = malloc(8192);
    unsigned number = 0;
    long found = -1;

    if (payload.len > 6 && sscanf(payload.at, "{\"n\":%u", &number) == 1 && number < MESSAGES &&
        text_of(number, expected) == payload.len && memcmp(expected, payload.at, payload.len) == 0)
        found = (long)number;
    free(expected);
    return found;
}

static segmo__spool_options options_for(const char *dir)
{
    segmo__spool_options options = usual_options();

    options.dir = dir;
    options.destinations = 3;
    return options;
}

static void take_over(unsigned owner)
{
    for (uint32_t n = 0; n < accepted_count; n++)
        if (promises[n].where == PROCESSES)
            promises[n].where = owner;
}

static int sync_letters(void *ctx)
{
    const process *mine = ctx;

    return segmo__dead_letters_sync(mine->letters, NULL);
}

static void start(unsigned p)
{
    segmo__spool_options options = options_for(root);

    options.before_commit = sync_letters;
    options.ctx = &processes[p];
    assert_int_equal(segmo__dead_letters_open(&processes[p].letters, letters_dir, 1u << 20, NULL),
                     SEGMO_OK);
    assert_int_equal(segmo__spool_open(&processes[p].spool, &options, NULL), SEGMO_OK);
    take_over(p);
}

/* kill -9 leaves what was stored in the kernel's memory; the locks go. Whoever takes over cannot
 * know that a sync had failed, and that syncing again does not do. */
static void end(unsigned p, int killed)
{
    int forsaken = processes[p].sync_failed;
    segmo__spool_close(processes[p].spool, killed);
    segmo__dead_letters_free(processes[p].letters);
    processes[p] = (process){0};
    for (uint32_t n = 0; n < accepted_count; n++)
        if (promises[n].where == p)
            promises[n].where = forsaken && promises[n].safe_at == NEVER ? NOWHERE : PROCESSES;
}

static void append(unsigned p)
{
    char text[8192];
    promise *made = &promises[accepted_count];
    segmo__slice payload = {text, text_of(accepted_count, text)};

    if (accepted_count == MESSAGES)
        return;
    assert_int_equal(segmo__spool_append(processes[p].spool, payload, nothing_preset, NULL),
                     SEGMO_OK);
    *made = (promise){NEVER, {NEVER, NEVER}, p, power_disk_now()};
    accepted_count++;
}

static void sync_now(unsigned p)
{
    processes[p].sync_failed = segmo__spool_sync(processes[p].spool, 1000, NULL) != SEGMO_OK;
    if (processes[p].sync_failed)
        return;
    for (uint32_t n = 0; n < accepted_count; n++)
        if (promises[n].where == p && promises[n].safe_at == NEVER)
            promises[n].safe_at = power_disk_now();
}

static void bury(unsigned p, const segmo__record_ref *ref, unsigned target, segmo__slice payload)
{
    char line[9000];
    size_t head = (size_t)sprintf(line, "{\"d\":%u,\"m\":", target);

    memcpy(line + head, payload.at, payload.len);
    line[head + payload.len] = '}';
    assert_int_equal(segmo__dead_letters_add(processes[p].letters,
                                             (segmo__slice){line, head + payload.len + 1}, NULL),
                     SEGMO_OK);
    segmo__spool_settle(processes[p].spool, ref, target, SEGMO__DEAD);
}

/* As the worker does: what was settled in a round is written together. */
static void settle_some(unsigned p, dice *from)
{
    unsigned target = roll(from, TARGETS), count = 1 + roll(from, 30);
    segmo__spool_cursor *cursor = cursor_of(processes[p].spool, target);
    segmo__record_ref ref;
    segmo__slice payload;

    while (count-- > 0 && segmo__spool_next(cursor, &ref, &payload)) {
        long number = number_in(payload);

        assert_true(number >= 0);
        switch (roll(from, 8)) {
        case 0:
            bury(p, &ref, target, payload);
            break;
        case 1:
            break; /* stays pending */
        default:
            promises[number].delivered[target] = power_disk_now();
            segmo__spool_settle(processes[p].spool, &ref, target, SEGMO__DELIVERED);
        }
    }
    segmo__spool_cursor_free(cursor);
    segmo__spool_commit(processes[p].spool, NULL);
}

/* ---- putting dead letters back ---- */

typedef struct letter {
    unsigned target;
    size_t len;
    char text[8192];
} letter;

static letter letters[MESSAGES * TARGETS];
static size_t letter_count, letter_next;

static int collect(void *ctx, segmo__slice line)
{
    letter *out = &letters[letter_count++];

    (void)ctx;
    out->target = (unsigned)(line.at[5] - '0');
    out->len = line.len - 12;
    memcpy(out->text, line.at + 11, out->len);
    return 0;
}

static int next_letter(void *ctx, segmo__slice *payload, uint8_t preset[SEGMO__SPOOL_DESTINATIONS])
{
    const letter *back = &letters[letter_next];

    (void)ctx;
    if (letter_next == letter_count)
        return 0;
    letter_next++;
    memset(preset, SEGMO__SKIPPED, SEGMO__SPOOL_DESTINATIONS);
    preset[back->target] = SEGMO__PENDING;
    *payload = (segmo__slice){back->text, back->len};
    return 1;
}

static int every_letter(void *ctx, segmo__slice line)
{
    (void)ctx, (void)line;
    return 1;
}

static void put_letters_back(void)
{
    uint64_t dropped;

    letter_count = letter_next = 0;
    assert_int_equal(segmo__dead_letters_each(letters_dir, collect, NULL, NULL), SEGMO_OK);
    if (letter_count == 0)
        return;
    if (segmo__spool_plant(root, next_letter, NULL, NULL) == SEGMO_OK)
        segmo__dead_letters_remove(letters_dir, every_letter, NULL, &dropped, NULL);
}

static void act(dice *from, int sync_always)
{
    unsigned p = roll(from, PROCESSES);

    if (!processes[p].spool) {
        start(p);
        return;
    }
    switch (roll(from, 20)) {
    case 0:
    case 1:
        sync_now(p);
        break;
    case 2:
    case 3:
    case 4:
    case 5:
        settle_some(p, from);
        break;
    case 6:
        end(p, 1);
        break;
    case 7:
        end(p, roll(from, 2) != 0);
        break;
    case 8:
        segmo__spool_adopt(processes[p].spool, NULL);
        take_over(p);
        break;
    case 9:
        put_letters_back();
        break;
    default:
        for (unsigned count = 1 + roll(from, 12); count > 0; count--) {
            append(p);
            if (sync_always)
                sync_now(p);
        }
    }
}

static void make_history(uint32_t seed)
{
    dice from = dice_of(seed);

    accepted_count = 0;
    root = scratch_path(spool_dir, "live/var/spool");
    mkdir(scratch_path(spool_dir, "live"), 0700);
    snprintf(letters_dir, sizeof letters_dir, "%s/dead", root);
    power_disk_record(scratch_path(spool_dir, "live"));
    power_disk_fail_syncs(seed % 4 == 3 ? 40 : 0, seed);
    for (int i = 0; i < ACTIONS; i++)
        act(&from, seed % 2 != 0);
    power_disk_stop();
    for (unsigned p = 0; p < PROCESSES; p++)
        if (processes[p].spool)
            end(p, 1);
}

/* ---- the cut ----------------------------------------------------------------------------- */

static struct {
    unsigned cuts, lost, torn, damaged, adopted, checked;
} sum;

typedef struct found {
    unsigned char pending[TARGETS][MESSAGES]; /* how often */
    unsigned char dead[TARGETS][MESSAGES];
} found;

static int find_letter(void *ctx, segmo__slice line)
{
    found *all = ctx;
    long number = number_in((segmo__slice){line.at + 11, line.len - 12});

    if (number >= 0)
        all->dead[line.at[5] - '0'][number]++;
    return 0;
}

/* What is wrong, or NULL. */
static const char *find_all(segmo__spool *spool, const char *dir, found *all)
{
    memset(all, 0, sizeof *all);
    for (unsigned target = 0; target < TARGETS; target++) {
        segmo__spool_cursor *cursor = cursor_of(spool, target);
        segmo__record_ref ref;
        segmo__slice payload;

        while (segmo__spool_next(cursor, &ref, &payload)) {
            long number = number_in(payload);

            if (number < 0) {
                segmo__spool_cursor_free(cursor);
                return "a record that nobody wrote";
            }
            all->pending[target][number]++;
            segmo__spool_settle(spool, &ref, target, SEGMO__DELIVERED);
        }
        segmo__spool_cursor_free(cursor);
        if (counts_of(spool).pending_records[target] != 0)
            return "records are counted that cannot be read";
    }
    if (segmo__dead_letters_each(scratch_path(dir, "dead"), find_letter, all, NULL) != SEGMO_OK)
        return "the dead letters cannot be read";
    return NULL;
}

static const char *check_promises(const found *all, uint32_t moment)
{
    for (uint32_t n = 0; n < accepted_count; n++) {
        for (unsigned target = 0; target < TARGETS; target++) {
            int is_there = all->pending[target][n] + all->dead[target][n] > 0;

            if (promises[n].safe_at <= moment && promises[n].delivered[target] >= moment) {
                sum.checked++;
                if (!is_there) {
                    print_error("message %u for destination %u, synced at change %u\n", n, target,
                                promises[n].safe_at);
                    return "a message that was synced is gone";
                }
            }
            sum.lost += !is_there && promises[n].accepted_at <= moment &&
                        promises[n].delivered[target] >= moment;
            /* a letter that was put back may have come twice: planted, and its first record */
            if (all->pending[target][n] > 2)
                return "a message came more than twice";
        }
    }
    return NULL;
}

static const char *check_new_messages(const char *dir)
{
    segmo__spool_options options = options_for(dir);
    segmo__spool *spool = NULL;
    unsigned there = 0;

    for (int turn = 0; turn < 2; turn++) {
        if (segmo__spool_open(&spool, &options, NULL) != SEGMO_OK)
            return "the spool cannot be opened again";
        for (int i = 0; turn == 0 && i < 3; i++)
            if (append_text(spool, "after the cut") != SEGMO_OK)
                return "a new message is not taken";
        if (turn == 0 && segmo__spool_sync(spool, 1000, NULL) != SEGMO_OK)
            return "new messages cannot be synced";
        if (turn == 1)
            there = drain(spool, 0, 1);
        segmo__spool_close(spool, 0);
    }
    return there == 3 ? NULL : "new messages are not there again";
}

static const char *open_and_check(const char *dir, uint32_t moment)
{
    segmo__spool_options options = options_for(dir);
    segmo__spool *spool = NULL;
    segmo_error *err = NULL;
    static found all;
    const char *wrong;

    if (segmo__spool_open(&spool, &options, &err) != SEGMO_OK) {
        print_error("%s\n", segmo_error_message(err));
        segmo_error_free(err);
        return "the spool cannot be opened";
    }
    sum.damaged += counts_of(spool).damaged_records > 0;
    sum.adopted += counts_of(spool).adopted_records > 0;
    wrong = find_all(spool, dir, &all);
    if (!wrong)
        wrong = check_promises(&all, moment);
    segmo__spool_close(spool, 0);
    if (!wrong)
        wrong = check_new_messages(dir);
    return wrong;
}

static void cut_once(unsigned number, uint32_t length)
{
    dice from = dice_of(number);
    uint32_t moment = roll(&from, length + 1);
    const char *target = scratch_path(spool_dir, "cut"), *wrong;

    mkdir(target, 0700);
    power_disk_cut(target, moment, number);
    wrong = open_and_check(scratch_path(target, "var/spool"), moment);
    if (wrong)
        fail_msg("cut %u at change %u of %u: %s\nrepeat with: POWER_CUT=%u "
                 "build/test/unit/test_power_cuts",
                 number, moment, length, wrong, number);
    scratch_dir_remove(target);
    sum.cuts++;
}

static void one_history(unsigned seed, unsigned from, unsigned to)
{
    make_history(seed);
    for (unsigned number = from; number < to; number++)
        cut_once(number, power_disk_now());
    power_disk_forget();
    scratch_dir_remove(scratch_path(spool_dir, "live"));
}

static void what_was_synced_survives_a_power_cut(void **state)
{
    const char *one = getenv("POWER_CUT"), *many = getenv("POWER_CUTS");
    unsigned cuts = many ? (unsigned)atol(many) : USUAL_CUTS;

    (void)state;
    if (one) {
        unsigned number = (unsigned)atol(one);

        one_history(number / CUTS_PER_HISTORY, number, number + 1);
        return;
    }
    for (unsigned from = 0; from < cuts; from += CUTS_PER_HISTORY)
        one_history(from / CUTS_PER_HISTORY, from,
                    from + CUTS_PER_HISTORY < cuts ? from + CUTS_PER_HISTORY : cuts);
    print_message("%u power cuts: %u promises checked, none broken; %u messages that were not "
                  "synced yet were lost, %u cuts left damage that was set aside\n",
                  sum.cuts, sum.checked, sum.lost, sum.damaged);
    assert_true(sum.checked > cuts);
    assert_true(sum.lost > 0); /* else nothing was cut */
    assert_true(sum.damaged > 0);
}

/* What a disk keeps is recorded here; the real one only costs time. */
static int make_dir_in_memory(void **state)
{
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    return spool_dir_make(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_synced_survives_a_power_cut, make_dir_in_memory,
                                        spool_dir_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
