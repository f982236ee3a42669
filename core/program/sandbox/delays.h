/* Connections that wait: for their latency to pass, or for ever. A thread of its own wakes them, so
 * waiting holds up nobody else.
 */
#ifndef SEGMO_SANDBOX_DELAYS_H
#define SEGMO_SANDBOX_DELAYS_H

#include <microhttpd.h>
#include <stdint.h>
#include <sys/queue.h>

#define SANDBOX_FOR_EVER INT64_MAX

/* Lives in the caller's memory until its connection is handled again. */
typedef struct sandbox_delay {
    TAILQ_ENTRY(sandbox_delay) entry;
    struct MHD_Connection *connection;
    int64_t due_ms;
} sandbox_delay;

typedef struct sandbox_delays sandbox_delays;

sandbox_delays *sandbox_delays_start(void); /* NULL: no memory or no thread */
/* Suspends the connection and resumes it after `ms`; 0 when the delays were stopped and nothing was
 * done. */
int sandbox_delays_add(sandbox_delays *delays, sandbox_delay *delay,
                       struct MHD_Connection *connection, int64_t ms);
/* Resumes those that were to wait for ever. */
void sandbox_delays_release(sandbox_delays *delays);
/* Resumes all; from now on nothing is suspended. */
void sandbox_delays_stop(sandbox_delays *delays);
void sandbox_delays_free(sandbox_delays *delays); /* stops first */

#endif
