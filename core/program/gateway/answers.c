/* The words of answers. */
#include "base/json.h"
#include "gateway_parts.h"

void answers_refusal(http_answer *answer, int status, const char *code, const char *words)
{
    answer->status = status;
    segmo__buf_clear(&answer->body);
    segmo__buf_addf(&answer->body, "{\"success\":false,\"code\":\"%s\",\"message\":", code);
    segmo__json_put_text(&answer->body, words);
    segmo__buf_add_lit(&answer->body, ",\"error\":");
    segmo__json_put_text(&answer->body, words);
    segmo__buf_add_char(&answer->body, '}');
}

void answers_verdict(http_answer *answer, const gateway_verdict *verdict)
{
    if (verdict->status == 200)
        segmo__buf_add_lit(&answer->body, "{\"success\":true}");
    else
        answers_refusal(answer, verdict->status, verdict->code, verdict->words);
    if (verdict->retry_after_s > 0)
        segmo__buf_addf(&answer->fields, "Retry-After: %d\r\nX-RateLimit-Reset: %d\r\n",
                        verdict->retry_after_s, verdict->retry_after_s);
}
