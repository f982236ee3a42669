/* A random life of a spool directory, the same for the same seed: processes that start, append,
 * sync, settle, write dead letters, are killed or close, take over what others left, put dead
 * letters back and replace their settings; and what each message was promised meanwhile. */
#ifndef SPOOL_HISTORY_H
#define SPOOL_HISTORY_H

#include <stdint.h>

#define HISTORY_MESSAGES 400
#define HISTORY_TARGETS  2 /* destinations */
#define HISTORY_NEVER    UINT32_MAX

/* Moments are those of power_disk_now(). */
typedef struct history_promise {
    uint32_t accepted_at;
    uint32_t safe_at;                       /* a sync that covers it had ended */
    uint32_t delivered_at[HISTORY_TARGETS]; /* from here on it may be gone */
    unsigned char noted[HISTORY_TARGETS];   /* its outcome was committed: it must not come again */
    unsigned owner;
} history_promise;

typedef struct history {
    uint32_t accepted;
    history_promise promises[HISTORY_MESSAGES];
    uint32_t settings_begun, settings_done; /* versions */
} history;

typedef struct history_plan {
    uint32_t seed;
    unsigned actions;
    int sync_always;    /* each message by itself */
    int syncs_may_fail; /* then no commit is insisted on */
} history_plan;

/* Lives it in `root`, which is made, with its parents. All processes are left as killed. `out` may
 * be shared memory: it is right at every moment. */
void history_live(history *out, const char *root, const history_plan *plan);

/* What a cut may cost: SAFE promises what was synced before the moment, ACCEPTED all that was
 * accepted, and that what was noted stays noted. */
typedef enum history_kind { HISTORY_SAFE, HISTORY_ACCEPTED } history_kind;

typedef struct history_sum {
    unsigned checked;  /* promises that had to be kept */
    unsigned lost;     /* messages that were accepted and are gone, as allowed */
    unsigned repeated; /* messages that were delivered and come again, as allowed */
    unsigned damaged;  /* directories with damage that was set aside */
} history_sum;

/* Opens the directory as the next client does, reads everything, appends and opens again. What is
 * wrong, or NULL. */
const char *history_check(const history *of, const char *root, history_kind kind, uint32_t moment,
                          history_sum *sum);

#endif
