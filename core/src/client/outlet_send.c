/* From lanes to requests: which batch may go now, and the body it becomes. */
#include "base/clock.h"
#include "base/json.h"
#include "client/outlet_parts.h"
#include "client/pipeline.h"

#define WARNINGS_PER_SECOND 20

/* Warnings are told when the request leaves: a body that cannot leave now is made again later. */
struct note_context {
    segmo__outlet *outlet;
    const segmo__message *message;
};

static void keep_note(void *ctx, const segmo__note *note)
{
    struct note_context *context = ctx;
    segmo__notes *notes = &context->outlet->shop->notes;
    segmo__buf *members = &notes->kept;

    notes->count++;
    if (notes->kept_count >= WARNINGS_PER_SECOND)
        return;
    notes->kept_count++;
    segmo__buf_addf(members, "\"destination\":\"%s\",\"code\":\"%s\",\"field\":",
                    segmo__destination_name(context->outlet->destination), note->code);
    segmo__json_put_text(members, note->field);
    segmo__buf_add_lit(members, ",\"message\":");
    segmo__json_put_text(members, note->words);
    segmo__buf_add_lit(members, ",\"messageId\":");
    segmo__buf_add_slice(members, segmo__message_part(context->message, SEGMO__PART_MESSAGE_ID));
    segmo__buf_add_char(members, '\0');
}

/* Takes back the notes on a message that did not become part of the body. */
static void drop_notes(segmo__notes *notes, const segmo__notes *before)
{
    notes->kept.len = before->kept.len;
    notes->kept.failed = before->kept.failed;
    notes->kept_count = before->kept_count;
    notes->count = before->count;
}

