/* The table: what an answer means for a batch. */
#ifndef SEGMO_DELIVER_STATUS_POLICY_H
#define SEGMO_DELIVER_STATUS_POLICY_H

#include "base/buf.h"

#define SEGMO__STATUS_TEXT_MAX 200 /* bytes of a type or text that are kept */

typedef enum segmo__verdict {
    SEGMO__VERDICT_DELIVERED,
    SEGMO__VERDICT_RETRY,  /* later, as it is */
    SEGMO__VERDICT_SLOW,   /* rate limit without a time: this lane only */
    SEGMO__VERDICT_SPLIT,  /* too large: smaller pieces; a single message is dead */
    SEGMO__VERDICT_BISECT, /* one of these is refused: halves, down to one, which is dead */
    SEGMO__VERDICT_DEAD,   /* refused for good */
    SEGMO__VERDICT_PAUSE   /* configuration: stop this destination, keep the messages */
} segmo__verdict;

typedef enum segmo__service { SEGMO__SERVICE_SEGMENT, SEGMO__SERVICE_MOENGAGE } segmo__service;

/* `body` is the answer's; for MoEngage the error type in it tells configuration from a bad message.
 * `*reason` receives a static token ("http_503", "invalid_credentials", ...), `*remedy` static
 * words that say what to check for PAUSE, "" otherwise. Every number has exactly one verdict; one
 * that is no HTTP status is retried. */
segmo__verdict segmo__status_policy(segmo__service service, int status, segmo__slice body,
                                    const char **reason, const char **remedy);
const char *segmo__verdict_name(segmo__verdict verdict); /* "delivered", "retry", ... */

/* Appends the error's type (or code; nothing when there is none) and its text, from whatever shape
 * the body has; a body that is no JSON is its own text. At most SEGMO__STATUS_TEXT_MAX bytes each,
 * valid UTF-8 without control characters, whatever bytes came. */
void segmo__status_error_text(segmo__slice body, segmo__buf *type, segmo__buf *text);

#endif
