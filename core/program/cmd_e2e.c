/* `segmo e2e`: the contract of the end-to-end suites that Segment's libraries are tested with.
 *
 * Input is one JSON argument with sequences of events; output is one line of JSON that says whether
 * everything was delivered. The spool is in memory: a run leaves nothing behind.
 */
#include "base/clock.h"
#include "support/args.h"
#include "support/command.h"
#include "support/delivery.h"
#include "support/interrupt.h"
#include "support/output.h"
#include "support/setup.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DEFAULT_RETRIES 10 /* what the suites expect of a library that was not told */
#define WAIT_MS         20

struct e2e {
    segmo_config *config;
    segmo_client *client;
    uint64_t sent_batches;
    int failed;
    char error[512]; /* the first one */
};

static void fail(struct e2e *e2e, const char *where, const char *what)
{
    if (!e2e->failed)
        snprintf(e2e->error, sizeof e2e->error, "%s%s%s", where, *where ? ": " : "", what);
    e2e->failed = 1;
}

static int fail_for(struct e2e *e2e, segmo_error *error)
{
    fail(e2e, segmo_error_field(error), segmo_error_message(error));
    segmo_error_free(error);
    return 0;
}

/* ---- input to options ---- */

static int set(struct e2e *e2e, const char *name, const char *value)
{
    segmo_error *error = NULL;

    return segmo_config_set(e2e->config, name, value, &error) == SEGMO_OK || fail_for(e2e, error);
}

static int set_number(struct e2e *e2e, const char *name, double value)
{
    char text[32];

    snprintf(text, sizeof text, "%.0f", value);
    return set(e2e, name, text);
}

static int set_text_of(struct e2e *e2e, const char *name, const segmo__json *input,
                       const char *member)
{
    const char *text = segmo__json_string(segmo__json_get(input, member));

    return !text || set(e2e, name, text);
}

/* A number that the input gives, times `factor`; what it does not give keeps the option's default.
 */
static int set_number_of(struct e2e *e2e, const char *name, const segmo__json *config,
                         const char *member, double factor)
{
    double number = segmo__json_number(segmo__json_get(config, member), -1);

    return number < 0 || set_number(e2e, name, number * factor);
}

static int configure(struct e2e *e2e, const segmo__json *input)
{
    const segmo__json *config = segmo__json_get(input, "config");
    double retries = segmo__json_number(segmo__json_get(config, "maxRetries"), DEFAULT_RETRIES);

    return set_text_of(e2e, "segment.write_key", input, "writeKey") &&
           set_text_of(e2e, "segment.host", input, "apiHost") &&
           set_number_of(e2e, "delivery.flush_at", config, "flushAt", 1) &&
           set_number_of(e2e, "delivery.flush_interval_ms", config, "flushInterval", 1) &&
           set_number_of(e2e, "delivery.timeout_ms", config, "timeout", 1000) &&
           set_number(e2e, "delivery.max_attempts", retries + 1) &&
           set(e2e, "delivery.allow_plain_http", "true") && set(e2e, "spool.memory_only", "true") &&
           set(e2e, "reports.delivered", "true");
}

/* ---- sending ---- */

static void note_report(void *ctx, int kind, const segmo__json *report)
{
    struct e2e *e2e = ctx;
    const char *reason = segmo__json_string(segmo__json_get(report, "reason"));
    char words[160];

    if (kind == SEGMO_REPORT_DELIVERED) {
        e2e->sent_batches++;
    } else if (kind == SEGMO_REPORT_DEAD || kind == SEGMO_REPORT_PAUSED) {
        snprintf(words, sizeof words, "%s (status %.0f)", reason ? reason : "not delivered",
                 segmo__json_number(segmo__json_get(report, "status"), 0));
        fail(e2e, "", words);
    }
}

static struct delivery delivery_of(struct e2e *e2e)
{
    return (struct delivery){.client = e2e->client, .on_report = note_report, .ctx = e2e};
}

static void pause_for(struct e2e *e2e, double delay_ms)
{
    struct delivery delivery = delivery_of(e2e);
    int64_t until_ms = segmo__clock_mono_ms() + (int64_t)delay_ms;

    while (segmo__clock_mono_ms() < until_ms && !interrupted()) {
        struct timespec slice = {0, WAIT_MS * 1000000L};

        nanosleep(&slice, NULL);
        delivery_read_reports(&delivery);
    }
}

static void send_event(struct e2e *e2e, segmo__slice event)
{
    segmo_error *error = NULL;

    if (segmo_client_enqueue(e2e->client, SEGMO_SOURCE_DEFAULT, event.at, event.len, &error) >=
        SEGMO_OK)
        return;
    say("an event was refused: %s: %s", segmo_error_field(error), segmo_error_message(error));
    fail_for(e2e, error);
}

