/* Message ids for messages that have none. */
#ifndef SEGMO_PROGRAM_MESSAGE_ID_H
#define SEGMO_PROGRAM_MESSAGE_ID_H

#include "base/buf.h"

/* The id that a checked message carries, as text (decoded into `scratch` when it has escapes);
 * length 0: none. */
segmo__slice message_id_of(segmo__slice message, segmo__buf *scratch);

/* The message with `id` as its messageId, written to `out`: in place of a null or empty one, else
 * at the end. `message` must be a checked object. */
segmo__slice message_id_put(segmo__buf *out, segmo__slice message, const char *id);

#endif
