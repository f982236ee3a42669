#include "client/outlet.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "client/pipeline.h"
#include "deliver/lanes.h"
#include "deliver/retry.h"
#include "deliver/status_policy.h"

#define MAX_ITEMS          131072 /* places of messages held in lanes: 7 MiB when full */
#define BODY_MAX           (1u << 20)
#define PROBE_MS           60000  /* a paused destination is tried again this often */
#define STORAGE_PAUSE_MS   1000   /* the spool or the dead letters could not be used */
#define RETRY_AFTER_CAP_MS 300000
#define RATE_RESET_CAP_MS  60000
#define WARNINGS_PER_SECOND 20

static const segmo__backoff segment_backoff = {500, 60000, 0.0, 0.1};
static const segmo__backoff moengage_backoff = {2000, 60000, -0.5, 0.5};

/* The last refusal in a lane that is being bisected: goes into the dead letters of its held messages. */
struct refusal {
    int status;
    char answer[200];
};

struct segmo__flight {
    segmo__outlet *outlet;
    segmo__flight *next; /* in the outlet's pool */
    uint32_t epoch;
    int lane;
    uint32_t count;
    uint32_t attempts;
    segmo__lane_item *items; /* copies: an answer settles them even when the lanes began anew */
    uint32_t room;
    segmo__buf body;
    segmo__buf url;
    segmo__buf ids; /* message ids, for the attempt feed */
};

struct segmo__outlet {
    segmo__outlet_shop *shop;
    segmo_client *client;
    segmo__tally *tally;
    segmo__destination destination;
    uint64_t source;
    segmo__spool_cursor *cursor;
    segmo__lanes *lanes;
    struct refusal *refusals; /* per lane */
    segmo__bucket users;
    segmo__bucket events;
    segmo__bucket requests;
    int64_t hold_until_ms;
    uint32_t epoch; /* raised when lanes start anew: answers to older flights only settle */
    uint32_t in_flight;
    int paused;
    double mean_bytes; /* of a message: how many make a full body */
    segmo__flight *pool;
    uint64_t skips;    /* not reported yet */
    const char *skip_reason;
    int64_t warning_second;
    uint32_t warnings_in_second;
};

/* ---- life -------------------------------------------------------------------------------- */

static int start_lanes(segmo__outlet *outlet, uint32_t count)
{
    outlet->lanes = segmo__lanes_new(count, MAX_ITEMS);
    outlet->refusals = segmo__zalloc(count * sizeof *outlet->refusals);
    return outlet->lanes && outlet->refusals;
}

static void end_lanes(segmo__outlet *outlet)
{
    segmo__free(outlet->refusals);
    segmo__lanes_free(outlet->lanes);
    segmo__spool_cursor_free(outlet->cursor);
    outlet->refusals = NULL;
    outlet->lanes = NULL;
    outlet->cursor = NULL;
}

static void fill_buckets(segmo__outlet *outlet, const segmo__rules *rules, int64_t now_ms)
{
    segmo__bucket_init(&outlet->users, rules->limits.users_per_minute, now_ms);
    segmo__bucket_init(&outlet->events, rules->limits.events_per_minute, now_ms);
    segmo__bucket_init(&outlet->requests, rules->limits.requests_per_minute, now_ms);
}

segmo__outlet *segmo__outlet_new(segmo__outlet_shop *shop, segmo__destination destination,
                                 uint64_t source_hash)
{
    segmo__outlet *outlet = segmo__zalloc(sizeof *outlet);
    segmo__rules *rules;

    if (!outlet)
        return NULL;
    outlet->shop = shop;
    outlet->client = shop->client;
    outlet->tally = &shop->client->tally[destination];
    outlet->destination = destination;
    outlet->source = source_hash;
    outlet->mean_bytes = 1024;
    rules = segmo__client_rules(shop->client);
    fill_buckets(outlet, rules, segmo__clock_mono_ms());
    segmo__rules_release(rules);
    return outlet;
}

static void free_flight(segmo__flight *flight)
{
    segmo__free(flight->items);
    segmo__buf_free(&flight->body);
    segmo__buf_free(&flight->url);
    segmo__buf_free(&flight->ids);
    segmo__free(flight);
}

