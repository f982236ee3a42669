/* Routing: which destination gets a message, in which mode, or why not. */
#ifndef SEGMO_ROUTE_ROUTE_H
#define SEGMO_ROUTE_ROUTE_H

#include "model/destination.h"
#include "model/message.h"

typedef struct segmo__decision {
    int send;
    const char *reason; /* static; why not: "integrations", "no_user_id", "unsupported_call",
                           "sent_by_device", "not_configured", "forwarded_by_segment" */
    const char *words;  /* static; the reason for people, with the remedy */
} segmo__decision;

/* Table and bits only: nothing of the message's JSON is read. */
segmo__decision segmo__route(const segmo__source *source, const segmo__message *message,
                             segmo__destination destination);

/* Must Segment's copy be marked so that Segment does not forward it to MoEngage again? */
int segmo__route_marks_segment_copy(const segmo__source *source, const segmo__message *message);

/* For explain: appends one JSON object, {"type", "source": {...}, "segment": {...}, "moengage":
 * {...}}: per destination whether it gets the message, why not, where the request goes; whether
 * Segment's copy is marked; MoEngage's mode and why, its settings as resolved, and what the mode
 * cannot do. `moengage` is the decision to show for MoEngage, by who has looked into the message;
 * NULL: that of segmo__route(). */
void segmo__route_explain(segmo__buf *out, const segmo__source *source,
                          const segmo__message *message, const segmo__decision *moengage);

#endif
