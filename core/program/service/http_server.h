/* An HTTP/1.1 server on one thread: connections, absolute deadlines, limits, answers. What a
 * request means is its service's business. */
#ifndef SEGMO_SERVICE_HTTP_SERVER_H
#define SEGMO_SERVICE_HTTP_SERVER_H

#include "http_head.h"

#define HTTP_PEER_LEN  46 /* an address as text */
#define HTTP_STREAM_MS 100

typedef struct http_request {
    const http_head *head;
    segmo__slice body;
    const char *peer; /* the address that is connected */
} http_request;

/* What to answer; begun empty, as 200. */
typedef struct http_answer {
    int status;
    const char *type;  /* of the body */
    segmo__buf fields; /* more header lines, each with its CRLF */
    segmo__buf body;
    int after_sync; /* not to be sent before the service's sync() */
    int close;
    void *stream; /* not NULL: the body goes on, and this is what to ask for more of it */
} http_answer;

typedef struct http_service {
    void *ctx;
    /* Looks at a head before the body is read. How many bytes the body may have; or a negative
     * number to send `answer` at once. */
    int64_t (*admit)(void *ctx, const http_head *head, http_answer *answer);
    void (*serve)(void *ctx, const http_request *request, http_answer *answer);
    /* Words for a request that was not served: broken, too large, too slow, too many. `head` is
     * NULL where none could be read. */
    void (*refuse)(void *ctx, const http_head *head, int status, http_answer *answer);
    /* 1: what was answered so far is on the disk itself. Needed for `after_sync`. */
    int (*sync)(void *ctx);
    /* Told how an answered request went; may be NULL. */
    void (*done)(void *ctx, int status, int64_t took_us);
    /* Such an address may have many connections; may be NULL. */
    int (*is_proxy)(void *ctx, const char *peer);
    /* Asked for more of an answer that goes on, every HTTP_STREAM_MS, but only when its client has
     * taken all of it so far: so a slow one costs no memory. May add nothing. NULL where no answer
     * has a `stream`. */
    void (*stream_more)(void *ctx, void *stream, segmo__buf *out);
    void (*stream_end)(void *ctx, void *stream); /* its connection is gone */
} http_service;

typedef struct http_limits {
    int64_t head_ms;   /* from the first byte, or from connecting, to the head's end */
    int64_t body_ms;   /* from the head's end to the body's */
    int64_t answer_ms; /* until the answer was taken */
    int64_t idle_ms;   /* between requests */
    unsigned connections;
    unsigned per_address;
    uint64_t memory; /* bytes of all requests and answers that are under way */
} http_limits;

typedef struct http_counts {
    uint64_t accepted, refused_full, refused_address, timed_out, broken, busy;
    unsigned open;
    uint64_t memory;
} http_counts;

typedef struct http_server http_server;

http_server *http_server_new(const http_service *service, const http_limits *limits); /* or NULL */
/* Serves what connects to a listening socket, which now belongs to the server. 0 or an errno. */
int http_server_listen(http_server *server, int fd);
/* Calls `ready` whenever `fd`, which stays the caller's, is readable. 0 or an errno. */
int http_server_watch(http_server *server, int fd, void (*ready)(void *ctx), void *ctx);
/* Handles what is ready, waiting at most `wait_ms` for it. */
void http_server_turn(http_server *server, int wait_ms);
/* Takes no more connections, ends idle ones, and closes each of the others behind its answer. */
void http_server_stop(http_server *server);
const http_counts *http_server_counts(const http_server *server);
void http_server_free(http_server *server);

#endif
