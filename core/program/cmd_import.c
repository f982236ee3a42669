/* `segmo import`: a file of messages, one a line, into the spool and on to the destinations.
 *
 * A file's import can be killed at any moment and started again: the state beside the spool says
 * which line comes next, and the message id of a line that has none is made from the file and the
 * line's place, so the one line in doubt can be looked up in the spool instead of being accepted
 * twice.
 */
#include "base/clock.h"
#include "import_streams.h"
#include "support/args.h"
#include "support/command.h"
#include "support/delivery.h"
#include "support/import_state.h"
#include "support/import_summary.h"
#include "support/interrupt.h"
#include "support/lines.h"
#include "support/message_id.h"
#include "support/output.h"
#include "support/progress.h"
#include "support/refusals.h"
#include "support/setup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define LINE_MAX_BYTES  (LINES_PIECE + 256)
#define READ_REPORTS_AT 1023 /* lines between looks at the reports and the terminal, less one */
#define ROOM_SLICE_MS   200
#define ROOM_NAP_MS     5

struct import {
    const struct args *args;
    const char *path;
    const char *source;
    uint64_t timeout_ms;
    int dry_run;
    segmo_config *config;
    segmo_client *client;
    struct lines lines;
    struct import_state state;
    int has_state;
    uint64_t total;     /* bytes; 0: unknown */
    segmo__buf message; /* a line with its message id */
    segmo__buf scratch;
    struct progress progress;
    struct refusals refusals;
    uint64_t accepted;
    uint64_t blank;
    uint64_t found;        /* already in the spool when resumed */
    int64_t full_since_ms; /* 0: the spool has room */
    int64_t started_ms;
    int64_t reading_ms; /* how long reading and accepting took */
};

/* ---- one line ---- */

static int refuse_line(struct import *import, int status, const char *field, const char *message)
{
    progress_end(&import->progress);
    return refusals_add(&import->refusals, import->lines.number, import->lines.line_at, status,
                        field, message);
}

static int refuse_for(struct import *import, segmo_error *error)
{
    int code = refuse_line(import, segmo_error_status(error), segmo_error_field(error),
                           segmo_error_message(error));

    segmo_error_free(error);
    return code;
}

static int is_blank(segmo__slice line)
{
    return segmo__json_trim(line).len == 0;
}

/* The line, with a message id of ours when it has none. A line that is no object passes as it is,
 * to be refused. */
static segmo__slice identified(struct import *import, segmo__slice line, char id[IMPORT_ID_SIZE])
{
    if (segmo__json_kind_of(segmo__json_trim(line)) != SEGMO__JSON_OBJECT ||
        message_id_of(line, &import->scratch).len > 0)
        return line;
    import_state_message_id(&import->state, import->lines.line_at, id);
    return message_id_put(&import->message, line, id);
}

/* Is the one line that a killed run left in doubt in the spool already? EXIT_DONE with the answer,
 * or an exit code. */
static int look_up(struct import *import, segmo__slice message, int *found)
{
    segmo_error *error = NULL;
    segmo__slice id = message_id_of(message, &import->scratch);
    char text[512];

    *found = 0;
    if (id.len == 0)
        return EXIT_DONE;
    snprintf(text, sizeof text, "%.*s", (int)id.len, id.at);
    return segmo_client_holds(import->client, text, found, &error) == SEGMO_OK ? EXIT_DONE
                                                                               : say_error(error);
}

static int has_waited_enough(const struct import *import)
{
    return import->timeout_ms > 0 &&
           segmo__clock_mono_ms() - import->full_since_ms >= (int64_t)import->timeout_ms;
}

/* The spool is full: waits for what is delivered to make room, a slice at a time. */
static int wait_for_room(struct import *import, segmo_error *full)
{
    const struct timespec nap = {0, ROOM_NAP_MS * 1000000L};
    struct delivery delivery = {.client = import->client};
    int code = EXIT_DONE;

    if (import->full_since_ms == 0)
        import->full_since_ms = segmo__clock_mono_ms();
    if (segmo_client_wait_room(import->client, ROOM_SLICE_MS, NULL) == SEGMO_OK)
        nanosleep(&nap, NULL); /* room, though perhaps too little for the next message */
    delivery_read_reports(&delivery);
    progress_show(&import->progress, import->lines.offset, import->accepted);
    if (interrupted())
        code = EXIT_INTERRUPTED;
    else if (has_waited_enough(import))
        code = EXIT_TIMEOUT;
    else if (delivery_is_stuck(import->client) || !setup_is_on(import->config, "delivery.enabled"))
        code = EXIT_REFUSED; /* nothing will ever make room */
    if (code == EXIT_DONE) {
        segmo_error_free(full);
        return EXIT_DONE;
    }
    progress_end(&import->progress);
    say_error(full);
    return code;
}

