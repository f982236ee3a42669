/* gzip bodies back to text, with a ceiling. */
#ifndef SEGMO_INFLATE_H
#define SEGMO_INFLATE_H

#include "base/buf.h"

typedef enum inflated {
    INFLATED,
    INFLATE_DAMAGED,  /* no gzip, cut short, wrong checksum, or bytes behind its end */
    INFLATE_TOO_LARGE /* over the buffer's ceiling */
} inflated;

/* Replaces the content of `out`. One thread at a time. */
inflated inflate_gzip(segmo__slice gzip, segmo__buf *out);

#endif
