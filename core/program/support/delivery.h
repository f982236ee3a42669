/* Waiting for what becomes of messages: flushes in slices, reads the reports meanwhile and says
 * what matters. */
#ifndef SEGMO_PROGRAM_DELIVERY_H
#define SEGMO_PROGRAM_DELIVERY_H

#include "base/json.h"
#include "segmo.h"

#include <stdint.h>

#define DESTINATIONS 3
#define SERVICES     2 /* of them, those that a message is transformed for */
extern const char *const destination_names[DESTINATIONS]; /* "segment", "moengage", "kafka" */
int destination_index(const char *name);                  /* -1: none has that name */

/* A destination's counters, as segmo_client_stats_json() tells them. */
struct counts {
    uint64_t accepted;
    uint64_t delivered;
    uint64_t dead;
    uint64_t skipped;
    uint64_t pending;
    int paused;
};

struct delivery {
    segmo_client *client;
    uint64_t timeout_ms; /* 0: no limit */
    /* Called for every report, or NULL. */
    void (*on_report)(void *ctx, int kind, const segmo__json *report);
    /* Called about five times a second while waiting, or NULL. */
    void (*on_wait)(void *ctx);
    void *ctx;
};

void delivery_read_reports(const struct delivery *delivery);

/* Waits until everything accepted has an outcome. EXIT_DONE; EXIT_REFUSED when all that still waits
 * is for paused destinations; EXIT_TIMEOUT; EXIT_INTERRUPTED. Says why when it is not EXIT_DONE. */
int delivery_wait(const struct delivery *delivery);

/* Only a person can help: all that waits is for destinations that are paused. */
int delivery_is_stuck(segmo_client *client);

/* Reads the counters; the JSON itself too when `json` is not NULL (free with segmo_free()). 0 after
 * having said why. */
int delivery_counts(segmo_client *client, struct counts out[DESTINATIONS], char **json);

#endif