static int accept_message(struct import *import, segmo__slice message)
{
    for (;;) {
        segmo_error *error = NULL;
        int status =
            segmo_client_enqueue(import->client, import->source, message.at, message.len, &error);

        if (status == SEGMO_SYNC_WANTED)
            status = segmo_client_sync(import->client, UINT32_MAX, &error);
        if (status == SEGMO_OK) {
            import->accepted++;
            import->full_since_ms = 0;
            return EXIT_DONE;
        }
        if (status == SEGMO_ERR_FULL) {
            int code = wait_for_room(import, error);

            if (code != EXIT_DONE)
                return code;
        } else if (status == SEGMO_ERR_JSON || status == SEGMO_ERR_INVALID ||
                   status == SEGMO_ERR_TOO_LARGE) {
            return refuse_for(import, error);
        } else {
            return say_error(error);
        }
    }
}

/* Asks what would become of the message; nothing is stored. */
static int try_message(struct import *import, segmo__slice message)
{
    segmo_error *error = NULL;
    char *answer = NULL;
    size_t len;
    int status = segmo_explain(import->config, import->source, message.at, message.len, &answer,
                               &len, &error);

    segmo_free(answer);
    if (status == SEGMO_OK) {
        import->accepted++;
        return EXIT_DONE;
    }
    if (status == SEGMO_ERR_NOT_FOUND || status == SEGMO_ERR_OPTION)
        return say_error(error);
    return refuse_for(import, error);
}

static int take_message(struct import *import, segmo__slice line, int in_doubt)
{
    char id[IMPORT_ID_SIZE];
    segmo__slice message = line;
    segmo_error *error = NULL;
    int found = 0;
    int code = EXIT_DONE;

    if (import->has_state) {
        if (segmo__json_check(line, &error) != SEGMO_OK)
            return refuse_for(import, error);
        message = identified(import, line, id);
    }
    if (in_doubt)
        code = look_up(import, message, &found);
    if (code != EXIT_DONE)
        return code;
    if (found) {
        import->found++;
        return EXIT_DONE;
    }
    return import->dry_run ? try_message(import, message) : accept_message(import, message);
}

static int take_line(struct import *import, int got, segmo__slice line, int in_doubt)
{
    char words[96];

    if (got == LINES_TOO_LONG) {
        snprintf(words, sizeof words,
                 "the line is longer than %u bytes; a message has at most 32768", LINES_PIECE);
        return refuse_line(import, SEGMO_ERR_TOO_LARGE, "", words);
    }
    if (is_blank(line)) {
        import->blank++;
        return EXIT_DONE;
    }
    return take_message(import, line, in_doubt);
}

/* ---- all lines ---- */

static int look_around(struct import *import)
{
    struct delivery delivery = {.client = import->client};

    if (interrupted())
        return EXIT_INTERRUPTED;
    if (!import->dry_run)
        delivery_read_reports(&delivery);
    progress_show(&import->progress, import->lines.offset, import->accepted);
    return EXIT_DONE;
}

static int read_lines(struct import *import)
{
    int in_doubt = import->has_state && import->state.resumed;
    int code = EXIT_DONE;
    segmo__slice line;
    int got;

    while (code == EXIT_DONE && (got = lines_next(&import->lines, &line)) > 0) {
        code = take_line(import, got, line, in_doubt);
        in_doubt = 0;
        if (code == EXIT_DONE && import->has_state)
            import_state_advance(&import->state, import->lines.offset);
        if (code == EXIT_DONE && (import->lines.number & READ_REPORTS_AT) == 0)
            code = look_around(import);
    }
    if (code == EXIT_DONE && got < 0) {
        say("%s cannot be read: %s", import->path, strerror(-got));
        code = EXIT_INPUT;
    }
    progress_end(&import->progress);
    return code;
}

static int resume(struct import *import)
{
    uint64_t offset = import->state.offset;

    if (!import->has_state || !import->state.resumed)
        return EXIT_DONE;
    if (lines_seek(&import->lines, offset) < 0 || import->lines.offset != offset) {
        say("%s cannot be read up to where its import stopped", import->path);
        return EXIT_INPUT;
    }
    say("going on behind line %" PRIu64 ", where an earlier run stopped", import->lines.number);
    return EXIT_DONE;
}

