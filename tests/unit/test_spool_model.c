/* The spool against a plain model: random sequences of everything that can happen to it. A
 * sequence that fails, or that a signal ends, is made as short as it will go and printed.
 *
 *     MODEL_SEQUENCES=100000 build/test/unit/test_spool_model    so many sequences
 *     MODEL_SEED=123 build/test/unit/test_spool_model            one of them again
 *     MODEL_SCRIPT='open 0 0, append 0 7' build/test/unit/test_spool_model
 */
#include "base/clock.h"
#include "base/file.h"
#include "dice.h"
#include "how_many.h"
#include "scratch_dir.h"
#include "spool_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define USUAL_SEQUENCES 1500
#define MAX_ACTIONS     120
#define PROCESSES       3
#define TARGETS         2
#define MESSAGES        2000
#define NOBODY          PROCESSES       /* waits for adoption */
#define GONE            (PROCESSES + 1) /* was only in memory */

typedef enum op {
    OPEN,
    APPEND,     /* arg: how many */
    READ,       /* arg: how many, with the cursor that lives as long as the process */
    SETTLE,     /* arg: which of those that were read, and how many */
    COMMIT,     /* what was settled is noted */
    SYNC,       /* changes nothing */
    CHECK,      /* all that is pending, with a cursor of its own */
    CRASH,      /* kill -9 */
    CLOSE,      /* in peace */
    ADOPT,      /* what dead processes left */
    FORK,       /* the child appends, arg times, to a spool of its own and dies */
    QUOTA,      /* arg: refuse, wait, or drop the oldest */
    CLOCK_JUMP, /* arg: how far, back or forth */
    START,      /* threads, from here on */
    OPS
} op;

static const char *const op_names[OPS] = {"open", "append", "read",  "settle", "commit",
                                          "sync", "check",  "crash", "close",  "adopt",
                                          "fork", "quota",  "clock", "start"};

typedef struct action {
    op op;
    unsigned process, arg;
} action;

typedef struct script {
    unsigned count, in_memory;
    action actions[MAX_ACTIONS];
} script;

/* ---- the model --------------------------------------------------------------------------- */

typedef struct message {
    unsigned owner;
    unsigned origin; /* the life that accepted it */
    unsigned char settled[TARGETS], noted[TARGETS];
    unsigned char handed[TARGETS]; /* by the owner's long cursor */
    segmo__record_ref ref;
    int has_ref;
} message;

typedef struct process {
    segmo__spool *spool;
    segmo__spool_cursor *cursors[TARGETS];
    unsigned life;
    uint64_t max_bytes;
    int started;
} process;

static struct {
    message messages[MESSAGES];
    unsigned count, lives;
    process processes[PROCESSES];
    int in_memory;
    char wrong[200];
} model;

/* What is wrong stands in `model.wrong`; the first thing that is. */
#define expect(holds, ...)                                                                         \
    do {                                                                                           \
        if (!(holds) && model.wrong[0] == '\0')                                                    \
            snprintf(model.wrong, sizeof model.wrong, __VA_ARGS__);                                \
    } while (0)

static size_t text_of(unsigned number, char *out)
{
    size_t len = 16 + number * 37 % 900;

    memset(out, '.', len);
    out[snprintf(out, len, "%u", number)] = '.';
    return len;
}

static size_t len_of(unsigned number)
{
    char text[1024];

    return text_of(number, text);
}

static long number_in(segmo__slice payload)
{
    char expected[1024];
    unsigned number = (unsigned)strtoul(payload.at, NULL, 10);

    return number < model.count && text_of(number, expected) == payload.len &&
                   memcmp(expected, payload.at, payload.len) == 0
               ? (long)number
               : -1;
}

static int is_pending(const message *of, unsigned target)
{
    return of->settled[target] == SEGMO__PENDING;
}

static int is_mine(const message *of, unsigned p, unsigned target)
{
    return of->owner == p && is_pending(of, target);
}

