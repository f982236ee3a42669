/* What an import came to, for people or as JSON. */
#ifndef SEGMO_PROGRAM_IMPORT_SUMMARY_H
#define SEGMO_PROGRAM_IMPORT_SUMMARY_H

#include "support/refusals.h"

struct import_summary {
    int dry_run;
    uint64_t accepted;
    uint64_t found; /* already in the spool when an earlier run was resumed */
    uint64_t blank;
    int64_t reading_ms; /* how long reading and accepting took */
    int64_t total_ms;
    const struct refusals *refusals;
    const char *stats; /* the client's, as JSON; NULL: unknown */
};

void import_summary_print(const struct import_summary *summary, int as_json);

#endif
