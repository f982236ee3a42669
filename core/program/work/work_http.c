/* Health, readiness, and the counts as Prometheus reads them. */
#include "service/client_stats.h"
#include "service/http_answer.h"
#include "service/prometheus.h"
#include "work.h"

#include <stdio.h>

/* ---- what the clients tell ---- */

static const segmo__json *destination_in(const segmo__json *stats, const char *name)
{
    return segmo__json_get(segmo__json_get(stats, "destinations"), name);
}

static double number_in(const segmo__json *node, const char *name)
{
    return segmo__json_number(segmo__json_get(node, name), 0);
}

/* ---- readiness ---- */

/* 0 after having said why it is not. */
static int is_ready(const struct work *work, int at, http_answer *answer)
{
    segmo__json *stats = client_stats(work->clients[at]);
    const char *paused =
        segmo__json_string(segmo__json_get(destination_in(stats, "kafka"), "paused_for"));
    double age_ms = number_in(segmo__json_get(stats, "worker"), "oldest_ms");
    char words[200];
    int ready = 0;

    if (!stats) {
        http_answer_refuse(answer, 503, "memory", "memory ran out");
    } else if (paused) {
        snprintf(words, sizeof words, "Kafka cannot be used: %s", paused);
        http_answer_refuse(answer, 503, "kafka", words);
    } else if (age_ms > (double)work->ready_max_age_ms) {
        snprintf(words, sizeof words,
                 "the oldest message for %s waits for %.0f s, gateway.ready_max_age_ms allows %lld",
                 work_destinations[at], age_ms / 1000, (long long)work->ready_max_age_ms / 1000);
        http_answer_refuse(answer, 503, "queue_too_old", words);
    } else {
        ready = 1;
    }
    segmo__json_free(stats);
    return ready;
}

static void serve_ready(struct work *work, http_answer *answer)
{
    if (work->signals.stops) {
        http_answer_refuse(answer, 503, "stopping", "the worker is stopping");
        return;
    }
    for (int i = 0; i < WORK_DESTINATIONS; i++)
        if (work->clients[i] && !is_ready(work, i, answer))
            return;
    segmo__buf_add_lit(&answer->body, "{\"status\":\"ready\"}");
}

/* ---- metrics ---- */

static const struct family {
    const char *name;
    const char *type;
    const char *help;
    const char *object; /* of the stats; "": the destination's own */
    const char *member;
    double unit; /* divides */
} families[] = {
    {"worker_assigned_partitions", "gauge", "Partitions that this worker has.", "worker",
     "assigned", 1},
    {"worker_lag", "gauge", "Records of these partitions that are not done.", "worker", "lag", 1},
    {"worker_oldest_seconds", "gauge", "Age of the oldest message at hand.", "worker", "oldest_ms",
     1000},
    {"worker_held", "gauge", "Messages at hand.", "worker", "held", 1},
    {"worker_held_bytes", "gauge", "Bytes of messages at hand.", "worker", "held_bytes", 1},
    {"destination_accepted_total", "counter", "Messages taken for a destination.", "", "accepted",
     1},
    {"destination_delivered_total", "counter", "Messages the destination took.", "", "delivered",
     1},
    {"destination_dead_count_total", "counter", "Dead letters.", "", "dead", 1},
    {"destination_skipped_count_total", "counter", "Messages left out or given back.", "",
     "skipped", 1},
    {"destination_requests_total", "counter", "Requests sent.", "", "requests", 1},
    {"destination_retries_total", "counter", "Requests sent again.", "", "retries", 1},
};

static void put_family(segmo__buf *out, const struct family *family, segmo__json *const stats[])
{
    prometheus_family(out, family->name, family->type, family->help);
    for (int i = 0; i < WORK_DESTINATIONS; i++) {
        const segmo__json *object = *family->object
                                        ? segmo__json_get(stats[i], family->object)
                                        : destination_in(stats[i], work_destinations[i]);

        if (!object)
            continue;
        prometheus_sample(out, family->name);
        prometheus_label(out, "destination", work_destinations[i]);
        prometheus_value(out, number_in(object, family->member) / family->unit);
    }
}

static void put_reasons(segmo__buf *out, segmo__json *const stats[], const char *member,
                        const char *name, const char *help)
{
    prometheus_family(out, name, "counter", help);
    for (int i = 0; i < WORK_DESTINATIONS; i++)
        prometheus_reasons(out, name, work_destinations[i],
                           segmo__json_get(destination_in(stats[i], work_destinations[i]), member));
}

static void serve_metrics(struct work *work, http_answer *answer)
{
    segmo__json *stats[WORK_DESTINATIONS];
    segmo__buf *out = &answer->body;

    for (int i = 0; i < WORK_DESTINATIONS; i++)
        stats[i] = client_stats(work->clients[i]);
    prometheus_begin(answer);
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        put_family(out, &families[i], stats);
    put_reasons(out, stats, "dead_for", "destination_dead_total", "Dead letters, by reason.");
    put_reasons(out, stats, "skipped_for", "destination_skipped_total",
                "Messages left out or given back, by reason.");
    for (int i = 0; i < WORK_DESTINATIONS; i++)
        segmo__json_free(stats[i]);
}

/* ---- the service ---- */

static int64_t admit(void *ctx, const http_head *head, http_answer *answer)
{
    (void)ctx;
    (void)head;
    (void)answer;
    return 0;
}

static void serve(void *ctx, const http_request *request, http_answer *answer)
{
    struct work *work = ctx;
    segmo__slice path = request->head->path;

    if (segmo__slice_is(path, "/healthz"))
        segmo__buf_add_lit(&answer->body, "{\"status\":\"ok\"}");
    else if (segmo__slice_is(path, "/readyz"))
        serve_ready(work, answer);
    else if (segmo__slice_is(path, "/metrics"))
        serve_metrics(work, answer);
    else
        http_answer_refuse(answer, 404, "not_found", "a worker has /healthz, /readyz and /metrics");
}

static void refuse(void *ctx, const http_head *head, int status, http_answer *answer)
{
    (void)ctx;
    (void)head;
    http_answer_refuse_request(answer, status);
}

http_service work_service(struct work *work)
{
    return (http_service){.ctx = work, .admit = admit, .serve = serve, .refuse = refuse};
}
