/* Can a host be reached, and what does it think the time is? Plain sockets: nothing secret is sent.
 */
#ifndef SEGMO_PROGRAM_REACH_H
#define SEGMO_PROGRAM_REACH_H

#include <stdint.h>

struct reach_url {
    char host[256];
    char port[8];
    int is_tls;
};

/* 1 when `url` has a host; without a scheme it is taken as http. */
int reach_parse(struct reach_url *out, const char *url);

/* Looks the host up and connects. 1 and `*latency_ms`, or 0 and words about what failed. */
int reach_connect(const struct reach_url *url, int timeout_ms, int64_t *latency_ms, char *words,
                  unsigned words_size);

/* The time in the Date of an answer to a plain HEAD request (of a TLS host: on port 80). 1 and
 * `*unix_ms`, or 0. */
int reach_clock(const struct reach_url *url, int timeout_ms, int64_t *unix_ms);

#endif
