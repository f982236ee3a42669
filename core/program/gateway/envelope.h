/* What stands at the top of a request's body. */
#ifndef SEGMO_GATEWAY_ENVELOPE_H
#define SEGMO_GATEWAY_ENVELOPE_H

#include "base/buf.h"

#define ENVELOPE_MESSAGES_MAX 2500

/* Slices of the body; length 0: absent. */
struct envelope {
    segmo__slice write_key, sent_at, context, integrations;
    segmo__slice messages[ENVELOPE_MESSAGES_MAX];
    size_t count; /* of all messages, those beyond the limit too */
    int has_batch;
};

/* One pass over a body that was checked and is an object. */
void envelope_open(struct envelope *out, segmo__slice body);

#endif
