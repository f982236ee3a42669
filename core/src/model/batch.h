/* A batch body, {"batch": [...], "context": {...}, "integrations": {...}, ...}, taken apart into
 * messages.
 *
 * Batch-level context is merged deeply and integrations shallowly under each item's own. Only the
 * grammar of the body is checked: an item is checked when it is completed, so a bad one never costs
 * its neighbours. */
#ifndef SEGMO_MODEL_BATCH_H
#define SEGMO_MODEL_BATCH_H

#include "base/buf.h"
#include "base/error.h"

#define SEGMO__BATCH_MAX_BYTES    512000
#define SEGMO__BATCH_MAX_MESSAGES 2500
#define SEGMO__BATCH_MAX_SHARED   8192 /* bytes of batch-level context or integrations */

/* Calls `each` with the JSON of every item in order; a non-zero answer stops and is returned. `err`
 * is of the body itself: SEGMO_ERR_JSON, SEGMO_ERR_INVALID, SEGMO_ERR_TOO_LARGE, SEGMO_ERR_MEMORY.
 */
int segmo__batch_each(segmo__slice body, int (*each)(void *ctx, size_t index, segmo__slice item),
                      void *ctx, segmo_error **err);

#endif