void segmo__outlet_free(segmo__outlet *outlet)
{
    if (!outlet)
        return;
    while (outlet->pool) {
        segmo__flight *flight = outlet->pool;

        outlet->pool = flight->next;
        free_flight(flight);
    }
    end_lanes(outlet);
    segmo__free(outlet);
}

static segmo__flight *take_flight(segmo__outlet *outlet, uint32_t room)
{
    segmo__flight *flight = outlet->pool;

    if (flight) {
        outlet->pool = flight->next;
    } else {
        flight = segmo__zalloc(sizeof *flight);
        if (!flight)
            return NULL;
        segmo__buf_init(&flight->body, BODY_MAX);
        segmo__buf_init(&flight->url, 4096);
        segmo__buf_init(&flight->ids, BODY_MAX);
    }
    if (flight->room < room) {
        segmo__free(flight->items);
        flight->items = segmo__alloc(room * sizeof *flight->items);
        flight->room = flight->items ? room : 0;
    }
    flight->outlet = outlet;
    flight->epoch = outlet->epoch;
    flight->count = 0;
    segmo__buf_clear(&flight->url);
    segmo__buf_clear(&flight->ids);
    if (flight->room >= room)
        return flight;
    free_flight(flight);
    return NULL;
}

static void give_flight(segmo__flight *flight)
{
    flight->next = flight->outlet->pool;
    flight->outlet->pool = flight;
}

/* ---- outcomes ---------------------------------------------------------------------------- */

static segmo__record_ref place_of(const segmo__lane_item *item)
{
    return (segmo__record_ref){item->place[0], item->place[1], item->place[2]};
}

/* Settles a message once: later calls for it change and count nothing. */
static int settle(segmo__outlet *outlet, const segmo__record_ref *place, segmo__settled state)
{
    return segmo__spool_settle(outlet->client->spool, place, outlet->destination, state);
}

static void settle_delivered(segmo__outlet *outlet, const segmo__lane_item *item)
{
    segmo__record_ref place = place_of(item);

    if (settle(outlet, &place, SEGMO__DELIVERED))
        segmo__count(&outlet->tally->delivered, 1);
}

static void report_skips(segmo__outlet *outlet)
{
    if (outlet->skips > 0)
        segmo__client_report(outlet->client, SEGMO_REPORT_SKIPPED,
                             "\"destination\":\"%s\",\"reason\":\"%s\",\"count\":%llu",
                             segmo__destination_name(outlet->destination), outlet->skip_reason,
                             (unsigned long long)outlet->skips);
    outlet->skips = 0;
}

static void settle_skipped(segmo__outlet *outlet, const segmo__record_ref *place, const char *reason)
{
    if (!settle(outlet, place, SEGMO__SKIPPED))
        return;
    segmo__count(&outlet->tally->skipped, 1);
    segmo__reasons_add(&outlet->tally->skipped_for, reason, 1);
    if (outlet->skips > 0 && outlet->skip_reason != reason)
        report_skips(outlet);
    outlet->skip_reason = reason;
    outlet->skips++;
}

/* Writes the dead letter first: without it the message stays pending. 0 when it could not be written. */
static int settle_dead(segmo__outlet *outlet, const segmo__source *source, const segmo__lane_item *item,
                       uint32_t attempts, const segmo__message *message, const char *reason, int status,
                       segmo__slice answer)
{
    segmo__record_ref place = place_of(item);

    if (segmo__spool_settled(outlet->client->spool, &place, outlet->destination) != SEGMO__PENDING)
        return 1;
    if (!segmo__pipeline_bury(outlet->client, message, source->id, outlet->destination, reason, status,
                              answer, attempts))
        return 0;
    if (settle(outlet, &place, SEGMO__DEAD)) {
        segmo__count(&outlet->tally->dead, 1);
        segmo__reasons_add(&outlet->tally->dead_for, reason, 1);
    }
    return 1;
}

/* Reads a stored message again into the shop's buffer. */
static int read_back(segmo__outlet *outlet, const segmo__lane_item *item, segmo__message *message)
{
    segmo__record_ref place = place_of(item);
    segmo__buf *stored = &outlet->shop->message;

    segmo__buf_clear(stored);
    return segmo__spool_read(outlet->client->spool, &place, stored, NULL) == SEGMO_OK &&
           segmo__message_read(message, segmo__buf_slice(stored), NULL) == SEGMO_OK;
}

