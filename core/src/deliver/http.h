/* HTTP: libcurl's multi interface. Knows requests and answers, not messages. One owner thread. */
#ifndef SEGMO_DELIVER_HTTP_H
#define SEGMO_DELIVER_HTTP_H

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

typedef struct segmo__http segmo__http;

typedef struct segmo__http_options {
    uint32_t timeout_ms;         /* a whole request, absolute */
    uint32_t connect_timeout_ms;
    uint32_t max_connections;
    const char *proxy;           /* NULL: the environment's; "" : none */
    const char *ca_file;         /* NULL: the system's */
    int allow_plain_http;        /* http:// to other hosts than loopback */
    const char *user_agent;
} segmo__http_options;

typedef struct segmo__http_request {
    const char *url;
    const char *user;     /* Basic authentication, or NULL */
    const char *password;
    const char *headers[6]; /* further "Name: value" lines, ended by NULL; checked for CR, LF and NUL */
    segmo__slice body;    /* must live until the answer */
    int gzipped;
    uint32_t retry_count; /* X-Retry-Count from the second attempt on */
    void *tag;
} segmo__http_request;

typedef struct segmo__http_answer {
    void *tag;
    int status;             /* 0: no answer */
    const char *error;      /* without an answer: words; "" otherwise */
    int config_error;       /* without an answer: certificate, unknown host, bad URL: the settings may be wrong */
    int64_t retry_after_ms; /* -1: none; seconds or date, never negative, clamped to 24 h */
    int64_t reset_ms;       /* -1: none; from x-ratelimit-reset, small = delta, large = epoch */
    segmo__slice body;      /* at most 64 KiB; valid until the next call */
    int64_t latency_us;
    int64_t server_date_ms; /* 0: none */
} segmo__http_answer;

/* The loopback rule, protocols and CR/LF are checked here: SEGMO_ERR_OPTION. */
int segmo__http_check_url(const char *url, int allow_plain_http, segmo_error **err);

int segmo__http_open(segmo__http **out, const segmo__http_options *options, segmo_error **err);
/* `inherited`: in a forked child only the memory that is surely ours is forgotten; curl is never called. */
void segmo__http_close(segmo__http *http, int inherited);
void segmo__http_fork_child(segmo__http *http); /* closes inherited sockets, nothing else */

int segmo__http_start(segmo__http *http, const segmo__http_request *request, segmo_error **err);
uint32_t segmo__http_in_flight(const segmo__http *http);
/* Moves all transfers on, waiting at most `timeout_ms` for something to happen. */
void segmo__http_run(segmo__http *http, uint32_t timeout_ms);
int segmo__http_next(segmo__http *http, segmo__http_answer *answer); /* 1 while answers wait */
void segmo__http_wake(segmo__http *http); /* any thread: ends a wait */
/* Gives up every transfer; their outcome is unknown. */
void segmo__http_abort(segmo__http *http);

/* Retry-After and x-ratelimit-reset, alone (for tests and fuzzing). `date_ms`: the answer's Date, 0 if none. */
int64_t segmo__http_retry_after(segmo__slice value, int64_t date_ms, int64_t now_ms);
int64_t segmo__http_rate_reset(segmo__slice value, int64_t now_ms);

#endif
