#include "support/import_summary.h"

#include "support/delivery.h"
#include "support/output.h"

#include <inttypes.h>

static uint64_t rate_of(const struct import_summary *summary)
{
    return summary->accepted * 1000 / (uint64_t)(summary->reading_ms > 0 ? summary->reading_ms : 1);
}

/* ---- JSON ---- */

static void put_reasons(segmo__buf *json, const struct refusals *refusals)
{
    for (size_t i = 0; i < refusals->reason_count; i++) {
        segmo__buf_add_str(json, i > 0 ? "," : "");
        segmo__json_put_text(json, refusals->reasons[i].words);
        segmo__buf_addf(json, ":%" PRIu64, refusals->reasons[i].count);
    }
}

/* All that the client counted, reasons included. */
static void put_destinations(segmo__buf *json, const char *stats)
{
    segmo__slice destinations;

    if (stats && segmo__json_member(segmo__slice_of(stats), "destinations", &destinations))
        segmo__buf_add_slice(json, destinations);
    else
        segmo__buf_add_lit(json, "{}");
}

static void print_as_json(const struct import_summary *summary)
{
    uint64_t rejected = summary->refusals->count;
    segmo__buf json;

    segmo__buf_init(&json, 1u << 20);
    segmo__buf_addf(&json,
                    "{\"lines\":%" PRIu64 ",\"accepted\":%" PRIu64 ",\"already_in_spool\":%" PRIu64
                    ",\"rejected\":%" PRIu64 ",\"blank\":%" PRIu64 ",\"events_per_second\":%" PRIu64
                    ",\"reading_ms\":%" PRId64 ",\"total_ms\":%" PRId64 ",\"rejected_for\":{",
                    summary->accepted + summary->found + rejected + summary->blank,
                    summary->accepted, summary->found, rejected, summary->blank, rate_of(summary),
                    summary->reading_ms, summary->total_ms);
    put_reasons(&json, summary->refusals);
    segmo__buf_add_lit(&json, "},\"destinations\":");
    put_destinations(&json, summary->stats);
    segmo__buf_add_char(&json, '}');
    print_line(json.data, json.len);
    segmo__buf_free(&json);
}

/* ---- words ---- */

static void print_count(const char *what, uint64_t count)
{
    char number[GROUPED_LEN];

    printf("%-18s %12s\n", what, grouped(number, count));
}

static void print_reasons(const struct refusals *refusals)
{
    char number[GROUPED_LEN];

    for (size_t i = 0; i < refusals->reason_count; i++)
        printf("  %s: %s\n", refusals->reasons[i].words,
               grouped(number, refusals->reasons[i].count));
}

static uint64_t number_in(const segmo__json *node, const char *name)
{
    return (uint64_t)segmo__json_number(segmo__json_get(node, name), 0);
}

static void print_for(const char *what, const segmo__json *reasons)
{
    char number[GROUPED_LEN];

    for (const segmo__json *at = segmo__json_first(reasons); at; at = segmo__json_after(at))
        printf("  %s, %s: %s\n", what, segmo__json_name(at),
               grouped(number, (uint64_t)segmo__json_number(at, 0)));
}

static void print_destination(const char *name, const segmo__json *counts)
{
    static const char *const columns[] = {"delivered", "dead", "skipped", "pending"};
    char number[GROUPED_LEN];

    if (number_in(counts, "accepted") == 0)
        return;
    printf("%-18s", name);
    for (int i = 0; i < 4; i++)
        printf(" %12s", grouped(number, number_in(counts, columns[i])));
    fputc('\n', stdout);
    print_for("skipped", segmo__json_get(counts, "skipped_for"));
    print_for("dead", segmo__json_get(counts, "dead_for"));
}

static void print_destinations(const char *stats)
{
    segmo__json *tree = NULL;

    if (segmo__json_parse(&tree, segmo__slice_of(stats), NULL) != SEGMO_OK)
        return;
    printf("\n%-18s %12s %12s %12s %12s\n", "destination", "delivered", "dead", "skipped",
           "pending");
    for (int i = 0; i < DESTINATIONS; i++)
        print_destination(
            destination_names[i],
            segmo__json_get(segmo__json_get(tree, "destinations"), destination_names[i]));
    segmo__json_free(tree);
}

static void print_as_words(const struct import_summary *summary)
{
    print_count(summary->dry_run ? "would accept" : "accepted", summary->accepted);
    if (summary->found > 0)
        print_count("already in spool", summary->found);
    print_count("rejected", summary->refusals->count);
    print_reasons(summary->refusals);
    print_count("messages/s", rate_of(summary));
    if (summary->stats)
        print_destinations(summary->stats);
}

void import_summary_print(const struct import_summary *summary, int as_json)
{
    if (as_json)
        print_as_json(summary);
    else
        print_as_words(summary);
}
