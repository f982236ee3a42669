/* Kills at every change: a process that lives a spool's life ends at its n-th call that changes a
 * file, for each n; before it, or, where it stores bytes, in the middle. Whoever comes next must
 * find everything that was accepted, and nothing again whose outcome was noted.
 *
 *     KILL_HISTORIES=20 build/test/unit/test_kill_points    so many lives
 *     KILL_POINT=3:217 build/test/unit/test_kill_points     one kill again
 */
#include "base/file.h"
#include "how_many.h"
#include "scratch_dir.h"
#include "spool_help.h"
#include "spool_history.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILLED 77

static history *past; /* shared with the children */
static history_sum sum;
static unsigned kills;

static struct {
    unsigned calls, last;
    int torn;
} fate;

static int changes_a_file(segmo__file_op op)
{
    return op != SEGMO__FILE_OPEN && op != SEGMO__FILE_READ && op != SEGMO__FILE_LIST;
}

static int die_at_last(void *ctx, segmo__file_op op, const char *path, int fd, uint64_t offset,
                       size_t *len)
{
    (void)ctx, (void)path, (void)fd, (void)offset;
    if (!changes_a_file(op))
        return 0;
    if (fate.calls++ < fate.last)
        return 0;
    if ((op != SEGMO__FILE_STORE && op != SEGMO__FILE_APPEND) || *len < 2)
        _exit(KILLED);
    *len /= 2;
    fate.torn = 1;
    return 0;
}

static void die_if_torn(void *ctx, const segmo__file_change *change)
{
    (void)ctx, (void)change;
    if (fate.torn)
        _exit(KILLED);
}

static void live(unsigned seed)
{
    const history_plan plan = {.seed = seed, .actions = 40};

    history_live(past, scratch_path(spool_dir, "var/spool"), &plan);
}

/* 0 when the life was over before its `last` call. */
static int live_until(unsigned seed, unsigned last)
{
    pid_t child = fork();
    int how = 0;

    if (child == 0) {
        fate.last = last;
        segmo__file_hook(die_at_last, NULL);
        segmo__file_watch(die_if_torn, NULL);
        live(seed);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && (WEXITSTATUS(how) == KILLED || WEXITSTATUS(how) == 0));
    return WEXITSTATUS(how) == KILLED;
}

static int kill_once(unsigned seed, unsigned last)
{
    int killed = live_until(seed, last);
    const char *wrong = history_check(past, scratch_path(spool_dir, "var/spool"), HISTORY_ACCEPTED,
                                      HISTORY_NEVER - 1, &sum);

    if (wrong)
        fail_msg("kill %u:%u: %s\nrepeat with: KILL_POINT=%u:%u build/test/unit/test_kill_points",
                 seed, last, wrong, seed, last);
    scratch_dir_remove(scratch_path(spool_dir, "var"));
    kills += (unsigned)killed;
    return killed;
}

static void what_was_accepted_survives_a_kill_at_any_change(void **state)
{
    const char *one = getenv("KILL_POINT");
    unsigned histories = (unsigned)how_many("KILL_HISTORIES", 1), seed, last;

    (void)state;
    past = mmap(NULL, sizeof *past, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(past != MAP_FAILED);
    if (one && sscanf(one, "%u:%u", &seed, &last) == 2) {
        kill_once(seed, last);
        return;
    }
    for (seed = 0; seed < histories; seed++)
        for (last = 0; kill_once(seed, last);)
            last += SLOW_BUILD;
    print_message("%u kills at the changes of %u lives: %u promises checked, none broken; %u "
                  "deliveries repeated\n",
                  kills, histories, sum.checked, sum.repeated);
    assert_true(kills > 200 * histories / SLOW_BUILD);
    assert_int_equal(sum.lost, 0);
}

static int make_dir_in_memory(void **state)
{
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    return spool_dir_make(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_accepted_survives_a_kill_at_any_change,
                                        make_dir_in_memory, spool_dir_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
