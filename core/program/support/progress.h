/* Progress of long work, on stderr and on a terminal only: how much, how fast, how long to go. */
#ifndef SEGMO_PROGRAM_PROGRESS_H
#define SEGMO_PROGRAM_PROGRESS_H

#include <stdint.h>

struct progress {
    const char *what; /* "imported", "delivered" */
    uint64_t total;   /* 0: unknown */
    uint64_t already; /* done before this run: not counted in the rate */
    int64_t started_ms;
    int64_t shown_ms;
    int on_terminal;
    int shown;
};

void progress_begin(struct progress *progress, const char *what, uint64_t total, uint64_t already);
/* Cheap enough for every line: looks at the clock, and writes five times a second. `done` and
 * `total` count the same thing (bytes); `count` is what is shown (lines). */
void progress_show(struct progress *progress, uint64_t done, uint64_t count);
void progress_end(struct progress *progress); /* wipes the line */

#endif
