/* Base64 back to bytes: the standard alphabet, and the one for URLs beside it. */
#ifndef SEGMO_PROGRAM_BASE64_H
#define SEGMO_PROGRAM_BASE64_H

#include "base/buf.h"

/* Appends the bytes; padding may be missing. 0 when it is no base64. */
int base64_decode(segmo__buf *out, segmo__slice text);

#endif
