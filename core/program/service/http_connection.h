/* One connection of the server: its bytes, its phases, its answers. Shared by http_connection.c and
 * http_server.c only. */
#ifndef SEGMO_SERVICE_HTTP_CONNECTION_H
#define SEGMO_SERVICE_HTTP_CONNECTION_H

#include "http_chunks.h"
#include "http_server.h"

#define HTTP_EVENTS_MAX  256
#define HTTP_SPARE_MAX   64
#define HTTP_REQUEST_MAX ((size_t)8 << 20)
#define HTTP_ANSWER_MAX  ((size_t)17 << 20)

enum kind { LISTENER, WATCHED, CONNECTION };

/* What epoll hands back: each starts so. */
struct source {
    enum kind kind;
    int fd;
    void (*ready)(void *ctx);
    void *ctx;
    struct source *next;
};

enum phase {
    READING,
    HELD, /* the answer waits for the disk */
    WRITING,
    STREAMING, /* what has come of an answer that goes on is sent */
    LINGERING  /* answered; what still comes is thrown away, so that the answer is not */
};

typedef struct connection {
    struct source source;
    struct connection *next, *previous;
    char peer[HTTP_PEER_LEN];
    enum phase phase;
    int64_t deadline_ms, since_us;
    segmo__buf in, out;
    size_t out_at;
    size_t counted; /* bytes of `in` and `out` that the server's memory holds */
    http_head head;
    int has_head, has_ended, keep_alive, is_blocked;
    const char *head_base; /* where `in` was when the head was read */
    uint64_t body_max;
    size_t body_len; /* of a chunked body, so far */
    size_t raw_at;   /* where its next bytes lie */
    http_chunks chunks;
    size_t drained;
    void *stream; /* of an answer that goes on */
    int status;
} connection;

struct http_server {
    http_service service;
    http_limits limits;
    http_counts counts;
    http_answer answer;
    int epoll_fd;
    int reserve_fd;        /* given up to turn a connection away when there is no descriptor left */
    struct source *others; /* listeners and watched descriptors */
    connection *connections;
    connection *held[HTTP_EVENTS_MAX];
    size_t held_count;
    segmo__buf spare[HTTP_SPARE_MAX];
    size_t spare_count;
    int64_t now_ms, swept_ms, streamed_ms;
    unsigned streams;
    int stopping;
};

void connection_on_ready(http_server *server, connection *c, uint32_t events);
/* As far as the bytes at hand go. 0 when the connection ended. */
int connection_advance(http_server *server, connection *c);
/* Answers with a refusal; the connection closes behind it, since where the next request would begin
 * is not known. */
void connection_refuse(http_server *server, connection *c, int status);
/* Sends what waits. 0 when the connection ended. */
int connection_flush(http_server *server, connection *c);
/* Asks for more of an answer that goes on, and sends it. */
void connection_stream(http_server *server, connection *c);
void connection_end(http_server *server, connection *c);

#endif
