/* The worker: one background thread per client that reads, batches, sends, judges answers and
 * acknowledges. */
#ifndef SEGMO_CLIENT_WORKER_H
#define SEGMO_CLIENT_WORKER_H

#include "client/client_parts.h"

int segmo__worker_start(segmo__worker **out, segmo_client *client, segmo_error **err);
/* Stops the thread; requests in flight are given up (their messages stay pending). */
void segmo__worker_stop(segmo__worker *worker);

/* A message was appended: wakes the worker when it waits for one. Any thread; two atomic
 * operations. */
void segmo__worker_appended(segmo__worker *worker);
void segmo__worker_wake(segmo__worker *worker); /* to look at the settings. Any thread */

/* Sends what waits at once and waits until everything appended before the mark is settled;
 * SEGMO_ERR_TIMEOUT. */
int segmo__worker_flush(segmo__worker *worker, segmo__spool_mark mark, int64_t deadline_ms,
                        segmo_error **err);
/* The same for the one call that closes the client; a worker of Kafka leaves its group. */
int segmo__worker_flush_and_leave(segmo__worker *worker, segmo__spool_mark mark,
                                  int64_t deadline_ms, segmo_error **err);

void segmo__worker_wake_flushers(
    segmo__worker *worker); /* ends their waits once the client is closing */

/* In a forked child: closes inherited sockets, forgets the rest. Called between fork and the first
 * call. */
void segmo__worker_fork_child(segmo__worker *worker);

#endif
