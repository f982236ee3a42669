/* A client: what the public handle points to, and what its files share with the stages and the
 * worker below them. */
#ifndef SEGMO_CLIENT_CLIENT_PARTS_H
#define SEGMO_CLIENT_CLIENT_PARTS_H

#include "base/thread.h"
#include "client/options.h"
#include "client/reports.h"
#include "client/rules.h"
#include "client/tally.h"
#include "spool/dead_letters.h"
#include "spool/spool.h"

typedef struct segmo__worker segmo__worker;

enum { SEGMO__CLIENT_OPEN, SEGMO__CLIENT_CLOSING, SEGMO__CLIENT_CLOSED };

/* What a worker tells of its intake; written by its thread. */
struct segmo__intake_counts {
    atomic_uint assigned;
    atomic_int_least64_t lag;       /* records behind the end of the topic, not done yet */
    atomic_int_least64_t oldest_ms; /* when the oldest message that waits was accepted; 0: none */
    atomic_uint_least64_t open, open_bytes;
};

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
    struct segmo__intake_counts intake;
    segmo__spool_counts last_counts; /* when it was closed */
    segmo__fork_guard guard;
};

/* client_rules.c: the rules in force, retained: give them back with segmo__rules_release(). */
segmo__rules *segmo__client_rules(segmo_client *client);
/* Without a destination every message would be accepted for nowhere. SEGMO_ERR_OPTION. */
int segmo__client_need_destination(const segmo__rules *rules, segmo_error **err);
/* Reads the configuration file again and swaps the rules, or reports why not. */
int segmo__client_reload(segmo_client *client, segmo_error **err);
/* Swaps the rules for those with another value of an option that describes a source. */
int segmo__client_change(segmo_client *client, const char *name, const char *value,
                         segmo_error **err);

/* client_stats.c: the object that segmo_client_stats() answers. */
void segmo__client_stats(segmo_client *client, segmo__buf *out);
/* The same for a client that was closed, or is being closed: a call that was not admitted. */
void segmo__client_last_stats(segmo_client *client, segmo__buf *out);

#endif
