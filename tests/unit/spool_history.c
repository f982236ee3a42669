#include "spool_history.h"

#include "base/file.h"
#include "base/mem.h"
#include "dice.h"
#include "power_disk.h"
#include "scratch_dir.h"
#include "spool/dead_letters.h"
#include "spool/segment_file.h"
#include "spool/spool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES 3
#define NOWHERE   (PROCESSES + 1) /* and PROCESSES: waits for adoption */

typedef struct process {
    segmo__spool *spool; /* NULL: not running */
    segmo__dead_letters *letters;
    int sync_failed;
} process;

static process processes[PROCESSES];
static history *past;
static const history_plan *plan;
static char root[4096], letters_dir[4200], settings_path[4200];

/* Also in a child, where a failed assertion would jump into its parent's test. */
#define must(holds) ((holds) ? (void)0 : give_up(#holds, __LINE__))

static void give_up(const char *what, int line)
{
    fprintf(stderr, "the history of seed %u cannot go on (line %d): %s\n", plan->seed, line, what);
    abort();
}

static segmo__spool_cursor *open_cursor(segmo__spool *spool, unsigned target)
{
    segmo__spool_cursor *cursor = NULL;

    must(segmo__spool_cursor_open(&cursor, spool, target, NULL) == SEGMO_OK);
    return cursor;
}

static const uint8_t nothing_preset[SEGMO__SPOOL_DESTINATIONS];

/* ---- messages ---- */

static size_t text_of(uint32_t number, char *out)
{
    dice sizes = dice_of(number + 77);
    size_t len = 12 + roll(&sizes, roll(&sizes, 8) == 0 ? 6000 : 600);

    memset(out, ' ', len);
    out[snprintf(out, len, "{\"n\":%u", number)] = ' ';
    out[len - 1] = '}';
    return len;
}

/* -1: it is no message of this test. */
static long number_in(segmo__slice payload)
{
    char *expected = malloc(8192);
    unsigned number = 0;
    long found = -1;

    if (payload.len > 6 && sscanf(payload.at, "{\"n\":%u", &number) == 1 &&
        number < HISTORY_MESSAGES && text_of(number, expected) == payload.len &&
        memcmp(expected, payload.at, payload.len) == 0)
        found = (long)number;
    free(expected);
    return found;
}

static segmo__spool_options options_for(const char *dir)
{
    return (segmo__spool_options){.dir = dir,
                                  .max_bytes = 1u << 30,
                                  .sync_ms = 50,
                                  .destinations = (1u << HISTORY_TARGETS) - 1,
                                  .file_size = SEGMO__SEGMENT_DATA + 16384};
}

static void take_over(unsigned owner)
{
    for (uint32_t n = 0; n < past->accepted; n++)
        if (past->promises[n].owner == PROCESSES)
            past->promises[n].owner = owner;
}

/* ---- processes ---- */

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
    must(segmo__dead_letters_open(&processes[p].letters, letters_dir, 1u << 20, NULL) == SEGMO_OK);
    must(segmo__spool_open(&processes[p].spool, &options, NULL) == SEGMO_OK);
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
    for (uint32_t n = 0; n < past->accepted; n++)
        if (past->promises[n].owner == p)
            past->promises[n].owner =
                forsaken && past->promises[n].safe_at == HISTORY_NEVER ? NOWHERE : PROCESSES;
}

static void append(unsigned p)
{
    char text[8192];
    history_promise *made = &past->promises[past->accepted];
    segmo__slice payload = {text, text_of(past->accepted, text)};

    if (past->accepted == HISTORY_MESSAGES)
        return;
    must(segmo__spool_append(processes[p].spool, payload, nothing_preset, NULL) == SEGMO_OK);
    *made = (history_promise){.accepted_at = power_disk_now(),
                              .safe_at = HISTORY_NEVER,
                              .delivered_at = {HISTORY_NEVER, HISTORY_NEVER},
                              .owner = p};
    past->accepted++;
}

static void sync_now(unsigned p)
{
    processes[p].sync_failed = segmo__spool_sync(processes[p].spool, 1000, NULL) != SEGMO_OK;
    if (processes[p].sync_failed)
        return;
    for (uint32_t n = 0; n < past->accepted; n++)
        if (past->promises[n].owner == p && past->promises[n].safe_at == HISTORY_NEVER)
            past->promises[n].safe_at = power_disk_now();
}

/* {"d":0,"m":...} */
static unsigned target_in(segmo__slice letter)
{
    return (unsigned)(letter.at[5] - '0');
}

static segmo__slice message_in(segmo__slice letter)
{
    return (segmo__slice){letter.at + 11, letter.len - 12};
}

