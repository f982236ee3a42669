/* When to try again: back-off, and rate limits by token bucket. No I/O; the caller says what time it is. */
#ifndef SEGMO_DELIVER_RETRY_H
#define SEGMO_DELIVER_RETRY_H

#include <stdint.h>

typedef struct segmo__backoff {
    uint32_t base_ms;
    uint32_t cap_ms;
    double jitter_low;  /* delay x (1 + uniform(low..high)) */
    double jitter_high;
} segmo__backoff;

/* Delay before retry number `retry` (1, 2, ...): base x 2^(retry-1), at most cap, with jitter from `random`. */
int64_t segmo__backoff_delay(const segmo__backoff *backoff, uint32_t retry, uint64_t random);

typedef struct segmo__bucket {
    double tokens;
    double capacity;
    double per_ms; /* 0: no limit */
    int64_t filled_ms;
} segmo__bucket;

void segmo__bucket_init(segmo__bucket *bucket, uint64_t per_minute, int64_t now_ms);
/* Milliseconds until `count` may be taken; 0 when they can be now. Takes nothing. */
int64_t segmo__bucket_wait(segmo__bucket *bucket, uint32_t count, int64_t now_ms);
void segmo__bucket_take(segmo__bucket *bucket, uint32_t count, int64_t now_ms);

#endif
