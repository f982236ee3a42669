/* A client: what the public handle points to. Opened, forked, closed and freed in client.c; the
 * stages it leads a message through are pipeline.c's, the background thread is worker.c's. */
#ifndef SEGMO_CLIENT_CLIENT_H
#define SEGMO_CLIENT_CLIENT_H

#include "base/thread.h"
#include "client/options.h"
#include "client/reports.h"
#include "client/rules.h"
#include "client/tally.h"
#include "spool/dead_letters.h"
#include "spool/spool.h"

typedef struct segmo__worker segmo__worker;

enum { SEGMO__CLIENT_OPEN, SEGMO__CLIENT_CLOSING, SEGMO__CLIENT_CLOSED };

struct segmo_client {
    segmo__mutex
        lock; /* start and stop of the worker, rebirth after fork; taken before rules_lock */
    segmo__mutex change_lock; /* one change of the settings at a time; taken before rules_lock */
    segmo__mutex rules_lock;  /* the pointer `rules` */
    atomic_uint generation;   /* of fork, that the parts below belong to */
    atomic_int state;
    atomic_int calls;       /* public calls that are inside: closing waits for them */
    segmo_config *config;   /* as it was opened */
    segmo_config *in_force; /* what the rules are made of; change_lock */
    segmo__rules *rules;
    segmo__spool *spool;
    segmo__dead_letters *letters;
    segmo__reports *reports;
    segmo__worker *_Atomic worker; /* NULL until the first message */
    segmo__tally tally[SEGMO__DESTINATION_COUNT];
    const char *_Atomic
        paused[SEGMO__DESTINATION_COUNT]; /* why a destination is paused (static words), or NULL */
    segmo__spool_counts last_counts;      /* when it was closed */
    segmo__fork_guard guard;
};

/* The rules in force, retained: give them back with segmo__rules_release(). */
segmo__rules *segmo__client_rules(segmo_client *client);
/* Reads the configuration file again and swaps the rules, or reports why not. Worker's thread. */
int segmo__client_reload(segmo_client *client, segmo_error **err);
/* Swaps the rules for those with another value of an option that describes a source. */
int segmo__client_set(segmo_client *client, const char *name, const char *value, segmo_error **err);

/* Begins a public call: checks argument, fork and state; in a forked child the client is quietly
 * made anew. SEGMO_OK, and then segmo__client_leave() ends it; or the failure to return. */
int segmo__client_enter(segmo_client *client, segmo_error **err);
void segmo__client_leave(segmo_client *client);
int segmo__client_start(segmo_client *client,
                        segmo_error **err); /* spool's keeper and worker, once */

int segmo__client_new(segmo_client **out, const segmo_config *config, segmo_error **err);
segmo__spool_mark segmo__client_mark(segmo_client *client);
int segmo__client_flush(segmo_client *client, segmo__spool_mark mark, int64_t deadline_ms,
                        segmo_error **err);
int segmo__client_stop(segmo_client *client, int64_t deadline_ms, segmo_error **err);
void segmo__client_free(segmo_client *client);

void segmo__client_stats(segmo_client *client, segmo__buf *out);
/* The same for a client that was closed, or is being closed: a call that was not admitted. */
void segmo__client_last_stats(segmo_client *client, segmo__buf *out);

/* Adds a report built with printf: `format` writes the members of a JSON object. */
void segmo__client_report(segmo_client *client, segmo_report_kind_t kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
