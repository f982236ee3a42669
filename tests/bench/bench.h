/* What the bench programs share: events from a file, clocks, memory and results as one JSON line.
 */
#ifndef SEGMO_BENCH_H
#define SEGMO_BENCH_H

#include "segmo.h"

#include <stddef.h>
#include <stdint.h>

typedef struct bench_events {
    char *bytes;
    size_t count;
    struct {
        const char *at;
        size_t len;
    } * event;
} bench_events;

bench_events bench_read_events(const char *path); /* one JSON object a line; exits when it cannot */
uint64_t bench_now_ns(void);
double bench_cpu_s(void);      /* user and system time of this process */
long bench_resident_kib(void); /* as the kernel counts it now */
int bench_compare_u32(const void *a, const void *b);
/* A client for the bench: "name=value" pairs ended by NULL. Exits with the error's words when it
 * fails. */
segmo_client *bench_open(const char *const *options);
void bench_fail(const char *what, segmo_error *err); /* prints and exits */

#endif
