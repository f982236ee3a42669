/* HTTP: libcurl's multi interface. Knows requests and answers, not messages.
 *
 * One owner thread, except where a function says otherwise. Requests go over HTTP/1.1 with
 * keep-alive, to http and https alone; redirects are not followed, .netrc is not read, cookies and
 * compressed answers are not asked for, TLS is 1.2 or newer and always verified. */
#ifndef SEGMO_DELIVER_HTTP_H
#define SEGMO_DELIVER_HTTP_H

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

#define SEGMO__HTTP_HEADERS_MAX 6
#define SEGMO__HTTP_ANSWER_MAX  65536 /* bytes of an answer's body that are read */

typedef struct segmo__http segmo__http;

typedef struct segmo__http_options {
    uint32_t timeout_ms; /* a whole request, absolute */
    uint32_t connect_timeout_ms;
    uint32_t max_connections; /* kept, and open to one host at a time */
    const char *proxy;    /* NULL: the environment's; "" : none. Loopback is never proxied by the
                             environment. */
    const char *ca_file;  /* NULL: the system's */
    int allow_plain_http; /* http:// to other hosts than loopback */
    const char *user_agent;
} segmo__http_options;

typedef enum segmo__http_method {
    SEGMO__HTTP_POST, /* with the body */
    SEGMO__HTTP_GET,
    SEGMO__HTTP_HEAD
} segmo__http_method;

typedef struct segmo__http_request {
    segmo__http_method method;
    const char *url;
    const char *user; /* Basic authentication, or NULL */
    const char *password;
    const char *headers[SEGMO__HTTP_HEADERS_MAX]; /* further "Name: value" lines, ended by NULL when
                                                     fewer; CR and LF are refused */
    segmo__slice body;                            /* of a POST; must live until the answer */
    int gzipped;
    uint32_t retry_count; /* X-Retry-Count; 0: first attempt, no header */
    int wants_tls;        /* fill the answer's `tls`; costs a little, so only where it is read */
    void *tag;
} segmo__http_request;

/* Why there is no answer, as far as it leads to different remedies. */
typedef enum segmo__http_cause {
    SEGMO__HTTP_ANSWERED,
    SEGMO__HTTP_NAME,       /* the host's name was not found */
    SEGMO__HTTP_CONNECTION, /* refused, unreachable, or broken off */
    SEGMO__HTTP_TIMEOUT,
    SEGMO__HTTP_CERTIFICATE, /* the server's is not trusted, or the CA file cannot be used */
    SEGMO__HTTP_TLS,         /* no common version or cipher, or no TLS there at all */
    SEGMO__HTTP_PROXY,       /* not found, not understood, or it refuses */
    SEGMO__HTTP_OTHER
} segmo__http_cause;

typedef struct segmo__http_answer {
    void *tag;
    int status;        /* 0: no answer, and nobody knows whether the request was carried out */
    const char *error; /* without an answer: words; "" otherwise; lives like `body` */
    segmo__http_cause cause;
    int config_error;       /* without an answer: certificate, CA file, URL, proxy password: the
                               settings may be wrong. A host name that is not found is an outage. */
    int64_t retry_after_ms; /* -1: none; as segmo__answer_retry_after() */
    int64_t reset_ms;       /* -1: none; as segmo__answer_rate_reset() */
    segmo__slice body;      /* the first SEGMO__HTTP_ANSWER_MAX bytes; valid until the next call */
    int64_t latency_us;
    int64_t server_date_ms; /* 0: none */
    const char *tls;        /* "TLSv1.3" of a connection made for this request, when wanted; NULL:
                               none, or the TLS library does not say; lives like `body` */
} segmo__http_answer;

const char *segmo__http_name(void); /* "libcurl/7.88.1 OpenSSL/3.0.15 ..." */

/* The loopback rule, protocols and CR/LF are checked here: SEGMO_ERR_OPTION. Any thread. */
int segmo__http_check_url(const char *url, int allow_plain_http, segmo_error **err);

int segmo__http_open(segmo__http **out, const segmo__http_options *options, segmo_error **err);
/* Gives up what is in flight. `inherited`: in a forked child nothing is touched, since another
 * thread may have been in the middle of any of it; the memory is left behind. */
void segmo__http_close(segmo__http *http, int inherited);
void segmo__http_fork_child(segmo__http *http); /* closes inherited sockets, nothing else */

/* Takes up a request; its answer comes by segmo__http_next(), also when no connection can be made.
 * SEGMO_ERR_OPTION: URL or header refused; SEGMO_ERR_MEMORY. */
int segmo__http_start(segmo__http *http, const segmo__http_request *request, segmo_error **err);
uint32_t segmo__http_in_flight(const segmo__http *http); /* started, answer not taken yet */
/* Moves all transfers on, waiting at most `timeout_ms` for something to happen. */
void segmo__http_run(segmo__http *http, uint32_t timeout_ms);
int segmo__http_next(segmo__http *http, segmo__http_answer *answer); /* 1 while answers wait */
void segmo__http_wake(segmo__http *http); /* any thread: ends a wait, or the next one */
/* Gives up every transfer; their outcome is unknown. */
void segmo__http_abort(segmo__http *http);

#endif
