/* Time: clocks, and the texts that times are written in. */
#ifndef SEGMO_BASE_CLOCK_H
#define SEGMO_BASE_CLOCK_H

#include "base/buf.h"

#include <stdint.h>

#define SEGMO__ISO_LEN 24 /* 2026-01-05T10:11:12.345Z */

int64_t segmo__clock_wall_ms(void);
int64_t segmo__clock_mono_ms(void);
int64_t segmo__clock_mono_us(void);
/* A moment of segmo__clock_mono_ms() as the system's own clock counts it, for waits in the system.
 * The two differ only where a test has moved ours. */
int64_t segmo__clock_system_ms(int64_t mono_ms);

/* Writes exactly SEGMO__ISO_LEN bytes and a NUL. The date part of the last second is cached per
 * thread. */
void segmo__clock_iso(char out[SEGMO__ISO_LEN + 1], int64_t unix_ms);

/* ISO 8601 as Segment's libraries write it: date, or date and time with 0 to 9 fraction digits and
 * Z, z, +HH:MM, +HHMM or no zone (taken as UTC). 1 when it is a real moment, then `*unix_ms`; else
 * 0. */
int segmo__clock_parse_iso(segmo__slice text, int64_t *unix_ms);

/* The three date forms of HTTP (RFC 9110). 1 and `*unix_ms`, or 0. */
int segmo__clock_parse_http_date(segmo__slice text, int64_t *unix_ms);

/* Days since 1970-01-01 of a civil date, and back. */
int64_t segmo__clock_days_from_civil(int64_t year, unsigned month, unsigned day);

#ifdef SEGMO_FAULTS
/* Moves both clocks, for tests of long outages. */
void segmo__clock_shift(int64_t wall_ms, int64_t mono_ms);
#endif

#endif
