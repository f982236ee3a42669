#include "client/dead_topic.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/thread.h"
#include "client/kafka_record.h"
#include "client/kafka_settings.h"
#include "client/options.h"
#include "model/message.h"

#define PATIENCE_MS 30000 /* without a sign from the brokers */
#define IDLE_MS     3000  /* nothing more comes, though the end is known */
#define STEP_MS     5

struct part {
    int32_t id;
    int64_t end;  /* when we came; -1: not known yet */
    int64_t next; /* to be read */
};

struct reading {
    const segmo_config *config;
    int only_look;
    segmo__letter_fate (*each)(void *ctx, segmo__slice letter);
    void *ctx;
    segmo__kafka *reader, *writer;
    struct part *parts;
    size_t part_count;
    int is_assigned;
    int64_t heard_ms;
    uint64_t sent, acknowledged;
    int failed;
    segmo__buf scratch;
};

/* ---- handles ---- */

static int open_handle(struct reading *reading, segmo__kafka_role role, segmo_error **err)
{
    segmo__kafka_options options = {.wake = NULL};
    segmo__kafka_settings settings;
    int status = segmo__kafka_settings_make(&settings, reading->config, role, err);

    options.settings = settings.row;
    options.setting_count = settings.count;
    if (status == SEGMO_OK && role == SEGMO__KAFKA_REVIVER)
        status = segmo__kafka_open_consumer(
            &reading->reader, &options, segmo__config_value(reading->config, "kafka.dead_topic"),
            err);
    else if (status == SEGMO_OK)
        status = segmo__kafka_open_producer(&reading->writer, &options, err);
    segmo__kafka_settings_free(&settings);
    return status;
}

/* ---- what becomes of a letter ---- */

static void text_member(struct reading *reading, segmo__slice letter, const char *name,
                        segmo__slice *text)
{
    segmo__slice value;

    *text = (segmo__slice){"", 0};
    if (segmo__json_member(letter, name, &value) &&
        segmo__json_kind_of(value) == SEGMO__JSON_STRING)
        *text = segmo__json_text(value, &reading->scratch);
}

/* The message, or the bytes that were taken for one. */
static void message_of(struct reading *reading, segmo__slice letter, segmo__slice *message)
{
    if (!segmo__json_member(letter, "message", message) ||
        segmo__json_kind_of(*message) != SEGMO__JSON_OBJECT)
        text_member(reading, letter, "raw", message);
}

static void send(struct reading *reading, const segmo__kafka_record *record)
{
    int64_t until_ms = segmo__clock_mono_ms() + PATIENCE_MS;
    segmo__kafka_trouble trouble;

    while (!segmo__kafka_send(reading->writer, record, 1, &trouble)) {
        if (trouble != SEGMO__KAFKA_FINE || segmo__clock_mono_ms() > until_ms) {
            reading->failed = 1;
            return;
        }
        segmo__sleep_ms(STEP_MS);
    }
    reading->sent++;
}

static void keep(struct reading *reading, const segmo__kafka_record *record)
{
    segmo__kafka_record again = *record;

    again.topic = segmo__config_value(reading->config, "kafka.dead_topic");
    send(reading, &again);
}

static void revive(struct reading *reading, const segmo__kafka_record *record)
{
    segmo__slice source = segmo__kafka_record_header(record, SEGMO__KAFKA_SOURCE);
    segmo__slice destination = segmo__kafka_record_header(record, "segmo-destination");
    segmo__kafka_record again = {
        .topic = segmo__config_value(reading->config, "kafka.topic"),
        .key = record->key,
        .headers = {{SEGMO__KAFKA_SOURCE, source}, {SEGMO__KAFKA_FOR, destination}},
        .header_count = 2,
        .timestamp_ms = segmo__clock_wall_ms()};

    message_of(reading, record->value, &again.value);
    send(reading, &again);
}

static void take_letter(struct reading *reading, const segmo__kafka_record *record)
{
    segmo__letter_fate fate = SEGMO__LETTER_STAYS;

    if (segmo__json_check_body(record->value, NULL) == SEGMO_OK)
        fate = reading->each(reading->ctx, record->value);
    if (reading->only_look || fate == SEGMO__LETTER_GOES)
        return;
    if (fate == SEGMO__LETTER_AGAIN)
        revive(reading, record);
    else
        keep(reading, record);
}

/* ---- reading ---- */

static void begin_parts(struct reading *reading, const segmo__kafka_event *event)
{
    segmo__kafka_place *places = segmo__zalloc((event->partition_count + 1) * sizeof *places);

    segmo__free(reading->parts);
    reading->part_count = 0;
    reading->parts = segmo__zalloc((event->partition_count + 1) * sizeof *reading->parts);
    reading->failed |= !places || !reading->parts;
    for (size_t i = 0; !reading->failed && i < event->partition_count; i++)
        places[i].partition = event->partitions[i];
    if (!reading->failed &&
        !segmo__kafka_committed(reading->reader, places, event->partition_count, PATIENCE_MS))
        reading->failed = 1;
    for (size_t i = 0; !reading->failed && i < event->partition_count; i++) {
        reading->parts[reading->part_count++] =
            (struct part){event->partitions[i], -1, places[i].offset > 0 ? places[i].offset : 0};
        segmo__free((void *)(uintptr_t)places[i].note);
    }
    segmo__free(places);
    segmo__kafka_take(reading->reader);
    reading->is_assigned = 1;
}

