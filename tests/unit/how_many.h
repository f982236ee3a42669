/* How often a laboratory repeats what it does: what the environment asks for, else its usual
 * number, of which the sanitizers, which are slow, do a fifth. */
#ifndef HOW_MANY_H
#define HOW_MANY_H

#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOW_BUILD 5
#else
#define SLOW_BUILD 1
#endif

static inline unsigned long how_many(const char *variable, unsigned long usual)
{
    const char *wanted = getenv(variable);

    return wanted ? strtoul(wanted, NULL, 10) : (usual + SLOW_BUILD - 1) / SLOW_BUILD;
}

#endif
