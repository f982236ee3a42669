/* The forwarder: from the spool to the topic. What an outlet is for a service, it is for Kafka:
 * librdkafka makes the batches and keeps the order of each partition, so there are no lanes.
 *
 *     cursor -> record -> librdkafka
 *     delivery report -> settled
 *
 * A message is settled only by the brokers' own word. When a handle is of no more use, what it had
 * not got acknowledged is read from the spool again, in order, and sent by another one. */
#ifndef SEGMO_CLIENT_FORWARD_H
#define SEGMO_CLIENT_FORWARD_H

#include "client/client_parts.h"
#include "deliver/http.h"

typedef struct segmo__forward segmo__forward;

/* `http` is what the worker waits in, and is woken when the brokers have told something. NULL: no
 * memory. */
segmo__forward *segmo__forward_new(segmo_client *client, segmo__http *http);
void segmo__forward_free(segmo__forward *forward); /* accepts NULL */

/* Takes what the brokers told, and sends what waits. Lowers `*next_ms` to when it is to be called
 * again though nothing happened. */
void segmo__forward_pump(segmo__forward *forward, const segmo__rules *rules, int64_t now_ms,
                         int64_t *next_ms);
void segmo__forward_settings_changed(segmo__forward *forward);
/* 1 when it can make use of a further message. */
int segmo__forward_wants(const segmo__forward *forward, const segmo__rules *rules, int64_t now_ms);
/* As segmo__outlet_away(). */
size_t segmo__forward_away(const segmo__forward *forward, uint64_t *places);

/* While messages wait that were accepted for the other way out, those of this way wait too: else
 * they could overtake them. What was accepted for the topic leaves also when nothing further does
 * (delivery.enabled), so that somebody who moves back can wait for the workers. */
int segmo__forward_has_way(const segmo_client *client, const segmo__rules *rules);
int segmo__direct_has_way(const segmo_client *client, const segmo__rules *rules);

#endif
