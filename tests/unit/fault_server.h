/* Segment and MoEngage in a process of their own, so that faults of the test's process are not
 * theirs. What arrives is noted in shared memory by the numbers that messages carry as "n". */
#ifndef FAULT_SERVER_H
#define FAULT_SERVER_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#define FAULT_MESSAGES 4096
enum { TO_SEGMENT, TO_MOENGAGE, FAULT_TARGETS };

typedef enum server_mood {
    MOOD_OK,
    MOOD_UNAVAILABLE,  /* 503 */
    MOOD_RATE_LIMITED, /* 429 without Retry-After */
    MOOD_REFUSES_BAD,  /* 400 for what has "bad":true in it */
    MOOD_TOO_LARGE,    /* 413 for more than two messages */
    MOOD_RESETS        /* every other request is cut off */
} server_mood;

typedef struct fault_server {
    pid_t pid;
    unsigned port;
    atomic_int mood;
    atomic_uint requests;
    _Atomic uint32_t now;                                       /* a clock of the test's, */
    _Atomic uint32_t arrived_at[FAULT_TARGETS][FAULT_MESSAGES]; /* what it said, for the first */
    atomic_uchar arrived[FAULT_TARGETS][FAULT_MESSAGES];        /* how often, up to 255 */
} fault_server;

fault_server *fault_server_start(void);
void fault_server_stop(fault_server *server);

#endif