/* ---- the end ---- */

static uint64_t pending_now(struct import *import)
{
    struct counts now[DESTINATIONS];
    uint64_t pending = 0;

    if (delivery_counts(import->client, now, NULL))
        for (int i = 0; i < DESTINATIONS; i++)
            pending += now[i].pending;
    return pending;
}

static void show_delivery(void *ctx)
{
    struct import *import = ctx;
    uint64_t total = import->progress.total;
    uint64_t pending = import->progress.on_terminal ? pending_now(import) : 0;
    uint64_t done = pending < total ? total - pending : 0;

    progress_show(&import->progress, done, done);
}

static int wait_for_delivery(struct import *import)
{
    struct delivery delivery = {.client = import->client,
                                .timeout_ms = import->timeout_ms,
                                .on_wait = show_delivery,
                                .ctx = import};
    int code;

    progress_begin(&import->progress, "delivered", pending_now(import), 0);
    code = delivery_wait(&delivery);
    progress_end(&import->progress);
    return code;
}

/* Counts of this run: what adopted messages of earlier ones came to before it began is taken off.
 */
static int print_summary(struct import *import)
{
    struct counts now[DESTINATIONS] = {{.dead = 0}};
    char *stats = NULL;
    struct import_summary summary = {.dry_run = import->dry_run,
                                     .accepted = import->accepted,
                                     .found = import->found,
                                     .blank = import->blank,
                                     .reading_ms = import->reading_ms,
                                     .total_ms = segmo__clock_mono_ms() - import->started_ms,
                                     .refusals = &import->refusals};
    int code = import->refusals.count > 0 ? EXIT_REFUSED : EXIT_DONE;

    if (!import->dry_run)
        delivery_counts(import->client, now, &stats);
    for (int i = 0; i < DESTINATIONS; i++)
        if (now[i].dead > 0)
            code = EXIT_REFUSED;
    summary.stats = stats;
    import_summary_print(&summary, args_has(import->args, "json"));
    segmo_free(stats);
    return code;
}

static int finish(struct import *import, int code)
{
    int worst;

    import->reading_ms = segmo__clock_mono_ms() - import->started_ms;
    if (code == EXIT_DONE && !import->dry_run && !args_has(import->args, "no-wait"))
        code = wait_for_delivery(import);
    if (code == EXIT_INTERRUPTED && import->has_state)
        say("stopped behind line %" PRIu64 "; the same command goes on from there",
            import->lines.number);
    worst = print_summary(import);
    return code == EXIT_DONE ? worst : code;
}

/* ---- the beginning ---- */

