/* Who may see the page: by name of the host, by address, by token, and by the session that a token
 * is traded for. */
#ifndef SEGMO_GATEWAY_PAGE_GUARD_H
#define SEGMO_GATEWAY_PAGE_GUARD_H

#include "service/http_server.h"

#define PAGE_SESSIONS  16
#define PAGE_TOKEN_LEN 43 /* 256 random bits */

typedef struct page_session {
    char id[PAGE_TOKEN_LEN + 1];     /* in the cookie; "": free */
    char action[PAGE_TOKEN_LEN + 1]; /* what an action has to present beside it */
    int64_t ends_ms;
} page_session;

typedef struct page_guard {
    char token[PAGE_TOKEN_LEN + 1]; /* made here; "": gateway.page_token says it */
    char *hosts;                    /* names for other machines, or NULL */
    page_session sessions[PAGE_SESSIONS];
    int64_t minute;
    unsigned wrong; /* tokens in it */
} page_guard;

struct gateway;

void page_random(char out[PAGE_TOKEN_LEN + 1]);
/* NULL: the request may go on; else why not. */
const char *page_guard_refuses(const page_guard *guard, const struct gateway *gateway,
                               const http_request *request);
/* The session of the request's cookie, or NULL. */
page_session *page_guard_session(page_guard *guard, const http_head *head);
/* NULL: the action may be done; else why not. `session` NULL: it is the one that makes a session.
 */
const char *page_guard_refuses_action(const http_head *head, const page_session *session);
int page_guard_is_tired(page_guard *guard); /* of wrong tokens */
/* NULL: the token is wrong. */
page_session *page_guard_enter(page_guard *guard, const struct gateway *gateway,
                               segmo__slice token);
/* The field that hands the session to the browser, or takes it back. */
void page_guard_put_cookie(http_answer *answer, const struct gateway *gateway,
                           const http_request *request, const page_session *session);

#endif
