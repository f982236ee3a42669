#include "support/import_summary.h"

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

static void put_destinations(segmo__buf *json, const struct counts *counts)
{
    for (int i = 0; counts && i < DESTINATIONS; i++)
        segmo__buf_addf(json,
                        "%s\"%s\":{\"accepted\":%" PRIu64 ",\"delivered\":%" PRIu64
                        ",\"dead\":%" PRIu64 ",\"pending\":%" PRIu64 ",\"skipped\":%" PRIu64 "}",
                        i > 0 ? "," : "", destination_names[i], counts[i].accepted,
                        counts[i].delivered, counts[i].dead, counts[i].pending, counts[i].skipped);
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
    segmo__buf_add_lit(&json, "},\"destinations\":{");
    put_destinations(&json, summary->counts);
    segmo__buf_add_lit(&json, "}}");
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

static int is_untouched(const struct counts *counts)
{
    return counts->accepted + counts->delivered + counts->dead + counts->skipped +
               counts->pending ==
           0;
}

static void print_destinations(const struct counts *counts)
{
    char number[GROUPED_LEN];

    printf("\n%-18s %12s %12s %12s %12s\n", "destination", "delivered", "dead", "skipped",
           "pending");
    for (int i = 0; i < DESTINATIONS; i++) {
        if (is_untouched(&counts[i]))
            continue;
        printf("%-18s %12s", destination_names[i], grouped(number, counts[i].delivered));
        printf(" %12s", grouped(number, counts[i].dead));
        printf(" %12s", grouped(number, counts[i].skipped));
        printf(" %12s\n", grouped(number, counts[i].pending));
    }
}

static void print_as_words(const struct import_summary *summary)
{
    print_count(summary->dry_run ? "would accept" : "accepted", summary->accepted);
    if (summary->found > 0)
        print_count("already in spool", summary->found);
    print_count("rejected", summary->refusals->count);
    print_reasons(summary->refusals);
    print_count("messages/s", rate_of(summary));
    if (summary->counts)
        print_destinations(summary->counts);
}

void import_summary_print(const struct import_summary *summary, int as_json)
{
    if (as_json)
        print_as_json(summary);
    else
        print_as_words(summary);
}
