#include "client/pipeline.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "client/worker.h"
#include "model/batch.h"
#include "model/streams.h"
#include "wire/segment.h"

#define STACK_ROOM   8192
#define ANSWER_MAX   (4u << 20)
#define ADDED_BY_COMPLETION 512 /* ids, times and library name: what a message grows by, at most */

/* ---- accepting --------------------------------------------------------------------------- */

static int is_configured(const segmo__source *source, unsigned destination)
{
    if (destination == SEGMO__DESTINATION_SEGMENT)
        return source->segment.enabled;
    return source->moengage.enabled && source->moengage.forward;
}

static const segmo__source *find_source(const segmo__rules *rules, const char *name, segmo_error **err)
{
    const segmo__source *source = segmo__settings_source(rules->settings, name);

    if (!source)
        segmo__fail(err, SEGMO_ERR_NOT_FOUND, "source",
                    name ? "no source has this id or write key; see option sources"
                         : "there are several sources; name one");
    return source;
}

static segmo__message_rules completion(const segmo__rules *rules, const segmo__source *source, int call)
{
    return (segmo__message_rules){.source = source->hash,
                                  .library_name = rules->limits.library_name,
                                  .library_version = rules->limits.library_version,
                                  .call = call};
}

/* A destination over its quota follows the policy without stopping the other one: only when no destination has room
 * is the message refused; otherwise the full one's copy goes to the dead letters at once. */
static int settle_quota(segmo_client *client, const segmo__rules *rules, const segmo__source *source,
                        segmo__slice stored, uint8_t preset[SEGMO__SPOOL_DESTINATIONS], segmo_error **err)
{
    unsigned configured = 0, full = 0;
    segmo__message message;

    for (unsigned d = 0; d < SEGMO__DESTINATION_COUNT; d++) {
        preset[d] = is_configured(source, d) ? SEGMO__PENDING : SEGMO__SKIPPED;
        if (preset[d] != SEGMO__PENDING)
            continue;
        configured |= 1u << d;
        if (rules->limits.when_full != SEGMO__FULL_DROP_OLDEST &&
            segmo__spool_over_quota(client->spool, d, stored.len))
            full |= 1u << d;
    }
    if (!full)
        return SEGMO_OK;
    if (full == configured)
        return segmo__fail(err, SEGMO_ERR_FULL, "spool.max_bytes",
                           "the spool holds as much as spool.max_bytes allows; wait until the "
                           "destination takes messages again, or raise it");
    if (segmo__message_read(&message, stored, err) != SEGMO_OK)
        return SEGMO_ERR_INVALID;
    for (unsigned d = 0; d < SEGMO__DESTINATION_COUNT; d++) {
        if (!(full & 1u << d))
            continue;
        if (!segmo__pipeline_bury(client, &message, source->id, (segmo__destination)d, "spool_full", 0,
                                  (segmo__slice){"", 0}, 0))
            return segmo__fail(err, SEGMO_ERR_FULL, "spool.max_bytes",
                               "one destination's quota is used up and its dead letters cannot be "
                               "written");
        preset[d] = SEGMO__DEAD;
    }
    return SEGMO_OK;
}

static void count_accepted(segmo_client *client, const uint8_t preset[SEGMO__SPOOL_DESTINATIONS])
{
    for (unsigned d = 0; d < SEGMO__DESTINATION_COUNT; d++) {
        if (preset[d] == SEGMO__SKIPPED)
            continue;
        segmo__count(&client->tally[d].accepted, 1);
        if (preset[d] == SEGMO__DEAD) {
            segmo__count(&client->tally[d].dead, 1);
            segmo__reasons_add(&client->tally[d].dead_for, "spool_full", 1);
        }
    }
}

static int append(segmo_client *client, const segmo__rules *rules, const segmo__source *source,
                  segmo__slice stored, segmo_error **err)
{
    uint8_t preset[SEGMO__SPOOL_DESTINATIONS] = {SEGMO__SKIPPED, SEGMO__SKIPPED, SEGMO__SKIPPED,
                                                 SEGMO__SKIPPED};
    int status = settle_quota(client, rules, source, stored, preset, err);

    if (status == SEGMO_OK)
        status = segmo__client_start(client, err);
    if (status == SEGMO_OK)
        status = segmo__spool_append(client->spool, stored, preset, err);
    if (status != SEGMO_OK)
        return status;
    count_accepted(client, preset);
    segmo__worker_appended(atomic_load_explicit(&client->worker, memory_order_acquire));
    return rules->limits.sync_always ? SEGMO_SYNC_WANTED : SEGMO_OK;
}

