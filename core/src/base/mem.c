#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#ifdef SEGMO_FAULTS
#include <stdatomic.h>

static atomic_long fail_at = -1;
static atomic_long seen = 0;
static atomic_int fails_on = 0;

void segmo__mem_fail(long nth, int for_ever)
{
    atomic_store(&seen, 0);
    atomic_store(&fails_on, for_ever);
    atomic_store(&fail_at, nth);
}

long segmo__mem_count(void)
{
    return atomic_load(&seen);
}

static int refused(void)
{
    long mine = atomic_fetch_add(&seen, 1);
    long at = atomic_load(&fail_at);

    return at >= 0 && (mine == at || (mine > at && atomic_load(&fails_on)));
}
#else
static inline int refused(void)
{
    return 0;
}
#endif

void *segmo__alloc(size_t size)
{
    return refused() ? NULL : malloc(size > 0 ? size : 1);
}

void *segmo__zalloc(size_t size)
{
    return refused() ? NULL : calloc(1, size > 0 ? size : 1);
}

void *segmo__realloc(void *memory, size_t size)
{
    return refused() ? NULL : realloc(memory, size > 0 ? size : 1);
}

void segmo__free(void *memory)
{
    free(memory);
}

char *segmo__strdup(const char *text)
{
    return text ? segmo__strndup(text, strlen(text)) : NULL;
}

char *segmo__strndup(const char *text, size_t len)
{
    char *copy = segmo__alloc(len + 1);

    if (copy) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    return copy;
}