static int bury_item(segmo__outlet *outlet, const segmo__source *source, const segmo__lane_item *item,
                     uint32_t attempts, const char *reason, int status, segmo__slice answer)
{
    segmo__message message;

    return read_back(outlet, item, &message) &&
           settle_dead(outlet, source, item, attempts, &message, reason, status, answer);
}

/* ---- reading ----------------------------------------------------------------------------- */

static uint32_t batch_size(const segmo__outlet *outlet, const segmo__rules *rules)
{
    double fits = rules->limits.max_batch_bytes / outlet->mean_bytes;
    uint32_t count = rules->limits.flush_at;

    return fits < 1 ? 1 : fits < count ? (uint32_t)fits : count;
}

static void take_record(segmo__outlet *outlet, const segmo__source *source, const segmo__record_ref *ref,
                        segmo__slice stored, uint64_t backlog, uint32_t batch, int64_t now_ms)
{
    segmo__message message;
    segmo__decision decision;
    segmo__lane_item item;

    if (segmo__message_read(&message, stored, NULL) != SEGMO_OK || message.source != outlet->source)
        return;
    decision = segmo__route(source, &message, outlet->destination);
    if (!decision.send) {
        settle_skipped(outlet, ref, decision.reason);
        return;
    }
    item = (segmo__lane_item){.user = (uint32_t)(message.user ^ message.user >> 32),
                              .place = {ref->file, ref->offset, ref->length},
                              .arrived_ms = now_ms,
                              .accepted_ms = message.accepted_ms};
    outlet->mean_bytes += (message.json_len - outlet->mean_bytes) / 64;
    segmo__lanes_add(outlet->lanes, &item, backlog, batch);
}

/* Reads as long as a lane could send if it had more; an outage of all lanes reads nothing. */
static void read_spool(segmo__outlet *outlet, const segmo__rules *rules, const segmo__source *source,
                       int64_t now_ms)
{
    uint32_t batch = batch_size(outlet, rules);
    segmo__spool_counts counts;
    segmo__record_ref ref;
    segmo__slice stored;

    while (segmo__lanes_starving(outlet->lanes, now_ms, batch)) {
        segmo__spool_count(outlet->client->spool, &counts);
        for (uint32_t i = 0; i < batch; i++) {
            if (segmo__lanes_full(outlet->lanes) || !segmo__spool_next(outlet->cursor, &ref, &stored))
                return;
            take_record(outlet, source, &ref, stored, counts.pending_records[outlet->destination], batch,
                        now_ms);
        }
    }
}

/* ---- sending ----------------------------------------------------------------------------- */

/* What the notes of a transformation need to say where they belong. */
struct note_context {
    segmo__outlet *outlet;
    const segmo__message *message;
    int64_t now_ms;
};

static void report_note(void *ctx, const segmo__note *note)
{
    struct note_context *context = ctx;
    segmo__outlet *outlet = context->outlet;
    segmo__slice id = segmo__message_part(context->message, SEGMO__PART_MESSAGE_ID);
    segmo__buf members;

    segmo__count(&outlet->tally->warnings, 1);
    if (outlet->warning_second != context->now_ms / 1000) {
        outlet->warning_second = context->now_ms / 1000;
        outlet->warnings_in_second = 0;
    }
    if (outlet->warnings_in_second++ >= WARNINGS_PER_SECOND)
        return;
    segmo__buf_init(&members, 16384);
    segmo__buf_addf(&members, "\"destination\":\"%s\",\"code\":\"%s\",\"field\":",
                    segmo__destination_name(outlet->destination), note->code);
    segmo__json_put_text(&members, note->field);
    segmo__buf_add_lit(&members, ",\"message\":");
    segmo__json_put_text(&members, note->words);
    segmo__buf_add_lit(&members, ",\"messageId\":");
    segmo__buf_add_slice(&members, id);
    segmo__reports_add(outlet->client->reports, SEGMO_REPORT_WARNING, segmo__buf_slice(&members));
    segmo__buf_free(&members);
}

static void remember_id(segmo__flight *flight, const segmo__message *message)
{
    if (flight->ids.len > 0)
        segmo__buf_add_char(&flight->ids, ',');
    segmo__buf_add_slice(&flight->ids, segmo__message_part(message, SEGMO__PART_MESSAGE_ID));
}