static int accept_for(segmo_client *client, const segmo__rules *rules, const segmo__source *source,
                      segmo__slice json, int call, segmo_error **err)
{
    segmo__message_rules fill = completion(rules, source, call);
    char room[STACK_ROOM];
    segmo__buf stored = {.data = room, .cap = sizeof room, .max = sizeof room};
    int on_stack = json.len + SEGMO__MESSAGE_INDEX_SIZE + ADDED_BY_COMPLETION <= sizeof room;
    int status;

    if (!on_stack)
        segmo__buf_init(&stored, SEGMO__MESSAGE_STORED_MAX);
    status = segmo__message_complete(&stored, json, &fill, err);
    if (status == SEGMO_OK)
        status = append(client, rules, source, segmo__buf_slice(&stored), err);
    if (!on_stack)
        segmo__buf_free(&stored);
    return status;
}

int segmo__pipeline_accept(segmo_client *client, const char *source_name, segmo__slice json, int call,
                           segmo_error **err)
{
    segmo__rules *rules = segmo__client_rules(client);
    const segmo__source *source = find_source(rules, source_name, err);
    int status = source ? accept_for(client, rules, source, json, call, err) : SEGMO_ERR_NOT_FOUND;

    segmo__rules_release(rules);
    return status;
}

/* ---- accepting many at once -------------------------------------------------------------- */

/* What a batch or a Streams payload came to. */
struct tray {
    segmo_client *client;
    segmo__rules *rules;
    const segmo__source *source;
    segmo__buf *out;
    uint64_t accepted;
    uint64_t events;
    size_t last_index;
    int rejected;
    int sync_wanted;
    int full;
    segmo__reasons skipped;
};

static void put_rejected(struct tray *tray, size_t index, int status, const char *field, const char *words,
                         int retryable)
{
    segmo__buf *out = tray->out;

    if (tray->rejected++)
        segmo__buf_add_char(out, ',');
    segmo__buf_addf(out, "{\"index\":%zu,\"status\":\"%s\",\"field\":", index, segmo_status_name(status));
    segmo__json_put_text(out, field);
    segmo__buf_add_lit(out, ",\"message\":");
    segmo__json_put_text(out, words);
    segmo__buf_addf(out, ",\"retryable\":%s}", retryable ? "true" : "false");
}

static void accept_into(struct tray *tray, size_t index, segmo__slice json)
{
    segmo_error *error = NULL;
    int status = accept_for(tray->client, tray->rules, tray->source, json, -1, &error);

    if (status >= SEGMO_OK) {
        tray->accepted++;
        tray->sync_wanted |= status == SEGMO_SYNC_WANTED;
        return;
    }
    tray->full |= status == SEGMO_ERR_FULL;
    put_rejected(tray, index, status, segmo_error_field(error), segmo_error_message(error),
                 segmo_error_retryable(error));
    segmo_error_free(error);
}

static int accept_item(void *ctx, size_t index, segmo__slice item)
{
    accept_into(ctx, index, item);
    return 0;
}

static int tray_status(const struct tray *tray)
{
    return tray->sync_wanted ? SEGMO_SYNC_WANTED : SEGMO_OK;
}

int segmo__pipeline_accept_batch(segmo_client *client, const char *source_name, segmo__slice body,
                                 segmo__buf *out, segmo_error **err)
{
    struct tray tray = {.client = client, .rules = segmo__client_rules(client), .out = out};
    int status = SEGMO_ERR_NOT_FOUND;

    tray.source = find_source(tray.rules, source_name, err);
    if (!tray.source)
        goto done;
    segmo__buf_add_lit(out, "{\"rejected\":[");
    status = segmo__batch_each(body, accept_item, &tray, err);
    if (status != SEGMO_OK)
        goto done;
    segmo__buf_addf(out, "],\"accepted\":%llu}", (unsigned long long)tray.accepted);
    status = out->failed ? segmo__fail_memory(err) : tray_status(&tray);
done:
    segmo__rules_release(tray.rules);
    return status;
}

static void count_event(struct tray *tray, size_t index)
{
    if (tray->events == 0 || index != tray->last_index)
        tray->events++;
    tray->last_index = index;
}

