/* `segmo serve`: what its parts share. One thread runs them all, so nothing here is locked. */
#ifndef SEGMO_GATEWAY_GATEWAY_PARTS_H
#define SEGMO_GATEWAY_GATEWAY_PARTS_H

#include "counts.h"
#include "duplicates.h"
#include "page.h"
#include "segmo.h"
#include "service/http_answer.h"
#include "service/http_server.h"
#include "service/journal.h"
#include "service/signals.h"
#include "support/args.h"

/* What the configuration says for the gateway itself; replaced whole when it changes. */
typedef struct gateway_settings {
    int strict;
    int sync_always; /* an answer waits for the disk itself */
    int64_t ready_max_age_ms;
    char *proxies;       /* addresses, separated by blanks, or NULL */
    char *export_source; /* an id */
    int export_open;     /* a secret is set */
} gateway_settings;

typedef struct gateway_source {
    struct gateway_source *next;
    char *key; /* how it was named: a write key, which is never shown, or an id */
    char *id;
    char *type;
    char *allowed_origins; /* or NULL */
    char *moengage_app_id; /* or NULL */
    int to_segment, to_moengage;
    int by_key; /* its key is its write key, and so the right to send */
    int moengage_test;
    int on_device; /* its devices send to MoEngage themselves */
    int is_browser_or_app;
    uint64_t hash; /* of its id */
    source_counts *counts;
} gateway_source;

struct gateway {
    const struct args *args;
    segmo_config *config; /* as it is in force */
    segmo_client *client;
    http_server *server;
    struct duplicates *seen; /* NULL: not asked for */
    gateway_settings settings;
    gateway_source *sources; /* those that were asked for since the last change */
    struct counts counts;
    segmo__buf inflated, written, credentials, scratch; /* of the request under way */
    int64_t started_ms;
    struct signals signals;
    struct gauge *gauge;
    struct page *page; /* NULL: not asked for */
};

/* How a request went, and what to answer. */
typedef struct gateway_verdict {
    int status;
    const char *code;
    char words[256];
    int retry_after_s; /* 0: not said */
} gateway_verdict;

/* ---- sender.c: from where a request comes ---- */
/* The sender's address as plain text: of the connection, or what a trusted proxy says. */
void sender_address(const struct gateway *gateway, const http_request *request,
                    char out[HTTP_PEER_LEN]);
int sender_is_proxy(const struct gateway *gateway, const char *peer); /* one that is trusted */

/* ---- answers.c ---- */
void answers_verdict(http_answer *answer, const gateway_verdict *verdict);

/* ---- callers.c: who sends ---- */
/* The source that a name (write key or id) means; NULL: none. */
gateway_source *callers_find(struct gateway *gateway, segmo__slice name);
/* Only by its write key: ids stand in logs and metrics, and let nobody in. */
gateway_source *callers_by_key(struct gateway *gateway, segmo__slice key);
void callers_forget(struct gateway *gateway); /* settings changed */
/* The user name of HTTP Basic, or of a token without a colon; length 0: none. Valid until the next
 * request. */
segmo__slice callers_basic_user(struct gateway *gateway, const http_head *head);
segmo__slice callers_basic_password(struct gateway *gateway, const http_head *head);
segmo__slice callers_bearer(const http_head *head);
int callers_origin_allowed(const gateway_source *source, const http_head *head);

/* ---- intake.c: bodies into messages on disk ---- */
typedef struct intake {
    struct gateway *gateway;
    const http_request *request;
    const char *type;       /* of the route; NULL: a batch */
    int from_browser;       /* one-letter routes */
    segmo__slice key;       /* named by the request outside its body; length 0: not */
    gateway_source *source; /* already known, or NULL */
    int wants_sync;         /* out: the answer has to wait for the disk itself */
    int is_told;            /* out: the page knows what was refused, and why */
} intake;
gateway_verdict intake_body(intake *in, segmo__slice body);
/* A checked JSON array of messages for a source that is known. */
gateway_verdict intake_messages(intake *in, segmo__slice messages);
/* Undoes the Content-Encoding; 0 and why not. */
int intake_decode(struct gateway *gateway, const http_request *request, segmo__slice *body,
                  gateway_verdict *refusal);

/* ---- discards.c ---- */
int discard_status(const char *name); /* as the client names it in answers */
const char *discard_reason(int status, const char *field, const char *words);
/* The log says which field and why, never what was in it, and not more often than is readable. */
void discard_log(const intake *in, const char *reason, const char *field, const char *words);

/* ---- the other routes; routes.c leads to them ---- */
void pixel_serve(struct gateway *gateway, const http_request *request, const char *type,
                 http_answer *answer);
void source_settings_serve(struct gateway *gateway, const http_request *request,
                           http_answer *answer);
void export_serve(struct gateway *gateway, const http_request *request, http_answer *answer);
void health_live(struct gateway *gateway, http_answer *answer);
void health_ready(struct gateway *gateway, http_answer *answer);
void metrics_serve(struct gateway *gateway, http_answer *answer);
http_service routes_service(struct gateway *gateway);

/* ---- reports.c: what the client tells ---- */
void reports_drain(void *gateway);

#endif
