/* How old the oldest waiting message is, and how many dead letters there are. Reading that from the
 * spool takes time when much waits, so a thread of its own does it now and then. */
#ifndef SEGMO_GATEWAY_GAUGE_H
#define SEGMO_GATEWAY_GAUGE_H

#include "support/args.h"

#include <stdint.h>

struct gauge;

struct gauge *
gauge_start(const struct args *args);      /* NULL: it could not start, and measures nothing */
int64_t gauge_age_ms(struct gauge *gauge); /* 0: nothing waits, or not known; NULL is fine */
uint64_t gauge_dead_letters(const struct gauge *gauge);
void gauge_stop(struct gauge *gauge);

#endif
