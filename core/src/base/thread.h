/* Threads and fork. A child learns that it is one by comparing generations, without a call. */
#ifndef SEGMO_BASE_THREAD_H
#define SEGMO_BASE_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

typedef pthread_mutex_t segmo__mutex;
typedef pthread_cond_t segmo__cond;

void segmo__mutex_init(segmo__mutex *mutex);
void segmo__cond_init(segmo__cond *cond); /* waits by the monotonic clock */

/* Waits until signalled or `deadline_ms` (monotonic) has passed; 0 when the time was over. */
int segmo__cond_wait_until(segmo__cond *cond, segmo__mutex *mutex, int64_t deadline_ms);

/* Starts a thread with all signals blocked and a 256 KiB stack; 0 or an errno. */
int segmo__thread_start(pthread_t *thread, void *(*run)(void *), void *arg, const char *name);

void segmo__sleep_ms(uint32_t ms);

/* Raised by one in every child of fork. */
uint32_t segmo__fork_generation(void);

/* What an object wants done around fork. `prepare` takes its locks, `parent` and `child` release
 * them; `child` also closes inherited descriptors. Run in order of registration, backwards for
 * prepare. */
typedef struct segmo__fork_guard {
    void (*prepare)(void *arg);
    void (*parent)(void *arg);
    void (*child)(void *arg);
    void *arg;
    struct segmo__fork_guard *next;
    struct segmo__fork_guard *prev;
} segmo__fork_guard;

void segmo__fork_guard_add(segmo__fork_guard *guard);
void segmo__fork_guard_remove(segmo__fork_guard *guard);

#endif
