/* What the client tells, into counts and the log. */
#include "base/json.h"
#include "gateway_parts.h"

static segmo__slice member(segmo__slice report, const char *name)
{
    segmo__slice value;

    return segmo__json_member(report, name, &value) ? value : (segmo__slice){"", 0};
}

static int says(segmo__slice report, const char *name, const char *text)
{
    segmo__slice value = member(report, name);

    return value.len > 2 && segmo__json_key_is((segmo__slice){value.at + 1, value.len - 2}, text);
}

static uint64_t number(segmo__slice report, const char *name)
{
    segmo__slice digits = member(report, name);
    uint64_t number = 0;

    for (size_t i = 0; i < digits.len && digits.at[i] >= '0' && digits.at[i] <= '9'; i++)
        number = number * 10 + (uint64_t)(digits.at[i] - '0');
    return number;
}

static uint64_t count_of(segmo__slice list)
{
    segmo__json_walk walk;
    segmo__slice key, value;
    uint64_t count = 0;

    segmo__json_walk_begin(&walk, list);
    while (segmo__json_next(&walk, &key, &value))
        count++;
    return count;
}

static outcome_counts *outcomes_of(struct gateway *gateway, segmo__slice report)
{
    segmo__slice id = member(report, "source");
    source_counts *counts = NULL;

    if (segmo__json_kind_of(id) != SEGMO__JSON_STRING)
        return NULL;
    id = segmo__json_text(id, &gateway->scratch);
    for (counts = gateway->counts.sources; counts; counts = counts->next)
        if (segmo__slice_is(id, counts->id))
            break;
    if (!counts)
        return NULL;
    return &counts->outcomes[says(report, "destination", "moengage") ? COUNTS_MOENGAGE
                                                                     : COUNTS_SEGMENT];
}

static void note_attempt(struct gateway *gateway, segmo__slice report)
{
    outcome_counts *outcomes = outcomes_of(gateway, report);

    if (!outcomes || says(report, "outcome", "started"))
        return;
    histogram_add(&outcomes->latency, (double)number(report, "latency_us") / 1e6);
    if (says(report, "outcome", "delivered"))
        outcomes->delivered += count_of(member(report, "messageIds"));
    else
        outcomes->attempts_failed++;
}

static void note_dead(struct gateway *gateway, segmo__slice report)
{
    outcome_counts *outcomes = outcomes_of(gateway, report);

    if (outcomes)
        outcomes->dead++;
}

static void take(struct gateway *gateway, int kind, segmo__slice report)
{
    switch (kind) {
    case SEGMO_REPORT_ATTEMPT:
        note_attempt(gateway, report);
        break;
    case SEGMO_REPORT_DEAD:
        note_dead(gateway, report);
        break;
    case SEGMO_REPORT_PAUSED:
        journal_report("error", "destination_paused", report);
        break;
    case SEGMO_REPORT_RESUMED:
        journal_report("info", "destination_resumed", report);
        break;
    case SEGMO_REPORT_SPOOL:
        journal_report("warning", "spool", report);
        break;
    case SEGMO_REPORT_SETTINGS:
        callers_forget(gateway);
        break;
    default:
        break; /* skips and warnings are counted by the client */
    }
}

void reports_drain(void *ctx)
{
    struct gateway *gateway = ctx;
    segmo_report *report = NULL;

    while (segmo_client_poll(gateway->client, &report, 0, NULL) == SEGMO_OK && report) {
        segmo__slice json;

        json.at = segmo_report_json(report, &json.len);
        page_note_report(gateway->page, segmo_report_kind(report), json);
        take(gateway, segmo_report_kind(report), json);
        segmo_report_free(report);
        report = NULL;
    }
}
