/* The life of a client: opened, admitting calls, forked, flushed, closed and freed. */
#ifndef SEGMO_CLIENT_CLIENT_H
#define SEGMO_CLIENT_CLIENT_H

#include "client/client_parts.h"

int segmo__client_new(segmo_client **out, const segmo_config *config, segmo_error **err);

/* Begins a public call: checks argument, fork and state; in a forked child the client is quietly
 * made anew. SEGMO_OK, and then segmo__client_leave() ends it; or the failure to return. */
int segmo__client_enter(segmo_client *client, segmo_error **err);
void segmo__client_leave(segmo_client *client);
/* Starts the spool's keeper and the worker, once. */
int segmo__client_start(segmo_client *client, segmo_error **err);

/* Changes an option of a source, and has the worker look at it. */
int segmo__client_set(segmo_client *client, const char *name, const char *value, segmo_error **err);
segmo__spool_mark segmo__client_mark(segmo_client *client);
int segmo__client_flush(segmo_client *client, segmo__spool_mark mark, int64_t deadline_ms,
                        segmo_error **err);
int segmo__client_stop(segmo_client *client, int64_t deadline_ms, segmo_error **err);
void segmo__client_free(segmo_client *client);

#endif
