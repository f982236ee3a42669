/* The words of answers. */
#include "gateway_parts.h"

void answers_verdict(http_answer *answer, const gateway_verdict *verdict)
{
    if (verdict->status == 200)
        segmo__buf_add_lit(&answer->body, "{\"success\":true}");
    else
        http_answer_refuse(answer, verdict->status, verdict->code, verdict->words);
    if (verdict->retry_after_s > 0)
        segmo__buf_addf(&answer->fields, "Retry-After: %d\r\nX-RateLimit-Reset: %d\r\n",
                        verdict->retry_after_s, verdict->retry_after_s);
}
