/* Answers of public functions. */
#ifndef SEGMO_API_HAND_OUT_H
#define SEGMO_API_HAND_OUT_H

#include "base/buf.h"
#include "base/error.h"

#define SEGMO__ANSWER_MAX (64u << 20)

/* Hands a finished buffer to the caller, or frees it when the call failed; the call's status. */
int segmo__hand_out(int status, segmo__buf *buf, char **out, size_t *out_len, segmo_error **err);

#endif
