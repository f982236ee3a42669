#include "support/progress.h"

#include "base/clock.h"
#include "support/output.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SHOW_EVERY_MS 200

void progress_begin(struct progress *progress, const char *what, uint64_t total, uint64_t already)
{
    memset(progress, 0, sizeof *progress);
    progress->what = what;
    progress->total = total;
    progress->already = already;
    progress->started_ms = progress->shown_ms = segmo__clock_mono_ms();
    progress->on_terminal = isatty(STDERR_FILENO);
}

static void show_remaining(const struct progress *progress, uint64_t done, double seconds)
{
    double per_second = (double)(done - progress->already) / seconds;
    uint64_t left;

    if (done > progress->total || per_second <= 0)
        return;
    left = (uint64_t)((double)(progress->total - done) / per_second);
    fprintf(stderr, "  %.0f %%, %llu:%02llu to go", 100.0 * (double)done / (double)progress->total,
            (unsigned long long)(left / 60), (unsigned long long)(left % 60));
}

void progress_show(struct progress *progress, uint64_t done, uint64_t count)
{
    char number[GROUPED_LEN], rate[GROUPED_LEN];
    int64_t now_ms;
    double seconds;

    if (!progress->on_terminal)
        return;
    now_ms = segmo__clock_mono_ms();
    if (now_ms - progress->shown_ms < SHOW_EVERY_MS)
        return;
    progress->shown_ms = now_ms;
    progress->shown = 1;
    seconds = (double)(now_ms - progress->started_ms) / 1000;
    fprintf(stderr, "\r\033[K%s %s, %s/s", progress->what, grouped(number, count),
            grouped(rate, (uint64_t)((double)count / seconds)));
    if (progress->total > 0)
        show_remaining(progress, done, seconds);
    fflush(stderr);
}

void progress_end(struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = 0;
}