static uint64_t pending_bytes(unsigned p, unsigned target, unsigned *records)
{
    uint64_t bytes = 0;

    *records = 0;
    for (unsigned n = 0; n < model.count; n++) {
        if (!is_mine(&model.messages[n], p, target))
            continue;
        ++*records;
        bytes += len_of(n);
    }
    return bytes;
}

static void note(unsigned p)
{
    for (unsigned n = 0; n < model.count; n++)
        if (model.messages[n].owner == p)
            memcpy(model.messages[n].noted, model.messages[n].settled, TARGETS);
}

/* A process ends: what was not noted is pending again. */
static void leave(unsigned p)
{
    for (unsigned n = 0; n < model.count; n++) {
        message *of = &model.messages[n];

        if (of->owner != p)
            continue;
        memcpy(of->settled, of->noted, TARGETS);
        of->owner = model.in_memory ? GONE : NOBODY;
        of->has_ref = 0;
        memset(of->handed, 0, TARGETS);
    }
}

/* How many with something pending change hands. */
static unsigned take_over(unsigned p, uint64_t pending[TARGETS])
{
    unsigned taken = 0;

    memset(pending, 0, TARGETS * sizeof *pending);
    for (unsigned n = 0; n < model.count; n++) {
        message *of = &model.messages[n];

        if (of->owner != NOBODY)
            continue;
        of->owner = p;
        taken += is_pending(of, 0) || is_pending(of, 1);
        for (unsigned target = 0; target < TARGETS; target++)
            pending[target] += (unsigned)is_pending(of, target);
    }
    return taken;
}

/* ---- what happens ------------------------------------------------------------------------ */

static void check_counts(unsigned p)
{
    segmo__spool_counts counts = counts_of(model.processes[p].spool);

    for (unsigned target = 0; target < TARGETS; target++) {
        unsigned records;
        uint64_t bytes = pending_bytes(p, target, &records);

        expect(counts.pending_records[target] == records, "%u: %llu pending for %u, not %u", p,
               (unsigned long long)counts.pending_records[target], target, records);
        expect(counts.pending_bytes[target] == bytes, "%u: wrong pending bytes for %u", p, target);
    }
    expect(counts.damaged_records == 0, "%u: damage", p);
}

static segmo__spool_options options_of(unsigned p, unsigned arg)
{
    segmo__spool_options options = usual_options();

    options.max_bytes = model.processes[p].max_bytes = arg % 3 ? 1u << 30 : 3000 + arg * 20;
    if (model.in_memory)
        options.dir = NULL;
    return options;
}

static void do_open(unsigned p, unsigned arg)
{
    segmo__spool_options options = options_of(p, arg);
    process *mine = &model.processes[p];
    uint64_t unused[TARGETS];
    unsigned taken = take_over(p, unused);

    mine->life = model.lives++;
    mine->started = 0;
    expect(segmo__spool_open(&mine->spool, &options, NULL) == SEGMO_OK, "%u: cannot open", p);
    if (model.wrong[0])
        exit(9);
    expect(counts_of(mine->spool).adopted_records == taken, "%u: adopts other than %u", p, taken);
    for (unsigned target = 0; target < TARGETS; target++)
        mine->cursors[target] = cursor_of(mine->spool, target);
}

static void append_to(segmo__spool *spool, unsigned number, const uint8_t *preset)
{
    char text[1024];
    segmo__slice payload = {text, text_of(number, text)};

    expect(segmo__spool_append(spool, payload, preset, NULL) == SEGMO_OK, "%u is refused", number);
}

static message *new_message(unsigned owner, unsigned origin)
{
    model.messages[model.count] = (message){.owner = owner, .origin = origin};
    return &model.messages[model.count++];
}

static void do_append(unsigned p, unsigned arg)
{
    for (unsigned i = 0; i <= arg % 16 && model.count < MESSAGES; i++) {
        uint8_t preset[SEGMO__SPOOL_DESTINATIONS] = {0};
        message *of = new_message(p, model.processes[p].life);
        unsigned only = (arg + i) % 7;

        if (only < TARGETS)
            preset[only] = of->settled[only] = of->noted[only] = SEGMO__SKIPPED;
        append_to(model.processes[p].spool, model.count - 1, preset);
    }
}

