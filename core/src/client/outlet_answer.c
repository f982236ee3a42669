/* What an answer means for the messages of a request: settled, tried again, sent in halves, dead,
 * or a pause of the whole destination. */
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "client/outlet_parts.h"
#include "deliver/status_policy.h"

#define PROBE_MS           60000 /* a paused destination is tried again this often */
#define RETRY_AFTER_CAP_MS 300000
#define RATE_RESET_CAP_MS  60000

static const segmo__backoff segment_backoff = {500, 60000, 0.0, 0.1};
static const segmo__backoff moengage_backoff = {2000, 60000, -0.5, 0.5};

static const segmo__backoff *backoff_of(const segmo__outlet *outlet, const segmo__rules *rules,
                                        segmo__backoff *room)
{
    *room = outlet->destination == SEGMO__DESTINATION_SEGMENT ? segment_backoff : moengage_backoff;
    if (rules->limits.backoff_base_ms > 0)
        room->base_ms = rules->limits.backoff_base_ms;
    room->cap_ms = rules->limits.backoff_cap_ms;
    return room;
}

static void put_place(segmo__buf *members, const segmo__outlet *outlet, const segmo__source *source)
{
    segmo__buf_addf(members, "\"destination\":\"%s\",\"source\":",
                    segmo__destination_name(outlet->destination));
    segmo__json_put_text(members, source->id);
}

static void report_pause(segmo__outlet *outlet, const segmo__source *source, int status,
                         const char *remedy)
{
    segmo__buf members;

    segmo__buf_init(&members, 4096);
    put_place(&members, outlet, source);
    segmo__buf_addf(&members, ",\"reason\":\"%s\",\"status\":%d,\"remedy\":\"%s\"", outlet->paused,
                    status, remedy);
    segmo__reports_add(outlet->client->reports, SEGMO_REPORT_PAUSED, segmo__buf_slice(&members));
    segmo__buf_free(&members);
}

static void report_resumption(segmo__outlet *outlet, const segmo__source *source)
{
    segmo__buf members;

    segmo__buf_init(&members, 4096);
    put_place(&members, outlet, source);
    segmo__reports_add(outlet->client->reports, SEGMO_REPORT_RESUMED, segmo__buf_slice(&members));
    segmo__buf_free(&members);
}

/* Told once for each settings that are refused. What was sent under settings that have changed
 * since says nothing about the new ones: it is sent again with those. */
static void pause_outlet(segmo__flight *flight, const segmo__source *source, const char *reason,
                         int status, const char *remedy, int64_t now_ms)
{
    segmo__outlet *outlet = flight->outlet;
    int is_new = !outlet->paused || outlet->paused_under != outlet->settings;

    segmo__outlet_begin_epoch(outlet);
    if (flight->settings != outlet->settings)
        return;
    segmo__outlet_set_paused(outlet, reason);
    outlet->paused_under = outlet->settings;
    if (is_new)
        report_pause(outlet, source, status, remedy);
    outlet->hold_until_ms = now_ms + PROBE_MS;
}

static void resume_outlet(segmo__outlet *outlet, const segmo__source *source)
{
    if (!outlet->paused)
        return;
    segmo__outlet_set_paused(outlet, NULL);
    report_resumption(outlet, source);
}

static void keep_answer(struct refusal *refusal, int status, segmo__slice words)
{
    size_t len = words.len < sizeof refusal->answer - 1 ? words.len : sizeof refusal->answer - 1;

    refusal->status = status;
    memcpy(refusal->answer, words.at, len);
    refusal->answer[len] = '\0';
}

/* Messages that were refused alone while others of their batch were taken. */
static void bury_held(segmo__outlet *outlet, const segmo__source *source, int lane, int64_t now_ms)
{
    const struct refusal *refusal = &outlet->refusals[lane];
    uint32_t count;
    const segmo__lane_item *item = segmo__lanes_held(outlet->lanes, lane, &count);

    for (; count > 0; count--, item = segmo__lane_next(outlet->lanes, item)) {
        if (!segmo__outlet_bury(outlet, source, item, item->attempts + 1, "refused",
                                refusal->status, segmo__slice_of(refusal->answer))) {
            outlet->hold_until_ms = now_ms + SEGMO__OUTLET_STORAGE_PAUSE_MS;
            segmo__outlet_begin_epoch(outlet);
            return;
        }
    }
    segmo__lanes_drop_held(outlet->lanes, lane);
}

