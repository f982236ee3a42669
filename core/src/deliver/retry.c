/* Pure arithmetic of waiting; see the header for the rules. */
#include "deliver/retry.h"

#include <math.h>

#define MINUTE_MS 60000.0

static int64_t doubled_up_to_cap(const segmo__backoff *backoff, uint32_t retry)
{
    uint32_t doublings = retry > 0 ? retry - 1 : 0;
    int64_t delay_ms;

    if (doublings > 31) /* a 32-bit base reaches any 32-bit cap by then */
        return backoff->base_ms > 0 ? backoff->cap_ms : 0;
    delay_ms = (int64_t)backoff->base_ms << doublings;
    return delay_ms < backoff->cap_ms ? delay_ms : backoff->cap_ms;
}

static double uniform(uint64_t random, double low, double high)
{
    return low + (high - low) * ((double)(random >> 11) * 0x1p-53);
}

int64_t segmo__backoff_delay(const segmo__backoff *backoff, uint32_t retry, uint64_t random)
{
    double factor = 1.0 + uniform(random, backoff->jitter_low, backoff->jitter_high);
    double delay_ms = (double)doubled_up_to_cap(backoff, retry) * factor;

    return delay_ms > 0 ? (int64_t)delay_ms : 0;
}

/* What the bucket holds and what flows in within a minute add up to the limit. */
void segmo__bucket_init(segmo__bucket *bucket, uint64_t per_minute, int64_t now_ms)
{
    double capacity = fmax(1.0, (double)per_minute / 60.0);

    *bucket = (segmo__bucket){.filled_ms = now_ms};
    if (per_minute == 0)
        return;
    bucket->tokens = bucket->capacity = capacity;
    bucket->per_ms = fmax((double)per_minute - capacity, 0.5) / MINUTE_MS;
}

static void fill(segmo__bucket *bucket, int64_t now_ms)
{
    if (now_ms <= bucket->filled_ms)
        return;
    bucket->tokens += (double)(now_ms - bucket->filled_ms) * bucket->per_ms;
    bucket->tokens = fmin(bucket->tokens, bucket->capacity);
    bucket->filled_ms = now_ms;
}

int64_t segmo__bucket_wait(segmo__bucket *bucket, uint32_t count, int64_t now_ms)
{
    double missing;

    if (bucket->per_ms <= 0)
        return 0;
    fill(bucket, now_ms);
    missing = fmin((double)count, bucket->capacity) - bucket->tokens;
    return missing > 0 ? (int64_t)ceil(missing / bucket->per_ms) : 0;
}

void segmo__bucket_take(segmo__bucket *bucket, uint32_t count, int64_t now_ms)
{
    if (bucket->per_ms <= 0)
        return;
    fill(bucket, now_ms);
    bucket->tokens -= count;
}
