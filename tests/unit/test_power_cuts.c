/* Power cuts: the life of a spool directory is recorded change by change; then a disk that lost
 * power at some moment of it is laid out and opened. What was synced must be there, nothing may be
 * unreadable, new messages must be taken.
 *
 *     POWER_CUTS=20000 build/test/unit/test_power_cuts    so many cuts
 *     POWER_CUT=1234 build/test/unit/test_power_cuts      one of them again
 */
#include "dice.h"
#include "how_many.h"
#include "power_disk.h"
#include "scratch_dir.h"
#include "spool_help.h"
#include "spool_history.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define USUAL_CUTS       1000
#define CUTS_PER_HISTORY 50

static history past;
static history_sum sum;

static void live(unsigned seed)
{
    history_plan plan = {
        .seed = seed, .actions = 60, .sync_always = seed % 2 != 0, .syncs_may_fail = seed % 4 == 3};

    mkdir(scratch_path(spool_dir, "live"), 0700);
    power_disk_record(scratch_path(spool_dir, "live"));
    power_disk_fail_syncs(plan.syncs_may_fail ? 40 : 0, seed);
    history_live(&past, scratch_path(spool_dir, "live/var/spool"), &plan);
    power_disk_stop();
}

static void cut_once(unsigned number)
{
    dice from = dice_of(number);
    uint32_t length = power_disk_now(), moment = roll(&from, length + 1);
    const char *disk = scratch_path(spool_dir, "cut"), *wrong;

    mkdir(disk, 0700);
    power_disk_cut(disk, moment, number);
    wrong = history_check(&past, scratch_path(disk, "var/spool"), HISTORY_SAFE, moment, &sum);
    if (wrong)
        fail_msg("cut %u at change %u of %u: %s\nrepeat with: POWER_CUT=%u "
                 "build/test/unit/test_power_cuts",
                 number, moment, length, wrong, number);
    scratch_dir_remove(disk);
}

static void cut_history(unsigned seed, unsigned from, unsigned to)
{
    live(seed);
    for (unsigned number = from; number < to; number++)
        cut_once(number);
    power_disk_forget();
    scratch_dir_remove(scratch_path(spool_dir, "live"));
}

static void what_was_synced_survives_a_power_cut(void **state)
{
    const char *one = getenv("POWER_CUT");
    unsigned cuts = (unsigned)how_many("POWER_CUTS", USUAL_CUTS);

    (void)state;
    if (one) {
        unsigned number = (unsigned)strtoul(one, NULL, 10);

        cut_history(number / CUTS_PER_HISTORY, number, number + 1);
        return;
    }
    for (unsigned from = 0; from < cuts; from += CUTS_PER_HISTORY)
        cut_history(from / CUTS_PER_HISTORY, from,
                    from + CUTS_PER_HISTORY < cuts ? from + CUTS_PER_HISTORY : cuts);
    print_message("%u power cuts: %u promises checked, none broken; %u messages that no sync had "
                  "covered were lost, %u came again, %u cuts left damage that was set aside\n",
                  cuts, sum.checked, sum.lost, sum.repeated, sum.damaged);
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