static void lane_is_through(segmo__outlet *outlet, const segmo__source *source,
                            segmo__flight *flight, int64_t now_ms)
{
    segmo__lanes_done(outlet->lanes, flight->lane);
    bury_held(outlet, source, flight->lane, now_ms);
}

/* All messages of the flight end here; when a letter cannot be written they stay and are tried
 * later. */
static void flight_dies(segmo__outlet *outlet, const segmo__source *source, segmo__flight *flight,
                        const char *reason, int status, segmo__slice answer, int64_t now_ms)
{
    for (uint32_t i = 0; i < flight->count; i++) {
        if (!segmo__outlet_bury(outlet, source, &flight->items[i], flight->attempts + 1, reason,
                                status, answer)) {
            segmo__lanes_retry(outlet->lanes, flight->lane, now_ms + SEGMO__OUTLET_STORAGE_PAUSE_MS,
                               0);
            return;
        }
    }
    lane_is_through(outlet, source, flight, now_ms);
}

/* How long the answer asks to wait; -1 when it does not say. */
static int64_t asked_wait(const segmo__http_answer *answer)
{
    if (answer->retry_after_ms >= 0)
        return answer->retry_after_ms < RETRY_AFTER_CAP_MS ? answer->retry_after_ms
                                                           : RETRY_AFTER_CAP_MS;
    if (answer->status == 429 && answer->reset_ms >= 0)
        return answer->reset_ms < RATE_RESET_CAP_MS ? answer->reset_ms : RATE_RESET_CAP_MS;
    return -1;
}

/* When a request that failed for now is sent again. */
struct next_try {
    int64_t wait_ms;
    int holds;    /* the destination asked for the pause: all lanes keep it */
    int counts;   /* towards delivery.max_attempts */
    int gives_up; /* that was the last attempt */
};

/* "At once" is done once: who says it again and again would be stormed. */
static struct next_try plan_retry(const segmo__outlet *outlet, const segmo__rules *rules,
                                  const segmo__flight *flight, const segmo__http_answer *answer)
{
    uint32_t failures = flight->items[0].failures + 1u;
    int64_t wait = asked_wait(answer);
    segmo__backoff backoff;

    if (wait == 0 && flight->attempts > 0)
        return (struct next_try){.wait_ms =
                                     segmo__backoff_delay(backoff_of(outlet, rules, &backoff),
                                                          flight->attempts, segmo__id_random())};
    if (wait >= 0)
        return (struct next_try){.wait_ms = wait, .holds = 1};
    if (rules->limits.max_attempts > 0 && failures >= rules->limits.max_attempts)
        return (struct next_try){.gives_up = 1};
    wait = segmo__backoff_delay(backoff_of(outlet, rules, &backoff), failures, segmo__id_random());
    return (struct next_try){.wait_ms = wait, .counts = 1};
}

static void flight_retries(segmo__outlet *outlet, const segmo__source *source,
                           segmo__flight *flight, const struct next_try *next, const char *reason,
                           int status, segmo__slice words, int64_t now_ms)
{
    if (next->gives_up) {
        flight_dies(outlet, source, flight, reason, status, words, now_ms);
        return;
    }
    if (next->holds && now_ms + next->wait_ms > outlet->hold_until_ms)
        outlet->hold_until_ms = now_ms + next->wait_ms;
    segmo__lanes_retry(outlet->lanes, flight->lane, now_ms + next->wait_ms, next->counts);
}

