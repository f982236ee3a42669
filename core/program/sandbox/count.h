/* The fast mode's look at a body: how many messages, and their numbers, without judging anything.
 */
#ifndef SEGMO_SANDBOX_COUNT_H
#define SEGMO_SANDBOX_COUNT_H

#include "verdict.h"

/* Adds the whole number behind each `"seq":` to `seqs` (array of int64_t) and answers the number of
 * messages: by their "messageId" for Segment, by their "action" or type "customer" for MoEngage. */
size_t sandbox_count(sandbox_service service, segmo__slice body, segmo__buf *seqs);

#endif
