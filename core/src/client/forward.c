#include "client/forward.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "client/kafka_record.h"
#include "client/kafka_settings.h"
#include "deliver/kafka.h"
#include "model/message.h"

#define AWAY_MAX         65536 /* messages at librdkafka: their places take 1.5 MiB */
#define FULL_WAIT_MS     20
#define REOPEN_BASE_MS   200
#define REOPEN_CAP_MS    30000
#define SETTINGS_WAIT_MS 10000
#define NONE             UINT32_MAX

/* A message on its way; free ones are a list. */
struct away {
    segmo__record_ref place;
    uint32_t next;
    int is_used;
};

struct segmo__forward {
    segmo_client *client;
    segmo__http *http;
    segmo__kafka *kafka; /* NULL: to be opened */
    uint64_t settings_hash;
    segmo__spool_cursor *cursor;
    segmo__record_ref held; /* read, and librdkafka had no room; length 0: none */
    struct away *away;
    uint32_t touched, free_rows, in_flight;
    uint32_t failures; /* handles that broke, since a message arrived */
    int64_t hold_until_ms;
    const char *paused;
    int is_fresh; /* the handle: what it told before it could wake anybody is to be taken */
    int settings_changed;
    int rescans; /* sources changed: the spool is read anew when nothing is on its way */
    segmo__kafka_texts texts;
};

static segmo__tally *tally_of(const segmo__forward *forward)
{
    return &forward->client->tally[SEGMO__DESTINATION_KAFKA];
}

/* ---- ways out ---- */

static uint64_t pending_for(const segmo_client *client, int kafka)
{
    segmo__spool_counts counts;

    segmo__spool_count(client->spool, &counts);
    return kafka ? counts.pending_records[SEGMO__DESTINATION_KAFKA]
                 : counts.pending_records[SEGMO__DESTINATION_SEGMENT] +
                       counts.pending_records[SEGMO__DESTINATION_MOENGAGE];
}

int segmo__forward_has_way(const segmo_client *client, const segmo__rules *rules)
{
    if (!rules->limits.to_kafka)
        return rules->limits.has_kafka;
    return rules->limits.delivery_enabled && pending_for(client, 0) == 0;
}

int segmo__direct_has_way(const segmo_client *client, const segmo__rules *rules)
{
    return rules->limits.to_kafka || pending_for(client, 1) == 0;
}

/* ---- life ---- */

segmo__forward *segmo__forward_new(segmo_client *client, segmo__http *http)
{
    segmo__forward *forward = segmo__zalloc(sizeof *forward);

    if (!forward)
        return NULL;
    forward->client = client;
    forward->http = http;
    forward->free_rows = NONE;
    segmo__kafka_texts_init(&forward->texts);
    return forward;
}

/* What was on its way is pending again: the next cursor finds it. */
static void forget_away(segmo__forward *forward)
{
    segmo__kafka_close(forward->kafka);
    segmo__spool_cursor_free(forward->cursor);
    forward->kafka = NULL;
    forward->cursor = NULL;
    forward->held.length = 0;
    forward->rescans = 0;
    for (uint32_t i = 0; i < forward->touched; i++)
        forward->away[i].is_used = 0;
    forward->touched = forward->in_flight = 0;
    forward->free_rows = NONE;
}

void segmo__forward_free(segmo__forward *forward)
{
    if (!forward)
        return;
    forget_away(forward);
    segmo__free(forward->away);
    segmo__kafka_texts_free(&forward->texts);
    segmo__free(forward);
}

/* ---- places of what is on its way ---- */

static uint32_t take_row(segmo__forward *forward, const segmo__record_ref *place)
{
    uint32_t row = forward->free_rows;

    if (row == NONE)
        row = forward->touched++;
    else
        forward->free_rows = forward->away[row].next;
    forward->away[row] = (struct away){*place, NONE, 1};
    forward->in_flight++;
    return row;
}

static void give_row(segmo__forward *forward, uint32_t row)
{
    forward->away[row].is_used = 0;
    forward->away[row].next = forward->free_rows;
    forward->free_rows = row;
    forward->in_flight--;
}

size_t segmo__forward_away(const segmo__forward *forward, uint64_t *places)
{
    size_t count = 0;

    for (uint32_t i = 0; forward && i < forward->touched; i++) {
        if (!forward->away[i].is_used)
            continue;
        if (places)
            places[count] =
                (uint64_t)forward->away[i].place.file << 32 | forward->away[i].place.offset;
        count++;
    }
    return count;
}

/* ---- trouble ---- */

static void report(segmo__forward *forward, int kind, const char *reason, const char *remedy)
{
    if (kind == SEGMO_REPORT_PAUSED)
        segmo__reports_tell(forward->client->reports, kind,
                            "\"destination\":\"kafka\",\"source\":null,\"reason\":\"%s\","
                            "\"status\":0,\"remedy\":\"%s\"",
                            reason, remedy);
    else
        segmo__reports_tell(forward->client->reports, kind,
                            "\"destination\":\"kafka\",\"source\":null");
}

