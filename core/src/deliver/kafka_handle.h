/* A handle of librdkafka. Private to the kafka files. */
#ifndef SEGMO_DELIVER_KAFKA_HANDLE_H
#define SEGMO_DELIVER_KAFKA_HANDLE_H

#include "deliver/kafka_library.h"

#ifdef SEGMO__KAFKA_BUILT
struct segmo__kafka {
    const struct segmo__kafka_library *of;
    rd_kafka_t *handle;
    rd_kafka_queue_t *queue;     /* that everything comes by */
    rd_kafka_event_t *event;     /* that was handed out last, or is being taken apart */
    char *topic;                 /* a consumer's */
    rd_kafka_event_t *rebalance; /* to be answered */
    int is_revoke;
    int32_t *partitions;   /* of `rebalance` */
    int sleeps_on_full;    /* librdkafka, for a second: see go_on_fetching() */
    int took_records;      /* since it was woken */
    char *user, *password; /* of SASL, "" when there are none */
    void (*wake)(void *ctx);
    void *ctx;
};

/* `own` settings beat those of `options`. Fails as segmo__kafka_open_producer(). */
int segmo__kafka_open_handle(segmo__kafka **out, rd_kafka_type_t type,
                             const segmo__kafka_options *options, const segmo__kafka_setting *own,
                             size_t own_count, segmo_error **err);
/* From now on the handle's events come by the queue, which belongs to it. */
void segmo__kafka_listen_to(segmo__kafka *kafka, rd_kafka_queue_t *queue,
                            const segmo__kafka_options *options);
#endif
#endif