static int accept_streams_item(void *ctx, const segmo__streams_item *item)
{
    struct tray *tray = ctx;

    count_event(tray, item->index);
    switch (item->result) {
    case SEGMO__STREAMS_MESSAGE:
        accept_into(tray, item->index, item->message);
        break;
    case SEGMO__STREAMS_SKIPPED:
        segmo__reasons_add(&tray->skipped, item->reason, 1);
        break;
    case SEGMO__STREAMS_REJECTED:
        put_rejected(tray, item->index, SEGMO_ERR_INVALID, item->field, item->reason, 0);
        break;
    }
    return 0;
}

static segmo__streams_rules streams_rules(const segmo_config *config)
{
    return (segmo__streams_rules){
        .derived_attributes = segmo__config_flag(config, "streams.derived_attributes"),
        .recipients = segmo__config_flag(config, "streams.recipients"),
        .campaign_context = segmo__config_flag(config, "streams.campaign_context"),
        .user_actions = segmo__config_flag(config, "streams.user_actions"),
        .library_version = SEGMO_VERSION};
}

int segmo__pipeline_accept_streams(segmo_client *client, const char *source_name, segmo__slice payload,
                                   segmo__buf *out, segmo_error **err)
{
    struct tray tray = {.client = client, .rules = segmo__client_rules(client), .out = out};
    segmo__streams_rules rules = streams_rules(client->config);
    int status = SEGMO_ERR_NOT_FOUND;

    tray.source = find_source(tray.rules, source_name, err);
    if (!tray.source)
        goto done;
    segmo__buf_add_lit(out, "{\"rejected\":[");
    status = segmo__streams_each(payload, &rules, accept_streams_item, &tray, err);
    if (status != SEGMO_OK)
        goto done;
    segmo__buf_addf(out, "],\"events\":%llu,\"accepted\":%llu,\"skipped\":",
                    (unsigned long long)tray.events, (unsigned long long)tray.accepted);
    segmo__reasons_put(&tray.skipped, out);
    segmo__buf_add_char(out, '}');
    if (out->failed)
        status = segmo__fail_memory(err);
    else if (tray.full)
        status = segmo__fail(err, SEGMO_ERR_FULL, "spool.max_bytes",
                             "not all of the payload fitted into the spool; post it again, "
                             "events already accepted keep their message id");
    else
        status = tray_status(&tray);
done:
    segmo__rules_release(tray.rules);
    return status;
}

/* ---- leaving ----------------------------------------------------------------------------- */

void segmo__body_begin(segmo__body *body, segmo__destination destination, const segmo__source *source,
                       segmo__buf *bytes, uint32_t max_bytes)
{
    *body = (segmo__body){.destination = destination,
                          .source = source,
                          .bytes = bytes,
                          .max_bytes = max_bytes};
    segmo__buf_clear(bytes);
    if (destination == SEGMO__DESTINATION_SEGMENT)
        segmo__segment_begin(bytes);
}

static segmo__added add_for_segment(segmo__body *body, const segmo__message *message)
{
    if (body->count > 0 &&
        body->bytes->len + segmo__segment_size(message) + SEGMO__SEGMENT_TAIL > body->max_bytes)
        return SEGMO__ADD_FULL;
    segmo__segment_add(body->bytes, message, segmo__route_marks_segment_copy(body->source, message),
                       body->source->mode);
    return SEGMO__ADDED;
}

/* Elements are written behind the ones before them and taken back when they do not fit there. */
static segmo__added add_for_moengage(segmo__body *body, const segmo__message *message, int64_t now_ms,
                                     segmo__note_fn note, void *ctx, const char **reason,
                                     segmo_error **err)
{
    size_t before = body->bytes->len;
    segmo__moengage_element element;

    if (body->count > 0)
        segmo__buf_add_char(body->bytes, ',');
    if (segmo__moengage_transform(body->bytes, &element, body->source, message, now_ms, note, ctx, err) !=
        SEGMO_OK) {
        body->bytes->len = before;
        *reason = "refused_before_sending";
        return SEGMO__ADD_DEAD;
    }
    if (element.skip) {
        body->bytes->len = before;
        *reason = element.skip;
        return SEGMO__ADD_SKIP;
    }
    if (body->count > 0 &&
        (element.endpoint != body->endpoint || element.endpoint == SEGMO__MOENGAGE_SEGMENT ||
         body->bytes->len + SEGMO__MOENGAGE_ENVELOPE > SEGMO__MOENGAGE_BULK_MAX ||
         body->bytes->len > body->max_bytes)) {
        body->bytes->len = before;
        return SEGMO__ADD_FULL;
    }
    body->endpoint = element.endpoint;
    body->users += element.users;
    body->events += element.events;
    return SEGMO__ADDED;
}