/* Hands out one; -1 at the end. Each is pending, ours, intact, and in the order of its life. */
static long next(unsigned p, segmo__spool_cursor *cursor, unsigned target, unsigned *last)
{
    segmo__record_ref ref;
    segmo__slice payload;
    message *of;
    long number;

    if (!segmo__spool_next(cursor, &ref, &payload))
        return -1;
    number = number_in(payload);
    expect(number >= 0, "%u: a record that nobody wrote", p);
    if (number < 0)
        return -1;
    of = &model.messages[number];
    expect(is_mine(of, p, target), "%u: %ld is handed out for %u", p, number, target);
    expect(last[of->origin] <= (unsigned)number, "%u: %ld comes late", p, number);
    last[of->origin] = (unsigned)number + 1;
    of->ref = ref;
    of->has_ref = 1;
    return number;
}

static void do_read(unsigned p, unsigned arg)
{
    static unsigned none[4 * MAX_ACTIONS];
    unsigned target = arg % TARGETS;
    long number = 0;

    memset(none, 0, sizeof none); /* the long cursor's order: adopted ones come later */
    for (unsigned i = 0; i <= arg % 40 && number >= 0; i++) {
        number = next(p, model.processes[p].cursors[target], target, none);
        if (number < 0)
            break;
        expect(!model.messages[number].handed[target], "%u: %ld comes twice", p, number);
        model.messages[number].handed[target] = 1;
    }
    for (unsigned n = 0; n < model.count && number < 0; n++)
        expect(!is_mine(&model.messages[n], p, target) || model.messages[n].handed[target],
               "%u: %u is not handed out for %u", p, n, target);
}

static void settle_one(unsigned p, unsigned n, unsigned target, segmo__settled state)
{
    message *of = &model.messages[n];
    segmo__spool *spool = model.processes[p].spool;

    expect(segmo__spool_settle(spool, &of->ref, target, state) == is_pending(of, target),
           "%u: settling %u for %u tells wrong", p, n, target);
    if (is_pending(of, target))
        of->settled[target] = (unsigned char)state;
}

static void do_settle(unsigned p, unsigned arg)
{
    unsigned target = arg % TARGETS, every = 1 + arg / 7 % 4, left = arg % 50;
    segmo__slice payload;

    for (unsigned n = 0; n < model.count && left > 0; n++) {
        message *of = &model.messages[n];

        if (of->owner != p || !of->has_ref || (n + arg) % every != 0)
            continue;
        if (is_pending(of, target))
            expect(segmo__spool_read(model.processes[p].spool, &of->ref, &payload, NULL) ==
                           SEGMO_OK &&
                       number_in(payload) == (long)n,
                   "%u: %u cannot be read again", p, n);
        settle_one(p, n, target, 1 + arg % 3);
        left--;
    }
}

static void do_commit(unsigned p)
{
    expect(segmo__spool_commit(model.processes[p].spool, NULL) == SEGMO_OK, "%u: no commit", p);
    note(p);
}

static void do_check(unsigned p)
{
    static unsigned last[4 * MAX_ACTIONS];
    static unsigned char seen[MESSAGES];

    for (unsigned target = 0; target < TARGETS; target++) {
        segmo__spool_cursor *cursor = cursor_of(model.processes[p].spool, target);
        long number;

        memset(last, 0, sizeof last);
        memset(seen, 0, sizeof seen);
        while ((number = next(p, cursor, target, last)) >= 0) {
            expect(!seen[number], "%u: %ld comes twice from one cursor", p, number);
            seen[number] = 1;
        }
        for (unsigned n = 0; n < model.count; n++)
            expect(seen[n] || !is_mine(&model.messages[n], p, target), "%u: %u is gone for %u", p,
                   n, target);
        segmo__spool_cursor_free(cursor);
    }
}