static double delay_of(segmo__slice sequence)
{
    segmo__slice value;
    segmo__json *tree = NULL;
    double delay_ms = 0;

    if (segmo__json_member(sequence, "delayMs", &value) &&
        segmo__json_parse(&tree, value, NULL) == SEGMO_OK)
        delay_ms = segmo__json_number(tree, 0);
    segmo__json_free(tree);
    return delay_ms;
}

/* Events pass as the bytes they are, so that every number keeps its digits. */
static void send_sequences(struct e2e *e2e, segmo__slice input)
{
    segmo__json_walk sequences, events;
    segmo__slice list, sequence, event, key;

    if (!segmo__json_member(input, "sequences", &list))
        return;
    segmo__json_walk_begin(&sequences, list);
    while (segmo__json_next(&sequences, &key, &sequence) && !interrupted()) {
        pause_for(e2e, delay_of(sequence));
        if (!segmo__json_member(sequence, "events", &list))
            continue;
        segmo__json_walk_begin(&events, list);
        while (segmo__json_next(&events, &key, &event))
            send_event(e2e, event);
    }
}

static void send_all(struct e2e *e2e, segmo__slice input)
{
    struct delivery delivery;
    segmo_error *error = NULL;

    if (segmo_client_open(&e2e->client, e2e->config, &error) != SEGMO_OK) {
        fail_for(e2e, error);
        return;
    }
    send_sequences(e2e, input);
    delivery = delivery_of(e2e);
    if (delivery_wait(&delivery) != EXIT_DONE)
        fail(e2e, "", "not everything was delivered");
    segmo_client_close(e2e->client, 0, NULL);
}

/* ---- the command ---- */

static int print_result(const struct e2e *e2e)
{
    segmo__buf json;

    segmo__buf_init(&json, 8192);
    segmo__buf_addf(&json, "{\"success\":%s", e2e->failed ? "false" : "true");
    if (e2e->failed) {
        segmo__buf_add_lit(&json, ",\"error\":");
        segmo__json_put_text(&json, e2e->error);
    }
    segmo__buf_addf(&json, ",\"sentBatches\":%llu}", (unsigned long long)e2e->sent_batches);
    print_line(json.data, json.len);
    segmo__buf_free(&json);
    return e2e->failed ? EXIT_REFUSED : EXIT_DONE;
}

static int run(const struct args *args)
{
    const char *text = args_value(args, "input");
    struct e2e e2e = {.error = ""};
    segmo_error *error = NULL;
    segmo__json *input = NULL;
    int code;

    if (!text)
        return args_refuse(args, "--input is missing");
    interrupt_watch();
    if (segmo_config_new(&e2e.config, &error) != SEGMO_OK ||
        segmo__json_parse(&input, segmo__slice_of(text), &error) != SEGMO_OK)
        fail_for(&e2e, error);
    else if (configure(&e2e, input))
        send_all(&e2e, segmo__slice_of(text));
    code = print_result(&e2e);
    segmo_client_free(e2e.client);
    segmo_config_free(e2e.config);
    segmo__json_free(input);
    return code;
}

static const struct flag flags[] = {
    {"input", "JSON", "writeKey, apiHost, sequences[] of delayMs and events[], config.", NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct exit_words exits[] = {
    {EXIT_DONE, "everything was delivered: {\"success\":true,...}"},
    {EXIT_REFUSED,
     "something was refused, died or stayed pending: {\"success\":false,\"error\":...}"},
    {EXIT_USAGE, "usage"},
    {0, NULL},
};

const struct command command_e2e = {
    .name = "e2e",
    .summary = "Run a script of events for an end-to-end test suite",
    .usage = "--input JSON",
    .about = "Follows the contract that the suites of Segment's own libraries use: each\n"
             "sequence waits delayMs, then its events are recorded; config has flushAt,\n"
             "flushInterval (ms), maxRetries and timeout (s). The last line on stdout is JSON\n"
             "with success, sentBatches and, after a failure, error. The environment and\n"
             "configuration files are not read; AUTH_HEADER and GENERIC_RETRY_AFTER need not\n"
             "be set: the Authorization header is always sent and Retry-After is always\n"
             "followed.",
    .flags = flags,
    .examples = "segmo e2e --input "
                "'{\"writeKey\":\"WK\",\"apiHost\":\"http://localhost:8765\",\"sequences\":"
                "[{\"delayMs\":0,\"events\":[{\"type\":\"track\",\"userId\":\"u1\",\"event\":"
                "\"Test\"}]}]}'\n",
    .exits = exits,
    .run = run,
};