static void read_on(struct reading *reading, const segmo__kafka_record *record)
{
    for (size_t i = 0; i < reading->part_count; i++) {
        struct part *part = &reading->parts[i];

        if (part->id != record->partition || (part->end >= 0 && record->offset >= part->end))
            continue;
        part->next = record->offset + 1;
        take_letter(reading, record);
    }
}

static void hear(struct reading *reading, const segmo__kafka_event *event)
{
    if (event->kind == SEGMO__KAFKA_RECORD)
        read_on(reading, &event->record);
    else if (event->kind == SEGMO__KAFKA_ASSIGNED)
        begin_parts(reading, event);
    else if (event->kind == SEGMO__KAFKA_REVOKED)
        reading->failed = 1; /* somebody else revives too */
    else
        return;
    reading->heard_ms = segmo__clock_mono_ms();
}

static int is_through(struct reading *reading)
{
    int64_t silence_ms = segmo__clock_mono_ms() - reading->heard_ms;

    for (size_t i = 0; i < reading->part_count; i++) {
        struct part *part = &reading->parts[i];

        if (part->end < 0)
            part->end = segmo__kafka_end(reading->reader, part->id);
        if (part->end < 0 || (part->next < part->end && silence_ms < IDLE_MS))
            return 0;
    }
    return reading->is_assigned;
}

static int read_all(struct reading *reading)
{
    segmo__kafka_event event;

    reading->heard_ms = segmo__clock_mono_ms();
    while (!reading->failed && !is_through(reading)) {
        if (segmo__kafka_next(reading->reader, &event))
            hear(reading, &event);
        else if (segmo__clock_mono_ms() - reading->heard_ms > PATIENCE_MS)
            reading->failed = 1;
        else
            segmo__sleep_ms(STEP_MS);
    }
    return !reading->failed;
}

/* ---- ending ---- */

static int wait_for_acknowledgement(struct reading *reading)
{
    int64_t until_ms = segmo__clock_mono_ms() + PATIENCE_MS;
    segmo__kafka_event event;

    while (reading->acknowledged < reading->sent && !reading->failed) {
        if (segmo__kafka_next(reading->writer, &event)) {
            reading->acknowledged += event.kind == SEGMO__KAFKA_SENT;
            reading->failed |= event.kind == SEGMO__KAFKA_FAILED || event.is_broken;
        } else if (segmo__clock_mono_ms() > until_ms) {
            reading->failed = 1;
        } else {
            segmo__sleep_ms(STEP_MS);
        }
    }
    return !reading->failed;
}

static int commit(struct reading *reading)
{
    segmo__kafka_place *places = segmo__zalloc((reading->part_count + 1) * sizeof *places);
    int done;

    for (size_t i = 0; places && i < reading->part_count; i++)
        places[i] = (segmo__kafka_place){reading->parts[i].id, reading->parts[i].next, NULL};
    done = places && segmo__kafka_commit(reading->reader, places, reading->part_count, 1);
    segmo__free(places);
    return done;
}

static void leave(struct reading *reading)
{
    int64_t until_ms = segmo__clock_mono_ms() + 2000;
    segmo__kafka_event event;

    segmo__kafka_leave(reading->reader);
    while (!segmo__kafka_has_left(reading->reader) && segmo__clock_mono_ms() < until_ms) {
        if (!segmo__kafka_next(reading->reader, &event))
            segmo__sleep_ms(STEP_MS);
        else if (event.kind == SEGMO__KAFKA_REVOKED)
            segmo__kafka_release(reading->reader);
    }
}

int segmo__dead_topic_each(const segmo_config *config, int only_look,
                           segmo__letter_fate (*each)(void *ctx, segmo__slice letter), void *ctx,
                           segmo_error **err)
{
    struct reading reading = {.config = config, .only_look = only_look, .each = each, .ctx = ctx};
    int status = SEGMO_OK;

    if (!segmo__config_value(config, "kafka.bootstrap.servers"))
        return segmo__fail(err, SEGMO_ERR_OPTION, "kafka.bootstrap.servers",
                           "kafka.bootstrap.servers is missing; name the brokers to begin with");
    segmo__buf_init(&reading.scratch, 8 * SEGMO__MESSAGE_STORED_MAX);
    status = open_handle(&reading, SEGMO__KAFKA_REVIVER, err);
    if (status == SEGMO_OK && !only_look)
        status = open_handle(&reading, SEGMO__KAFKA_BURIER, err);
    if (status == SEGMO_OK) {
        if (!read_all(&reading) ||
            (!only_look && (!wait_for_acknowledgement(&reading) || !commit(&reading))))
            status = segmo__fail(err, SEGMO_ERR_TIMEOUT, "kafka.bootstrap.servers",
                                 "the brokers did not answer in time, or somebody else reads the "
                                 "dead letters; nothing counts as dealt with, try again");
        leave(&reading);
    }
    segmo__kafka_close(reading.reader);
    segmo__kafka_close(reading.writer);
    segmo__free(reading.parts);
    segmo__buf_free(&reading.scratch);
    return status;
}
