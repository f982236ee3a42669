#include "client/rules.h"

#include "base/mem.h"
#include "model/message.h"

#include <stdio.h>
#include <string.h>

void segmo__rules_retain(segmo__rules *rules)
{
    atomic_fetch_add_explicit(&rules->refs, 1, memory_order_relaxed);
}

void segmo__rules_release(segmo__rules *rules)
{
    if (!rules || atomic_fetch_sub_explicit(&rules->refs, 1, memory_order_acq_rel) != 1)
        return;
    segmo__settings_release(rules->settings);
    segmo__free(rules);
}

static void read_library(segmo__limits_in_force *limits, const segmo_config *config)
{
    char name[64], version[32]; /* with every byte escaped they fit into the room */
    segmo__buf text = {
        .data = limits->library, .cap = sizeof limits->library, .max = sizeof limits->library};

    snprintf(name, sizeof name, "%s", segmo__config_value(config, "library.name"));
    snprintf(version, sizeof version, "%s", segmo__config_value(config, "library.version"));
    segmo__message_put_library(&text, name, version);
    limits->library_len = (uint32_t)text.len;
}

static segmo__full_policy full_policy(const char *text)
{
    if (text && strcmp(text, "block") == 0)
        return SEGMO__FULL_BLOCK;
    if (text && strcmp(text, "drop_oldest") == 0)
        return SEGMO__FULL_DROP_OLDEST;
    return SEGMO__FULL_REFUSE;
}

static void read_kafka(segmo__limits_in_force *limits, const segmo_config *config)
{
    const char *work_for = segmo__config_value(config, "kafka.work_for");
    const char *enabled = segmo__config_value(config, "kafka.enabled");

    limits->has_kafka = segmo__config_value(config, "kafka.bootstrap.servers") != NULL;
    limits->work_for = !work_for                          ? -1
                       : strcmp(work_for, "segment") == 0 ? SEGMO__DESTINATION_SEGMENT
                                                          : SEGMO__DESTINATION_MOENGAGE;
    limits->to_kafka = limits->has_kafka && !work_for && (!enabled || strcmp(enabled, "true") == 0);
    snprintf(limits->kafka_topic, sizeof limits->kafka_topic, "%s",
             segmo__config_value(config, "kafka.topic"));
    snprintf(limits->kafka_dead_topic, sizeof limits->kafka_dead_topic, "%s",
             segmo__config_value(config, "kafka.dead_topic"));
    limits->kafka_memory = segmo__config_number(config, "kafka.memory");
    limits->drain_ms = (uint32_t)segmo__config_number(config, "kafka.drain_ms");
}

static void read_limits(segmo__limits_in_force *limits, const segmo_config *config)
{
    *limits = (segmo__limits_in_force){
        .when_full = full_policy(segmo__config_value(config, "spool.when_full")),
        .sync_always = strcmp(segmo__config_value(config, "spool.sync"), "always") == 0,
        .report_delivered = segmo__config_flag(config, "reports.delivered"),
        .report_attempts = segmo__config_flag(config, "reports.attempts"),
        .report_letters = segmo__config_flag(config, "reports.letters"),
        .report_steps = segmo__config_flag(config, "reports.steps"),
        .debug = segmo__config_flag(config, "debug"),
        .gzip = segmo__config_flag(config, "delivery.gzip"),
        .gzip_level = (uint32_t)segmo__config_number(config, "delivery.gzip_level"),
        .lanes = (uint32_t)segmo__config_number(config, "delivery.lanes"),
        .max_in_flight = (uint32_t)segmo__config_number(config, "delivery.max_in_flight"),
        .flush_at = (uint32_t)segmo__config_number(config, "delivery.flush_at"),
        .flush_interval_ms = (uint32_t)segmo__config_number(config, "delivery.flush_interval_ms"),
        .max_batch_bytes = (uint32_t)segmo__config_number(config, "delivery.max_batch_bytes"),
        .max_attempts = (uint32_t)segmo__config_number(config, "delivery.max_attempts"),
        .max_age_ms = (int64_t)segmo__config_number(config, "delivery.max_age_ms"),
        .backoff_base_ms = (uint32_t)segmo__config_number(config, "delivery.backoff_base_ms"),
        .backoff_cap_ms = (uint32_t)segmo__config_number(config, "delivery.backoff_cap_ms"),
        .users_per_minute = segmo__config_number(config, "moengage.users_per_minute"),
        .events_per_minute = segmo__config_number(config, "moengage.events_per_minute"),
        .requests_per_minute = 60 * segmo__config_number(config, "moengage.requests_per_second"),
        .delivery_enabled = segmo__config_flag(config, "delivery.enabled"),
    };
    read_kafka(limits, config);
    read_library(limits, config);
}

int segmo__rules_new(segmo__rules **out, const segmo_config *config, segmo_error **err)
{
    segmo__rules *rules = segmo__zalloc(sizeof *rules);
    int status;

    if (!rules)
        return segmo__fail_memory(err);
    status = segmo__config_check(config, err);
    if (status == SEGMO_OK)
        status = segmo__config_settings(&rules->settings, config, err);
    if (status != SEGMO_OK) {
        segmo__free(rules);
        return status;
    }
    atomic_init(&rules->refs, 1);
    read_limits(&rules->limits, config);
    *out = rules;
    return SEGMO_OK;
}

static void release_rules(void *rules)
{
    segmo__rules_release(rules);
}

int segmo__rules_of(segmo__rules **out, const segmo_config *config, segmo_error **err)
{
    int status;

    *out = segmo__config_derived(config);
    if (*out)
        return SEGMO_OK;
    status = segmo__rules_new(out, config, err);
    if (status == SEGMO_OK)
        *out = segmo__config_keep(config, *out, release_rules);
    return status;
}
