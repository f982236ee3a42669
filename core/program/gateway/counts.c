#include "counts.h"

#include "base/mem.h"

const double counts_limits[COUNTS_BUCKETS] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                              0.01,   0.05,    0.1,    0.5,   1,      5};

source_counts *counts_of(struct counts *all, const char *id)
{
    source_counts *counts;

    for (counts = all->sources; counts; counts = counts->next)
        if (strcmp(counts->id, id) == 0)
            return counts;
    counts = segmo__zalloc(sizeof *counts);
    if (!counts || !(counts->id = segmo__strdup(id))) {
        segmo__free(counts);
        return NULL;
    }
    counts->next = all->sources;
    all->sources = counts;
    return counts;
}

void counts_discard(source_counts *counts, const char *reason, uint64_t by)
{
    size_t i = 0;

    while (i < COUNTS_REASONS - 1 && counts->discarded[i].reason &&
           strcmp(counts->discarded[i].reason, reason) != 0)
        i++;
    counts->discarded[i].reason = reason;
    counts->discarded[i].count += by;
}

void counts_free(struct counts *all)
{
    source_counts *next;

    for (source_counts *counts = all->sources; counts; counts = next) {
        next = counts->next;
        segmo__free(counts->id);
        segmo__free(counts);
    }
}

void histogram_add(struct histogram *histogram, double seconds)
{
    size_t i = 0;

    while (i < COUNTS_BUCKETS && seconds > counts_limits[i])
        i++;
    histogram->bucket[i]++;
    histogram->count++;
    histogram->sum_s += seconds;
}
