/* Memory: the only place that calls malloc, so that a test can make the n-th allocation fail. */
#ifndef SEGMO_BASE_MEM_H
#define SEGMO_BASE_MEM_H

#include <stddef.h>

void *segmo__alloc(size_t size);
void *segmo__zalloc(size_t size);
void *segmo__realloc(void *memory, size_t size);
void segmo__free(void *memory);
char *segmo__strdup(const char *text);
char *segmo__strndup(const char *text, size_t len);

#ifdef SEGMO_FAULTS
/* Fails the allocation number `nth` from now (0 is the next) and, if `for_ever`, all after it. */
void segmo__mem_fail(long nth, int for_ever);
/* Allocations since the last segmo__mem_fail(); -1 as `nth` never fails and only counts. */
long segmo__mem_count(void);
#endif

#endif
