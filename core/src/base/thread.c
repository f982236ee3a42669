#include "base/thread.h"

#include "base/clock.h"

#include <signal.h>
#include <time.h>

#define STACK_SIZE (256 * 1024)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t guards_lock = PTHREAD_MUTEX_INITIALIZER;
static segmo__fork_guard *first_guard;
static segmo__fork_guard *last_guard;
static atomic_uint generation = 1;

static void before_fork(void)
{
    pthread_mutex_lock(&guards_lock);
    for (segmo__fork_guard *guard = last_guard; guard; guard = guard->prev)
        guard->prepare(guard->arg);
}

static void after_fork_in_parent(void)
{
    for (segmo__fork_guard *guard = first_guard; guard; guard = guard->next)
        guard->parent(guard->arg);
    pthread_mutex_unlock(&guards_lock);
}

static void after_fork_in_child(void)
{
    atomic_fetch_add(&generation, 1);
    for (segmo__fork_guard *guard = first_guard; guard; guard = guard->next)
        guard->child(guard->arg);
    pthread_mutex_unlock(&guards_lock);
}

static void install(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void segmo__mutex_init(segmo__mutex *mutex)
{
    pthread_mutex_init(mutex, NULL);
}

void segmo__cond_init(segmo__cond *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

int segmo__cond_wait_until(segmo__cond *cond, segmo__mutex *mutex, int64_t deadline_ms)
{
    int64_t system_ms = segmo__clock_system_ms(deadline_ms);
    struct timespec when = {.tv_sec = system_ms / 1000, .tv_nsec = system_ms % 1000 * 1000000};

    return pthread_cond_timedwait(cond, mutex, &when) == 0;
}

int segmo__thread_start(pthread_t *thread, void *(*run)(void *), void *arg, const char *name)
{
    pthread_attr_t attr;
    sigset_t all, old;
    int code;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    code = pthread_create(thread, &attr, run, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    if (code == 0)
        pthread_setname_np(*thread, name);
    return code;
}

void segmo__sleep_ms(uint32_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    while (nanosleep(&left, &left) != 0)
        ;
}

uint32_t segmo__fork_generation(void)
{
    return atomic_load_explicit(&generation, memory_order_relaxed);
}

void segmo__fork_guard_add(segmo__fork_guard *guard)
{
    pthread_once(&once, install);
    pthread_mutex_lock(&guards_lock);
    guard->next = NULL;
    guard->prev = last_guard;
    if (last_guard)
        last_guard->next = guard;
    else
        first_guard = guard;
    last_guard = guard;
    pthread_mutex_unlock(&guards_lock);
}

void segmo__fork_guard_remove(segmo__fork_guard *guard)
{
    pthread_mutex_lock(&guards_lock);
    if (guard->prev)
        guard->prev->next = guard->next;
    else
        first_guard = guard->next;
    if (guard->next)
        guard->next->prev = guard->prev;
    else
        last_guard = guard->prev;
    pthread_mutex_unlock(&guards_lock);
}
