/* The schemas of what MoEngage takes: customer, event, device, pairs to merge, and Segment's own
 * calls. */
#ifndef SEGMO_SANDBOX_MOENGAGE_ELEMENTS_H
#define SEGMO_SANDBOX_MOENGAGE_ELEMENTS_H

#include "moengage_checks.h"

/* The customer, event or device that `type` names, else SANDBOX_CALLS. */
sandbox_call sandbox_element_type(segmo__slice element);

/* Each answers 1 and adds its messages and notes to the verdict, or answers 0 and says why. */
int sandbox_element_take(sandbox_verdict *verdict, segmo__slice element, sandbox_call type,
                         sandbox_objection *why);
int sandbox_merge_pair_take(sandbox_verdict *verdict, segmo__slice pair, sandbox_objection *why);
int sandbox_segment_call_take(sandbox_verdict *verdict, segmo__slice body, sandbox_objection *why);

#endif
