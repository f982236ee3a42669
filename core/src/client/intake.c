#include "base/clock.h"
#include "base/mem.h"
#include "client/intake_parts.h"
#include "client/kafka_record.h"
#include "client/pipeline.h"
#include "model/message_index.h"

#define AT_A_TIME        2000 /* records taken between looks at other work */
#define FULL_WAIT_MS     500  /* without room for so long nothing is fetched any more */
#define COMMIT_EVERY_MS  250
#define COUNT_EVERY_MS   250
#define REOPEN_BASE_MS   200
#define REOPEN_CAP_MS    30000
#define SETTINGS_WAIT_MS 10000

/* ---- life ---- */

segmo__intake *segmo__intake_new(segmo_client *client, segmo__http *http, const segmo__rules *rules)
{
    segmo__intake *intake = segmo__zalloc(sizeof *intake);

    if (!intake)
        return NULL;
    intake->client = client;
    intake->http = http;
    intake->destination = (segmo__destination)rules->limits.work_for;
    intake->tally = &client->tally[intake->destination];
    segmo__buf_init(&intake->stored, 2 * SEGMO__MESSAGE_STORED_MAX);
    return intake;
}

static void free_entries(segmo__intake *intake)
{
    for (uint32_t i = 0; i < intake->slot_count; i++)
        if (intake->slots[i])
            segmo__entry_free(intake, intake->slots[i]);
    segmo__free(intake->slots);
    segmo__free(intake->free_slots);
    segmo__free(intake->queues);
}

void segmo__intake_free(segmo__intake *intake)
{
    if (!intake)
        return;
    segmo__kafka_close(intake->reader);
    segmo__kafka_close(intake->burier);
    free_entries(intake);
    for (size_t i = 0; i < intake->partition_count; i++) {
        segmo__free(intake->partitions[i].done);
        segmo__free(intake->partitions[i].note);
    }
    segmo__free(intake->partitions);
    segmo__buf_free(&intake->stored);
    segmo__free(intake);
}

/* ---- trouble ---- */

static void pause_for(segmo__intake *intake, const char *reason, const char *remedy)
{
    if (!intake->paused)
        segmo__reports_tell(intake->client->reports, SEGMO_REPORT_PAUSED,
                            "\"destination\":\"kafka\",\"source\":null,\"reason\":\"%s\","
                            "\"status\":0,\"remedy\":\"%s\"",
                            reason, remedy);
    intake->paused = reason;
    atomic_store(&intake->client->paused[SEGMO__DESTINATION_KAFKA], reason);
}

static void resume(segmo__intake *intake)
{
    if (!intake->paused)
        return;
    intake->paused = NULL;
    atomic_store(&intake->client->paused[SEGMO__DESTINATION_KAFKA], NULL);
    segmo__reports_tell(intake->client->reports, SEGMO_REPORT_RESUMED,
                        "\"destination\":\"kafka\",\"source\":null");
}

static int64_t reopen_wait(uint32_t failures)
{
    int64_t wait = REOPEN_BASE_MS;

    while (failures-- > 1 && wait < REOPEN_CAP_MS)
        wait *= 2;
    return wait < REOPEN_CAP_MS ? wait : REOPEN_CAP_MS;
}

/* Whatever is not committed is read again, by another handle or another worker. */
static void begin_again(segmo__intake *intake, int64_t wait_ms, int64_t now_ms)
{
    segmo__intake_withdraw(intake, NULL, NULL, 0, "returned_unanswered");
    segmo__kafka_close(intake->reader);
    intake->reader = NULL;
    for (size_t i = 0; i < intake->partition_count; i++)
        segmo__partition_forget(&intake->partitions[i]);
    intake->gives_up = 0;
    intake->has_left = intake->leaving;
    intake->hold_until_ms = now_ms + wait_ms;
}

