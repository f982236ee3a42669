/* What the receiving side writes into a message: its times, its type when the route says it, the
 * sender's address where that is asked for. A pure function over checked JSON. */
#ifndef SEGMO_GATEWAY_STAMP_H
#define SEGMO_GATEWAY_STAMP_H

#include "base/buf.h"
#include "base/clock.h"

typedef enum stamp_address {
    STAMP_ADDRESS_IF_DIRECT, /* where context.direct asks for it */
    STAMP_ADDRESS_ALWAYS     /* a browser's message: where it is not given */
} stamp_address;

struct stamp {
    const char *type; /* of the route; NULL: the message's own */
    const char *ip;   /* the sender's, as JSON-safe text; NULL: not known */
    stamp_address address;
    int64_t received_ms;
    char received[SEGMO__ISO_LEN + 1];
    int knows_skew;
    int64_t skew_ms; /* how far the sender's clock is behind, by sentAt */
};

/* `sent_at` is the JSON value of sentAt, length 0 when there is none. */
void stamp_begin(struct stamp *stamp, int64_t received_ms, segmo__slice sent_at);

/* Appends an object (text that passed a check) with its stamps:
 *   timestamp          receivedAt - (sentAt - timestamp), so that a wrong clock does not matter
 *   originalTimestamp  what came as timestamp
 *   receivedAt         now
 * writeKey and sentAt, which belong to the request, are left out. `*message_id` receives the value
 * of messageId, length 0 when there is none. */
void stamp_message(segmo__buf *out, segmo__slice message, const struct stamp *stamp,
                   segmo__slice *message_id);
/* The same for a batch's own context: the address is added where it says `direct`. */
void stamp_context(segmo__buf *out, segmo__slice context, const struct stamp *stamp);

#endif
