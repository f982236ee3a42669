/* Dead letters of a worker: records of their own topic. */
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "client/intake_parts.h"
#include "client/kafka_record.h"
#include "client/pipeline.h"

#include <stdio.h>

#define LETTER_MAX (8u * SEGMO__MESSAGE_STORED_MAX)
#define AGAIN_MS   1000

/* ---- writing ---- */

static void put_text(segmo__buf *out, const char *name, const char *text)
{
    segmo__buf_addf(out, ",\"%s\":", name);
    segmo__json_put_text(out, text);
}

/* A record that is no message: its bytes are kept as text, what is no UTF-8 replaced. */
static void put_raw_letter(segmo__buf *out, const segmo__intake *intake, segmo__slice value,
                           const char *source, const char *reason, const char *words)
{
    char id[SEGMO__UUID_LEN + 1], died[SEGMO__ISO_LEN + 1];

    segmo__id_uuid(id);
    segmo__clock_iso(died, segmo__clock_wall_ms());
    segmo__buf_addf(out, "{\"id\":\"%s\"", id);
    put_text(out, "destination", segmo__destination_name(intake->destination));
    put_text(out, "reason", reason);
    segmo__buf_add_lit(out, ",\"status\":0,\"attempts\":0");
    put_text(out, "answer", words);
    put_text(out, "died_at", died);
    put_text(out, "source", source);
    segmo__buf_add_lit(out, ",\"message\":null,\"raw\":");
    segmo__json_put_string(out, value.at, value.len);
    segmo__buf_add_char(out, '}');
}

/* From now on the entry waits for the brokers to have its letter. */
static int bury(segmo__intake *intake, segmo__entry *entry, segmo__buf *letter, const char *source,
                const char *reason, int status, uint32_t attempts)
{
    size_t len = letter->len;

    entry->source = segmo__strdup(source);
    entry->letter = segmo__buf_detach(letter);
    if (!entry->letter || !entry->source) {
        segmo__free(entry->letter);
        segmo__free(entry->source);
        entry->letter = entry->source = NULL;
        return 0;
    }
    entry->letter_len = len;
    entry->reason = reason;
    entry->status = status;
    entry->attempts = attempts;
    entry->state = SEGMO__ENTRY_BURIED;
    intake->open_bytes += len;
    segmo__entry_list_add(&intake->buried, entry);
    return 1;
}

int segmo__intake_bury(segmo__intake *intake, const segmo__record_ref *ref,
                       const segmo__message *message, const char *source, const char *reason,
                       int status, segmo__slice answer, uint32_t attempts)
{
    segmo__entry *entry = segmo__entry_find(intake, ref->file, ref->offset);
    segmo__buf letter;

    if (!entry || entry->state != SEGMO__ENTRY_WAITS)
        return 1;
    segmo__buf_init(&letter, LETTER_MAX);
    segmo__dead_letter_put(&letter, message, source, intake->destination, reason, status, answer,
                           attempts, segmo__clock_wall_ms());
    if (letter.failed) {
        segmo__buf_free(&letter);
        return 0;
    }
    segmo__pipeline_report_dead(intake->client, message, source, intake->destination, reason,
                                status, segmo__buf_slice(&letter));
    segmo__entry_unqueue(intake, entry);
    if (bury(intake, entry, &letter, source, reason, status, attempts))
        return 1;
    segmo__entry_queue(intake, entry, message->source);
    return 0;
}

int segmo__intake_bury_raw(segmo__intake *intake, segmo__entry *entry, segmo__slice value,
                           const char *source, const char *reason, const char *words)
{
    segmo__buf letter;

    segmo__buf_init(&letter, LETTER_MAX);
    put_raw_letter(&letter, intake, value, source, reason, words);
    if (letter.failed || !bury(intake, entry, &letter, source, reason, 0, 0)) {
        segmo__buf_free(&letter);
        return 0;
    }
    segmo__reports_tell(intake->client->reports, SEGMO_REPORT_DEAD,
                        "\"destination\":\"%s\",\"reason\":\"%s\",\"status\":0,\"messageId\":null",
                        segmo__destination_name(intake->destination), reason);
    return 1;
}

/* ---- sending ---- */

static void wake(void *ctx)
{
    segmo__http_wake(ctx);
}