static void meet_trouble(segmo__intake *intake, const segmo__kafka_event *event, int64_t now_ms)
{
    segmo__tally_fail(&intake->client->tally[SEGMO__DESTINATION_KAFKA], event->reason, 0,
                      segmo__clock_wall_ms());
    if (event->trouble == SEGMO__KAFKA_SETTINGS)
        pause_for(intake, event->reason, event->remedy);
    if (event->is_broken)
        begin_again(intake, reopen_wait(++intake->failures), now_ms);
}

/* ---- records ---- */

static void skip(segmo__intake *intake, segmo__partition *partition, int64_t offset)
{
    segmo__count(&intake->tally->skipped, 1);
    segmo__reasons_add(&intake->tally->skipped_for, "for_another_destination", 1);
    segmo__partition_done(partition, offset);
}

/* The stored form of a record's message, in intake->stored, accepted when its client accepted it.
 */
static int complete(segmo__intake *intake, const segmo__rules *rules, const segmo__source *source,
                    const segmo__kafka_record *record, segmo__message *message, segmo_error **err)
{
    segmo__message_rules fill = segmo__pipeline_completion(rules, source, -1);
    int status;

    fill.is_stored = 1;
    segmo__buf_clear(&intake->stored);
    status = segmo__message_complete(&intake->stored, record->value, &fill, err);
    if (status == SEGMO_OK)
        status = segmo__message_read(message, segmo__buf_slice(&intake->stored), err);
    if (status == SEGMO_OK && record->timestamp_ms > 0) {
        message->accepted_ms = record->timestamp_ms;
        segmo__message_put_index(intake->stored.data, message);
    }
    return status;
}

static const segmo__source *source_of(const segmo__rules *rules, const char *name)
{
    return segmo__settings_source(rules->settings, *name ? name : NULL);
}

static int take_poison(segmo__intake *intake, uint32_t partition, const segmo__kafka_record *record,
                       const char *source, const char *reason, const char *words)
{
    segmo__entry *entry =
        segmo__entry_new(intake, partition, record->offset, (segmo__slice){NULL, 0}, record->key);

    if (entry && segmo__intake_bury_raw(intake, entry, record->value, source, reason, words))
        return 1;
    if (entry)
        segmo__entry_free(intake, entry);
    return 0;
}

static int take_message(segmo__intake *intake, uint32_t partition,
                        const segmo__kafka_record *record, const segmo__message *message)
{
    segmo__entry *entry = segmo__entry_new(intake, partition, record->offset,
                                           segmo__buf_slice(&intake->stored), record->key);

    if (!entry)
        return 0;
    entry->accepted_ms = message->accepted_ms;
    if (segmo__entry_queue(intake, entry, message->source))
        return 1;
    segmo__entry_free(intake, entry);
    return 0;
}

/* 0: no memory. */
static int admit(segmo__intake *intake, const segmo__rules *rules, segmo__partition *partition,
                 const segmo__kafka_record *record)
{
    segmo__slice wanted = segmo__kafka_record_header(record, SEGMO__KAFKA_FOR);
    segmo__slice named = segmo__kafka_record_header(record, SEGMO__KAFKA_SOURCE);
    uint32_t index = (uint32_t)(partition - intake->partitions);
    char *name = segmo__strndup(named.at, named.len);
    const segmo__source *source = name ? source_of(rules, name) : NULL;
    segmo_error *error = NULL;
    segmo__message message;
    int taken = name != NULL;
    int status;

    if (!name)
        return 0;
    segmo__count(&intake->tally->accepted, 1);
    if (wanted.len > 0 && !segmo__slice_is(wanted, segmo__destination_name(intake->destination))) {
        skip(intake, partition, record->offset);
    } else if (!source) {
        taken = take_poison(intake, index, record, name, "unknown_source",
                            "no source of the worker's settings has the id in segmo-source");
    } else {
        status = complete(intake, rules, source, record, &message, &error);
        if (status == SEGMO_OK)
            taken = take_message(intake, index, record, &message);
        else if (status == SEGMO_ERR_MEMORY)
            taken = 0;
        else
            taken = take_poison(intake, index, record, name, "invalid_message",
                                segmo_error_message(error));
    }
    segmo_error_free(error);
    segmo__free(name);
    return taken;
}