/* Told once, until something arrives or the settings change. */
static void pause_for(segmo__forward *forward, const char *reason, const char *remedy)
{
    if (!forward->paused)
        report(forward, SEGMO_REPORT_PAUSED, reason, remedy);
    forward->paused = reason;
    atomic_store(&forward->client->paused[SEGMO__DESTINATION_KAFKA], reason);
}

static void resume(segmo__forward *forward)
{
    if (!forward->paused)
        return;
    forward->paused = NULL;
    atomic_store(&forward->client->paused[SEGMO__DESTINATION_KAFKA], NULL);
    report(forward, SEGMO_REPORT_RESUMED, NULL, NULL);
}

static int64_t reopen_wait(uint32_t failures)
{
    int64_t wait = REOPEN_BASE_MS;

    while (--failures > 0 && wait < REOPEN_CAP_MS)
        wait *= 2;
    return wait < REOPEN_CAP_MS ? wait : REOPEN_CAP_MS;
}

/* Begins anew with another handle. */
static void begin_again(segmo__forward *forward, int64_t wait_ms, int64_t now_ms)
{
    if (forward->in_flight > 0)
        segmo__count(&tally_of(forward)->retries, 1);
    forget_away(forward);
    forward->hold_until_ms = now_ms + wait_ms;
}

static void meet_trouble(segmo__forward *forward, const segmo__kafka_event *event, int64_t now_ms)
{
    segmo__tally_fail(tally_of(forward), event->reason, 0, segmo__clock_wall_ms());
    if (event->trouble == SEGMO__KAFKA_SETTINGS)
        pause_for(forward, event->reason, event->remedy);
    if (event->kind == SEGMO__KAFKA_FAILED || event->is_broken)
        begin_again(forward,
                    event->trouble == SEGMO__KAFKA_SETTINGS ? SETTINGS_WAIT_MS
                                                            : reopen_wait(++forward->failures),
                    now_ms);
}

/* ---- what the brokers tell ---- */

static void settle(segmo__forward *forward, uint32_t row)
{
    if (row >= forward->touched || !forward->away[row].is_used)
        return;
    if (segmo__spool_settle(forward->client->spool, &forward->away[row].place,
                            SEGMO__DESTINATION_KAFKA, SEGMO__DELIVERED))
        segmo__count(&tally_of(forward)->delivered, 1);
    give_row(forward, row);
}

static void take_events(segmo__forward *forward, int64_t now_ms)
{
    segmo__kafka_event event;

    while (forward->kafka && segmo__kafka_next(forward->kafka, &event)) {
        if (event.kind == SEGMO__KAFKA_SENT) {
            settle(forward, (uint32_t)event.tag);
            forward->failures = 0;
            resume(forward);
        } else if (event.kind == SEGMO__KAFKA_FAILED || event.kind == SEGMO__KAFKA_TROUBLE) {
            meet_trouble(forward, &event, now_ms);
        }
    }
}

/* ---- sending ---- */

static void wake(void *ctx)
{
    segmo__http_wake(ctx);
}

static int open_kafka(segmo__forward *forward, segmo_error **err)
{
    segmo__kafka_settings settings;
    segmo__kafka_options options = {.wake = wake, .ctx = forward->http};
    int status = segmo__kafka_settings_of(&settings, forward->client, SEGMO__KAFKA_SENDER, err);

    options.settings = settings.row;
    options.setting_count = settings.count;
    forward->settings_hash = settings.hash;
    if (status == SEGMO_OK)
        status = segmo__kafka_open_producer(&forward->kafka, &options, err);
    forward->is_fresh = 1;
    segmo__kafka_settings_free(&settings);
    return status;
}

static int is_ready(segmo__forward *forward, int64_t now_ms)
{
    segmo_error *error = NULL;
    int status = SEGMO_OK;

    if (!forward->away)
        forward->away = segmo__zalloc(AWAY_MAX * sizeof *forward->away);
    if (!forward->away)
        status = SEGMO_ERR_MEMORY;
    if (status == SEGMO_OK && !forward->kafka)
        status = open_kafka(forward, &error);
    if (status == SEGMO_OK && !forward->cursor)
        status = segmo__spool_cursor_open(&forward->cursor, forward->client->spool,
                                          SEGMO__DESTINATION_KAFKA, NULL);
    if (status == SEGMO_ERR_OPTION || status == SEGMO_ERR_UNSUPPORTED)
        pause_for(forward, "kafka_settings",
                  "librdkafka is missing or refuses a setting: see `segmo doctor`");
    if (status != SEGMO_OK)
        forward->hold_until_ms = now_ms + SETTINGS_WAIT_MS;
    segmo_error_free(error);
    return status == SEGMO_OK;
}

