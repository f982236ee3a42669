#include "http_server.h"

#include "base/clock.h"
#include "base/mem.h"
#include "http_answer.h"
#include "http_connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SWEEP_MS 100

/* ---- accepting ---- */

static void name_peer(char out[HTTP_PEER_LEN], const struct sockaddr_storage *address)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;

    memcpy(out, "unix", 5);
    if (address->ss_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, out, HTTP_PEER_LEN);
    } else if (address->ss_family == AF_INET6) {
        if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
            inet_ntop(AF_INET, six->sin6_addr.s6_addr + 12, out, HTTP_PEER_LEN);
        else
            inet_ntop(AF_INET6, &six->sin6_addr, out, HTTP_PEER_LEN);
    }
}

static unsigned connections_of(const http_server *server, const char *peer)
{
    unsigned count = 0;

    for (const connection *c = server->connections; c; c = c->next)
        count += strcmp(c->peer, peer) == 0;
    return count;
}

static int has_too_many(const http_server *server, const char *peer)
{
    const http_service *service = &server->service;

    if (service->is_proxy && service->is_proxy(service->ctx, peer))
        return 0;
    return connections_of(server, peer) >= server->limits.per_address;
}

static void turn_away(http_server *server, int fd, int status)
{
    segmo__buf out;

    segmo__buf_init(&out, HTTP_ANSWER_MAX);
    http_answer_begin(&server->answer);
    server->service.refuse(server->service.ctx, NULL, status, &server->answer);
    http_answer_put(&out, &server->answer, 0, 0);
    if (!out.failed && send(fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
        shutdown(fd, SHUT_WR);
    close(fd);
    segmo__buf_free(&out);
}

/* Left in the backlog it would be announced again and again. */
static void turn_away_without_descriptor(http_server *server, int listener)
{
    int fd;

    close(server->reserve_fd);
    fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    server->counts.refused_full++;
    if (fd >= 0)
        turn_away(server, fd, 503);
    server->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void open_connection(http_server *server, int fd, const char *peer)
{
    connection *c = segmo__zalloc(sizeof *c);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    int on = 1;

    if (!c || epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        segmo__free(c);
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->source = (struct source){.kind = CONNECTION, .fd = fd};
    memcpy(c->peer, peer, sizeof c->peer);
    c->deadline_ms = server->now_ms + server->limits.head_ms;
    c->since_us = segmo__clock_mono_us();
    segmo__buf_init(&c->in, HTTP_REQUEST_MAX);
    segmo__buf_init(&c->out, HTTP_ANSWER_MAX);
    c->next = server->connections;
    if (c->next)
        c->next->previous = c;
    server->connections = c;
    server->counts.open++;
    server->counts.accepted++;
}

static void accept_some(http_server *server, int listener)
{
    for (int i = 0; i < HTTP_EVENTS_MAX; i++) {
        struct sockaddr_storage address = {0};
        socklen_t len = sizeof address;
        char peer[HTTP_PEER_LEN] = "";
        int fd = accept4(listener, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE)
                turn_away_without_descriptor(server, listener);
            return;
        }
        name_peer(peer, &address);
        if (server->counts.open >= server->limits.connections) {
            server->counts.refused_full++;
            turn_away(server, fd, 503);
        } else if (has_too_many(server, peer)) {
            server->counts.refused_address++;
            turn_away(server, fd, 429);
        } else {
            open_connection(server, fd, peer);
        }
    }
}

/* ---- turns ---- */

static void expire(http_server *server, connection *c)
{
    int is_request = c->phase == READING && (c->in.len > 0 || c->has_head);

    server->counts.timed_out += is_request || c->phase == WRITING;
    if (!is_request) {
        connection_end(server, c);
        return;
    }
    connection_refuse(server, c, 408);
    connection_flush(server, c);
}

static void sweep(http_server *server)
{
    connection *next;

    for (connection *c = server->connections; c; c = next) {
        next = c->next;
        if (c->deadline_ms <= server->now_ms)
            expire(server, c);
    }
}

/* One wait for the disk serves every answer of a turn. */
static void release_held(http_server *server)
{
    int is_safe = server->held_count == 0 || server->service.sync(server->service.ctx);

    for (size_t i = 0; i < server->held_count; i++) {
        connection *c = server->held[i];

        c->phase = WRITING;
        if (!is_safe) {
            segmo__buf_clear(&c->out);
            connection_refuse(server, c, 503);
        }
        if (connection_flush(server, c) && c->phase == READING && c->in.len > 0)
            c->deadline_ms = server->now_ms + server->limits.head_ms;
    }
    server->held_count = 0;
}

/* Requests that came behind one whose answer was held are not announced again. */
static void advance_pipelined(http_server *server)
{
    connection *next;

    for (connection *c = server->connections; c; c = next) {
        next = c->next;
        if (c->phase == READING && c->in.len > 0 && !c->has_head)
            connection_advance(server, c);
    }
}

static void stream(http_server *server)
{
    connection *next;

    if (server->streams == 0 || server->now_ms - server->streamed_ms < HTTP_STREAM_MS)
        return;
    server->streamed_ms = server->now_ms;
    for (connection *c = server->connections; c; c = next) {
        next = c->next;
        if (c->phase == STREAMING)
            connection_stream(server, c);
    }
}

void http_server_turn(http_server *server, int wait_ms)
{
    struct epoll_event events[HTTP_EVENTS_MAX];
    int count = epoll_wait(server->epoll_fd, events, HTTP_EVENTS_MAX, wait_ms);
    int held;

    server->now_ms = segmo__clock_mono_ms();
    for (int i = 0; i < count; i++) {
        struct source *source = events[i].data.ptr;

        if (source->kind == CONNECTION)
            connection_on_ready(server, (connection *)source, events[i].events);
        else if (source->kind == LISTENER)
            accept_some(server, source->fd);
        else
            source->ready(source->ctx);
    }
    held = server->held_count > 0;
    while (server->held_count > 0) {
        release_held(server);
        if (held)
            advance_pipelined(server);
    }
    stream(server);
    if (server->now_ms - server->swept_ms < SWEEP_MS)
        return;
    server->swept_ms = server->now_ms;
    sweep(server);
}

/* ---- life ---- */

http_server *http_server_new(const http_service *service, const http_limits *limits)
{
    http_server *server = segmo__zalloc(sizeof *server);

    if (!server)
        return NULL;
    server->service = *service;
    server->limits = *limits;
    server->now_ms = segmo__clock_mono_ms();
    server->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (server->epoll_fd >= 0)
        return server;
    segmo__free(server);
    return NULL;
}

static int add_source(http_server *server, const struct source *what)
{
    struct source *source = segmo__zalloc(sizeof *source);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};

    if (!source)
        return ENOMEM;
    *source = *what;
    source->next = server->others;
    server->others = source;
    return epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, what->fd, &event) == 0 ? 0 : errno;
}

int http_server_listen(http_server *server, int fd)
{
    return add_source(server, &(struct source){.kind = LISTENER, .fd = fd});
}

int http_server_watch(http_server *server, int fd, void (*ready)(void *ctx), void *ctx)
{
    return add_source(server,
                      &(struct source){.kind = WATCHED, .fd = fd, .ready = ready, .ctx = ctx});
}

static void close_listeners(http_server *server)
{
    for (struct source *source = server->others; source; source = source->next) {
        if (source->kind != LISTENER || source->fd < 0)
            continue;
        close(source->fd);
        source->fd = -1;
    }
}

void http_server_stop(http_server *server)
{
    connection *next;

    server->stopping = 1;
    close_listeners(server);
    for (connection *c = server->connections; c; c = next) {
        next = c->next;
        if ((c->phase == READING && c->in.len == 0) || c->phase == STREAMING)
            connection_end(server, c);
    }
}

const http_counts *http_server_counts(const http_server *server)
{
    return &server->counts;
}

void http_server_free(http_server *server)
{
    struct source *next;

    if (!server)
        return;
    while (server->connections)
        connection_end(server, server->connections);
    close_listeners(server);
    for (struct source *source = server->others; source; source = next) {
        next = source->next;
        segmo__free(source);
    }
    while (server->spare_count > 0)
        segmo__buf_free(&server->spare[--server->spare_count]);
    http_answer_free(&server->answer);
    close(server->epoll_fd);
    close(server->reserve_fd);
    segmo__free(server);
}