static void end(unsigned p, int killed)
{
    process *mine = &model.processes[p];

    if (killed && mine->started) /* its threads cannot be killed alone */
        killed = 0;
    for (unsigned target = 0; target < TARGETS; target++)
        segmo__spool_cursor_free(mine->cursors[target]);
    if (!killed)
        note(p);
    segmo__spool_close(mine->spool, killed);
    mine->spool = NULL;
    leave(p);
}

static void do_adopt(unsigned p)
{
    uint64_t answered[SEGMO__SPOOL_DESTINATIONS] = {0}, expected[TARGETS];
    unsigned taken = take_over(p, expected);

    expect(segmo__spool_adopt(model.processes[p].spool, answered) == taken, "%u: adopts wrong", p);
    note(p); /* what adopting commits */
    for (unsigned target = 0; target < TARGETS; target++)
        expect(answered[target] == expected[target], "%u: adopts wrong for %u", p, target);
}

static void be_child(unsigned p, unsigned first, unsigned count)
{
    segmo__spool_options options = usual_options();
    segmo__spool *own = NULL;
    char text[1024];

    segmo__spool_fork_child(model.processes[p].spool);
    if (segmo__spool_append(model.processes[p].spool, (segmo__slice){"x", 1}, nothing_preset,
                            NULL) != SEGMO_ERR_CLOSED)
        _exit(1);
    segmo__spool_close(model.processes[p].spool, 1);
    if (model.in_memory)
        _exit(0);
    options.dir = spool_dir;
    if (segmo__spool_open(&own, &options, NULL) != SEGMO_OK)
        _exit(2);
    for (unsigned i = 0; i < count; i++)
        if (segmo__spool_append(own, (segmo__slice){text, text_of(first + i, text)}, nothing_preset,
                                NULL) != SEGMO_OK)
            _exit(3);
    _exit(0);
}

/* The child adopts what nobody has and leaves all of it with its own. */
static void do_fork(unsigned p, unsigned arg)
{
    unsigned first = model.count, count = arg % 9, life = model.lives++;
    int how = 0;
    pid_t child;

    if (first + count > MESSAGES)
        return;
    segmo__spool_fork_prepare(model.processes[p].spool);
    child = fork();
    if (child == 0)
        be_child(p, first, count);
    segmo__spool_fork_parent(model.processes[p].spool);
    expect(waitpid(child, &how, 0) == child && how == 0, "%u: a child fails (%d)", p, how);
    for (unsigned i = 0; i < count; i++)
        new_message(model.in_memory ? GONE : NOBODY, life);
}

static void expect_quota(unsigned p, unsigned target, size_t bytes)
{
    unsigned records;
    uint64_t pending = pending_bytes(p, target, &records);

    expect(segmo__spool_over_quota(model.processes[p].spool, target, bytes) ==
               (pending + bytes > model.processes[p].max_bytes),
           "%u: the quota of %u is told wrong", p, target);
}

static void drop_oldest(unsigned p, unsigned target)
{
    segmo__spool_cursor *cursor = cursor_of(model.processes[p].spool, target);
    static unsigned last[4 * MAX_ACTIONS];
    long number;

    memset(last, 0, sizeof last);
    while (segmo__spool_over_quota(model.processes[p].spool, target, 0) &&
           (number = next(p, cursor, target, last)) >= 0)
        settle_one(p, (unsigned)number, target, SEGMO__DEAD);
    segmo__spool_cursor_free(cursor);
    expect(!segmo__spool_over_quota(model.processes[p].spool, target, 0), "%u: %u stays over quota",
           p, target);
}

static int is_half_empty(unsigned p)
{
    uint64_t half = model.processes[p].max_bytes / 2;
    unsigned unused;

    return pending_bytes(p, 0, &unused) <= half && pending_bytes(p, 1, &unused) <= half;
}

static void do_quota(unsigned p, unsigned arg)
{
    unsigned target = arg % TARGETS;

    expect_quota(p, target, arg * 10);
    if (arg % 3 == 0)
        drop_oldest(p, target);
    if (arg % 3 == 1 && is_half_empty(p))
        expect(segmo__spool_wait_room(model.processes[p].spool, 0, NULL) == SEGMO_OK,
               "%u: no room where half of it is free", p);
}

