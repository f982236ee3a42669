/* What the gateway counts, by source and reason. */
#ifndef SEGMO_GATEWAY_COUNTS_H
#define SEGMO_GATEWAY_COUNTS_H

#include "base/buf.h"

#define COUNTS_BUCKETS 12
#define COUNTS_REASONS 24

struct histogram {
    uint64_t bucket[COUNTS_BUCKETS + 1]; /* the last one: above all limits */
    uint64_t count;
    double sum_s;
};

typedef struct reason_count {
    const char *reason; /* static */
    uint64_t count;
} reason_count;

typedef struct outcome_counts {
    uint64_t delivered, attempts_failed, dead;
    struct histogram latency; /* of requests to the destination */
} outcome_counts;

#define COUNTS_SEGMENT      0
#define COUNTS_MOENGAGE     1
#define COUNTS_DESTINATIONS 2

typedef struct source_counts {
    struct source_counts *next;
    char *id;
    uint64_t received, accepted, duplicates;
    reason_count discarded[COUNTS_REASONS];
    outcome_counts outcomes[COUNTS_DESTINATIONS];
} source_counts;

struct counts {
    source_counts *sources;
    source_counts unknown; /* no such source */
    uint64_t by_status[600];
    struct histogram took; /* from a request's first byte to its answer */
    uint64_t skipped_export;
};

/* The counts of a source; NULL: no memory. They stay for the life of the process. */
source_counts *counts_of(struct counts *all, const char *id);
void counts_discard(source_counts *counts, const char *reason, uint64_t by);
void counts_free(struct counts *all);
void histogram_add(struct histogram *histogram, double seconds);
extern const double counts_limits[COUNTS_BUCKETS]; /* in seconds */

#endif
