/* Dead letters in Kafka, without a client: what workers wrote to kafka.dead_topic.
 *
 * A consumer group of its own remembers how far the topic was dealt with. What is to be kept is
 * written to the end of the topic again, so that one offset a partition says what is left. */
#ifndef SEGMO_CLIENT_DEAD_TOPIC_H
#define SEGMO_CLIENT_DEAD_TOPIC_H

#include "base/buf.h"
#include "base/error.h"

typedef enum segmo__letter_fate {
    SEGMO__LETTER_STAYS,
    SEGMO__LETTER_AGAIN, /* to the topic of messages, for its destination only */
    SEGMO__LETTER_GOES
} segmo__letter_fate;

/* Calls `each` for every letter that was there at the call, until the topic's end, and does what it
 * answers. With `only_look` nothing is changed. Fails with SEGMO_ERR_TIMEOUT when the brokers do
 * not answer; then nothing counts as dealt with, and what was sent again may be sent twice. */
int segmo__dead_topic_each(const segmo_config *config, int only_look,
                           segmo__letter_fate (*each)(void *ctx, segmo__slice letter), void *ctx,
                           segmo_error **err);

#endif