static void do_clock(unsigned arg)
{
    int64_t far = (int64_t)arg * 1000;

    segmo__clock_shift(arg % 2 ? -far : far, far / 1000);
}

static void act(const action *what)
{
    unsigned p = what->process;
    process *mine = &model.processes[p];

    if (!mine->spool) {
        if (what->op == OPEN)
            do_open(p, what->arg);
        return;
    }
    switch (what->op) {
    case APPEND:
        do_append(p, what->arg);
        break;
    case READ:
        do_read(p, what->arg);
        break;
    case SETTLE:
        do_settle(p, what->arg);
        break;
    case COMMIT:
        do_commit(p);
        break;
    case SYNC:
        expect(segmo__spool_sync(mine->spool, 10000, NULL) == SEGMO_OK, "%u: no sync", p);
        break;
    case CHECK:
        do_check(p);
        break;
    case CRASH:
    case CLOSE:
        end(p, what->op == CRASH);
        return;
    case ADOPT:
        do_adopt(p);
        break;
    case FORK:
        do_fork(p, what->arg);
        break;
    case QUOTA:
        do_quota(p, what->arg);
        break;
    case CLOCK_JUMP:
        do_clock(what->arg);
        break;
    case START:
        segmo__spool_start(mine->spool);
        mine->started = 1;
        break;
    default:
        break;
    }
    check_counts(p);
}

/* In the end everything is delivered, and nothing is left on the disk. */
static void finish(void)
{
    segmo__spool_mark mark;

    for (unsigned p = 1; p < PROCESSES; p++)
        if (model.processes[p].spool)
            end(p, 0);
    if (!model.processes[0].spool)
        do_open(0, 1);
    do_adopt(0);
    do_check(0);
    segmo__spool_mark_end(model.processes[0].spool, &mark);
    for (unsigned n = 0; n < model.count; n++)
        for (unsigned target = 0; target < TARGETS; target++)
            if (is_mine(&model.messages[n], 0, target) && model.messages[n].has_ref)
                settle_one(0, n, target, SEGMO__DELIVERED);
    do_commit(0);
    check_counts(0);
    expect(segmo__spool_passed(model.processes[0].spool, &mark), "not passed at the end");
    end(0, 0);
    expect(model.in_memory || entries(spool_dir) == 0, "something is left on the disk");
}

/* What is wrong, or an empty string. */
static const char *run(const script *lived)
{
    memset(&model, 0, sizeof model);
    model.in_memory = (int)lived->in_memory;
    segmo__clock_shift(0, 0);
    for (unsigned i = 0; i < lived->count && model.wrong[0] == '\0'; i++)
        act(&lived->actions[i]);
    if (model.wrong[0] == '\0')
        finish();
    return model.wrong;
}

/* ---- scripts ----------------------------------------------------------------------------- */

static op random_op(dice *from)
{
    static const op often[] = {OPEN,   APPEND, APPEND, APPEND, READ, READ,  SETTLE, SETTLE,
                               COMMIT, COMMIT, CHECK,  CRASH,  OPEN, ADOPT, QUOTA};
    unsigned rare = roll(from, 60);

    if (rare == 0)
        return FORK;
    if (rare == 1)
        return START;
    if (rare < 4)
        return SYNC;
    if (rare < 6)
        return CLOSE;
    if (rare < 8)
        return CLOCK_JUMP;
    return often[roll(from, sizeof often / sizeof often[0])];
}

static void write_script(script *out, uint64_t seed)
{
    dice from = dice_of(seed);

    out->in_memory = roll(&from, 10) == 0;
    out->count = 5 + roll(&from, MAX_ACTIONS - 5);
    for (unsigned i = 0; i < out->count; i++)
        out->actions[i] =
            (action){random_op(&from), roll(&from, 2 + (unsigned)(seed % 2)), roll(&from, 1000)};
}