static void bury(unsigned p, const segmo__record_ref *ref, unsigned target, segmo__slice payload)
{
    char line[9000];
    size_t head = (size_t)snprintf(line, sizeof line, "{\"d\":%u,\"m\":", target);

    memcpy(line + head, payload.at, payload.len);
    line[head + payload.len] = '}';
    must(segmo__dead_letters_add(processes[p].letters, (segmo__slice){line, head + payload.len + 1},
                                 NULL) == SEGMO_OK);
    segmo__spool_settle(processes[p].spool, ref, target, SEGMO__DEAD);
}

/* As the worker does: what was settled in a round is written together. */
static void settle_some(unsigned p, dice *from)
{
    unsigned target = roll(from, HISTORY_TARGETS), count = 1 + roll(from, 30), settled = 0;
    long round[31];
    segmo__spool_cursor *cursor = open_cursor(processes[p].spool, target);
    segmo__record_ref ref;
    segmo__slice payload;

    while (count-- > 0 && segmo__spool_next(cursor, &ref, &payload)) {
        long number = number_in(payload);

        must(number >= 0);
        switch (roll(from, 8)) {
        case 0:
            bury(p, &ref, target, payload);
            round[settled++] = number;
            break;
        case 1:
            break; /* stays pending */
        default:
            round[settled++] = number;
            past->promises[number].delivered_at[target] = power_disk_now();
            segmo__spool_settle(processes[p].spool, &ref, target, SEGMO__DELIVERED);
        }
    }
    segmo__spool_cursor_free(cursor);
    if (segmo__spool_commit(processes[p].spool, NULL) == SEGMO_OK)
        while (settled > 0)
            past->promises[round[--settled]].noted[target] = 1;
    else
        must(plan->syncs_may_fail);
}

/* ---- putting dead letters back ---- */

typedef struct letter {
    unsigned target;
    size_t len;
    char text[8192];
} letter;

static letter letters[HISTORY_MESSAGES * HISTORY_TARGETS];
static size_t letter_count, letter_next;

static int collect(void *ctx, segmo__slice line)
{
    letter *out = &letters[letter_count++];
    long number = number_in(message_in(line));

    (void)ctx;
    must(letter_count <= HISTORY_MESSAGES * HISTORY_TARGETS && number >= 0);
    out->target = target_in(line);
    out->len = message_in(line).len;
    memcpy(out->text, message_in(line).at, out->len);
    past->promises[number].noted[out->target] = 0;
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
    must(segmo__dead_letters_each(letters_dir, collect, NULL, NULL) == SEGMO_OK);
    if (letter_count == 0)
        return;
    if (segmo__spool_plant(root, next_letter, NULL, NULL) == SEGMO_OK)
        segmo__dead_letters_remove(letters_dir, every_letter, NULL, &dropped, NULL);
}

static size_t settings_text(uint32_t version, char out[2048])
{
    memset(out, '0' + version % 10, 2048);
    return (size_t)snprintf(out, 2048, "%u", version), 2048;
}

static void replace_settings(void)
{
    char text[2048];
    size_t len = settings_text(++past->settings_begun, text);

    if (segmo__file_replace(settings_path, text, len) == 0)
        past->settings_done = past->settings_begun;
    else
        must(plan->syncs_may_fail);
}

static void act(dice *from)
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
    case 10:
        replace_settings();
        break;
    default:
        for (unsigned count = 1 + roll(from, 12); count > 0; count--) {
            append(p);
            if (plan->sync_always)
                sync_now(p);
        }
    }
}

void history_live(history *out, const char *where, const history_plan *lived)
{
    dice from = dice_of(lived->seed);

    memset(out, 0, sizeof *out);
    past = out;
    plan = lived;
    snprintf(root, sizeof root, "%s", where);
    snprintf(letters_dir, sizeof letters_dir, "%s/dead", where);
    snprintf(settings_path, sizeof settings_path, "%s/settings.json", where);
    for (unsigned i = 0; i < plan->actions; i++)
        act(&from);
    for (unsigned p = 0; p < PROCESSES; p++)
        if (processes[p].spool)
            end(p, 1);
}

/* ---- checking ---- */

typedef struct found {
    unsigned pending[HISTORY_TARGETS][HISTORY_MESSAGES]; /* how often */
    unsigned dead[HISTORY_TARGETS][HISTORY_MESSAGES];
} found;

static int find_letter(void *ctx, segmo__slice line)
{
    found *all = ctx;
    long number = number_in(message_in(line));

    if (number >= 0)
        all->dead[target_in(line)][number]++;
    return 0;
}

