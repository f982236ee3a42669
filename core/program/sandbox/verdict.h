/* The words the sandbox's parts share: what came (request), what is thought of it (verdict), what
 * it carried (messages). A judge turns a request into a verdict; the ledger counts verdicts; the
 * server answers them.
 */
#ifndef SEGMO_SANDBOX_VERDICT_H
#define SEGMO_SANDBOX_VERDICT_H

#include "base/buf.h"

typedef enum sandbox_service {
    SANDBOX_SEGMENT,
    SANDBOX_MOENGAGE,
    SANDBOX_SERVICES
} sandbox_service;

/* What a message is, in the words of its API. */
typedef enum sandbox_call {
    SANDBOX_IDENTIFY,
    SANDBOX_TRACK,
    SANDBOX_PAGE,
    SANDBOX_SCREEN,
    SANDBOX_GROUP,
    SANDBOX_ALIAS,
    SANDBOX_CUSTOMER,
    SANDBOX_EVENT,
    SANDBOX_DEVICE,
    SANDBOX_MERGE,
    SANDBOX_CALLS
} sandbox_call;

extern const char *const sandbox_service_names[SANDBOX_SERVICES];
extern const char *const sandbox_call_names[SANDBOX_CALLS];

typedef enum sandbox_body_state {
    SANDBOX_BODY_READ,
    SANDBOX_BODY_OVERSIZED, /* too large even to be kept */
    SANDBOX_BODY_DAMAGED,   /* not the gzip it says it is */
    SANDBOX_BODY_UNREADABLE /* of an encoding that is not known */
} sandbox_body_state;

typedef struct sandbox_request {
    const char *method;
    const char *path;
    const char *authorization; /* this and the next four: NULL when absent */
    const char *content_type;
    const char *content_encoding;
    const char *app_key; /* header MOE-APPKEY */
    const char *app_id;  /* query member app_id or appId */
    segmo__slice body;   /* inflated; empty unless read */
    sandbox_body_state body_state;
} sandbox_request;

/* Spans point into the request's body. */
typedef struct sandbox_message {
    sandbox_call call;
    segmo__slice text;
    segmo__slice user; /* as written between the quotes; empty: nobody */
    uint64_t user_hash;
    uint64_t id_hash; /* of the messageId; 0: has none */
    int64_t seq;      /* the property `seq`; -1: has none */
} sandbox_message;

typedef struct sandbox_verdict {
    int status;
    const char *reason; /* static; NULL: the request was accepted */
    segmo__buf answer;  /* JSON */
    const char *allow;  /* methods for a 405, else NULL */
    int retry_after_s;  /* -1: none */
    int64_t rate_limit; /* -1: no rate headers */
    int64_t rate_remaining;
    int64_t rate_reset_s;
    segmo__buf messages; /* array of sandbox_message */
    segmo__buf
        discards; /* array of const char *: reasons of messages left out of an accepted request */
    segmo__buf notes; /* array of const char *: what the service would cut in silence */
} sandbox_verdict;

void sandbox_verdict_init(sandbox_verdict *verdict);
void sandbox_verdict_clear(
    sandbox_verdict *verdict); /* ready for the next request, keeps its memory */
void sandbox_verdict_free(sandbox_verdict *verdict);

void sandbox_verdict_add_message(sandbox_verdict *verdict, const sandbox_message *message);
size_t sandbox_verdict_message_count(const sandbox_verdict *verdict);
void sandbox_verdict_add_word(segmo__buf *words,
                              const char *word); /* discards, notes; `word` is static */

/* The two error shapes. `field` and `attribute` may be NULL. They forget the messages found so far.
 */
void sandbox_refuse_segment(sandbox_verdict *verdict, int status, const char *code,
                            const char *field, const char *words);
void sandbox_refuse_moengage(sandbox_verdict *verdict, int status, const char *type,
                             const char *attribute, const char *words);

#endif