static void read_script(script *out, const char *text)
{
    char name[16];
    action next_one;
    int used;

    *out = (script){.in_memory = strncmp(text, "memory", 6) == 0};
    if (out->in_memory)
        text += 6;
    while (out->count < MAX_ACTIONS &&
           sscanf(text, " %15[a-z] %u %u%n", name, &next_one.process, &next_one.arg, &used) == 3) {
        for (next_one.op = 0; next_one.op < OPS && strcmp(op_names[next_one.op], name) != 0;)
            next_one.op++;
        if (next_one.op < OPS && next_one.process < PROCESSES)
            out->actions[out->count++] = next_one;
        text += used;
        text += *text == ',';
    }
}

static void print_script(const script *of)
{
    fprintf(stderr, "MODEL_SCRIPT='%s", of->in_memory ? "memory " : "");
    for (unsigned i = 0; i < of->count; i++)
        fprintf(stderr, "%s%s %u %u", i > 0 ? ", " : "", op_names[of->actions[i].op],
                of->actions[i].process, of->actions[i].arg);
    fprintf(stderr, "' build/test/unit/test_spool_model\n");
}

static void clear_dir(void)
{
    scratch_dir_remove(spool_dir);
    mkdir(spool_dir, 0700);
}

/* In a process of its own: a signal is a failure like any other. */
static int fails(const script *lived, int loudly)
{
    pid_t child = fork();
    int how = 0;

    if (child == 0) {
        const char *wrong = run(lived);

        if (loudly)
            fprintf(stderr, "%s\n", wrong);
        _exit(wrong[0] != '\0');
    }
    waitpid(child, &how, 0);
    clear_dir();
    return how != 0;
}

/* Takes out ever smaller pieces without which it still fails. */
static void shrink(script *failing)
{
    for (unsigned piece = failing->count / 2; piece > 0; piece /= 2) {
        for (unsigned at = 0; at + piece <= failing->count;) {
            script shorter = *failing;

            memmove(shorter.actions + at, shorter.actions + at + piece,
                    (shorter.count - at - piece) * sizeof(action));
            shorter.count -= piece;
            if (fails(&shorter, 0))
                *failing = shorter;
            else
                at += piece;
        }
    }
}

static void tell(script *failing)
{
    shrink(failing);
    fails(failing, 1);
    print_script(failing);
}

/* All in one child, which tells how far it came; only what fails is run by itself. */
static uint64_t first_failure(uint64_t from, uint64_t to)
{
    _Atomic uint64_t *at =
        mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    int how = 0;
    uint64_t reached;

    if (child == 0) {
        for (uint64_t seed = from; seed < to; seed++) {
            static script lived;

            *at = seed;
            write_script(&lived, seed);
            if (run(&lived)[0] != '\0')
                _exit(1);
            clear_dir();
        }
        *at = to;
        _exit(0);
    }
    waitpid(child, &how, 0);
    reached = *at;
    munmap((void *)at, sizeof *at);
    clear_dir();
    return reached;
}

static void any_sequence_does_what_the_model_says(void **state)
{
    const char *seed = getenv("MODEL_SEED"), *text = getenv("MODEL_SCRIPT");
    uint64_t sequences = how_many("MODEL_SEQUENCES", USUAL_SEQUENCES), failed;
    static script failing;

    (void)state;
    if (text) {
        read_script(&failing, text);
        assert_int_equal(fails(&failing, 1), 0);
        return;
    }
    if (seed)
        sequences = 1;
    failed = seed ? strtoull(seed, NULL, 10) : first_failure(0, sequences);
    write_script(&failing, failed);
    if (seed ? fails(&failing, 0) : failed != sequences) {
        tell(&failing);
        fail_msg("sequence %llu of %llu fails; repeat with: MODEL_SEED=%llu "
                 "build/test/unit/test_spool_model",
                 (unsigned long long)failed, (unsigned long long)sequences,
                 (unsigned long long)failed);
    }
    print_message("%llu sequences did what the model says\n", (unsigned long long)sequences);
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
        cmocka_unit_test_setup_teardown(any_sequence_does_what_the_model_says, make_dir_in_memory,
                                        spool_dir_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
