/* Two JSON objects into one, in time that grows with their lengths, not with their product: both
 * may be a stranger's. */
#ifndef SEGMO_MODEL_MERGE_H
#define SEGMO_MODEL_MERGE_H

#include "base/buf.h"

/* Appends `own` with what `shared` has besides: the members of `own` in their order, then the others
 * of `shared`. Of a name that both have `own` wins; when `deep`, two objects are merged in turn. Both
 * are checked text; `scratch` is for names with escapes. Without memory `out` has failed. */
void segmo__merge(segmo__buf *out, segmo__slice own, segmo__slice shared, int deep,
                  segmo__buf *scratch);

#endif
