/* What librdkafka is told: segmo's own defaults, then what the configuration hands on. */
#ifndef SEGMO_CLIENT_KAFKA_SETTINGS_H
#define SEGMO_CLIENT_KAFKA_SETTINGS_H

#include "client/client_parts.h"
#include "deliver/kafka.h"

typedef enum segmo__kafka_role {
    SEGMO__KAFKA_SENDER, /* of a client's messages */
    SEGMO__KAFKA_READER, /* of a worker's */
    SEGMO__KAFKA_BURIER, /* of a worker's dead letters */
    SEGMO__KAFKA_REVIVER /* reads dead letters, to send them again */
} segmo__kafka_role;

#define SEGMO__KAFKA_SETTINGS_MAX 160

typedef struct segmo__kafka_settings {
    segmo__kafka_setting row[SEGMO__KAFKA_SETTINGS_MAX];
    size_t count;
    char *owned[SEGMO__KAFKA_SETTINGS_MAX]; /* texts made for it */
    size_t owned_count;
    uint64_t hash; /* of all of it: another hash, other settings */
    int failed;    /* memory ran out, or there are too many */
} segmo__kafka_settings;

/* SEGMO_ERR_MEMORY. To be freed also when it failed. */
int segmo__kafka_settings_make(segmo__kafka_settings *out, const segmo_config *config,
                               segmo__kafka_role role, segmo_error **err);
void segmo__kafka_settings_free(segmo__kafka_settings *settings);

/* The consumer group for a purpose: a destination's name, or "dead". */
void segmo__kafka_put_group(segmo__buf *out, const segmo_config *config, const char *purpose);

/* Those in force in a client. */
int segmo__kafka_settings_of(segmo__kafka_settings *out, segmo_client *client,
                             segmo__kafka_role role, segmo_error **err);

/* Is librdkafka there, and does it take the settings? SEGMO_ERR_UNSUPPORTED, SEGMO_ERR_OPTION. */
int segmo__kafka_settings_check(const segmo_config *config, segmo_error **err);

#endif
