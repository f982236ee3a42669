/* Counters: what became of every message, per destination and reason. Lock-free; any thread. */
#ifndef SEGMO_CLIENT_TALLY_H
#define SEGMO_CLIENT_TALLY_H

#include "base/buf.h"
#include "model/destination.h"

#include <stdatomic.h>
#include <stdint.h>

#define SEGMO__TALLY_REASONS 32

typedef struct segmo__reasons {
    struct {
        const char *_Atomic name; /* static words */
        atomic_uint_least64_t count;
    } row[SEGMO__TALLY_REASONS];
} segmo__reasons;

typedef struct segmo__tally {
    atomic_uint_least64_t accepted; /* appended by this process, or adopted from a dead one */
    atomic_uint_least64_t adopted;  /* of these, adopted */
    atomic_uint_least64_t delivered;
    atomic_uint_least64_t dead;
    atomic_uint_least64_t skipped;
    atomic_uint_least64_t requests;
    atomic_uint_least64_t retries;   /* requests that were sent again */
    atomic_uint_least64_t bytes_raw; /* of request bodies before compression */
    atomic_uint_least64_t bytes_sent;
    atomic_uint_least64_t warnings;
    segmo__reasons skipped_for;
    segmo__reasons dead_for;
    const char *_Atomic failure; /* why the last request that failed did; static words, or NULL */
    atomic_int failure_status;
    atomic_int_least64_t failed_at_ms; /* wall clock */
} segmo__tally;

static inline void segmo__count(atomic_uint_least64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

/* Of the three each is whole; together they may be of two failures that came at once. */
static inline void segmo__tally_fail(segmo__tally *tally, const char *reason, int status,
                                     int64_t wall_ms)
{
    atomic_store_explicit(&tally->failure_status, status, memory_order_relaxed);
    atomic_store_explicit(&tally->failed_at_ms, wall_ms, memory_order_relaxed);
    atomic_store_explicit(&tally->failure, reason, memory_order_relaxed);
}

static inline uint64_t segmo__counted(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* `reason` must be static. More than SEGMO__TALLY_REASONS different ones share the last row,
 * "other". */
void segmo__reasons_add(segmo__reasons *reasons, const char *reason, uint64_t by);
void segmo__reasons_put(const segmo__reasons *reasons, segmo__buf *out); /* a JSON object */

#endif
