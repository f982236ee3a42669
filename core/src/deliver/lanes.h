/* Lanes: several batches in flight and still one order per user. No I/O and no clock.
 *
 * An item is a record's place and its user's hash. While a user has items in a lane, later ones
 * follow into the same lane; a user without any goes to the shortest of as many lanes as the
 * backlog deserves (one when little waits, so that batches fill; all when much does), passing over
 * lanes that are in trouble or have a batch in flight while there are better ones. A lane has at
 * most one batch in flight.
 *
 * A batch that comes back (retry, halve) stays at the head of its lane, whole, and is not mixed
 * with later items: the lane is "in trouble" until the last of them has left.
 *
 * After halve() a batch goes in pieces. Was it too large, each has at most half the size. Is one of
 * its items refused, it is a binary search: the smallest head that is known to hold a refused item
 * is under suspicion, halves of it are sent, and a half that is taken leaves the suspicion to the
 * other. Once the item is found, each piece that leaves doubles the size of the next. One refused
 * item among n costs at most 2 log2(n) + 2 requests; when all are refused, n + log2(n).
 *
 * Memory is taken once, at most 56 bytes an item; after segmo__lanes_new() nothing can fail for
 * want of memory. Items do not move: a pointer is good until its item leaves.
 */
#ifndef SEGMO_DELIVER_LANES_H
#define SEGMO_DELIVER_LANES_H

#include <stddef.h>
#include <stdint.h>

#define SEGMO__LANES_MAX      256
#define SEGMO__LANE_TRIES_MAX 4095 /* where `attempts` and `failures` stop counting */

typedef struct segmo__lanes segmo__lanes;

typedef struct segmo__lane_item {
    int64_t accepted_ms; /* the caller's; opaque here, as is `place` */
    int64_t arrived_ms;  /* when it was added, by the caller's clock */
    uint32_t place[3];
    uint32_t user;          /* hash; two users that share one merely share a lane */
    unsigned attempts : 12; /* times it was sent in vain: X-Retry-Count of the next request */
    unsigned failures : 12; /* those of them that count against a limit of attempts and for the
                               back-off */
    unsigned lane : 8;      /* set by segmo__lanes_add() */
} segmo__lane_item;

/* `count` lanes (1 to SEGMO__LANES_MAX). NULL: no memory. */
segmo__lanes *segmo__lanes_new(uint32_t count, uint32_t max_items);
void segmo__lanes_free(segmo__lanes *lanes);

/* Adds a copy of an item; 0 when max_items are held already (the caller stops reading). `backlog`
 * is how many items are known to wait in all, `batch` how many make a full batch. */
int segmo__lanes_add(segmo__lanes *lanes, const segmo__lane_item *item, uint64_t backlog,
                     uint32_t batch);
size_t
segmo__lanes_waiting(const segmo__lanes *lanes); /* items that have not left, in flight or not */
int segmo__lanes_full(const segmo__lanes *lanes);

/* Moves users that have nothing in flight from long lanes, and from lanes in trouble, to free ones
 * with less than a batch: users that never fall silent would otherwise stay where they came first.
 * Order per user is kept. */
void segmo__lanes_level(segmo__lanes *lanes, int64_t now_ms, uint32_t batch);

/* 1 when some lane could send now if it had more items: idle, not delayed, not in trouble, and with
 * less than a full batch. In an outage, when every lane waits for a retry, none starves and nobody
 * needs to read on. */
int segmo__lanes_starving(const segmo__lanes *lanes, int64_t now_ms, uint32_t batch);

/* A lane that may send: idle, not delayed, and with a full batch, or an item that arrived at or
 * before `arrived_before_ms`, or items that came back. Lanes take turns. -1 if none; `*next_ms` is
 * lowered to the moment when a lane will be ready if nothing else happens. */
int segmo__lanes_ready(segmo__lanes *lanes, int64_t now_ms, int64_t arrived_before_ms,
                       uint32_t batch, int64_t *next_ms);

/* The lane's batch: the items in flight, or else those to send next. `*count` says how many are
 * wanted and receives how many there are: fewer when fewer wait, when the lane is cut, or where the
 * number of attempts changes. NULL: none. The first item is handed out, segmo__lane_next() gives
 * the one behind an item. */
const segmo__lane_item *segmo__lanes_batch(const segmo__lanes *lanes, int lane, uint32_t *count);
const segmo__lane_item *segmo__lane_next(const segmo__lanes *lanes, const segmo__lane_item *item);
uint32_t segmo__lanes_in_flight(const segmo__lanes *lanes, int lane);

/* Of the batch to send next, the item behind `previous` (NULL: the first one) leaves without being
 * sent: skipped, too old, or dead before it was sent. */
void segmo__lanes_drop(segmo__lanes *lanes, int lane, const segmo__lane_item *previous);
/* The first `count` items of the batch are in flight now. */
void segmo__lanes_sent(segmo__lanes *lanes, int lane, uint32_t count);
/* The batch in flight was settled whole (delivered or dead): its items leave. */
void segmo__lanes_done(segmo__lanes *lanes, int lane);
/* The batch in flight comes back as it is, to be sent not before `not_before_ms`: one attempt more,
 * and one failure more when it `counts` (a rate limit with Retry-After and a pause do not). */
void segmo__lanes_retry(segmo__lanes *lanes, int lane, int64_t not_before_ms, int counts);
/* The batch in flight (of two or more) comes back to be sent in pieces, at once: because it is too
 * large, or because `one_is_refused`. No attempt is counted, so that the neighbours of a refused
 * message do not run out of attempts. */
void segmo__lanes_halve(segmo__lanes *lanes, int lane, int one_is_refused);

/* Whose fault is it that the only item in flight was refused? Open until another item of the same
 * cut batch was settled; if all of them are refused one by one, it is the settings' fault. */
typedef enum segmo__blame {
    SEGMO__BLAME_MESSAGE, /* dead: the caller settles it and calls segmo__lanes_done() */
    SEGMO__BLAME_OPEN,    /* the item is held at the head of the lane, the lane goes on behind it */
    SEGMO__BLAME_SETTINGS /* every item was refused: all are back, whole, in order; pause the
                             destination */
} segmo__blame;
segmo__blame segmo__lanes_refused(segmo__lanes *lanes, int lane);
/* The held items, oldest first; NULL: none. After a segmo__lanes_done() they are known to be at
 * fault: the caller settles them as dead and calls segmo__lanes_drop_held(). */
const segmo__lane_item *segmo__lanes_held(const segmo__lanes *lanes, int lane, uint32_t *count);
void segmo__lanes_drop_held(segmo__lanes *lanes, int lane);

void segmo__lanes_delay_all(segmo__lanes *lanes, int64_t not_before_ms); /* at least until then */
void segmo__lanes_hurry(segmo__lanes *lanes); /* clears every delay: settings changed */
uint32_t segmo__lanes_count(const segmo__lanes *lanes);

#endif