static void take_record(segmo__intake *intake, const segmo__rules *rules,
                        const segmo__kafka_record *record, int64_t now_ms)
{
    segmo__partition *partition = segmo__intake_partition(intake, record->partition);

    if (!partition || partition->is_leaving || intake->leaving)
        return; /* nothing behind it will be taken either */
    if (segmo__partition_is_full(partition)) {
        begin_again(intake, REOPEN_BASE_MS, now_ms);
        return;
    }
    intake->failures = 0;
    if (segmo__partition_open(partition, record->offset) &&
        !admit(intake, rules, partition, record))
        begin_again(intake, REOPEN_BASE_MS, now_ms);
}

/* ---- events ---- */

static int64_t room_limit(const segmo__rules *rules)
{
    return (int64_t)rules->limits.kafka_memory;
}

static int is_over(const segmo__intake *intake, const segmo__rules *rules)
{
    return (int64_t)intake->open_bytes >= room_limit(rules) ||
           intake->open >= SEGMO__INTAKE_ENTRIES_MAX;
}

/* Without room the brokers are not asked for a while; then the partitions are paused, so that
 * rebalances are heard of. */
static int may_take(segmo__intake *intake, const segmo__rules *rules, int64_t now_ms)
{
    if (!is_over(intake, rules)) {
        intake->full_since_ms = 0;
        if ((int64_t)intake->open_bytes < room_limit(rules) / 4 * 3 &&
            intake->open < SEGMO__INTAKE_ENTRIES_MAX / 4 * 3)
            intake->stops = 0;
        return 1;
    }
    if (intake->full_since_ms == 0)
        intake->full_since_ms = now_ms;
    if (now_ms - intake->full_since_ms >= FULL_WAIT_MS)
        intake->stops = 1;
    return intake->stops;
}

static void take_event(segmo__intake *intake, const segmo__rules *rules,
                       const segmo__kafka_event *event, int64_t now_ms)
{
    switch (event->kind) {
    case SEGMO__KAFKA_RECORD:
        take_record(intake, rules, &event->record, now_ms);
        break;
    case SEGMO__KAFKA_ASSIGNED:
        segmo__intake_take(intake, event);
        resume(intake);
        break;
    case SEGMO__KAFKA_REVOKED:
        segmo__intake_lose(intake, rules, event, now_ms);
        break;
    case SEGMO__KAFKA_COMMITTED:
        for (size_t i = 0; event->trouble != SEGMO__KAFKA_FINE && i < intake->partition_count; i++)
            intake->partitions[i].committed = -1;
        break;
    case SEGMO__KAFKA_TROUBLE:
        meet_trouble(intake, event, now_ms);
        break;
    case SEGMO__KAFKA_SENT:
    case SEGMO__KAFKA_FAILED:
        break;
    }
}

static void take_events(segmo__intake *intake, const segmo__rules *rules, int64_t now_ms,
                        int64_t *next_ms)
{
    segmo__kafka_event event;

    for (int i = 0; i < AT_A_TIME; i++) {
        if (!intake->reader || intake->gives_up)
            return; /* one change of partitions at a time */
        if (!may_take(intake, rules, now_ms)) {
            if (intake->full_since_ms + FULL_WAIT_MS < *next_ms)
                *next_ms = intake->full_since_ms + FULL_WAIT_MS;
            return;
        }
        if (!segmo__kafka_next(intake->reader, &event))
            return;
        take_event(intake, rules, &event, now_ms);
    }
    *next_ms = now_ms;
}

/* ---- pausing ---- */

static int wants_pause(const segmo__intake *intake, const segmo__partition *partition)
{
    int64_t width = partition->is_read ? partition->next - partition->base : 0;

    return intake->stops || width > SEGMO__INTAKE_WINDOW / 4 * (partition->is_paused ? 2 : 3);
}

