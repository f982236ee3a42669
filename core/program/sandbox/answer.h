/* How an answer leaves: whole, cut short by a reset, or not at all. */
#ifndef SEGMO_SANDBOX_ANSWER_H
#define SEGMO_SANDBOX_ANSWER_H

#include "verdict.h"

#include <microhttpd.h>

/* What the HTTP library's handler is to return is what these return. The verdict must outlive the
 * request. */
enum MHD_Result sandbox_answer_whole(const sandbox_verdict *verdict,
                                     struct MHD_Connection *connection);
/* Sends the first `bytes` of the answer, its head included, then resets. */
enum MHD_Result sandbox_answer_cut(const sandbox_verdict *verdict, int64_t bytes,
                                   struct MHD_Connection *connection);
enum MHD_Result sandbox_answer_reset(struct MHD_Connection *connection);

#endif
