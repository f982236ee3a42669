/* Lanes: several batches in flight and still one order per user. No I/O and no clock.
 *
 * An item is a record's place and its user's hash. While a user has items in a lane, later ones follow into the
 * same lane; a user without any goes to a lane chosen by hash among as many lanes as the backlog deserves (one when
 * little waits, so that batches fill; all when much does). A lane has at most one batch in flight.
 */
#ifndef SEGMO_DELIVER_LANES_H
#define SEGMO_DELIVER_LANES_H

#include <stddef.h>
#include <stdint.h>

typedef struct segmo__lanes segmo__lanes;

typedef struct segmo__lane_item {
    uint64_t user;
    uint32_t place[4]; /* a record's place; opaque here */
    uint32_t bytes;
    uint32_t attempts;
    int64_t arrived_ms; /* when it was added */
    int64_t accepted_ms;
} segmo__lane_item;

segmo__lanes *segmo__lanes_new(uint32_t count, uint32_t max_items); /* NULL: no memory */
void segmo__lanes_free(segmo__lanes *lanes);

/* Adds an item; 0 when max_items wait already (the caller stops reading) or memory ran out. `backlog` is how many
 * items are known to wait in all, `batch` how many make a full batch. */
int segmo__lanes_add(segmo__lanes *lanes, const segmo__lane_item *item, uint64_t backlog, uint32_t batch);
size_t segmo__lanes_waiting(const segmo__lanes *lanes); /* items not settled yet, in flight or not */
int segmo__lanes_full(const segmo__lanes *lanes);

/* A lane that may send: idle, not before its `not_before_ms`, and with a full batch, or an item that arrived
 * before `arrived_before_ms`, or cut for a split or bisect. Lanes take turns. -1 if none;
 * `*next_ms` is lowered to the moment when a lane may become ready. */
int segmo__lanes_ready(segmo__lanes *lanes, int64_t now_ms, int64_t arrived_before_ms,
                       uint32_t batch, int64_t *next_ms);
/* The lane's waiting items in order: up to `*count`, bounded by the lane's current cut. */
const segmo__lane_item *segmo__lanes_items(segmo__lanes *lanes, int lane, uint32_t *count);
/* The first `count` items are in flight now. */
void segmo__lanes_sent(segmo__lanes *lanes, int lane, uint32_t count);
/* The batch in flight was settled whole (delivered, dead or skipped): its items leave. */
void segmo__lanes_done(segmo__lanes *lanes, int lane);
/* The first `count` waiting items leave without having been sent (skipped or dead before sending). */
void segmo__lanes_drop(segmo__lanes *lanes, int lane, uint32_t count);
/* The batch in flight comes back: the same items, one attempt more, not before `not_before_ms`. */
void segmo__lanes_retry(segmo__lanes *lanes, int lane, int64_t not_before_ms);
/* The batch in flight comes back to be sent in halves: the next batch of this lane has at most half of it, until all
 * of its items have left. `attempted` counts it as an attempt. Answers the size of the next batch. */
uint32_t segmo__lanes_halve(segmo__lanes *lanes, int lane);
uint32_t segmo__lanes_in_flight(const segmo__lanes *lanes, int lane); /* items of its batch in flight */
uint32_t segmo__lanes_attempts(const segmo__lanes *lanes, int lane);  /* of the batch in flight or next */
void segmo__lanes_delay_all(segmo__lanes *lanes, int64_t not_before_ms); /* at least until then */
void segmo__lanes_hurry(segmo__lanes *lanes); /* clears every delay: settings changed */
uint32_t segmo__lanes_count(const segmo__lanes *lanes);

#endif