enum packed { PACKED, PACK_SETTLED, PACK_FULL, PACK_STUCK };

static enum packed settled_or_stuck(int settled)
{
    return settled ? PACK_SETTLED : PACK_STUCK;
}

/* Puts one waiting message into the body, or gives it its outcome. */
static enum packed pack_item(segmo__outlet *outlet, const segmo__rules *rules, segmo__body *body,
                        segmo__flight *flight, const segmo__lane_item *item, int64_t wall_ms)
{
    segmo__record_ref place = place_of(item);
    segmo__message message;
    struct note_context context = {outlet, &message, wall_ms};
    segmo_error *error = NULL;
    const char *reason = NULL;
    enum packed packed = PACKED;

    if (segmo__spool_settled(outlet->client->spool, &place, outlet->destination) != SEGMO__PENDING)
        return PACK_SETTLED;
    if (!read_back(outlet, item, &message))
        return PACK_STUCK;
    if (item->attempts > 0 && wall_ms - item->accepted_ms > rules->limits.max_age_ms)
        return settled_or_stuck(
            settle_dead(outlet, body->source, item, item->attempts, &message, "max_age", 0, (segmo__slice){"", 0}));
    switch (segmo__body_add(body, &message, wall_ms, item->attempts == 0 ? report_note : NULL, &context,
                            &reason, &error)) {
    case SEGMO__ADDED:
        if (rules->limits.report_attempts || rules->limits.report_delivered)
            remember_id(flight, &message);
        flight->items[flight->count++] = *item;
        break;
    case SEGMO__ADD_FULL:
        packed = PACK_FULL;
        break;
    case SEGMO__ADD_SKIP:
        settle_skipped(outlet, &place, reason);
        packed = PACK_SETTLED;
        break;
    case SEGMO__ADD_DEAD:
        packed = settled_or_stuck(settle_dead(outlet, body->source, item, item->attempts, &message, reason, 0,
                                              segmo__slice_of(segmo_error_message(error))));
        break;
    }
    segmo_error_free(error);
    return packed;
}

/* Fills the body from the front of a lane; what needs no sending leaves the lane. */
static enum packed pack_lane(segmo__outlet *outlet, const segmo__rules *rules, segmo__body *body,
                        segmo__flight *flight, uint32_t count)
{
    const segmo__lane_item *item = segmo__lanes_batch(outlet->lanes, flight->lane, &count);
    const segmo__lane_item *previous = NULL, *next;
    int64_t wall_ms = segmo__clock_wall_ms();
    enum packed packed = PACKED;

    flight->attempts = item->attempts;
    for (uint32_t i = 0; i < count; i++, item = next) {
        next = segmo__lane_next(outlet->lanes, item);
        packed = pack_item(outlet, rules, body, flight, item, wall_ms);
        if (packed == PACKED)
            previous = item;
        else if (packed == PACK_SETTLED)
            segmo__lanes_drop(outlet->lanes, flight->lane, previous);
        else
            break;
    }
    return packed;
}

static int64_t rate_wait(segmo__outlet *outlet, const segmo__body *body, int64_t now_ms)
{
    int64_t wait = 0, one;

    if (outlet->destination != SEGMO__DESTINATION_MOENGAGE)
        return 0;
    if (body->endpoint == SEGMO__MOENGAGE_SEGMENT)
        return segmo__bucket_wait(&outlet->requests, 1, now_ms);
    one = segmo__bucket_wait(&outlet->users, body->users, now_ms);
    wait = one > wait ? one : wait;
    one = segmo__bucket_wait(&outlet->events, body->events, now_ms);
    return one > wait ? one : wait;
}

static void rate_take(segmo__outlet *outlet, const segmo__body *body, int64_t now_ms)
{
    if (outlet->destination != SEGMO__DESTINATION_MOENGAGE)
        return;
    if (body->endpoint == SEGMO__MOENGAGE_SEGMENT) {
        segmo__bucket_take(&outlet->requests, 1, now_ms);
        return;
    }
    segmo__bucket_take(&outlet->users, body->users, now_ms);
    segmo__bucket_take(&outlet->events, body->events, now_ms);
}

