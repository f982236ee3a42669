/* Rules: the settings and the options as numbers that belong together; immutable, swapped whole. */
#ifndef SEGMO_CLIENT_RULES_H
#define SEGMO_CLIENT_RULES_H

#include "client/options.h"
#include "route/settings.h"

#include <stdatomic.h>

typedef enum segmo__full_policy {
    SEGMO__FULL_REFUSE,
    SEGMO__FULL_BLOCK,
    SEGMO__FULL_DROP_OLDEST
} segmo__full_policy;

/* Options as numbers, read once per settings load. */
typedef struct segmo__limits_in_force {
    segmo__full_policy when_full;
    int sync_always;
    int report_delivered;
    int report_attempts;
    int report_letters;
    int report_steps;
    int debug;
    int gzip;
    uint32_t gzip_level;
    uint32_t lanes;
    uint32_t max_in_flight;
    uint32_t flush_at;
    uint32_t flush_interval_ms;
    uint32_t max_batch_bytes;
    uint32_t max_attempts;
    int64_t max_age_ms;
    uint32_t backoff_base_ms;
    uint32_t backoff_cap_ms;
    uint64_t users_per_minute;
    uint64_t events_per_minute;
    uint64_t requests_per_minute;
    int delivery_enabled;
    int to_kafka;  /* accepted messages go to the topic */
    int has_kafka; /* brokers are named: what waits for the topic can go there */
    int work_for;  /* the segmo__destination that a worker delivers to; -1: no worker */
    uint64_t kafka_memory;
    uint32_t drain_ms;
    char kafka_topic[256];
    char kafka_dead_topic[256];
    uint32_t library_len;
    char library[640]; /* as JSON, for messages that name none */
} segmo__limits_in_force;

/* Settings and numbers that belong together, swapped whole. */
typedef struct segmo__rules {
    atomic_int refs;
    segmo__settings *settings;
    segmo__limits_in_force limits;
} segmo__rules;

/* Rules from a configuration alone: new ones to release, or those kept with it, which stay its own.
 */
int segmo__rules_new(segmo__rules **out, const segmo_config *config, segmo_error **err);
int segmo__rules_of(segmo__rules **out, const segmo_config *config, segmo_error **err);
void segmo__rules_retain(segmo__rules *rules);
void segmo__rules_release(segmo__rules *rules); /* accepts NULL */

#endif