/* Hands one message to librdkafka. 0: no more now. */
static int send_stored(segmo__forward *forward, const segmo__rules *rules,
                       const segmo__record_ref *ref, segmo__slice stored, int64_t now_ms)
{
    const segmo__source *source;
    segmo__kafka_trouble trouble;
    segmo__kafka_record record;
    segmo__message message;
    uint32_t row;

    if (segmo__message_read(&message, stored, NULL) != SEGMO_OK)
        return 1;
    source = segmo__settings_source_by_hash(rules->settings, message.source);
    if (!source)
        return 1; /* it waits until the settings name its source again */
    if (!segmo__kafka_record_of(&record, &message, source->id, rules->limits.kafka_topic,
                                &forward->texts)) {
        begin_again(forward, FULL_WAIT_MS, now_ms);
        return 0;
    }
    row = take_row(forward, ref);
    if (segmo__kafka_send(forward->kafka, &record, row, &trouble)) {
        segmo__count(&tally_of(forward)->bytes_raw, record.value.len);
        segmo__count(&tally_of(forward)->bytes_sent, record.value.len);
        segmo__count(&tally_of(forward)->requests, 1);
        return 1;
    }
    give_row(forward, row);
    if (trouble == SEGMO__KAFKA_FINE) {
        forward->held = *ref;
        forward->hold_until_ms = now_ms + FULL_WAIT_MS;
    } else {
        begin_again(forward,
                    trouble == SEGMO__KAFKA_SETTINGS ? SETTINGS_WAIT_MS
                                                     : reopen_wait(++forward->failures),
                    now_ms);
    }
    return 0;
}

static int send_held(segmo__forward *forward, const segmo__rules *rules, int64_t now_ms)
{
    segmo__record_ref held = forward->held;
    segmo__slice stored;

    forward->held.length = 0;
    if (held.length == 0)
        return 1;
    if (segmo__spool_settled(forward->client->spool, &held, SEGMO__DESTINATION_KAFKA) !=
        SEGMO__PENDING)
        return 1;
    if (segmo__spool_read(forward->client->spool, &held, &stored, NULL) != SEGMO_OK) {
        begin_again(forward, REOPEN_BASE_MS, now_ms);
        return 0;
    }
    return send_stored(forward, rules, &held, stored, now_ms);
}

static void send_waiting(segmo__forward *forward, const segmo__rules *rules, int64_t now_ms)
{
    segmo__record_ref ref;
    segmo__slice stored;

    if (!send_held(forward, rules, now_ms))
        return;
    while (forward->in_flight < AWAY_MAX && segmo__spool_next(forward->cursor, &ref, &stored))
        if (!send_stored(forward, rules, &ref, stored, now_ms))
            return;
}

static int is_idle(const segmo__forward *forward)
{
    return forward->in_flight == 0 && pending_for(forward->client, 1) == 0;
}

/* Other settings for librdkafka need another handle. */
static void follow_settings(segmo__forward *forward, int64_t now_ms)
{
    segmo__kafka_settings settings;

    forward->settings_changed = 0;
    forward->hold_until_ms = 0;
    if (segmo__kafka_settings_of(&settings, forward->client, SEGMO__KAFKA_SENDER, NULL) ==
            SEGMO_OK &&
        (settings.hash != forward->settings_hash || forward->paused)) {
        begin_again(forward, 0, now_ms);
        resume(forward);
    } else {
        forward->rescans = 1;
    }
    segmo__kafka_settings_free(&settings);
}

/* 0: the answers to what is on its way come first, or it would be sent twice. */
static int rescan(segmo__forward *forward)
{
    if (forward->in_flight > 0)
        return 0;
    segmo__spool_cursor_free(forward->cursor);
    forward->cursor = NULL;
    forward->held.length = 0;
    forward->rescans = 0;
    return 1;
}

void segmo__forward_pump(segmo__forward *forward, const segmo__rules *rules, int64_t now_ms,
                         int64_t *next_ms)
{
    if (forward->settings_changed)
        follow_settings(forward, now_ms);
    take_events(forward, now_ms);
    if (is_idle(forward) || !segmo__forward_has_way(forward->client, rules) ||
        (forward->rescans && !rescan(forward)))
        return;
    if (now_ms >= forward->hold_until_ms && is_ready(forward, now_ms))
        send_waiting(forward, rules, now_ms);
    if (forward->is_fresh)
        *next_ms = now_ms;
    else if (now_ms < forward->hold_until_ms && forward->hold_until_ms < *next_ms)
        *next_ms = forward->hold_until_ms;
    forward->is_fresh = 0;
}

void segmo__forward_settings_changed(segmo__forward *forward)
{
    forward->settings_changed = 1;
}

int segmo__forward_wants(const segmo__forward *forward, const segmo__rules *rules, int64_t now_ms)
{
    return segmo__forward_has_way(forward->client, rules) && now_ms >= forward->hold_until_ms &&
           forward->in_flight < AWAY_MAX;
}