segmo__added segmo__body_add(segmo__body *body, const segmo__message *message, int64_t now_ms,
                             segmo__note_fn note, void *ctx, const char **reason, segmo_error **err)
{
    segmo__decision decision = segmo__route(body->source, message, body->destination);
    segmo__added added;

    if (!decision.send) {
        *reason = decision.reason;
        return SEGMO__ADD_SKIP;
    }
    added = body->destination == SEGMO__DESTINATION_SEGMENT
                ? add_for_segment(body, message)
                : add_for_moengage(body, message, now_ms, note, ctx, reason, err);
    if (added == SEGMO__ADDED)
        body->count++;
    return added;
}

/* MoEngage's envelope depends on how many elements there are, so it is put around them at the end. */
static void wrap_moengage(segmo__body *body, segmo__buf *url)
{
    segmo__buf *bytes = body->bytes;
    const char *single = segmo__moengage_single(segmo__buf_slice(bytes));
    char head[SEGMO__MOENGAGE_ENVELOPE];
    segmo__buf envelope = {.data = head, .cap = sizeof head, .max = sizeof head};
    size_t elements = bytes->len;

    segmo__moengage_path(url, body->source, body->endpoint, single);
    segmo__moengage_begin(&envelope, body->endpoint, single);
    if (!segmo__buf_reserve(bytes, envelope.len))
        return;
    memmove(bytes->data + envelope.len, bytes->data, elements);
    memcpy(bytes->data, envelope.data, envelope.len);
    bytes->len += envelope.len;
    segmo__moengage_end(bytes, body->endpoint, single);
}

void segmo__body_end(segmo__body *body, segmo__buf *url, int64_t now_ms)
{
    if (body->destination == SEGMO__DESTINATION_SEGMENT) {
        segmo__segment_end(body->bytes, &body->source->segment, now_ms);
        segmo__segment_path(url, &body->source->segment);
    } else {
        wrap_moengage(body, url);
    }
}

/* ---- dead letters ------------------------------------------------------------------------ */

static void put_member(segmo__buf *out, const char *name, const char *text)
{
    segmo__buf_addf(out, ",\"%s\":", name);
    segmo__json_put_text(out, text);
}

void segmo__dead_letter_put(segmo__buf *out, const segmo__message *message, const char *source,
                            segmo__destination destination, const char *reason, int status,
                            segmo__slice answer, uint32_t attempts, int64_t now_ms)
{
    char id[SEGMO__UUID_LEN + 1], accepted[SEGMO__ISO_LEN + 1], died[SEGMO__ISO_LEN + 1];

    segmo__id_uuid(id);
    segmo__clock_iso(accepted, message->accepted_ms);
    segmo__clock_iso(died, now_ms);
    segmo__buf_addf(out, "{\"id\":\"%s\"", id);
    put_member(out, "destination", segmo__destination_name(destination));
    put_member(out, "reason", reason);
    segmo__buf_addf(out, ",\"status\":%d,\"attempts\":%u,\"answer\":", status, attempts);
    segmo__json_put_string(out, answer.at, answer.len);
    put_member(out, "accepted_at", accepted);
    put_member(out, "died_at", died);
    put_member(out, "source", source);
    segmo__buf_add_lit(out, ",\"message\":");
    segmo__json_put_compact(out, (segmo__slice){message->json, message->json_len});
    segmo__buf_add_char(out, '}');
}

static void report_dead(segmo_client *client, const segmo__message *message, const char *source,
                        segmo__destination destination, const char *reason, int status)
{
    segmo__slice id = segmo__message_part(message, SEGMO__PART_MESSAGE_ID);
    segmo__buf members;

    segmo__buf_init(&members, 4096);
    segmo__buf_addf(&members, "\"destination\":\"%s\",\"reason\":\"%s\",\"status\":%d,\"source\":",
                    segmo__destination_name(destination), reason, status);
    segmo__json_put_text(&members, source);
    segmo__buf_add_lit(&members, ",\"messageId\":");
    segmo__buf_add_slice(&members, id);
    segmo__reports_add(client->reports, SEGMO_REPORT_DEAD, segmo__buf_slice(&members));
    segmo__buf_free(&members);
}