/* MoEngage's documents name no compression, so its bodies go as they are. */
static int compresses(const segmo__outlet *outlet, const segmo__rules *rules)
{
    return rules->limits.gzip && outlet->destination == SEGMO__DESTINATION_SEGMENT;
}

static int launch(segmo__outlet *outlet, const segmo__rules *rules, const segmo__body *body,
                  segmo__flight *flight, segmo_error **err)
{
    const segmo__source *source = body->source;
    segmo__buf *raw = body->bytes;
    int gzipped = compresses(outlet, rules) &&
                  segmo__gzip_run(outlet->shop->gzip, segmo__buf_slice(raw), &flight->body);
    segmo__http_request request = {.gzipped = gzipped, .retry_count = flight->attempts, .tag = flight};
    char app_key[160];

    segmo__count(&outlet->tally->bytes_raw, raw->len);
    if (!gzipped) {
        segmo__buf swap = flight->body;

        flight->body = *raw;
        *body->bytes = swap;
    }
    segmo__buf_add_char(&flight->url, '\0');
    request.url = flight->url.data;
    request.body = segmo__buf_slice(&flight->body);
    if (outlet->destination == SEGMO__DESTINATION_SEGMENT) {
        request.user = source->segment.write_key;
        request.password = "";
    } else {
        request.user = source->moengage.app_id;
        request.password = source->moengage.api_key;
        if (body->endpoint == SEGMO__MOENGAGE_TRANSITION) {
            segmo__buf line = {.data = app_key, .cap = sizeof app_key, .max = sizeof app_key};

            segmo__buf_addf(&line, "MOE-APPKEY: %s", source->moengage.app_id);
            request.headers[0] = line.failed ? NULL : app_key;
        }
    }
    segmo__count(&outlet->tally->bytes_sent, request.body.len);
    return segmo__http_start(outlet->shop->http, &request, err);
}

/* Sends the front of a lane. 0 when nothing more can be sent now. */
static int send_lane(segmo__outlet *outlet, const segmo__rules *rules, const segmo__source *source,
                     int lane, int64_t now_ms)
{
    segmo__flight *flight = take_flight(outlet, rules->limits.flush_at);
    segmo_error *error = NULL;
    segmo__body body;
    enum packed packed;
    int64_t wait;

    if (!flight) {
        outlet->hold_until_ms = now_ms + STORAGE_PAUSE_MS;
        return 0;
    }
    flight->lane = lane;
    segmo__body_begin(&body, outlet->destination, source, &outlet->shop->raw,
                      rules->limits.max_batch_bytes);
    packed = pack_lane(outlet, rules, &body, flight, rules->limits.flush_at);
    if (body.count == 0) {
        give_flight(flight);
        if (packed == PACK_STUCK)
            outlet->hold_until_ms = now_ms + STORAGE_PAUSE_MS;
        return packed != PACK_STUCK;
    }
    wait = rate_wait(outlet, &body, now_ms);
    if (wait > 0) {
        outlet->hold_until_ms = now_ms + wait;
        give_flight(flight);
        return 0;
    }
    segmo__body_end(&body, &flight->url, segmo__clock_wall_ms());
    if (body.bytes->failed || launch(outlet, rules, &body, flight, &error) != SEGMO_OK) {
        segmo__client_report(outlet->client, SEGMO_REPORT_LOG, "\"code\":\"request_not_started\"");
        segmo_error_free(error);
        outlet->hold_until_ms = now_ms + STORAGE_PAUSE_MS;
        give_flight(flight);
        return 0;
    }
    rate_take(outlet, &body, now_ms);
    segmo__lanes_sent(outlet->lanes, lane, flight->count);
    segmo__count(&outlet->tally->requests, 1);
    if (flight->attempts > 0)
        segmo__count(&outlet->tally->retries, 1);
    outlet->in_flight++;
    outlet->shop->in_flight++;
    return 1;
}

static uint32_t flight_limit(const segmo__outlet *outlet, const segmo__rules *rules)
{
    return outlet->paused ? 1 : rules->limits.max_in_flight;
}

/* Nothing to read and nothing held: the usual state of a destination that is not configured. */
static int is_idle(const segmo__outlet *outlet)
{
    segmo__spool_counts counts;

    if (outlet->lanes && segmo__lanes_waiting(outlet->lanes) > 0)
        return 0;
    segmo__spool_count(outlet->client->spool, &counts);
    return counts.pending_records[outlet->destination] == 0;
}

