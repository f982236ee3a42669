/* Verdicts: how both services phrase what they think of a request. */
#include "verdict.h"

#include "base/json.h"

#define ANSWER_MAX (64u << 20)
#define LIST_MAX   (16u << 20)

const char *const sandbox_service_names[SANDBOX_SERVICES] = {"segment", "moengage"};

const char *const sandbox_call_names[SANDBOX_CALLS] = {"identify", "track", "page",     "screen",
                                                       "group",    "alias", "customer", "event",
                                                       "device",   "merge"};

void sandbox_verdict_init(sandbox_verdict *verdict)
{
    *verdict = (sandbox_verdict){0};
    segmo__buf_init(&verdict->answer, ANSWER_MAX);
    segmo__buf_init(&verdict->messages, LIST_MAX);
    segmo__buf_init(&verdict->discards, LIST_MAX);
    segmo__buf_init(&verdict->notes, LIST_MAX);
    sandbox_verdict_clear(verdict);
}

void sandbox_verdict_clear(sandbox_verdict *verdict)
{
    verdict->status = 200;
    verdict->reason = NULL;
    verdict->allow = NULL;
    verdict->retry_after_s = -1;
    verdict->rate_limit = -1;
    segmo__buf_clear(&verdict->answer);
    segmo__buf_clear(&verdict->messages);
    segmo__buf_clear(&verdict->discards);
    segmo__buf_clear(&verdict->notes);
}

void sandbox_verdict_free(sandbox_verdict *verdict)
{
    segmo__buf_free(&verdict->answer);
    segmo__buf_free(&verdict->messages);
    segmo__buf_free(&verdict->discards);
    segmo__buf_free(&verdict->notes);
}

void sandbox_verdict_add_message(sandbox_verdict *verdict, const sandbox_message *message)
{
    segmo__buf_add(&verdict->messages, message, sizeof *message);
}

size_t sandbox_verdict_message_count(const sandbox_verdict *verdict)
{
    return verdict->messages.len / sizeof(sandbox_message);
}

void sandbox_verdict_add_word(segmo__buf *words, const char *word)
{
    segmo__buf_add(words, &word, sizeof word);
}

static void start_refusal(sandbox_verdict *verdict, int status, const char *reason)
{
    verdict->status = status;
    verdict->reason = reason;
    segmo__buf_clear(&verdict->answer);
    segmo__buf_clear(&verdict->messages);
    segmo__buf_clear(&verdict->discards);
    segmo__buf_clear(&verdict->notes);
}

static void put_words(segmo__buf *out, const char *field, const char *words)
{
    segmo__buf text;

    segmo__buf_init(&text, 4096);
    segmo__buf_addf(&text, "%s%s%s", field ? field : "", field ? ": " : "", words);
    segmo__json_put_string(out, text.data, text.len);
    segmo__buf_free(&text);
}

void sandbox_refuse_segment(sandbox_verdict *verdict, int status, const char *code,
                            const char *field, const char *words)
{
    start_refusal(verdict, status, code);
    segmo__buf_add_lit(&verdict->answer, "{\"success\":false,\"code\":");
    segmo__json_put_text(&verdict->answer, code);
    segmo__buf_add_lit(&verdict->answer, ",\"message\":");
    put_words(&verdict->answer, field, words);
    segmo__buf_add_lit(&verdict->answer, ",\"error\":");
    put_words(&verdict->answer, field, words);
    segmo__buf_add_lit(&verdict->answer, "}");
}

void sandbox_refuse_moengage(sandbox_verdict *verdict, int status, const char *type,
                             const char *attribute, const char *words)
{
    static uint64_t refusals;

    start_refusal(verdict, status, type);
    segmo__buf_add_lit(&verdict->answer, "{\"status\":\"fail\",\"error\":{\"type\":");
    segmo__json_put_text(&verdict->answer, type);
    segmo__buf_add_lit(&verdict->answer, ",\"message\":");
    put_words(&verdict->answer, attribute, words);
    segmo__buf_addf(&verdict->answer, ",\"request_id\":\"refused-%llu\"",
                    (unsigned long long)++refusals);
    if (attribute) {
        segmo__buf_add_lit(&verdict->answer, ",\"attribute\":");
        segmo__json_put_text(&verdict->answer, attribute);
    }
    segmo__buf_add_lit(&verdict->answer, "}}");
}
