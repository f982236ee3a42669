/* When to try again: back-off, and rate limits by token bucket. No I/O; the caller says what time
 * it is. */
#ifndef SEGMO_DELIVER_RETRY_H
#define SEGMO_DELIVER_RETRY_H

#include <stdint.h>

typedef struct segmo__backoff {
    uint32_t base_ms;
    uint32_t cap_ms;
    double jitter_low; /* delay x (1 + uniform(low..high)) */
    double jitter_high;
} segmo__backoff;

/* Delay before retry number `retry` (1, 2, ...): base x 2^(retry-1), at most cap, then jitter from
 * the random bits in `random`. Jitter comes last, so that batches that have all reached the cap do
 * not come back at one moment; a delay may therefore be over the cap by jitter_high. */
int64_t segmo__backoff_delay(const segmo__backoff *backoff, uint32_t retry, uint64_t random);

/* Holds one second's worth and fills so that no minute sees more than `per_minute`, however the
 * takes fall. A take that is larger than the bucket is made when it is full and leaves a debt that
 * is waited for afterwards; only by what it is larger may a minute be over. */
typedef struct segmo__bucket {
    double tokens;
    double capacity;
    double per_ms; /* 0: no limit */
    int64_t filled_ms;
} segmo__bucket;

void segmo__bucket_init(segmo__bucket *bucket, uint64_t per_minute,
                        int64_t now_ms); /* 0: no limit */
/* Milliseconds until `count` may be taken; 0 when they can be now. Takes nothing. */
int64_t segmo__bucket_wait(segmo__bucket *bucket, uint32_t count, int64_t now_ms);
void segmo__bucket_take(segmo__bucket *bucket, uint32_t count, int64_t now_ms);

#endif