int segmo__pipeline_bury(segmo_client *client, const segmo__message *message, const char *source,
                         segmo__destination destination, const char *reason, int status,
                         segmo__slice answer, uint32_t attempts)
{
    segmo_error *error = NULL;
    segmo__buf line;
    int stands;

    segmo__buf_init(&line, 4 * SEGMO__MESSAGE_STORED_MAX);
    segmo__dead_letter_put(&line, message, source, destination, reason, status, answer, attempts,
                           segmo__clock_wall_ms());
    stands = !line.failed &&
             segmo__dead_letters_add(client->letters, segmo__buf_slice(&line), &error) == SEGMO_OK;
    if (stands)
        report_dead(client, message, source, destination, reason, status);
    else
        segmo__client_report(client, SEGMO_REPORT_SPOOL, "\"code\":\"dead_letter_not_written\"");
    segmo_error_free(error);
    segmo__buf_free(&line);
    return stands;
}

/* ---- pure calls -------------------------------------------------------------------------- */

/* Completes a message for inspection; `stored` keeps the bytes that `message` points into. */
static int read_in(const segmo__rules *rules, const segmo__source *source, segmo__slice json,
                   segmo__buf *stored, segmo__message *message, segmo_error **err)
{
    segmo__message_rules fill = completion(rules, source, -1);
    int status = segmo__message_complete(stored, json, &fill, err);

    return status == SEGMO_OK ? segmo__message_read(message, segmo__buf_slice(stored), err) : status;
}

struct notes {
    segmo__buf json;
    int count;
};

static void put_note(void *ctx, const segmo__note *note)
{
    struct notes *notes = ctx;

    if (notes->count++)
        segmo__buf_add_char(&notes->json, ',');
    segmo__buf_add_lit(&notes->json, "{\"field\":");
    segmo__json_put_text(&notes->json, note->field);
    segmo__buf_add_lit(&notes->json, ",\"code\":");
    segmo__json_put_text(&notes->json, note->code);
    segmo__buf_add_lit(&notes->json, ",\"message\":");
    segmo__json_put_text(&notes->json, note->words);
    segmo__buf_add_char(&notes->json, '}');
}

static int destination_named(const char *name, segmo__destination *destination, segmo_error **err)
{
    for (unsigned d = 0; name && d < SEGMO__DESTINATION_COUNT; d++) {
        if (strcmp(name, segmo__destination_name((segmo__destination)d)) == 0) {
            *destination = (segmo__destination)d;
            return SEGMO_OK;
        }
    }
    return segmo__fail(err, SEGMO_ERR_INVALID, "destination", "must be \"segment\" or \"moengage\"");
}

static void put_transformed(segmo__buf *out, segmo__body *body, segmo__added added, const char *reason,
                            const struct notes *notes)
{
    segmo__buf url;

    segmo__buf_init(&url, 4096);
    segmo__buf_add_lit(out, "{\"requests\":[");
    if (added == SEGMO__ADDED) {
        segmo__body_end(body, &url, segmo__clock_wall_ms());
        segmo__buf_add_lit(out, "{\"method\":\"POST\",\"url\":");
        segmo__json_put_string(out, url.data, url.len);
        segmo__buf_add_lit(out, ",\"body\":");
        segmo__buf_add_slice(out, segmo__buf_slice(body->bytes));
        segmo__buf_add_char(out, '}');
    }
    segmo__buf_add_lit(out, "],\"skipped\":");
    if (added == SEGMO__ADD_SKIP)
        segmo__json_put_text(out, reason);
    else
        segmo__buf_add_lit(out, "null");
    segmo__buf_add_lit(out, ",\"notes\":[");
    segmo__buf_add_slice(out, segmo__buf_slice(&notes->json));
    segmo__buf_add_lit(out, "]}");
    segmo__buf_free(&url);
}