static int ensure_ready(segmo__outlet *outlet, const segmo__rules *rules, int64_t now_ms)
{
    if (!outlet->lanes && !start_lanes(outlet, rules->limits.lanes))
        goto fail;
    if (!outlet->cursor && segmo__spool_cursor_open(&outlet->cursor, outlet->client->spool,
                                                    outlet->destination, NULL) != SEGMO_OK)
        goto fail;
    return 1;
fail:
    end_lanes(outlet);
    outlet->hold_until_ms = now_ms + STORAGE_PAUSE_MS;
    return 0;
}

static void lower(int64_t *next_ms, int64_t moment_ms)
{
    if (moment_ms < *next_ms)
        *next_ms = moment_ms;
}

void segmo__outlet_pump(segmo__outlet *outlet, const segmo__rules *rules, int64_t now_ms, int hurry,
                        int64_t *next_ms)
{
    const segmo__source *source = segmo__settings_source_by_hash(rules->settings, outlet->source);
    int64_t arrived_before = hurry ? now_ms + 1 : now_ms - rules->limits.flush_interval_ms;
    int lane;

    if (!source || !rules->limits.delivery_enabled || is_idle(outlet))
        return;
    if (now_ms < outlet->hold_until_ms) {
        lower(next_ms, outlet->hold_until_ms);
        return;
    }
    if (!outlet->lanes && outlet->in_flight > 0)
        return; /* the answers to an older epoch come first, or messages would be sent twice */
    if (!ensure_ready(outlet, rules, now_ms)) {
        lower(next_ms, outlet->hold_until_ms);
        return;
    }
    read_spool(outlet, rules, source, now_ms);
    report_skips(outlet);
    while (outlet->in_flight < flight_limit(outlet, rules)) {
        lane = segmo__lanes_ready(outlet->lanes, now_ms, arrived_before, batch_size(outlet, rules),
                                  next_ms);
        if (lane < 0 || !send_lane(outlet, rules, source, lane, now_ms))
            break;
        read_spool(outlet, rules, source, now_ms);
    }
    if (now_ms < outlet->hold_until_ms)
        lower(next_ms, outlet->hold_until_ms);
}

/* ---- answers ----------------------------------------------------------------------------- */

static const segmo__backoff *backoff_of(const segmo__outlet *outlet, const segmo__rules *rules,
                                        segmo__backoff *room)
{
    *room = outlet->destination == SEGMO__DESTINATION_SEGMENT ? segment_backoff : moengage_backoff;
    if (rules->limits.backoff_base_ms > 0)
        room->base_ms = rules->limits.backoff_base_ms;
    room->cap_ms = rules->limits.backoff_cap_ms;
    return room;
}

/* Starts anew: lanes and cursor are made again when the last answer of this epoch is in, and the cursor finds
 * everything that is still pending. */
static void begin_epoch(segmo__outlet *outlet)
{
    end_lanes(outlet);
    outlet->epoch++;
}

static void pause_outlet(segmo__outlet *outlet, const char *reason, int status, const char *remedy,
                         int64_t now_ms)
{
    if (!outlet->paused)
        segmo__client_report(outlet->client, SEGMO_REPORT_PAUSED,
                             "\"destination\":\"%s\",\"reason\":\"%s\",\"status\":%d,\"remedy\":\"%s\"",
                             segmo__destination_name(outlet->destination), reason, status, remedy);
    outlet->paused = 1;
    atomic_store(&outlet->client->paused[outlet->destination], reason);
    outlet->hold_until_ms = now_ms + PROBE_MS;
    begin_epoch(outlet);
}

static void resume_outlet(segmo__outlet *outlet)
{
    if (!outlet->paused)
        return;
    outlet->paused = 0;
    atomic_store(&outlet->client->paused[outlet->destination], NULL);
    segmo__client_report(outlet->client, SEGMO_REPORT_RESUMED, "\"destination\":\"%s\"",
                         segmo__destination_name(outlet->destination));
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
        if (!bury_item(outlet, source, item, item->attempts + 1, "refused", refusal->status,
                       segmo__slice_of(refusal->answer))) {
            outlet->hold_until_ms = now_ms + STORAGE_PAUSE_MS;
            begin_epoch(outlet);
            return;
        }
    }
    segmo__lanes_drop_held(outlet->lanes, lane);
}

