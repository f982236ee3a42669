/* Health, readiness, and the counts as Prometheus reads them. */
#include "base/clock.h"
#include "base/json.h"
#include "gateway_parts.h"
#include "gauge.h"
#include "service/client_stats.h"
#include "service/prometheus.h"

#include <stdio.h>

/* ---- health ---- */

void health_live(struct gateway *gateway, http_answer *answer)
{
    (void)gateway;
    segmo__buf_add_lit(&answer->body, "{\"status\":\"ok\"}");
}

void health_ready(struct gateway *gateway, http_answer *answer)
{
    segmo__json *stats = client_stats(gateway->client);
    int disk_full = segmo__json_bool(segmo__json_get(segmo__json_get(stats, "spool"), "disk_full"),
                                     stats == NULL);
    int64_t age_ms = gauge_age_ms(gateway->gauge);
    char words[160];

    segmo__json_free(stats);
    if (gateway->signals.stops) {
        http_answer_refuse(answer, 503, "stopping", "the gateway is stopping");
    } else if (disk_full) {
        http_answer_refuse(answer, 503, "disk_full", "the spool's disk is full");
    } else if (age_ms > gateway->settings.ready_max_age_ms) {
        snprintf(words, sizeof words,
                 "the oldest message waits for %lld s, gateway.ready_max_age_ms allows %lld",
                 (long long)age_ms / 1000, (long long)gateway->settings.ready_max_age_ms / 1000);
        http_answer_refuse(answer, 503, "queue_too_old", words);
    } else {
        segmo__buf_add_lit(&answer->body, "{\"status\":\"ready\"}");
    }
}

/* ---- metrics ---- */

/* A series of a histogram, with its labels; without a source it has none. */
static void begin_series(segmo__buf *out, const char *name, const char *series, const char *source,
                         const char *destination)
{
    char whole[64];

    snprintf(whole, sizeof whole, "%s_%s", name, series);
    prometheus_sample(out, whole);
    if (source) {
        prometheus_label(out, "source", source);
        prometheus_label(out, "destination", destination);
    }
}

static void put_histogram(segmo__buf *out, const char *name, const struct histogram *histogram,
                          const char *source, const char *destination)
{
    uint64_t below = 0;
    char limit[32];

    for (size_t i = 0; i <= COUNTS_BUCKETS; i++) {
        below += histogram->bucket[i];
        if (i < COUNTS_BUCKETS)
            snprintf(limit, sizeof limit, "%g", counts_limits[i]);
        else
            snprintf(limit, sizeof limit, "+Inf");
        begin_series(out, name, "bucket", source, destination);
        prometheus_label(out, "le", limit);
        prometheus_value(out, (double)below);
    }
    begin_series(out, name, "sum", source, destination);
    prometheus_value(out, histogram->sum_s);
    begin_series(out, name, "count", source, destination);
    prometheus_value(out, (double)histogram->count);
}

/* ---- by source ---- */

static void put_source_counter(segmo__buf *out, const struct gateway *gateway, const char *name,
                               const char *help, size_t offset)
{
    prometheus_family(out, name, "counter", help);
    for (const source_counts *counts = gateway->counts.sources; counts; counts = counts->next) {
        prometheus_sample(out, name);
        prometheus_label(out, "source", counts->id);
        prometheus_value(out,
                         (double)*(const uint64_t *)(const void *)((const char *)counts + offset));
    }
}

static void put_discarded_of(segmo__buf *out, const source_counts *counts, const char *id)
{
    for (size_t i = 0; i < COUNTS_REASONS && counts->discarded[i].reason; i++) {
        prometheus_sample(out, "discarded_total");
        prometheus_label(out, "source", id);
        prometheus_label(out, "reason", counts->discarded[i].reason);
        prometheus_value(out, (double)counts->discarded[i].count);
    }
}

