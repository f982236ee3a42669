/* gzip on a thread of its own, beside the one that owns the packer. A few bodies wait at a time;
 * with more the owner does well to compress itself, so that both are busy. */
#ifndef SEGMO_DELIVER_PACKER_H
#define SEGMO_DELIVER_PACKER_H

#include "deliver/http.h"

typedef struct segmo__packer segmo__packer;

/* Wakes `http` whenever a body is packed; the thread starts with the first body. NULL: no memory.
 */
segmo__packer *segmo__packer_new(int level, segmo__http *http);
/* Waits for the body at hand. Bodies that were not taken are dropped. Accepts NULL. */
void segmo__packer_free(segmo__packer *packer);

/* Hands in a body: takes over the bytes of `raw`, which gets other memory for them, and will write
 * to `out`, which nobody else may touch until the body is taken. 0: enough wait already, or there
 * is no thread; nothing was changed then. */
int segmo__packer_give(segmo__packer *packer, segmo__buf *raw, segmo__buf *out, void *tag);

/* Takes the next body that is packed, in the order they were handed in; 0: none is. `*gzipped` is 0
 * when it did not become smaller, or memory ran out: `out` then holds the bytes as they were. */
int segmo__packer_take(segmo__packer *packer, void **tag, int *gzipped);

#endif
