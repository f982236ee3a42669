/* Reports: what the host may read. A bounded queue that the host empties; the core never calls up
 * into the host. */
#ifndef SEGMO_CLIENT_REPORTS_H
#define SEGMO_CLIENT_REPORTS_H

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

typedef struct segmo__reports segmo__reports;

segmo__reports *segmo__reports_new(uint32_t max); /* NULL: no memory */
void segmo__reports_free(segmo__reports *reports);

/* Adds a report; `json` is an object's members without braces. Over the bound, or without memory,
 * the oldest report makes room and is counted. Any thread. */
void segmo__reports_add(segmo__reports *reports, segmo_report_kind_t kind, segmo__slice members);
/* The same, built with printf. */
void segmo__reports_tell(segmo__reports *reports, segmo_report_kind_t kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The oldest report, waiting until `deadline_ms` (monotonic) for one; NULL when the time is over.
 */
segmo_report *segmo__reports_take(segmo__reports *reports, int64_t deadline_ms);
int segmo__reports_fd(const segmo__reports *reports); /* readable while reports wait */
uint64_t segmo__reports_dropped(segmo__reports *reports);
void segmo__reports_wake(segmo__reports *reports); /* ends all waits, for close */

/* Around fork: the lock is held across it; the child starts with an empty queue and a descriptor of
 * its own. */
void segmo__reports_fork_prepare(segmo__reports *reports);
void segmo__reports_fork_parent(segmo__reports *reports);
void segmo__reports_fork_child(segmo__reports *reports);

#endif
