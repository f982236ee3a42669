/* The judge of Segment's HTTP Tracking API. */
#ifndef SEGMO_SANDBOX_SEGMENT_H
#define SEGMO_SANDBOX_SEGMENT_H

#include "verdict.h"

typedef struct sandbox_segment_rules {
    const char *write_key; /* NULL: any key will do */
    int lenient;           /* answers as the real service does: 200, and leaves bad messages out */
} sandbox_segment_rules;

int sandbox_segment_owns(const char *path);
void sandbox_segment_judge(sandbox_verdict *verdict, const sandbox_request *request,
                           const sandbox_segment_rules *rules);

#endif