static int open_input(struct import *import)
{
    struct stat info;
    int status = lines_open(&import->lines, import->path);

    if (status < 0) {
        say("%s cannot be read: %s", import->path, strerror(-status));
        return EXIT_INPUT;
    }
    if (fstat(import->lines.fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        say("%s is a directory; name a file with one message a line", import->path);
        return EXIT_INPUT;
    }
    import->total =
        fstat(import->lines.fd, &info) == 0 && S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0;
    return EXIT_DONE;
}

/* Only a real file can be read again, and only a spool on disk remembers. */
static int open_state(struct import *import)
{
    segmo_error *error = NULL;
    char *dir;
    int code = EXIT_DONE;

    if (import->dry_run || import->total == 0 || strcmp(import->path, "-") == 0)
        return EXIT_DONE;
    dir = setup_spool_dir(import->config);
    if (!dir)
        return EXIT_DONE;
    if (import_state_open(&import->state, dir, import->path, import->lines.fd,
                          args_has(import->args, "again"), &error) != SEGMO_OK)
        code = say_error(error);
    else
        import->has_state = 1;
    segmo_free(dir);
    return code;
}

/* Nothing to read, but what a killed run left in the spool is still to be waited for. */
static int read_input(struct import *import)
{
    int code;

    if (import->has_state && import_state_is_finished(&import->state)) {
        say("%s was imported whole already; --again imports it once more", import->path);
        return EXIT_DONE;
    }
    code = resume(import);
    progress_begin(&import->progress, import->dry_run ? "checked" : "imported", import->total,
                   import->lines.offset);
    return code == EXIT_DONE ? read_lines(import) : code;
}

/* What is only in memory must be delivered before the process ends. */
static int check_no_wait(const struct import *import)
{
    if (!args_has(import->args, "no-wait") || !setup_is_on(import->config, "spool.memory_only"))
        return EXIT_DONE;
    return args_refuse(import->args, "--no-wait would lose what spool.memory_only keeps in memory");
}

static int import_all(struct import *import)
{
    int code = check_no_wait(import);

    if (code == EXIT_DONE)
        code = open_input(import);
    if (code == EXIT_DONE)
        code = open_state(import);
    if (code == EXIT_DONE)
        code = refusals_open(&import->refusals, args_value(import->args, "errors"),
                             import->has_state && import->state.resumed);
    if (code == EXIT_DONE && !import->dry_run)
        code = setup_client(&import->client, import->config);
    if (code != EXIT_DONE)
        return code;
    import->started_ms = segmo__clock_mono_ms();
    return finish(import, read_input(import));
}

static int run(const struct args *args)
{
    struct import import = {.args = args,
                            .path = args_word(args, 0),
                            .source = args_value(args, "source"),
                            .dry_run = args_has(args, "dry-run"),
                            .lines = {.fd = -1},
                            .state = {.lock = -1, .file = {.fd = -1}}};
    int code;

    if (!import.path)
        return args_refuse(args, "name a file, or - for stdin");
    if (args_has(args, "streams"))
        return import_streams(args);
    segmo__buf_init(&import.message, LINE_MAX_BYTES);
    segmo__buf_init(&import.scratch, LINE_MAX_BYTES);
    interrupt_watch();
    code = args_number(args, "timeout-ms", 0, &import.timeout_ms);
    if (code == EXIT_DONE)
        code = setup_config(&import.config, args);
    if (code == EXIT_DONE)
        code = import_all(&import);
    if (import.client)
        segmo_client_close(import.client, 0, NULL);
    segmo_client_free(import.client);
    import_state_close(&import.state);
    segmo_config_free(import.config);
    lines_close(&import.lines);
    refusals_close(&import.refusals);
    segmo__buf_free(&import.message);
    segmo__buf_free(&import.scratch);
    return code;
}

static const struct flag flags[] = {
    {"dry-run", NULL, "Check every line; store and send nothing.", NULL},
    {"errors", "FILE",
     "Write refused lines here, one JSON object each: line, offset, status, field, message.", NULL},
    {"no-wait", NULL,
     "Do not wait for delivery: what is left in the spool goes with the next client.", NULL},
    {"again", NULL, "Import a file from its start although it was imported before.", NULL},
    {"streams", NULL,
     "The input is MoEngage Streams payloads, one a line: accept the messages they become.", NULL},
    {"source", "ID", "Which source the messages belong to, when several are configured.", NULL},
    {"timeout-ms", "N", "Wait at most this long for room or for delivery (default 0: no limit).",
     NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct exit_words exits[] = {
    {EXIT_DONE, "every line was accepted and has its outcome (with --no-wait: was accepted)"},
    {EXIT_REFUSED, "some lines were refused or died, or wait for a paused destination"},
    {EXIT_USAGE, "usage or configuration"},
    {EXIT_INPUT, "the file or the spool directory could not be used"},
    {EXIT_TIMEOUT, "not everything was delivered in time; it waits in the spool"},
    {EXIT_INTERRUPTED, "interrupted; the same command goes on where it stopped"},
    {0, NULL},
};

const struct command command_import = {
    .name = "import",
    .summary = "Accept a file of messages, one JSON object a line",
    .usage = "FILE|- [options]",
    .about = "A refused line never costs its neighbours: it is named with its number, the\n"
             "field and the reason. A killed import goes on where it stopped when the same\n"
             "command is given again: no line is lost and none is stored twice. Lines without\n"
             "a messageId get one made from the file and the line's place. A file that was\n"
             "imported whole is not imported again without --again; its lines then keep their\n"
             "ids, so Segment leaves out what it took within the last 24 hours.",
    .flags = flags,
    .takes = TAKES_CONFIG | TAKES_JSON,
    .max_words = 1,
    .examples =
        "segmo import events.ndjson --dry-run\n"
        "segmo import events.ndjson --set spool.dir=/var/lib/segmo --errors refused.ndjson\n"
        "zcat events.ndjson.gz | segmo import - --json\n"
        "segmo import campaign.ndjson --streams --set streams.derived_attributes=true\n",
    .exits = exits,
    .run = run,
};
