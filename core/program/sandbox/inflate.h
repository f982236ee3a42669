/* gzip bodies back to text, with a ceiling. */
#ifndef SEGMO_SANDBOX_INFLATE_H
#define SEGMO_SANDBOX_INFLATE_H

#include "base/buf.h"

typedef enum sandbox_inflated {
    SANDBOX_INFLATED,
    SANDBOX_INFLATE_DAMAGED,  /* no gzip, cut short, wrong checksum, or bytes behind its end */
    SANDBOX_INFLATE_TOO_LARGE /* over the buffer's ceiling */
} sandbox_inflated;

/* Replaces the content of `out`. One thread at a time. */
sandbox_inflated sandbox_inflate(segmo__slice gzip, segmo__buf *out);

#endif