static void single_refused(segmo__outlet *outlet, const segmo__source *source,
                           segmo__flight *flight, const char *reason, int status,
                           segmo__slice words, int64_t now_ms)
{
    keep_answer(&outlet->refusals[flight->lane], status, words);
    switch (segmo__lanes_refused(outlet->lanes, flight->lane)) {
    case SEGMO__BLAME_MESSAGE:
        flight_dies(outlet, source, flight, reason, status, words, now_ms);
        break;
    case SEGMO__BLAME_OPEN:
        break;
    case SEGMO__BLAME_SETTINGS:
        pause_outlet(flight, source, "everything_refused", status,
                     "every message of a batch was refused: check the destination's settings",
                     now_ms);
        break;
    }
}

static void flight_is_cut(segmo__outlet *outlet, const segmo__source *source, segmo__flight *flight,
                          segmo__verdict verdict, const char *reason, int status,
                          segmo__slice words, int64_t now_ms)
{
    if (flight->count > 1)
        segmo__lanes_halve(outlet->lanes, flight->lane, verdict == SEGMO__VERDICT_BISECT);
    else if (verdict == SEGMO__VERDICT_SPLIT)
        flight_dies(outlet, source, flight, reason, status, words, now_ms);
    else
        single_refused(outlet, source, flight, reason, status, words, now_ms);
}

static void flight_arrived(segmo__outlet *outlet, segmo__flight *flight, const segmo__rules *rules)
{
    for (uint32_t i = 0; i < flight->count; i++)
        segmo__outlet_settle_delivered(outlet, &flight->items[i]);
    if (rules->limits.report_delivered && flight->ids.len > 0) {
        segmo__buf members;

        segmo__buf_init(&members, SEGMO__OUTLET_BODY_MAX);
        segmo__buf_addf(&members, "\"destination\":\"%s\",\"messageIds\":[",
                        segmo__destination_name(outlet->destination));
        segmo__buf_add_slice(&members, segmo__buf_slice(&flight->ids));
        segmo__buf_add_char(&members, ']');
        segmo__reports_add(outlet->client->reports, SEGMO_REPORT_DELIVERED,
                           segmo__buf_slice(&members));
        segmo__buf_free(&members);
    }
}

/* Until the messages of a request are tried again; negative: they are not, or nobody knows yet. */
static int64_t retry_wait(segmo__verdict verdict, const struct next_try *next)
{
    switch (verdict) {
    case SEGMO__VERDICT_RETRY:
    case SEGMO__VERDICT_SLOW:
        return next->gives_up ? -1 : next->wait_ms;
    case SEGMO__VERDICT_PAUSE:
        return PROBE_MS;
    default:
        return -1;
    }
}

static void report_attempt(segmo__outlet *outlet, const segmo__source *source,
                           const segmo__flight *flight, const segmo__http_answer *answer,
                           const char *reason, int64_t retry_in_ms, segmo__slice code,
                           segmo__slice words)
{
    segmo__buf members;

    segmo__buf_init(&members, SEGMO__OUTLET_BODY_MAX);
    segmo__buf_addf(&members,
                    "\"destination\":\"%s\",\"status\":%d,\"attempt\":%u,\"latency_us\":%lld,"
                    "\"outcome\":\"%s\",\"source\":",
                    segmo__destination_name(outlet->destination), answer->status,
                    flight->attempts + 1, (long long)answer->latency_us, reason);
    segmo__json_put_text(&members, source->id);
    segmo__buf_add_lit(&members, ",\"retry_in_ms\":");
    if (retry_in_ms < 0)
        segmo__buf_add_lit(&members, "null");
    else
        segmo__buf_add_i64(&members, retry_in_ms);
    segmo__buf_add_lit(&members, ",\"code\":");
    segmo__json_put_string(&members, code.at, code.len);
    segmo__buf_add_lit(&members, ",\"answer\":");
    segmo__json_put_string(&members, words.at, words.len);
    segmo__buf_add_lit(&members, ",\"messageIds\":[");
    segmo__buf_add_slice(&members, segmo__buf_slice(&flight->ids));
    segmo__buf_add_char(&members, ']');
    segmo__reports_add(outlet->client->reports, SEGMO_REPORT_ATTEMPT, segmo__buf_slice(&members));
    segmo__buf_free(&members);
}

