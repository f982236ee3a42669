/* What came before: ids, sequence numbers, and the last number of each user.
 *
 * Memory is bounded: 25 million ids (256 MiB), numbers below 2^30 (128 MiB), 786,432 users (16
 * MiB). What does not fit is answered as "cannot tell"; nothing is forgotten to make room, so an
 * answer given is always true.
 */
#ifndef SEGMO_SANDBOX_SEEN_H
#define SEGMO_SANDBOX_SEEN_H

#include <stddef.h>
#include <stdint.h>

typedef enum sandbox_novelty {
    SANDBOX_UNTOLD, /* no room to tell */
    SANDBOX_NEW,
    SANDBOX_AGAIN
} sandbox_novelty;

/* Hashes; open addressing, at most three quarters full. */
typedef struct sandbox_ids {
    uint64_t *slots; /* 0: free */
    size_t size;     /* a power of two */
    size_t used;
} sandbox_ids;

sandbox_novelty sandbox_ids_add(sandbox_ids *ids, uint64_t hash); /* not 0 */
void sandbox_ids_free(sandbox_ids *ids);

/* Small whole numbers; one bit each. */
typedef struct sandbox_numbers {
    uint64_t *words;
    size_t size; /* in words */
} sandbox_numbers;

sandbox_novelty sandbox_numbers_add(sandbox_numbers *numbers, int64_t number);
void sandbox_numbers_free(sandbox_numbers *numbers);

/* The highest number of each user so far. */
typedef struct sandbox_order {
    struct sandbox_last {
        uint64_t user; /* 0: free */
        int64_t seq;
    } * slots;
    size_t size;
    size_t used;
} sandbox_order;

/* 1 when `seq` comes after a higher one of the same user. */
int sandbox_order_broken(sandbox_order *order, uint64_t user, int64_t seq);
void sandbox_order_free(sandbox_order *order);

#endif