static void put_discarded(segmo__buf *out, const struct gateway *gateway)
{
    prometheus_family(out, "discarded_total", "counter",
                      "Messages that were refused on arrival, by reason.");
    for (const source_counts *counts = gateway->counts.sources; counts; counts = counts->next)
        put_discarded_of(out, counts, counts->id);
    put_discarded_of(out, &gateway->counts.unknown, "");
}

static const char *const destinations[COUNTS_DESTINATIONS] = {"segment", "moengage"};

static void put_outcome_counter(segmo__buf *out, const struct gateway *gateway, const char *name,
                                const char *help, size_t offset)
{
    prometheus_family(out, name, "counter", help);
    for (const source_counts *counts = gateway->counts.sources; counts; counts = counts->next)
        for (size_t d = 0; d < COUNTS_DESTINATIONS; d++) {
            prometheus_sample(out, name);
            prometheus_label(out, "source", counts->id);
            prometheus_label(out, "destination", destinations[d]);
            prometheus_value(
                out, (double)*(const uint64_t *)(const void *)((const char *)&counts->outcomes[d] +
                                                               offset));
        }
}

static void put_sources(segmo__buf *out, const struct gateway *gateway)
{
    put_source_counter(out, gateway, "received_total", "Messages that arrived.",
                       offsetof(source_counts, received));
    put_source_counter(out, gateway, "accepted_total", "Messages that are on disk or went on.",
                       offsetof(source_counts, accepted));
    put_source_counter(out, gateway, "duplicates_total",
                       "Messages left out because their messageId came before.",
                       offsetof(source_counts, duplicates));
    put_discarded(out, gateway);
    put_outcome_counter(out, gateway, "source_delivered_total",
                        "Messages a destination took, by source.",
                        offsetof(outcome_counts, delivered));
    put_outcome_counter(out, gateway, "source_failed_requests_total",
                        "Requests to a destination that were not taken, by source.",
                        offsetof(outcome_counts, attempts_failed));
    put_outcome_counter(out, gateway, "source_dead_total", "Dead letters, by source.",
                        offsetof(outcome_counts, dead));
    prometheus_family(out, "delivery_seconds", "histogram",
                      "How long requests to a destination took.");
    for (const source_counts *counts = gateway->counts.sources; counts; counts = counts->next)
        for (size_t d = 0; d < COUNTS_DESTINATIONS; d++)
            if (counts->outcomes[d].latency.count > 0)
                put_histogram(out, "delivery_seconds", &counts->outcomes[d].latency, counts->id,
                              destinations[d]);
}

/* ---- the client's accounts ---- */

static void put_account(segmo__buf *out, const segmo__json *stats, const char *member,
                        const char *name, const char *type, const char *help)
{
    prometheus_family(out, name, type, help);
    for (const segmo__json *each = segmo__json_first(segmo__json_get(stats, "destinations")); each;
         each = segmo__json_after(each)) {
        prometheus_sample(out, name);
        prometheus_label(out, "destination", segmo__json_name(each));
        prometheus_value(out, segmo__json_number(segmo__json_get(each, member), 0));
    }
}

static void put_reasons(segmo__buf *out, const segmo__json *stats, const char *member,
                        const char *name, const char *help)
{
    prometheus_family(out, name, "counter", help);
    for (const segmo__json *each = segmo__json_first(segmo__json_get(stats, "destinations")); each;
         each = segmo__json_after(each))
        prometheus_reasons(out, name, segmo__json_name(each), segmo__json_get(each, member));
}

