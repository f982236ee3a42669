/* Segment's batch envelope: stored messages joined, and the mark that stops a second forwarding. */
#ifndef SEGMO_WIRE_SEGMENT_H
#define SEGMO_WIRE_SEGMENT_H

#include "base/buf.h"
#include "model/destination.h"
#include "model/message.h"

#define SEGMO__SEGMENT_BODY_MAX 475000
#define SEGMO__SEGMENT_TAIL     512 /* most bytes that segmo__segment_end() adds */

void segmo__segment_path(segmo__buf *url,
                         const segmo__segment_settings *settings); /* appends host and /v1/batch */
void segmo__segment_begin(segmo__buf *body);
/* Appends one message (with a comma when it is not the first). With `mark` its `integrations` gets
 * "MoEngage": false and "Moengage (Actions)": false, and the _metadata of a device-mode source
 * names MoEngage as bundled: a splice at the stored spans. */
void segmo__segment_add(segmo__buf *body, const segmo__message *message, int mark,
                        segmo__mode mode);
/* Most bytes that segmo__segment_add() may append for the message. */
size_t segmo__segment_size(const segmo__message *message);
void segmo__segment_end(segmo__buf *body, const segmo__segment_settings *settings,
                        int64_t sent_at_ms);

#endif
