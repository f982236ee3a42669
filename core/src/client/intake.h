/* The intake: a worker's messages, from the topic to the outlets, and back to the topic as offsets.
 *
 *     record -> message -> queue of its source -> outlet -> settled
 *     lowest offset that is not settled -> committed
 *
 * It stands where the spool stands in other clients, and answers the same questions; it holds in
 * memory what the brokers hold on disk. A partition is committed up to its lowest open message, so
 * what was not settled when a worker ends, in whatever way, is read again by the next one. One slow
 * user holds up the commits of its partition, not the messages behind.
 *
 * When partitions go to another worker, what no request carries is given back at once, and what one
 * does carry may be answered for a while. All of it belongs to the worker's thread, but for the
 * counters in the client. */
#ifndef SEGMO_CLIENT_INTAKE_H
#define SEGMO_CLIENT_INTAKE_H

#include "client/client_parts.h"
#include "deliver/http.h"
#include "model/message.h"

typedef struct segmo__intake segmo__intake;

segmo__intake *segmo__intake_new(segmo_client *client, segmo__http *http,
                                 const segmo__rules *rules); /* NULL: no memory */
void segmo__intake_free(segmo__intake *intake);              /* accepts NULL */

/* ---- the worker's loop ---- */

/* Takes what the brokers told, up to kafka.memory, and commits. Lowers `*next_ms` to when it is to
 * be called again though nothing happened. */
void segmo__intake_pump(segmo__intake *intake, const segmo__rules *rules, int64_t now_ms,
                        int64_t *next_ms);
void segmo__intake_settings_changed(segmo__intake *intake);

/* Partitions are to be given up: the worker says what is on its way, as file << 32 | offset, and
 * the rest goes. */
int segmo__intake_gives_up(const segmo__intake *intake);
void segmo__intake_give_up(segmo__intake *intake, uint64_t *away, size_t count, int64_t now_ms);
/* Gives up all partitions and leaves the group. */
void segmo__intake_leave(segmo__intake *intake, int64_t deadline_ms);
int segmo__intake_has_left(const segmo__intake *intake);

/* ---- what outlets ask ---- */

void segmo__intake_rewind(segmo__intake *intake, uint64_t source); /* to the oldest that waits */
int segmo__intake_next(segmo__intake *intake, uint64_t source, segmo__record_ref *ref,
                       segmo__slice *stored);
int segmo__intake_read(segmo__intake *intake, const segmo__record_ref *ref, segmo__slice *stored);
segmo__settled segmo__intake_settled(const segmo__intake *intake, const segmo__record_ref *ref);
int segmo__intake_settle(segmo__intake *intake, const segmo__record_ref *ref);
uint64_t segmo__intake_waiting(const segmo__intake *intake);
/* Sends a dead letter to its topic; the message is settled, and counted as dead, when the brokers
 * have it. 0: no memory. */
int segmo__intake_bury(segmo__intake *intake, const segmo__record_ref *ref,
                       const segmo__message *message, const char *source, const char *reason,
                       int status, segmo__slice answer, uint32_t attempts);

#endif
