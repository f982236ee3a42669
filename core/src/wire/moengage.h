/* A message in MoEngage's words: Data API elements (customer, event, device, merge) or the
 * Segment-shaped body.
 *
 * One pass over the stored spans; values are copied byte for byte, names by the naming rules.
 */
#ifndef SEGMO_WIRE_MOENGAGE_H
#define SEGMO_WIRE_MOENGAGE_H

#include "base/buf.h"
#include "base/error.h"
#include "model/destination.h"
#include "model/message.h"

#define SEGMO__MOENGAGE_BULK_MAX   100000
#define SEGMO__MOENGAGE_SINGLE_MAX 128000
#define SEGMO__MOENGAGE_ENVELOPE   64 /* most bytes that begin and end add around the elements */

/* Where elements of a batch may go. Elements of one endpoint may share a request; of different ones
 * may not. */
typedef enum segmo__moengage_endpoint {
    SEGMO__MOENGAGE_TRANSITION, /* customer, event and device elements; alone in a batch they use
                                   their single path */
    SEGMO__MOENGAGE_MERGE,
    SEGMO__MOENGAGE_SEGMENT /* one message per request */
} segmo__moengage_endpoint;

typedef struct segmo__moengage_element {
    segmo__moengage_endpoint endpoint;
    uint8_t users;    /* how many user (and device) elements: counted by the users rate limit */
    uint8_t events;   /* how many event elements */
    const char *skip; /* why nothing is sent after all ("refused_user_id", ...; static), or NULL */
} segmo__moengage_element;

/* Appends what MoEngage shall receive for a message that was routed there: one element, or two
 * separated by a comma (an identify with a device). With `skip` set nothing is appended. Problems
 * that MoEngage would cut or drop in silence go to `note` (may be NULL).
 *
 * Fails with SEGMO_ERR_INVALID when the message can never be taken (over the body limit; the field
 * says where): a dead letter; and with SEGMO_ERR_MEMORY, when trying again may help. On failure
 * `out` is as it was. Any thread; works in buffers of the calling thread. */
int segmo__moengage_transform(segmo__buf *out, segmo__moengage_element *element,
                              const segmo__source *source, const segmo__message *message,
                              int64_t now_ms, segmo__note_fn note, void *ctx, segmo_error **err);

/* The request around elements. `single` names the type of the only element ("customer", "event",
 * "device") or is NULL for several; for MERGE and SEGMENT it is ignored. */
void segmo__moengage_path(segmo__buf *url, const segmo__source *source,
                          segmo__moengage_endpoint endpoint, const char *single);
/* The question whether the credentials are right, by GET. */
void segmo__moengage_auth_path(segmo__buf *url, const segmo__source *source);
void segmo__moengage_begin(segmo__buf *body, segmo__moengage_endpoint endpoint, const char *single);
void segmo__moengage_end(segmo__buf *body, segmo__moengage_endpoint endpoint, const char *single);
/* "customer", "event" or "device": the type of the first of `elements`; NULL when it is another. */
const char *segmo__moengage_type(segmo__slice elements);

#endif