static void lane_is_through(segmo__outlet *outlet, const segmo__source *source, segmo__flight *flight,
                            int64_t now_ms)
{
    segmo__lanes_done(outlet->lanes, flight->lane);
    bury_held(outlet, source, flight->lane, now_ms);
}

/* All messages of the flight end here; when a letter cannot be written they stay and are tried later. */
static void flight_dies(segmo__outlet *outlet, const segmo__source *source, segmo__flight *flight,
                        const char *reason, int status, segmo__slice answer, int64_t now_ms)
{
    for (uint32_t i = 0; i < flight->count; i++) {
        if (!bury_item(outlet, source, &flight->items[i], flight->attempts + 1, reason, status, answer)) {
            segmo__lanes_retry(outlet->lanes, flight->lane, now_ms + STORAGE_PAUSE_MS, 0);
            return;
        }
    }
    lane_is_through(outlet, source, flight, now_ms);
}

/* How long the answer asks to wait; -1 when it does not say. */
static int64_t asked_wait(const segmo__http_answer *answer)
{
    if (answer->retry_after_ms >= 0)
        return answer->retry_after_ms < RETRY_AFTER_CAP_MS ? answer->retry_after_ms : RETRY_AFTER_CAP_MS;
    if (answer->status == 429 && answer->reset_ms >= 0)
        return answer->reset_ms < RATE_RESET_CAP_MS ? answer->reset_ms : RATE_RESET_CAP_MS;
    return -1;
}

static void flight_retries(segmo__outlet *outlet, const segmo__rules *rules, const segmo__source *source,
                           segmo__flight *flight, const segmo__http_answer *answer, const char *reason,
                           segmo__slice words, int64_t now_ms)
{
    uint32_t failures = flight->items[0].failures + 1u;
    int64_t wait = asked_wait(answer);
    segmo__backoff backoff;

    if (wait >= 0) {
        if (now_ms + wait > outlet->hold_until_ms)
            outlet->hold_until_ms = now_ms + wait;
        segmo__lanes_retry(outlet->lanes, flight->lane, now_ms + wait, 0);
        return;
    }
    if (rules->limits.max_attempts > 0 && failures >= rules->limits.max_attempts) {
        flight_dies(outlet, source, flight, reason, answer->status, words, now_ms);
        return;
    }
    wait = segmo__backoff_delay(backoff_of(outlet, rules, &backoff), failures, segmo__id_random());
    segmo__lanes_retry(outlet->lanes, flight->lane, now_ms + wait, 1);
}

static void single_refused(segmo__outlet *outlet, const segmo__source *source, segmo__flight *flight,
                           const char *reason, int status, segmo__slice words, int64_t now_ms)
{
    keep_answer(&outlet->refusals[flight->lane], status, words);
    switch (segmo__lanes_refused(outlet->lanes, flight->lane)) {
    case SEGMO__BLAME_MESSAGE:
        flight_dies(outlet, source, flight, reason, status, words, now_ms);
        break;
    case SEGMO__BLAME_OPEN:
        break;
    case SEGMO__BLAME_SETTINGS:
        pause_outlet(outlet, "everything_refused", status,
                     "every message of a batch was refused: check the destination's settings", now_ms);
        break;
    }
}

static void flight_is_cut(segmo__outlet *outlet, const segmo__source *source, segmo__flight *flight,
                          segmo__verdict verdict, const char *reason, int status, segmo__slice words,
                          int64_t now_ms)
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
        settle_delivered(outlet, &flight->items[i]);
    if (rules->limits.report_delivered && flight->ids.len > 0) {
        segmo__buf members;

        segmo__buf_init(&members, BODY_MAX);
        segmo__buf_addf(&members, "\"destination\":\"%s\",\"messageIds\":[",
                        segmo__destination_name(outlet->destination));
        segmo__buf_add_slice(&members, segmo__buf_slice(&flight->ids));
        segmo__buf_add_char(&members, ']');
        segmo__reports_add(outlet->client->reports, SEGMO_REPORT_DELIVERED, segmo__buf_slice(&members));
        segmo__buf_free(&members);
    }
}

