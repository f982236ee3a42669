#include "client/kafka_settings.h"

#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "client/option_passed.h"

/* Bounded memory, and pauses short enough that an outage's end is seen soon. */
static const segmo__kafka_setting for_all[] = {
    {"client.id", "segmo", 0},
    {"reconnect.backoff.max.ms", "2000", 0},
    {"topic.metadata.refresh.interval.ms", "60000", 0},
};

static const segmo__kafka_setting for_senders[] = {
    {"compression.codec", "lz4", 0},
    {"linger.ms", "20", 0},
    {"queue.buffering.max.messages", "100000", 0},
    {"queue.buffering.max.kbytes", "8192", 0},
};

static const segmo__kafka_setting for_buriers[] = {
    {"linger.ms", "5", 0},
    {"queue.buffering.max.kbytes", "8192", 0},
};

static const segmo__kafka_setting for_readers[] = {
    {"auto.offset.reset", "earliest", 0},     {"queued.max.messages.kbytes", "4096", 0},
    {"fetch.message.max.bytes", "262144", 0}, {"fetch.max.bytes", "1048576", 0},
    {"fetch.wait.max.ms", "100", 0},
};

#define ADD_ALL(settings, rows) add_rows((settings), (rows), sizeof(rows) / sizeof((rows)[0]))

static void add(segmo__kafka_settings *settings, const char *name, const char *value, int is_secret)
{
    if (settings->count == SEGMO__KAFKA_SETTINGS_MAX) {
        settings->failed = 1;
        return;
    }
    settings->row[settings->count++] = (segmo__kafka_setting){name, value, is_secret};
    settings->hash = segmo__id_hash(name, strlen(name), settings->hash);
    settings->hash = segmo__id_hash(value, strlen(value), settings->hash);
}

static void add_rows(segmo__kafka_settings *settings, const segmo__kafka_setting *rows,
                     size_t count)
{
    for (size_t i = 0; i < count; i++)
        add(settings, rows[i].name, rows[i].value, 0);
}

static const char *own(segmo__kafka_settings *settings, char *text)
{
    if (!text || settings->owned_count == SEGMO__KAFKA_SETTINGS_MAX) {
        segmo__free(text);
        settings->failed = 1;
        return "";
    }
    settings->owned[settings->owned_count++] = text;
    return text;
}

static void add_passed(void *ctx, const char *name, segmo__slice value, segmo__option_from from)
{
    segmo__kafka_settings *settings = ctx;
    segmo__buf scratch;
    segmo__slice text;

    (void)from;
    segmo__buf_init(&scratch, 1u << 20);
    text = segmo__json_text(value, &scratch);
    settings->failed |= scratch.failed;
    add(settings, own(settings, segmo__strdup(name)),
        own(settings, segmo__strndup(text.at, text.len)),
        segmo__passed_is_secret(segmo__slice_of(name)));
    segmo__buf_free(&scratch);
}

void segmo__kafka_put_group(segmo__buf *out, const segmo_config *config, const char *purpose)
{
    segmo__buf_addf(out, "%s-%s", segmo__config_value(config, "kafka.group"), purpose);
}

static void add_group(segmo__kafka_settings *settings, const segmo_config *config,
                      segmo__kafka_role role)
{
    const char *work_for = segmo__config_value(config, "kafka.work_for");
    segmo__buf group;

    segmo__buf_init(&group, 1024);
    segmo__kafka_put_group(&group, config,
                           role == SEGMO__KAFKA_REVIVER ? "dead"
                           : work_for                   ? work_for
                                                        : "segment");
    add(settings, "group.id", own(settings, segmo__buf_detach(&group)), 0);
}

int segmo__kafka_settings_make(segmo__kafka_settings *out, const segmo_config *config,
                               segmo__kafka_role role, segmo_error **err)
{
    const char *servers = segmo__config_value(config, "kafka.bootstrap.servers");

    memset(out, 0, sizeof *out);
    ADD_ALL(out, for_all);
    if (role == SEGMO__KAFKA_SENDER || role == SEGMO__KAFKA_BURIER)
        ADD_ALL(out, for_senders);
    else
        ADD_ALL(out, for_readers);
    if (role == SEGMO__KAFKA_BURIER)
        ADD_ALL(out, for_buriers);
    segmo__config_each_passed(config, add_passed, out);
    if (servers)
        add(out, "bootstrap.servers", own(out, segmo__strdup(servers)), 0);
    if (role == SEGMO__KAFKA_READER || role == SEGMO__KAFKA_REVIVER)
        add_group(out, config, role);
    return out->failed ? segmo__fail_memory(err) : SEGMO_OK;
}

void segmo__kafka_settings_free(segmo__kafka_settings *settings)
{
    for (size_t i = 0; i < settings->owned_count; i++)
        segmo__free(settings->owned[i]);
    settings->owned_count = 0;
}

int segmo__kafka_settings_of(segmo__kafka_settings *out, segmo_client *client,
                             segmo__kafka_role role, segmo_error **err)
{
    int status;

    pthread_mutex_lock(&client->change_lock);
    status = segmo__kafka_settings_make(out, client->in_force, role, err);
    pthread_mutex_unlock(&client->change_lock);
    return status;
}

int segmo__kafka_settings_check(const segmo_config *config, segmo_error **err)
{
    segmo__kafka_settings settings;
    int status = segmo__kafka_settings_make(
        &settings, config,
        segmo__config_value(config, "kafka.work_for") ? SEGMO__KAFKA_READER : SEGMO__KAFKA_SENDER,
        err);

    if (status == SEGMO_OK)
        status = segmo__kafka_check(settings.row, settings.count, err);
    segmo__kafka_settings_free(&settings);
    return status;
}
