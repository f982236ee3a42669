/* The judge of MoEngage's Data API and of its endpoint for Segment. */
#ifndef SEGMO_SANDBOX_MOENGAGE_H
#define SEGMO_SANDBOX_MOENGAGE_H

#include "verdict.h"

typedef struct sandbox_moengage_rules {
    const char *app_id;    /* NULL: any will do */
    const char *api_key;   /* NULL: any will do */
    int64_t rate_limit;    /* elements in a window; 0: unlimited */
    int64_t rate_window_s; /* more than 0 */
} sandbox_moengage_rules;

int sandbox_moengage_owns(const char *path);
void sandbox_moengage_judge(sandbox_verdict *verdict, const sandbox_request *request,
                            const sandbox_moengage_rules *rules);
void sandbox_moengage_reset(void); /* opens a new rate window */

#endif