static void report_attempt(segmo__outlet *outlet, const segmo__source *source, const segmo__flight *flight,
                           const segmo__http_answer *answer, const char *reason, segmo__slice words)
{
    segmo__buf members;

    segmo__buf_init(&members, BODY_MAX);
    segmo__buf_addf(&members,
                    "\"destination\":\"%s\",\"status\":%d,\"attempt\":%u,\"latency_us\":%lld,"
                    "\"outcome\":\"%s\",\"source\":",
                    segmo__destination_name(outlet->destination), answer->status, flight->attempts + 1,
                    (long long)answer->latency_us, reason);
    segmo__json_put_text(&members, source->id);
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

static void answer_words(const segmo__http_answer *answer, segmo__buf *words)
{
    segmo__buf type;

    segmo__buf_init(&type, 4096);
    if (answer->status == 0)
        segmo__buf_add_str(words, answer->error);
    else if (answer->body.len > 0)
        segmo__status_error_text(answer->body, &type, words);
    segmo__buf_free(&type);
}

static void act(segmo__outlet *outlet, const segmo__rules *rules, const segmo__source *source,
                segmo__flight *flight, const segmo__http_answer *answer, segmo__verdict verdict,
                const char *reason, const char *remedy, segmo__slice words, int64_t now_ms)
{
    switch (verdict) {
    case SEGMO__VERDICT_DELIVERED:
        resume_outlet(outlet);
        lane_is_through(outlet, source, flight, now_ms);
        break;
    case SEGMO__VERDICT_RETRY:
    case SEGMO__VERDICT_SLOW:
        flight_retries(outlet, rules, source, flight, answer, reason, words, now_ms);
        break;
    case SEGMO__VERDICT_SPLIT:
    case SEGMO__VERDICT_BISECT:
        flight_is_cut(outlet, source, flight, verdict, reason, answer->status, words, now_ms);
        break;
    case SEGMO__VERDICT_DEAD:
        flight_dies(outlet, source, flight, reason, answer->status, words, now_ms);
        break;
    case SEGMO__VERDICT_PAUSE:
        pause_outlet(outlet, reason, answer->status, remedy, now_ms);
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
    segmo__buf words;

    outlet->in_flight--;
    outlet->shop->in_flight--;
    segmo__buf_init(&words, 4096);
    if (verdict == SEGMO__VERDICT_DELIVERED)
        flight_arrived(outlet, flight, rules);
    else
        answer_words(answer, &words);
    if (rules->limits.report_attempts && source)
        report_attempt(outlet, source, flight, answer, reason, segmo__buf_slice(&words));
    if (!source && outlet->lanes && flight->epoch == outlet->epoch)
        begin_epoch(outlet); /* the source is gone from the settings: its messages wait on disk */
    else if (source && outlet->lanes && flight->epoch == outlet->epoch)
        act(outlet, rules, source, flight, answer, verdict, reason, remedy, segmo__buf_slice(&words),
            now_ms);
    segmo__buf_free(&words);
    give_flight(flight);
}

void segmo__outlet_settings_changed(segmo__outlet *outlet, const segmo__rules *rules, int64_t now_ms)
{
    outlet->hold_until_ms = 0;
    fill_buckets(outlet, rules, now_ms);
    if (outlet->lanes)
        segmo__lanes_hurry(outlet->lanes);
}

uint32_t segmo__outlet_wanted(const segmo__outlet *outlet, const segmo__rules *rules, int64_t now_ms)
{
    uint32_t batch = batch_size(outlet, rules);
    size_t waiting;

    if (!segmo__settings_source_by_hash(rules->settings, outlet->source) || !rules->limits.delivery_enabled ||
        now_ms < outlet->hold_until_ms)
        return 0;
    if (!outlet->lanes)
        return 1;
    if (!segmo__lanes_starving(outlet->lanes, now_ms, batch))
        return 0;
    waiting = segmo__lanes_waiting(outlet->lanes);
    return waiting == 0 ? 1 : waiting < batch ? batch - (uint32_t)waiting : batch;
}

segmo__destination segmo__outlet_destination(const segmo__outlet *outlet)
{
    return outlet->destination;
}

uint64_t segmo__outlet_source(const segmo__outlet *outlet)
{
    return outlet->source;
}