static void apply_pauses(segmo__intake *intake)
{
    for (size_t i = 0; i < intake->partition_count; i++) {
        segmo__partition *partition = &intake->partitions[i];
        int wanted = wants_pause(intake, partition);

        if (!partition->is_ours || wanted == partition->is_paused)
            continue;
        segmo__kafka_pause(intake->reader, &partition->id, 1, wanted);
        partition->is_paused = wanted;
    }
}

/* ---- the loop ---- */

static void wake(void *ctx)
{
    segmo__http_wake(ctx);
}

static void open_reader(segmo__intake *intake, const segmo__rules *rules, int64_t now_ms)
{
    segmo__kafka_options options = {.wake = wake, .ctx = intake->http};
    segmo__kafka_settings settings;
    int status = segmo__kafka_settings_of(&settings, intake->client, SEGMO__KAFKA_READER, NULL);

    options.settings = settings.row;
    options.setting_count = settings.count;
    intake->settings_hash = settings.hash;
    if (status == SEGMO_OK)
        status =
            segmo__kafka_open_consumer(&intake->reader, &options, rules->limits.kafka_topic, NULL);
    if (status != SEGMO_OK) {
        pause_for(intake, "kafka_settings", "librdkafka is missing or refuses a setting");
        intake->hold_until_ms = now_ms + SETTINGS_WAIT_MS;
    }
    segmo__kafka_settings_free(&settings);
}

static void follow_settings(segmo__intake *intake, int64_t now_ms)
{
    segmo__kafka_settings settings;
    int status = segmo__kafka_settings_of(&settings, intake->client, SEGMO__KAFKA_READER, NULL);

    intake->settings_changed = 0;
    if (status == SEGMO_OK && (settings.hash != intake->settings_hash || intake->paused))
        begin_again(intake, 0, now_ms);
    segmo__kafka_settings_free(&settings);
}

static void count(segmo__intake *intake, int64_t now_ms)
{
    struct segmo__intake_counts *counts = &intake->client->intake;
    int64_t lag = 0, end;
    uint32_t assigned = 0;

    for (size_t i = 0; i < intake->partition_count; i++) {
        const segmo__partition *partition = &intake->partitions[i];

        if (!partition->is_ours)
            continue;
        assigned++;
        end = segmo__kafka_end(intake->reader, partition->id);
        if (end >= 0 && partition->is_read && end > partition->base)
            lag += end - partition->base;
    }
    atomic_store(&counts->assigned, assigned);
    atomic_store(&counts->lag, lag);
    atomic_store(&counts->oldest_ms, segmo__entries_oldest_ms(intake));
    intake->next_count_ms = now_ms + COUNT_EVERY_MS;
}

static void lower(int64_t *next_ms, int64_t moment_ms)
{
    if (moment_ms < *next_ms)
        *next_ms = moment_ms;
}

void segmo__intake_pump(segmo__intake *intake, const segmo__rules *rules, int64_t now_ms,
                        int64_t *next_ms)
{
    if (intake->settings_changed)
        follow_settings(intake, now_ms);
    if (!intake->reader && !intake->leaving && now_ms >= intake->hold_until_ms) {
        open_reader(intake, rules, now_ms);
        *next_ms = now_ms;
    }
    take_events(intake, rules, now_ms, next_ms);
    segmo__intake_send_letters(intake, rules->limits.kafka_dead_topic, now_ms);
    if (!intake->reader) {
        lower(next_ms, intake->hold_until_ms);
        return;
    }
    apply_pauses(intake);
    if (now_ms >= intake->next_commit_ms) {
        segmo__intake_commit(intake, 0, 0);
        intake->next_commit_ms = now_ms + COMMIT_EVERY_MS;
    }
    if (now_ms >= intake->next_count_ms)
        count(intake, now_ms);
    if (intake->is_closing && segmo__kafka_has_left(intake->reader))
        intake->has_left = 1;
    lower(next_ms, now_ms + (intake->gives_up || intake->is_closing ? 20 : COMMIT_EVERY_MS));
}

void segmo__intake_settings_changed(segmo__intake *intake)
{
    intake->settings_changed = 1;
}