int segmo__pipeline_transform(const segmo__rules *rules, const char *source_name, const char *destination_name,
                              segmo__slice json, segmo__buf *out, segmo_error **err)
{
    const segmo__source *source = find_source(rules, source_name, err);
    segmo__destination destination = SEGMO__DESTINATION_SEGMENT;
    segmo__message message;
    segmo__buf stored, bytes;
    struct notes notes = {.count = 0};
    segmo__body body;
    segmo__added added;
    const char *reason = NULL;
    int status;

    segmo__buf_init(&stored, SEGMO__MESSAGE_STORED_MAX);
    segmo__buf_init(&bytes, ANSWER_MAX);
    segmo__buf_init(&notes.json, ANSWER_MAX);
    status = source ? destination_named(destination_name, &destination, err) : SEGMO_ERR_NOT_FOUND;
    if (status == SEGMO_OK)
        status = read_in(rules, source, json, &stored, &message, err);
    if (status != SEGMO_OK)
        goto done;
    segmo__body_begin(&body, destination, source, &bytes, SEGMO__SEGMENT_BODY_MAX);
    added = segmo__body_add(&body, &message, segmo__clock_wall_ms(), put_note, &notes, &reason, err);
    if (added == SEGMO__ADD_DEAD) {
        status = SEGMO_ERR_INVALID;
        goto done;
    }
    put_transformed(out, &body, added, reason, &notes);
    if (out->failed || bytes.failed || notes.json.failed)
        status = segmo__fail_memory(err);
done:
    segmo__buf_free(&notes.json);
    segmo__buf_free(&bytes);
    segmo__buf_free(&stored);
    return status;
}

int segmo__pipeline_explain(const segmo__rules *rules, const char *source_name, segmo__slice json,
                            segmo__buf *out, segmo_error **err)
{
    const segmo__source *source = find_source(rules, source_name, err);
    segmo__message message;
    segmo__buf stored;
    int status;

    segmo__buf_init(&stored, SEGMO__MESSAGE_STORED_MAX);
    status = source ? read_in(rules, source, json, &stored, &message, err) : SEGMO_ERR_NOT_FOUND;
    if (status == SEGMO_OK)
        segmo__route_explain(out, source, &message);
    segmo__buf_free(&stored);
    if (status == SEGMO_OK && out->failed)
        status = segmo__fail_memory(err);
    return status;
}

struct conversion {
    segmo__buf messages;
    segmo__buf rejected;
    segmo__reasons skipped;
};

static void put_comma(segmo__buf *list)
{
    if (list->len > 0)
        segmo__buf_add_char(list, ',');
}

static int convert_item(void *ctx, const segmo__streams_item *item)
{
    struct conversion *conversion = ctx;

    switch (item->result) {
    case SEGMO__STREAMS_MESSAGE:
        put_comma(&conversion->messages);
        segmo__buf_add_slice(&conversion->messages, item->message);
        break;
    case SEGMO__STREAMS_SKIPPED:
        segmo__reasons_add(&conversion->skipped, item->reason, 1);
        break;
    case SEGMO__STREAMS_REJECTED:
        put_comma(&conversion->rejected);
        segmo__buf_addf(&conversion->rejected, "{\"index\":%zu,\"field\":", item->index);
        segmo__json_put_text(&conversion->rejected, item->field);
        segmo__buf_add_lit(&conversion->rejected, ",\"reason\":");
        segmo__json_put_text(&conversion->rejected, item->reason);
        segmo__buf_add_char(&conversion->rejected, '}');
        break;
    }
    return 0;
}

int segmo__pipeline_convert_streams(const segmo_config *config, segmo__slice payload, segmo__buf *out,
                                    segmo_error **err)
{
    segmo__streams_rules rules = streams_rules(config);
    struct conversion conversion = {.messages = {.max = ANSWER_MAX}, .rejected = {.max = ANSWER_MAX}};
    int status = segmo__streams_each(payload, &rules, convert_item, &conversion, err);

    if (status == SEGMO_OK) {
        segmo__buf_add_lit(out, "{\"messages\":[");
        segmo__buf_add_slice(out, segmo__buf_slice(&conversion.messages));
        segmo__buf_add_lit(out, "],\"skipped\":");
        segmo__reasons_put(&conversion.skipped, out);
        segmo__buf_add_lit(out, ",\"rejected\":[");
        segmo__buf_add_slice(out, segmo__buf_slice(&conversion.rejected));
        segmo__buf_add_lit(out, "]}");
        if (out->failed || conversion.messages.failed || conversion.rejected.failed)
            status = segmo__fail_memory(err);
    }
    segmo__buf_free(&conversion.messages);
    segmo__buf_free(&conversion.rejected);
    return status;
}