static int open_burier(segmo__intake *intake)
{
    segmo__kafka_options options = {.wake = wake, .ctx = intake->http};
    segmo__kafka_settings settings;
    int status = segmo__kafka_settings_of(&settings, intake->client, SEGMO__KAFKA_BURIER, NULL);

    options.settings = settings.row;
    options.setting_count = settings.count;
    if (status == SEGMO_OK)
        status = segmo__kafka_open_producer(&intake->burier, &options, NULL);
    segmo__kafka_settings_free(&settings);
    return status == SEGMO_OK;
}

static int send_letter(segmo__intake *intake, segmo__entry *entry, const char *topic)
{
    char status[16], attempts[16], origin[64];
    segmo__kafka_trouble trouble;
    segmo__kafka_record record = {
        .topic = topic,
        .key = {entry->bytes + entry->stored_len, entry->key_len},
        .value = {entry->letter, entry->letter_len},
        .timestamp_ms = segmo__clock_wall_ms(),
        .headers = {{SEGMO__KAFKA_SOURCE, segmo__slice_of(entry->source)},
                    {"segmo-destination",
                     segmo__slice_of(segmo__destination_name(intake->destination))},
                    {"segmo-reason", segmo__slice_of(entry->reason)}},
        .header_count = 6};

    snprintf(status, sizeof status, "%d", entry->status);
    snprintf(attempts, sizeof attempts, "%u", entry->attempts);
    snprintf(origin, sizeof origin, "%d/%lld", intake->partitions[entry->partition].id,
             (long long)entry->offset);
    record.headers[3] = (segmo__kafka_header){"segmo-status", segmo__slice_of(status)};
    record.headers[4] = (segmo__kafka_header){"segmo-attempts", segmo__slice_of(attempts)};
    record.headers[5] = (segmo__kafka_header){"segmo-origin", segmo__slice_of(origin)};
    return segmo__kafka_send(intake->burier, &record,
                             (uint64_t)entry->generation << 32 | entry->slot, &trouble);
}

static void letter_stands(segmo__intake *intake, uint64_t tag)
{
    segmo__entry *entry = segmo__entry_find(intake, (uint32_t)tag, (uint32_t)(tag >> 32));

    if (!entry || entry->state != SEGMO__ENTRY_BURIED)
        return;
    segmo__count(&intake->tally->dead, 1);
    segmo__reasons_add(&intake->tally->dead_for, entry->reason, 1);
    segmo__entry_list_take(&intake->buried, entry);
    segmo__entry_end(intake, entry);
}

static void burier_is_broken(segmo__intake *intake, const segmo__kafka_event *event)
{
    segmo__tally_fail(&intake->client->tally[SEGMO__DESTINATION_KAFKA], event->reason, 0,
                      segmo__clock_wall_ms());
    if (event->kind != SEGMO__KAFKA_FAILED && !event->is_broken)
        return;
    if (event->trouble == SEGMO__KAFKA_SETTINGS)
        segmo__reports_tell(intake->client->reports, SEGMO_REPORT_LOG,
                            "\"code\":\"dead_topic\",\"reason\":\"%s\",\"remedy\":\"%s\"",
                            event->reason, event->remedy);
    segmo__kafka_close(intake->burier);
    intake->burier = NULL;
    intake->letters_again_ms = segmo__clock_mono_ms() + AGAIN_MS;
    for (segmo__entry *entry = intake->buried.first; entry; entry = entry->next)
        entry->letter_sent = 0;
}

void segmo__intake_send_letters(segmo__intake *intake, const char *topic, int64_t now_ms)
{
    segmo__kafka_event event;

    while (intake->burier && segmo__kafka_next(intake->burier, &event)) {
        if (event.kind == SEGMO__KAFKA_SENT)
            letter_stands(intake, event.tag);
        else
            burier_is_broken(intake, &event);
    }
    if (!intake->buried.first || now_ms < intake->letters_again_ms)
        return;
    if (!intake->burier && !open_burier(intake)) {
        intake->letters_again_ms = now_ms + AGAIN_MS;
        return;
    }
    for (segmo__entry *entry = intake->buried.first; entry; entry = entry->next) {
        if (entry->letter_sent)
            continue;
        if (!send_letter(intake, entry, topic)) {
            intake->letters_again_ms = now_ms + AGAIN_MS;
            return;
        }
        entry->letter_sent = 1;
    }
}
