/* Health, readiness, and the counts as Prometheus reads them. */
#include "base/clock.h"
#include "work.h"

#include <stdio.h>

/* ---- what the clients tell ---- */

static segmo__json *stats_of(segmo_client *client)
{
    segmo__json *tree = NULL;
    segmo__slice json;
    char *text = NULL;

    if (!client || segmo_client_stats_json(client, &text, &json.len, NULL) != SEGMO_OK)
        return NULL;
    json.at = text;
    if (segmo__json_parse(&tree, json, NULL) != SEGMO_OK)
        tree = NULL;
    segmo_free(text);
    return tree;
}

static const segmo__json *destination_in(const segmo__json *stats, const char *name)
{
    return segmo__json_get(segmo__json_get(stats, "destinations"), name);
}

static double number_in(const segmo__json *node, const char *name)
{
    return segmo__json_number(segmo__json_get(node, name), 0);
}

/* ---- readiness ---- */

static void refuse(http_answer *answer, int status, const char *code, const char *words)
{
    answer->status = status;
    segmo__buf_clear(&answer->body);
    segmo__buf_addf(&answer->body, "{\"success\":false,\"code\":\"%s\",\"message\":", code);
    segmo__json_put_text(&answer->body, words);
    segmo__buf_add_char(&answer->body, '}');
}

/* 0 after having said why it is not. */
static int is_ready(const struct work *work, int at, http_answer *answer)
{
    segmo__json *stats = stats_of(work->clients[at]);
    const char *paused =
        segmo__json_string(segmo__json_get(destination_in(stats, "kafka"), "paused_for"));
    double age_ms = number_in(segmo__json_get(stats, "worker"), "oldest_ms");
    char words[200];
    int ready = 0;

    if (!stats) {
        refuse(answer, 503, "memory", "memory ran out");
    } else if (paused) {
        snprintf(words, sizeof words, "Kafka cannot be used: %s", paused);
        refuse(answer, 503, "kafka", words);
    } else if (age_ms > (double)work->ready_max_age_ms) {
        snprintf(words, sizeof words,
                 "the oldest message for %s waits for %.0f s, gateway.ready_max_age_ms allows %lld",
                 work_destinations[at], age_ms / 1000, (long long)work->ready_max_age_ms / 1000);
        refuse(answer, 503, "queue_too_old", words);
    } else {
        ready = 1;
    }
    segmo__json_free(stats);
    return ready;
}

static void serve_ready(struct work *work, http_answer *answer)
{
    if (work->stopping) {
        refuse(answer, 503, "stopping", "the worker is stopping");
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

static void put_reasons(segmo__buf *out, segmo__json *const stats[], const char *member,
                        const char *name, const char *help)
{
    segmo__buf_addf(out, "# HELP segmo_%s %s\n# TYPE segmo_%s counter\n", name, help, name);
    for (int i = 0; i < WORK_DESTINATIONS; i++) {
        const segmo__json *reasons =
            segmo__json_get(destination_in(stats[i], work_destinations[i]), member);

        for (const segmo__json *each = segmo__json_first(reasons); each;
             each = segmo__json_after(each))
            segmo__buf_addf(out, "segmo_%s{destination=\"%s\",reason=\"%s\"} %.0f\n", name,
                            work_destinations[i], segmo__json_name(each),
                            segmo__json_number(each, 0));
    }
}

static void serve_metrics(struct work *work, http_answer *answer)
{
    segmo__json *stats[WORK_DESTINATIONS];
    segmo__buf *out = &answer->body;

    for (int i = 0; i < WORK_DESTINATIONS; i++)
        stats[i] = stats_of(work->clients[i]);
    answer->type = "text/plain; version=0.0.4; charset=utf-8";
    segmo__buf_addf(out,
                    "# HELP segmo_build_info Which release runs.\n# TYPE segmo_build_info gauge\n"
                    "segmo_build_info{version=\"%s\"} 1\n",
                    segmo_version());
    for (size_t at = 0; at < sizeof families / sizeof families[0]; at++) {
        const struct family *family = &families[at];

        segmo__buf_addf(out, "# HELP segmo_%s %s\n# TYPE segmo_%s %s\n", family->name, family->help,
                        family->name, family->type);
        for (int i = 0; i < WORK_DESTINATIONS; i++) {
            const segmo__json *object = *family->object
                                            ? segmo__json_get(stats[i], family->object)
                                            : destination_in(stats[i], work_destinations[i]);

            if (object)
                segmo__buf_addf(out, "segmo_%s{destination=\"%s\"} %.15g\n", family->name,
                                work_destinations[i],
                                number_in(object, family->member) / family->unit);
        }
    }
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

    answer->type = "application/json";
    if (segmo__slice_is(path, "/healthz"))
        segmo__buf_add_lit(&answer->body, "{\"status\":\"ok\"}");
    else if (segmo__slice_is(path, "/readyz"))
        serve_ready(work, answer);
    else if (segmo__slice_is(path, "/metrics"))
        serve_metrics(work, answer);
    else
        refuse(answer, 404, "not_found", "a worker has /healthz, /readyz and /metrics");
}

static void refuse_request(void *ctx, const http_head *head, int status, http_answer *answer)
{
    (void)ctx;
    (void)head;
    answer->type = "application/json";
    refuse(answer, status, "refused", "the request was not understood");
}

static int sync_nothing(void *ctx)
{
    (void)ctx;
    return 1;
}

static void done(void *ctx, int status, int64_t took_us)
{
    (void)ctx;
    (void)status;
    (void)took_us;
}

static int is_proxy(void *ctx, const char *peer)
{
    (void)ctx;
    (void)peer;
    return 0;
}

http_service work_service(struct work *work)
{
    return (http_service){.ctx = work,
                          .admit = admit,
                          .serve = serve,
                          .refuse = refuse_request,
                          .sync = sync_nothing,
                          .done = done,
                          .is_proxy = is_proxy};
}
