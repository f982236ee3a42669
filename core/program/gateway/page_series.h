/* What happened in each of the last seconds: the figures behind the page's charts. */
#ifndef SEGMO_GATEWAY_PAGE_SERIES_H
#define SEGMO_GATEWAY_PAGE_SERIES_H

#include "base/buf.h"
#include "counts.h"
#include "page_tries.h"

#define PAGE_SECONDS 900
#define PAGE_SPANS   84 /* of latency, from 0.1 ms to 3 minutes: each ends a fifth above the last */

typedef struct page_second_leg {
    uint32_t delivered, skipped, dead;
    uint32_t requests, failed;
    uint16_t latency[PAGE_SPANS];
} page_second_leg;

typedef struct page_second {
    int64_t at; /* seconds since 1970; 0: never */
    uint32_t accepted, refused, duplicates;
    uint32_t oldest_ms; /* how long the oldest message waits */
    uint32_t pending[COUNTS_DESTINATIONS];
    page_second_leg legs[COUNTS_DESTINATIONS];
    uint16_t reasons[PAGE_REASONS]; /* of failed requests and refused messages */
} page_second;

typedef struct page_series {
    page_second seconds[PAGE_SECONDS];
    page_second *now;
} page_series;

/* The second under way; those between it and the last one are empty. */
page_second *page_series_at(page_series *series, int64_t wall_ms);
void page_series_latency(page_second_leg *leg, int64_t latency_us);
void page_series_reason(page_second *second, uint8_t reason);
/* One second as a JSON array; nothing when it was never reached:
 * [at, accepted, refused, duplicates, oldest_ms, [leg, leg], {reason: count}], a leg being
 * [delivered, skipped, dead, requests, failed, pending, p50_ms, p95_ms, p99_ms]. 1: added. */
int page_series_put(segmo__buf *out, const page_series *series, int64_t at,
                    const page_reasons *reasons);

#endif
