/* Reading members of checked JSON, the way both judges need it. */
#ifndef SEGMO_SANDBOX_FIELDS_H
#define SEGMO_SANDBOX_FIELDS_H

#include "base/json.h"

#define SANDBOX_NAME(literal)                                                                      \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

/* values[i] becomes the value of names[i] in `object`; its `at` is NULL when the member is absent.
 */
void sandbox_fields_read(segmo__slice object, const segmo__slice *names, size_t count,
                         segmo__slice *values);

int sandbox_is_absent(segmo__slice value); /* not there, or null */
int sandbox_is_kind(segmo__slice value, segmo__json_kind kind);
int sandbox_is_bool(segmo__slice value);
int sandbox_is_text(segmo__slice value); /* a string with at least one character */
segmo__slice
sandbox_unquoted(segmo__slice string); /* what stands between the quotes, escapes intact */

/* The member `seq` of a container when it is a whole number from 0 to 10^18, else -1. */
int64_t sandbox_seq_of(segmo__slice container);
/* The string decoded and hashed; never 0. */
uint64_t sandbox_hash_of(segmo__slice string, segmo__buf *scratch);

#endif
