/* MoEngage Streams (campaign export) into Segment messages. */
#ifndef SEGMO_MODEL_STREAMS_H
#define SEGMO_MODEL_STREAMS_H

#include "base/buf.h"
#include "base/error.h"

typedef struct segmo__streams_rules {
    int derived_attributes; /* also identify calls from user_attributes (known users only) */
    int recipients;         /* keep push_id, email_id, mobile_number (personal data) */
    int campaign_context;   /* context.campaign from the campaign's name and channel */
    int user_actions;       /* also USER_ACTION_EVENT, which could circle */
    const char *library_version;
} segmo__streams_rules;

/* What became of one event of the payload. */
typedef enum segmo__streams_result {
    SEGMO__STREAMS_MESSAGE, /* `message` is a track or identify message, ready for completion */
    SEGMO__STREAMS_SKIPPED, /* left out on purpose: `reason` */
    SEGMO__STREAMS_REJECTED /* cannot be read: `reason`, `field` is a JSON pointer into the payload
                             */
} segmo__streams_result;

typedef struct segmo__streams_item {
    size_t index; /* in `events` */
    segmo__streams_result result;
    segmo__slice message;
    const char *reason; /* "user_action_event", "no_event_uuid", ... */
    const char *field;
} segmo__streams_item;

/* Reads a payload and calls `each` once per message made and once per event that made none, in
 * order (a derived identify comes last, once per uid). A non-zero answer stops and is returned.
 * `err` is of the payload itself: SEGMO_ERR_JSON, or SEGMO_ERR_INVALID when there is no `events`
 * array. */
int segmo__streams_each(segmo__slice payload, const segmo__streams_rules *rules,
                        int (*each)(void *ctx, const segmo__streams_item *item), void *ctx,
                        segmo_error **err);

#endif
