/* The name somebody probably meant: the one with the fewest changed letters, if they are few. */
#ifndef SEGMO_PROGRAM_NEAREST_H
#define SEGMO_PROGRAM_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *wanted;
    size_t wanted_len;
    const char *name; /* the best so far; NULL: none is near */
    size_t distance;
};

void nearest_begin(struct nearest *nearest, const char *wanted, size_t len);
void nearest_offer(struct nearest *nearest, const char *name);

#endif