static void report_notes(segmo__outlet *outlet, int64_t now_ms)
{
    const segmo__notes *notes = &outlet->shop->notes;
    const char *at = notes->kept.data;

    segmo__count(&outlet->tally->warnings, notes->count);
    if (outlet->warning_second != now_ms / 1000) {
        outlet->warning_second = now_ms / 1000;
        outlet->warnings_in_second = 0;
    }
    for (uint32_t i = 0; i < notes->kept_count && !notes->kept.failed; i++, at += strlen(at) + 1)
        if (outlet->warnings_in_second++ < WARNINGS_PER_SECOND)
            segmo__reports_add(outlet->client->reports, SEGMO_REPORT_WARNING, segmo__slice_of(at));
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
    segmo__record_ref place = segmo__outlet_place(item);
    segmo__message message;
    struct note_context context = {outlet, &message};
    segmo__notes *notes = &outlet->shop->notes;
    const segmo__notes before = *notes;
    segmo_error *error = NULL;
    const char *reason = NULL;
    enum packed packed = PACKED;

    if (!segmo__outlet_waits(outlet, &place))
        return PACK_SETTLED;
    if (!segmo__outlet_read_back(outlet, item, &message))
        return PACK_STUCK;
    if (item->attempts > 0 && wall_ms - item->accepted_ms > rules->limits.max_age_ms)
        return settled_or_stuck(segmo__outlet_settle_dead(outlet, body->source, item,
                                                          item->attempts, &message, "max_age", 0,
                                                          (segmo__slice){"", 0}));
    switch (segmo__body_add(body, &message, wall_ms, item->attempts == 0 ? keep_note : NULL,
                            &context, &reason, &error)) {
    case SEGMO__ADDED:
        if (rules->limits.report_attempts || rules->limits.report_delivered)
            remember_id(flight, &message);
        flight->items[flight->count++] = *item;
        break;
    case SEGMO__ADD_FULL:
        packed = PACK_FULL;
        break;
    case SEGMO__ADD_SKIP:
        segmo__outlet_settle_skipped(outlet, rules, &place, &message, reason);
        packed = PACK_SETTLED;
        break;
    case SEGMO__ADD_LATER:
        packed = PACK_STUCK;
        break;
    case SEGMO__ADD_DEAD:
        packed = settled_or_stuck(
            segmo__outlet_settle_dead(outlet, body->source, item, item->attempts, &message, reason,
                                      0, segmo__slice_of(segmo_error_message(error))));
        break;
    }
    if (packed != PACKED)
        drop_notes(notes, &before);
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

/* Hands the flight's body to the network. */
static int start(segmo__flight *flight, const segmo__source *source, int gzipped, segmo_error **err)
{
    segmo__outlet *outlet = flight->outlet;
    segmo__http_request request = {.url = flight->url.data,
                                   .body = segmo__buf_slice(&flight->body),
                                   .gzipped = gzipped,
                                   .retry_count = flight->attempts,
                                   .tag = flight};
    char app_key[160];

    if (outlet->destination == SEGMO__DESTINATION_SEGMENT) {
        request.headers[0] = source->segment.bearer;
        request.user = source->segment.bearer ? NULL : source->segment.write_key;
        request.password = "";
    } else {
        request.user = source->moengage.app_id;
        request.password = source->moengage.api_key;
        if (flight->endpoint == SEGMO__MOENGAGE_TRANSITION) {
            segmo__buf line = {.data = app_key, .cap = sizeof app_key, .max = sizeof app_key};

            segmo__buf_addf(&line, "MOE-APPKEY: %s", source->moengage.app_id);
            request.headers[0] = line.failed ? NULL : app_key;
        }
    }
    segmo__count(&outlet->tally->bytes_sent, request.body.len);
    return segmo__http_start(outlet->shop->http, &request, err);
}

/* Starts the request, or has its body packed first: the flight then starts when that is done. */
static int launch(segmo__outlet *outlet, const segmo__rules *rules, const segmo__body *body,
                  segmo__flight *flight, segmo_error **err)
{
    segmo__outlet_shop *shop = outlet->shop;
    int gzipped = 0;

    segmo__buf_add_char(&flight->url, '\0');
    if (flight->url.failed)
        return segmo__fail_memory(err);
    segmo__count(&outlet->tally->bytes_raw, body->bytes->len);
    flight->endpoint = body->endpoint;
    if (compresses(outlet, rules)) {
        if (segmo__packer_give(shop->packer, body->bytes, &flight->body, flight))
            return SEGMO_OK;
        gzipped = segmo__gzip_run(shop->gzip, segmo__buf_slice(body->bytes), &flight->body);
    }
    if (!gzipped) {
        segmo__buf swap = flight->body;

        flight->body = *body->bytes;
        *body->bytes = swap;
    }
    return start(flight, body->source, gzipped, err);
}

static void start_packed(segmo__flight *flight, const segmo__rules *rules, int gzipped,
                         int64_t now_ms)
{
    const segmo__source *source =
        segmo__settings_source_by_hash(rules->settings, flight->outlet->source);
    segmo_error *error = NULL;
    segmo__http_answer none = {.tag = flight,
                               .error = "the request could not be started",
                               .cause = SEGMO__HTTP_OTHER,
                               .retry_after_ms = -1,
                               .reset_ms = -1};

    if (!source || start(flight, source, gzipped, &error) != SEGMO_OK)
        segmo__outlet_answer(flight, rules, &none, now_ms);
    segmo_error_free(error);
}

void segmo__outlets_start_packed(segmo__outlet_shop *shop, const segmo__rules *rules,
                                 int64_t now_ms)
{
    void *flight;
    int gzipped;

    while (segmo__packer_take(shop->packer, &flight, &gzipped))
        start_packed(flight, rules, gzipped, now_ms);
}

static void report_start(segmo__outlet *outlet, const segmo__source *source,
                         const segmo__flight *flight)
{
    segmo__buf members;

    segmo__buf_init(&members, SEGMO__OUTLET_BODY_MAX);
    segmo__buf_addf(&members,
                    "\"destination\":\"%s\",\"attempt\":%u,\"outcome\":\"started\",\"source\":",
                    segmo__destination_name(outlet->destination), flight->attempts + 1);
    segmo__json_put_text(&members, source->id);
    segmo__buf_add_lit(&members, ",\"messageIds\":[");
    segmo__buf_add_slice(&members, segmo__buf_slice(&flight->ids));
    segmo__buf_add_char(&members, ']');
    segmo__reports_add(outlet->client->reports, SEGMO_REPORT_ATTEMPT, segmo__buf_slice(&members));
    segmo__buf_free(&members);
}

/* Sends the front of a lane. 0 when nothing more can be sent now. */
int segmo__outlet_send(segmo__outlet *outlet, const segmo__rules *rules,
                       const segmo__source *source, int lane, int64_t now_ms)
{
    segmo__flight *flight = segmo__flight_take(outlet, rules->limits.flush_at);
    segmo_error *error = NULL;
    segmo__body body;
    enum packed packed;
    int64_t wait;

    if (!flight) {
        outlet->hold_until_ms = now_ms + SEGMO__OUTLET_STORAGE_PAUSE_MS;
        return 0;
    }
    flight->lane = lane;
    drop_notes(&outlet->shop->notes, &(segmo__notes){0});
    segmo__body_begin(&body, outlet->destination, source, &outlet->shop->raw,
                      rules->limits.max_batch_bytes);
    packed = pack_lane(outlet, rules, &body, flight, rules->limits.flush_at);
    if (body.count == 0) {
        segmo__flight_give(flight);
        if (packed == PACK_STUCK)
            outlet->hold_until_ms = now_ms + SEGMO__OUTLET_STORAGE_PAUSE_MS;
        return packed != PACK_STUCK;
    }
    wait = rate_wait(outlet, &body, now_ms);
    if (wait > 0) {
        outlet->hold_until_ms = now_ms + wait;
        segmo__flight_give(flight);
        return 0;
    }
    segmo__body_end(&body, &flight->url, segmo__clock_wall_ms());
    if (body.bytes->failed || launch(outlet, rules, &body, flight, &error) != SEGMO_OK) {
        segmo__reports_tell(outlet->client->reports, SEGMO_REPORT_LOG,
                            "\"code\":\"request_not_started\"");
        segmo_error_free(error);
        outlet->hold_until_ms = now_ms + SEGMO__OUTLET_STORAGE_PAUSE_MS;
        segmo__flight_give(flight);
        return 0;
    }
    segmo__flight_depart(flight);
    if (rules->limits.report_attempts && rules->limits.report_steps)
        report_start(outlet, source, flight);
    report_notes(outlet, now_ms);
    rate_take(outlet, &body, now_ms);
    segmo__lanes_sent(outlet->lanes, lane, flight->count);
    segmo__count(&outlet->tally->requests, 1);
    if (flight->attempts > 0)
        segmo__count(&outlet->tally->retries, 1);
    outlet->in_flight++;
    outlet->shop->in_flight++;
    return 1;
}