static void put_accounts(segmo__buf *out, const segmo__json *stats)
{
    const segmo__json *spool = segmo__json_get(stats, "spool");

    put_account(out, stats, "accepted", "destination_accepted_total", "counter",
                "Messages accepted for a destination.");
    put_account(out, stats, "delivered", "destination_delivered_total", "counter",
                "Messages the destination took.");
    put_account(out, stats, "pending", "destination_pending", "gauge", "Messages that wait.");
    put_account(out, stats, "pending_bytes", "destination_pending_bytes", "gauge",
                "Bytes of messages that wait.");
    put_reasons(out, stats, "dead_for", "destination_dead_total", "Dead letters, by reason.");
    put_reasons(out, stats, "skipped_for", "destination_skipped_total",
                "Messages left out on purpose, by reason.");
    prometheus_plain(out, "spool_bytes", "gauge", "Bytes of the spool's files.",
                     segmo__json_number(segmo__json_get(spool, "file_bytes"), 0));
    prometheus_plain(out, "spool_disk_full", "gauge", "1 while the spool's disk is full.",
                     segmo__json_bool(segmo__json_get(spool, "disk_full"), 0));
    prometheus_plain(
        out, "reports_dropped_total", "counter",
        "Reports that came faster than they were read; the counts by source lack them.",
        segmo__json_number(segmo__json_get(stats, "reports_dropped"), 0));
}

/* ---- the server ---- */

static void put_requests(segmo__buf *out, const struct gateway *gateway)
{
    char code[16];

    prometheus_family(out, "requests_total", "counter", "Requests answered, by status.");
    for (int status = 0; status < 600; status++) {
        if (gateway->counts.by_status[status] == 0)
            continue;
        snprintf(code, sizeof code, "%d", status);
        prometheus_sample(out, "requests_total");
        prometheus_label(out, "status", code);
        prometheus_value(out, (double)gateway->counts.by_status[status]);
    }
    prometheus_family(out, "request_seconds", "histogram",
                      "From a request's first byte to its answer.");
    put_histogram(out, "request_seconds", &gateway->counts.took, NULL, NULL);
}

static void put_server(segmo__buf *out, const struct gateway *gateway)
{
    const http_counts *counts = http_server_counts(gateway->server);

    put_requests(out, gateway);
    prometheus_plain(out, "connections", "gauge", "Open connections.", counts->open);
    prometheus_plain(out, "connections_total", "counter", "Connections accepted.",
                     (double)counts->accepted);
    prometheus_family(out, "connections_refused_total", "counter",
                      "Connections turned away, by reason.");
    segmo__buf_addf(out,
                    "segmo_connections_refused_total{reason=\"full\"} %llu\n"
                    "segmo_connections_refused_total{reason=\"address\"} %llu\n",
                    (unsigned long long)counts->refused_full,
                    (unsigned long long)counts->refused_address);
    prometheus_plain(out, "request_timeouts_total", "counter", "Requests cut at a deadline.",
                     (double)counts->timed_out);
    prometheus_plain(out, "requests_malformed_total", "counter",
                     "Requests that broke HTTP's grammar.", (double)counts->broken);
    prometheus_plain(out, "requests_busy_total", "counter", "Requests refused for gateway.memory.",
                     (double)counts->busy);
    prometheus_plain(out, "request_memory_bytes", "gauge",
                     "Bytes of requests and answers under way.", (double)counts->memory);
}

void metrics_serve(struct gateway *gateway, http_answer *answer)
{
    segmo__json *stats = client_stats(gateway->client);
    segmo__buf *out = &answer->body;

    reports_drain(gateway);
    prometheus_begin(answer);
    prometheus_plain(out, "uptime_seconds", "gauge", "Since the start.",
                     (double)(segmo__clock_mono_ms() - gateway->started_ms) / 1000);
    put_server(out, gateway);
    put_sources(out, gateway);
    put_accounts(out, stats);
    prometheus_plain(out, "oldest_pending_seconds", "gauge",
                     "Age of the oldest message that waits.",
                     (double)gauge_age_ms(gateway->gauge) / 1000);
    if (gateway->seen)
        prometheus_plain(out, "duplicates_window_seconds", "gauge",
                         "How far back messageIds are remembered.",
                         (double)duplicates_reach_ms(gateway->seen, segmo__clock_wall_ms()) / 1000);
    segmo__json_free(stats);
}
