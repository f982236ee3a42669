/* A list in the order of waking. Most delays are equal, so a new one is put in from the end. */
#include "delays.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

#define LONGEST_SLEEP_MS 60000

struct sandbox_delays {
    segmo__mutex lock;
    segmo__cond changed;
    TAILQ_HEAD(waiting, sandbox_delay) waiting;
    pthread_t thread;
    int stopped;
};

static void wake(sandbox_delays *delays, sandbox_delay *delay)
{
    TAILQ_REMOVE(&delays->waiting, delay, entry);
    MHD_resume_connection(delay->connection);
}

static void *run(void *arg)
{
    sandbox_delays *delays = arg;

    pthread_mutex_lock(&delays->lock);
    while (!delays->stopped) {
        int64_t now_ms = segmo__clock_mono_ms(), wake_ms = now_ms + LONGEST_SLEEP_MS;
        sandbox_delay *first;

        while ((first = TAILQ_FIRST(&delays->waiting)) && first->due_ms <= now_ms)
            wake(delays, first);
        if (first && first->due_ms < wake_ms)
            wake_ms = first->due_ms;
        segmo__cond_wait_until(&delays->changed, &delays->lock, wake_ms);
    }
    pthread_mutex_unlock(&delays->lock);
    return NULL;
}

sandbox_delays *sandbox_delays_start(void)
{
    sandbox_delays *delays = segmo__zalloc(sizeof *delays);

    if (!delays)
        return NULL;
    segmo__mutex_init(&delays->lock);
    segmo__cond_init(&delays->changed);
    TAILQ_INIT(&delays->waiting);
    if (segmo__thread_start(&delays->thread, run, delays, "sandbox-delays") == 0)
        return delays;
    segmo__free(delays);
    return NULL;
}

static void insert(sandbox_delays *delays, sandbox_delay *delay)
{
    sandbox_delay *before = TAILQ_LAST(&delays->waiting, waiting);

    while (before && before->due_ms > delay->due_ms)
        before = TAILQ_PREV(before, waiting, entry);
    if (before)
        TAILQ_INSERT_AFTER(&delays->waiting, before, delay, entry);
    else
        TAILQ_INSERT_HEAD(&delays->waiting, delay, entry);
}

int sandbox_delays_add(sandbox_delays *delays, sandbox_delay *delay,
                       struct MHD_Connection *connection, int64_t ms)
{
    int added = 0;

    pthread_mutex_lock(&delays->lock);
    if (!delays->stopped) {
        delay->connection = connection;
        delay->due_ms = ms == SANDBOX_FOR_EVER ? ms : segmo__clock_mono_ms() + ms;
        MHD_suspend_connection(connection);
        insert(delays, delay);
        pthread_cond_signal(&delays->changed);
        added = 1;
    }
    pthread_mutex_unlock(&delays->lock);
    return added;
}

void sandbox_delays_release(sandbox_delays *delays)
{
    sandbox_delay *last;

    pthread_mutex_lock(&delays->lock);
    while ((last = TAILQ_LAST(&delays->waiting, waiting)) && last->due_ms == SANDBOX_FOR_EVER)
        wake(delays, last);
    pthread_mutex_unlock(&delays->lock);
}

void sandbox_delays_stop(sandbox_delays *delays)
{
    pthread_mutex_lock(&delays->lock);
    delays->stopped = 1;
    while (!TAILQ_EMPTY(&delays->waiting))
        wake(delays, TAILQ_FIRST(&delays->waiting));
    pthread_cond_signal(&delays->changed);
    pthread_mutex_unlock(&delays->lock);
}

void sandbox_delays_free(sandbox_delays *delays)
{
    if (!delays)
        return;
    sandbox_delays_stop(delays);
    pthread_join(delays->thread, NULL);
    segmo__free(delays);
}