static const char *find_pending(segmo__spool *spool, unsigned target, found *all)
{
    segmo__spool_cursor *cursor = open_cursor(spool, target);
    segmo__spool_counts counts;
    segmo__record_ref ref;
    segmo__slice payload;
    const char *wrong = NULL;

    while (!wrong && segmo__spool_next(cursor, &ref, &payload)) {
        long number = number_in(payload);

        if (number < 0)
            wrong = "a record that nobody wrote";
        else
            all->pending[target][number]++;
        segmo__spool_settle(spool, &ref, target, SEGMO__DELIVERED);
    }
    segmo__spool_cursor_free(cursor);
    segmo__spool_count(spool, &counts);
    if (!wrong && counts.pending_records[target] != 0)
        wrong = "records are counted that cannot be read";
    return wrong;
}

static int is_owed(const history_promise *made, unsigned target, history_kind kind, uint32_t moment)
{
    uint32_t from = kind == HISTORY_SAFE ? made->safe_at : made->accepted_at;

    return from <= moment && made->delivered_at[target] >= moment;
}

static const char *check_message(const history *of, uint32_t n, unsigned target, const found *all,
                                 history_kind kind, uint32_t moment, history_sum *sum)
{
    const history_promise *made = &of->promises[n];
    unsigned pending = all->pending[target][n];
    int is_there = pending + all->dead[target][n] > 0;

    sum->checked += (unsigned)is_owed(made, target, kind, moment);
    sum->repeated += pending > 0 && made->delivered_at[target] < moment;
    if (is_owed(made, target, kind, moment) && !is_there)
        return "a message that was promised is gone";
    sum->lost += is_owed(made, target, HISTORY_ACCEPTED, moment) && !is_there;
    if (kind == HISTORY_ACCEPTED && made->noted[target] && pending > 0)
        return "a message whose outcome was noted comes again";
    return pending > 2 ? "a message comes more often than twice" : NULL;
}

static const char *check_settings(const history *of, const char *dir, history_kind kind)
{
    char path[4200], expected[2048], *text = NULL;
    size_t len = 0;
    uint32_t version;

    snprintf(path, sizeof path, "%s/settings.json", dir);
    if (segmo__file_slurp(path, 1u << 16, &text, &len) != 0)
        return kind == HISTORY_ACCEPTED && of->settings_done > 0 ? "the settings are gone" : NULL;
    version = (uint32_t)strtoul(text, NULL, 10);
    if (len != settings_text(version, expected) || memcmp(text, expected, len) != 0)
        return "the settings are broken";
    segmo__free(text);
    if (version > of->settings_begun || (kind == HISTORY_ACCEPTED && version < of->settings_done))
        return "other settings than were left";
    return NULL;
}

static const char *append_and_reopen(const char *dir)
{
    segmo__spool_options options = options_for(dir);
    segmo__spool_counts counts = {0};
    segmo__spool *spool = NULL;

    for (int turn = 0; turn < 2; turn++) {
        if (segmo__spool_open(&spool, &options, NULL) != SEGMO_OK)
            return "the spool cannot be opened again";
        for (int i = 0; turn == 0 && i < 3; i++)
            if (segmo__spool_append(spool, segmo__slice_of("{}"), nothing_preset, NULL))
                return "a new message is not taken";
        if (turn == 0 && segmo__spool_sync(spool, 1000, NULL) != SEGMO_OK)
            return "new messages cannot be synced";
        segmo__spool_count(spool, &counts);
        segmo__spool_close(spool, 0);
    }
    return counts.pending_records[0] == 3 ? NULL : "new messages are not there again";
}

const char *history_check(const history *of, const char *dir, history_kind kind, uint32_t moment,
                          history_sum *sum)
{
    static found all;
    segmo__spool_options options = options_for(dir);
    segmo__spool_counts counts;
    segmo__spool *spool = NULL;
    const char *wrong = NULL;
    char letters_there[4200];

    memset(&all, 0, sizeof all);
    snprintf(letters_there, sizeof letters_there, "%s/dead", dir);
    if (segmo__spool_open(&spool, &options, NULL) != SEGMO_OK)
        return "the spool cannot be opened";
    segmo__spool_count(spool, &counts);
    sum->damaged += counts.damaged_records > 0;
    for (unsigned target = 0; target < HISTORY_TARGETS && !wrong; target++)
        wrong = find_pending(spool, target, &all);
    if (!wrong && segmo__dead_letters_each(letters_there, find_letter, &all, NULL) != SEGMO_OK)
        wrong = "the dead letters cannot be read";
    for (uint32_t n = 0; n < of->accepted && !wrong; n++)
        for (unsigned target = 0; target < HISTORY_TARGETS && !wrong; target++)
            wrong = check_message(of, n, target, &all, kind, moment, sum);
    if (!wrong)
        wrong = check_settings(of, dir, kind);
    segmo__spool_close(spool, 0);
    return wrong ? wrong : append_and_reopen(dir);
}
