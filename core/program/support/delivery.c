#include "support/delivery.h"

#include "base/clock.h"
#include "support/command.h"
#include "support/interrupt.h"
#include "support/output.h"

#include <string.h>

#define SLICE_MS 200

const char *const destination_names[DESTINATIONS] = {"segment", "moengage", "kafka"};

int destination_index(const char *name)
{
    for (int i = 0; name && i < DESTINATIONS; i++)
        if (strcmp(name, destination_names[i]) == 0)
            return i;
    return -1;
}

/* ---- reports ---- */

static const char *text_of(const segmo__json *report, const char *name)
{
    const char *text = segmo__json_string(segmo__json_get(report, name));

    return text ? text : "";
}

static void say_report(int kind, const segmo__json *report)
{
    if (kind == SEGMO_REPORT_PAUSED)
        say("%s is paused: %s (status %.0f); %s", text_of(report, "destination"),
            text_of(report, "reason"), segmo__json_number(segmo__json_get(report, "status"), 0),
            text_of(report, "remedy"));
    else if (kind == SEGMO_REPORT_RESUMED)
        say("%s works again", text_of(report, "destination"));
    else if (kind == SEGMO_REPORT_SPOOL)
        say("spool: %s", text_of(report, *text_of(report, "message") ? "message" : "code"));
}

static void read_report(const struct delivery *delivery, const segmo_report *report)
{
    int kind = segmo_report_kind(report);
    segmo__json *tree = NULL;
    segmo__slice json;

    json.at = segmo_report_json(report, &json.len);
    if (segmo__json_parse(&tree, json, NULL) != SEGMO_OK)
        return;
    say_report(kind, tree);
    if (delivery->on_report)
        delivery->on_report(delivery->ctx, kind, tree);
    segmo__json_free(tree);
}

void delivery_read_reports(const struct delivery *delivery)
{
    segmo_report *report = NULL;

    while (segmo_client_poll(delivery->client, &report, 0, NULL) == SEGMO_OK && report) {
        read_report(delivery, report);
        segmo_report_free(report);
        report = NULL;
    }
}

/* ---- counters ---- */

static uint64_t count_of(const segmo__json *destination, const char *name)
{
    return (uint64_t)segmo__json_number(segmo__json_get(destination, name), 0);
}

static void read_counts(struct counts *out, const segmo__json *destination)
{
    const char *state = text_of(destination, "state");

    out->accepted = count_of(destination, "accepted");
    out->delivered = count_of(destination, "delivered");
    out->dead = count_of(destination, "dead");
    out->skipped = count_of(destination, "skipped");
    out->pending = count_of(destination, "pending");
    out->paused = strcmp(state, "paused") == 0;
}

int delivery_counts(segmo_client *client, struct counts out[DESTINATIONS], char **json)
{
    segmo_error *error = NULL;
    segmo__json *tree = NULL;
    char *text = NULL;
    size_t len;

    memset(out, 0, DESTINATIONS * sizeof *out);
    if (segmo_client_stats_json(client, &text, &len, &error) != SEGMO_OK ||
        segmo__json_parse(&tree, (segmo__slice){text, len}, &error) != SEGMO_OK) {
        say_error(error);
        segmo_free(text);
        return 0;
    }
    for (int i = 0; i < DESTINATIONS; i++)
        read_counts(&out[i],
                    segmo__json_get(segmo__json_get(tree, "destinations"), destination_names[i]));
    segmo__json_free(tree);
    if (json)
        *json = text;
    else
        segmo_free(text);
    return 1;
}

/* ---- waiting ---- */

int delivery_is_stuck(segmo_client *client)
{
    struct counts now[DESTINATIONS];
    int waits = 0;

    if (!delivery_counts(client, now, NULL))
        return 0;
    for (int i = 0; i < DESTINATIONS; i++) {
        if (now[i].pending > 0 && !now[i].paused)
            return 0;
        waits |= now[i].pending > 0;
    }
    return waits;
}

int delivery_wait(const struct delivery *delivery)
{
    int64_t started_ms = segmo__clock_mono_ms();
    segmo_error *failure = NULL;
    uint64_t mark;

    if (segmo_client_mark(delivery->client, &mark, &failure) != SEGMO_OK)
        return say_error(failure);
    for (;;) {
        segmo_error *error = NULL;
        int status = segmo_client_flush_to(delivery->client, mark, SLICE_MS, &error);

        delivery_read_reports(delivery);
        if (delivery->on_wait)
            delivery->on_wait(delivery->ctx);
        if (status == SEGMO_OK)
            return EXIT_DONE;
        if (status != SEGMO_ERR_TIMEOUT)
            return say_error(error);
        segmo_error_free(error);
        if (interrupted()) {
            say("interrupted");
            return EXIT_INTERRUPTED;
        }
        if (delivery_is_stuck(delivery->client))
            return EXIT_REFUSED;
        if (delivery->timeout_ms > 0 &&
            segmo__clock_mono_ms() - started_ms >= (int64_t)delivery->timeout_ms) {
            say("not everything was delivered within %llu ms; `segmo doctor` looks for the cause",
                (unsigned long long)delivery->timeout_ms);
            return EXIT_TIMEOUT;
        }
    }
}