static segmo__verdict judge(const segmo__outlet *outlet, const segmo__http_answer *answer,
                            const char **reason, const char **remedy)
{
    *remedy = "";
    if (answer->status > 0)
        return segmo__status_policy(outlet->destination == SEGMO__DESTINATION_SEGMENT
                                        ? SEGMO__SERVICE_SEGMENT
                                        : SEGMO__SERVICE_MOENGAGE,
                                    answer->status, answer->body, reason, remedy);
    *reason = answer->config_error ? "connection_refused_by_settings" : "no_answer";
    *remedy = "check the host, the certificate (delivery.ca_file) and the proxy";
    return answer->config_error ? SEGMO__VERDICT_PAUSE : SEGMO__VERDICT_RETRY;
}

/* What the service calls the error, and what it says about it. */
static void answer_words(const segmo__http_answer *answer, segmo__buf *code, segmo__buf *words)
{
    if (answer->status == 0)
        segmo__buf_add_str(words, answer->error);
    else if (answer->body.len > 0)
        segmo__status_error_text(answer->body, code, words);
}

static void act(segmo__outlet *outlet, const segmo__source *source, segmo__flight *flight,
                int status, segmo__verdict verdict, const struct next_try *next, const char *reason,
                const char *remedy, segmo__slice words, int64_t now_ms)
{
    switch (verdict) {
    case SEGMO__VERDICT_DELIVERED:
        resume_outlet(outlet, source);
        lane_is_through(outlet, source, flight, now_ms);
        break;
    case SEGMO__VERDICT_RETRY:
    case SEGMO__VERDICT_SLOW:
        flight_retries(outlet, source, flight, next, reason, status, words, now_ms);
        break;
    case SEGMO__VERDICT_SPLIT:
    case SEGMO__VERDICT_BISECT:
        flight_is_cut(outlet, source, flight, verdict, reason, status, words, now_ms);
        break;
    case SEGMO__VERDICT_DEAD:
        flight_dies(outlet, source, flight, reason, status, words, now_ms);
        break;
    case SEGMO__VERDICT_PAUSE:
        pause_outlet(flight, source, reason, status, remedy, now_ms);
        break;
    }
}

void segmo__outlet_answer(segmo__flight *flight, const segmo__rules *rules,
                          const segmo__http_answer *answer, int64_t now_ms)
{
    segmo__outlet *outlet = flight->outlet;
    const segmo__source *source = segmo__settings_source_by_hash(rules->settings, outlet->source);
    const char *reason = "delivered", *remedy;
    segmo__verdict verdict = judge(outlet, answer, &reason, &remedy);
    struct next_try next = plan_retry(outlet, rules, flight, answer);
    segmo__buf code, words;

    segmo__flight_return(flight);
    outlet->in_flight--;
    outlet->shop->in_flight--;
    segmo__buf_init(&code, 4096);
    segmo__buf_init(&words, 4096);
    if (verdict == SEGMO__VERDICT_DELIVERED) {
        flight_arrived(outlet, flight, rules);
    } else {
        segmo__tally_fail(outlet->tally, reason, answer->status, segmo__clock_wall_ms());
        answer_words(answer, &code, &words);
    }
    if (rules->limits.report_attempts && source)
        report_attempt(outlet, source, flight, answer, reason, retry_wait(verdict, &next),
                       segmo__buf_slice(&code), segmo__buf_slice(&words));
    if (!source && outlet->lanes && flight->epoch == outlet->epoch)
        segmo__outlet_begin_epoch(
            outlet); /* the source is gone from the settings: its messages wait on disk */
    else if (source && outlet->lanes && flight->epoch == outlet->epoch)
        act(outlet, source, flight, answer->status, verdict, &next, reason, remedy,
            segmo__buf_slice(&words), now_ms);
    segmo__buf_free(&code);
    segmo__buf_free(&words);
    segmo__flight_give(flight);
}
