/* The first half of the pipeline: from JSON to the spool, on the caller's thread. */
#include "base/clock.h"
#include "base/json.h"
#include "client/client.h"
#include "client/pipeline.h"
#include "client/worker.h"
#include "model/batch.h"

/* ---- accepting --------------------------------------------------------------------------- */

/* With Kafka as the queue the topic alone gets the message: who delivers it routes it. */
static int is_configured(const segmo__rules *rules, const segmo__source *source,
                         unsigned destination)
{
    if (rules->limits.to_kafka || destination == SEGMO__DESTINATION_KAFKA)
        return rules->limits.to_kafka && destination == SEGMO__DESTINATION_KAFKA;
    if (destination == SEGMO__DESTINATION_SEGMENT)
        return source->segment.enabled;
    return source->moengage.enabled && source->moengage.forward;
}

/* A destination over its quota follows the policy without stopping the other one: only when no
 * destination has room is the message refused; otherwise the full one's copy goes to the dead
 * letters at once. */
static int settle_quota(segmo_client *client, const segmo__rules *rules,
                        const segmo__source *source, segmo__slice stored,
                        uint8_t preset[SEGMO__SPOOL_DESTINATIONS], segmo_error **err)
{
    unsigned configured = 0, full = 0;
    segmo__message message;

    if (rules->limits.work_for >= 0)
        return segmo__fail(err, SEGMO_ERR_UNSUPPORTED, "kafka.work_for",
                           "a worker takes its messages from Kafka and accepts none; use another "
                           "client, without kafka.work_for");
    for (unsigned d = 0; d < SEGMO__DESTINATION_COUNT; d++) {
        preset[d] = is_configured(rules, source, d) ? SEGMO__PENDING : SEGMO__SKIPPED;
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
        if (!segmo__pipeline_bury(client, &message, source->id, (segmo__destination)d, "spool_full",
                                  0, (segmo__slice){"", 0}, 0))
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
    segmo__message_rules fill = segmo__pipeline_completion(rules, source, call);
    segmo__stored_room stored;
    int status;

    segmo__stored_begin(&stored, json);
    status = segmo__message_complete(&stored.buf, json, &fill, err);
    if (status == SEGMO_OK)
        status = append(client, rules, source, segmo__buf_slice(&stored.buf), err);
    segmo__stored_end(&stored);
    return status;
}

int segmo__pipeline_accept(segmo_client *client, const char *source_name, segmo__slice json,
                           int call, segmo_error **err)
{
    segmo__rules *rules = segmo__client_rules(client);
    const segmo__source *source = segmo__pipeline_source(rules, source_name, err);
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
    int rejected;
    int sync_wanted;
    int failed; /* why something whole could not be stored, for now */
    segmo__reasons skipped;
};

static void put_rejected(struct tray *tray, size_t index, int status, const char *field,
                         const char *words, int retryable)
{
    segmo__buf *out = tray->out;

    if (tray->rejected++)
        segmo__buf_add_char(out, ',');
    segmo__buf_addf(out, "{\"index\":%zu,\"status\":\"%s\",\"field\":", index,
                    segmo_status_name(status));
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
    if (status == SEGMO_ERR_FULL || status == SEGMO_ERR_IO || status == SEGMO_ERR_MEMORY)
        tray->failed = status;
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

    tray.source = segmo__pipeline_source(tray.rules, source_name, err);
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

static int accept_streams_item(void *ctx, const segmo__streams_item *item)
{
    struct tray *tray = ctx;

    if (item->index >= tray->events)
        tray->events =
            item->index + 1; /* each event makes one item; derived identifies come last */
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

int segmo__pipeline_accept_streams(segmo_client *client, const char *source_name,
                                   segmo__slice payload, segmo__buf *out, segmo_error **err)
{
    struct tray tray = {.client = client, .rules = segmo__client_rules(client), .out = out};
    segmo__streams_rules rules = segmo__pipeline_streams_rules(client->config);
    int status = SEGMO_ERR_NOT_FOUND;

    tray.source = segmo__pipeline_source(tray.rules, source_name, err);
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
    else if (tray.failed == SEGMO_ERR_FULL)
        status = segmo__fail(err, SEGMO_ERR_FULL, "spool.max_bytes",
                             "not all of the payload fitted into the spool; post it again, "
                             "events already accepted keep their message id");
    else if (tray.failed)
        status = segmo__fail(err, tray.failed, NULL,
                             "not all of the payload could be stored; post it again when the "
                             "disk works, events already accepted keep their message id");
    else
        status = tray_status(&tray);
done:
    segmo__rules_release(tray.rules);
    return status;
}
