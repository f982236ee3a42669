#include "http_connection.h"

#include "base/clock.h"
#include "base/mem.h"
#include "http_answer.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_ROOM   2048 /* what a silent connection costs */
#define READ_ROOM    16384
#define READ_TURN    ((size_t)512 * 1024) /* bytes of one connection before the others' turn */
#define SPARE_CAP    ((size_t)256 * 1024) /* larger ones are given back to the system */
#define LINGER_MS    2000
#define LINGER_BYTES ((size_t)1 << 20)

/* ---- memory ---- */

static void count_memory(http_server *server, connection *c)
{
    size_t now = c->in.cap + c->out.cap;

    server->counts.memory += now - c->counted;
    c->counted = now;
}

static void give_buffer(http_server *server, segmo__buf *buf)
{
    size_t max = buf->max;

    if (buf->cap > 0 && buf->cap <= SPARE_CAP && server->spare_count < HTTP_SPARE_MAX)
        server->spare[server->spare_count++] = *buf;
    else
        segmo__buf_free(buf);
    segmo__buf_init(buf, max);
}

static void take_buffer(http_server *server, segmo__buf *buf)
{
    size_t max = buf->max;

    if (buf->cap > 0 || server->spare_count == 0)
        return;
    *buf = server->spare[--server->spare_count];
    segmo__buf_clear(buf);
    buf->max = max;
}

/* Every connection may begin; what lets it grow is bounded for all together. */
static int make_room(http_server *server, connection *c)
{
    size_t len = c->in.cap == 0 ? FIRST_ROOM : READ_ROOM;

    if (c->in.cap - c->in.len >= FIRST_ROOM / 2)
        return 1;
    if (c->in.cap > 0 && server->counts.memory + len > server->limits.memory)
        return 0;
    if (!segmo__buf_reserve(&c->in, len))
        return 0;
    count_memory(server, c);
    return 1;
}

/* ---- life of a connection ---- */

void connection_end(http_server *server, connection *c)
{
    epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, c->source.fd, NULL);
    close(c->source.fd);
    c->source.fd = -1;
    if (c->stream) {
        server->streams--;
        server->service.stream_end(server->service.ctx, c->stream);
    }
    server->counts.open--;
    server->counts.memory -= c->counted;
    if (c->previous)
        c->previous->next = c->next;
    else
        server->connections = c->next;
    if (c->next)
        c->next->previous = c->previous;
    segmo__buf_free(&c->in);
    segmo__buf_free(&c->out);
    segmo__free(c);
}

static void want(http_server *server, connection *c, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};

    epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, c->source.fd, &event);
}

static void linger(http_server *server, connection *c)
{
    shutdown(c->source.fd, SHUT_WR);
    c->phase = LINGERING;
    c->deadline_ms = server->now_ms + LINGER_MS;
    give_buffer(server, &c->in);
    give_buffer(server, &c->out);
    count_memory(server, c);
    want(server, c, EPOLLIN);
}

/* ---- answering ---- */

static void await_request(http_server *server, connection *c)
{
    c->phase = READING;
    c->body_len = c->raw_at = 0;
    memset(&c->chunks, 0, sizeof c->chunks);
    segmo__buf_clear(&c->out);
    c->out_at = 0;
    if (c->in.len > 0) {
        c->deadline_ms = server->now_ms + server->limits.head_ms;
        c->since_us = segmo__clock_mono_us();
        return;
    }
    c->deadline_ms = server->now_ms + server->limits.idle_ms;
    give_buffer(server, &c->in);
    give_buffer(server, &c->out);
    count_memory(server, c);
}

/* As far as the socket takes it. 0 when the connection ended. */
static int send_out(http_server *server, connection *c)
{
    while (c->out_at < c->out.len) {
        ssize_t sent =
            send(c->source.fd, c->out.data + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            if (!c->is_blocked)
                want(server, c, EPOLLOUT);
            c->is_blocked = 1;
            return 1;
        }
        if (sent < 0) {
            connection_end(server, c);
            return 0;
        }
        c->out_at += (size_t)sent;
    }
    if (c->is_blocked)
        want(server, c, EPOLLIN);
    c->is_blocked = 0;
    return 1;
}

static void begin_stream(http_server *server, connection *c)
{
    c->phase = STREAMING;
    c->deadline_ms = INT64_MAX;
    give_buffer(server, &c->in);
    count_memory(server, c);
}

int connection_flush(http_server *server, connection *c)
{
    if (!send_out(server, c))
        return 0;
    if (c->out_at < c->out.len)
        return 1;
    if (server->service.done)
        server->service.done(server->service.ctx, c->status, segmo__clock_mono_us() - c->since_us);
    if (c->stream)
        begin_stream(server, c);
    else if (c->keep_alive && !c->has_ended && !server->stopping)
        await_request(server, c);
    else
        linger(server, c);
    return 1;
}

/* Puts the server's answer into the connection; `consumed` bytes of `in` are done with. */
static void answer_with(http_server *server, connection *c, size_t consumed)
{
    http_answer *answer = &server->answer;
    int without_body = c->has_head && segmo__slice_is(c->head.method, "HEAD");

    c->keep_alive = c->keep_alive && !answer->close && !answer->stream && !server->stopping;
    c->stream = answer->stream;
    server->streams += c->stream != NULL;
    c->status = answer->status;
    take_buffer(server, &c->out);
    http_answer_put(&c->out, answer, c->keep_alive, without_body);
    c->in.len -= consumed;
    if (c->in.len > 0)
        memmove(c->in.data, c->in.data + consumed, c->in.len);
    c->has_head = 0; /* its bytes are gone */
    count_memory(server, c);
    c->deadline_ms = server->now_ms + server->limits.answer_ms;
    c->phase = answer->after_sync ? HELD : WRITING;
    if (answer->after_sync)
        server->held[server->held_count++] = c;
}

/* The head's slices point into `in`, which moves while it grows. */
static void find_head_again(connection *c)
{
    if (c->has_head && c->head_base != c->in.data)
        http_head_parse(&c->head, (segmo__slice){c->in.data, c->head.len});
    c->head_base = c->in.data;
}

void connection_refuse(http_server *server, connection *c, int status)
{
    find_head_again(c);
    http_answer_begin(&server->answer);
    server->service.refuse(server->service.ctx, c->has_head ? &c->head : NULL, status,
                           &server->answer);
    c->keep_alive = 0;
    answer_with(server, c, c->in.len);
}

/* ---- reading ---- */

static void send_continue(connection *c)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";

    /* A socket that has just sent nothing has room; if not, the client waits a second by custom. */
    if (send(c->source.fd, line, sizeof line - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return;
}

static int read_head(http_server *server, connection *c)
{
    int parsed = http_head_parse(&c->head, segmo__buf_slice(&c->in));
    int64_t body_max;

    if (parsed == HTTP_INCOMPLETE)
        return 0;
    if (parsed != HTTP_COMPLETE) {
        server->counts.broken++;
        connection_refuse(server, c, parsed);
        return 0;
    }
    c->has_head = 1;
    c->head_base = c->in.data;
    c->keep_alive = c->head.keep_alive;
    c->raw_at = c->head.len;
    c->deadline_ms = server->now_ms + server->limits.body_ms;
    http_answer_begin(&server->answer);
    body_max = server->service.admit(server->service.ctx, &c->head, &server->answer);
    if (body_max < 0) { /* a body that nobody reads would be taken for the next request */
        if (c->head.framing != HTTP_NO_BODY)
            c->keep_alive = 0;
        answer_with(server, c, c->keep_alive ? c->head.len : c->in.len);
        return 0;
    }
    c->body_max = (uint64_t)body_max;
    if (c->head.content_length > c->body_max) {
        connection_refuse(server, c, 413);
        return 0;
    }
    if (c->head.expects_continue && c->head.framing != HTTP_NO_BODY && c->in.len == c->head.len)
        send_continue(c);
    return 1;
}

static int read_chunks(http_server *server, connection *c)
{
    size_t taken, made;
    char *body = c->in.data + c->head.len;
    int status = http_chunks_read(&c->chunks, c->in.data + c->raw_at, c->in.len - c->raw_at,
                                  body + c->body_len, c->body_max - c->body_len, &taken, &made);

    c->raw_at += taken;
    c->body_len += made;
    if (status == HTTP_COMPLETE)
        return 1;
    if (status != HTTP_INCOMPLETE) {
        connection_refuse(server, c, status);
        return 0;
    }
    c->in.len = c->head.len + c->body_len; /* the frames around are not kept */
    c->raw_at = c->in.len;
    return 0;
}

static void serve(http_server *server, connection *c)
{
    http_request request = {.head = &c->head, .peer = c->peer};
    size_t consumed = c->raw_at;

    find_head_again(c);
    request.body = (segmo__slice){c->in.data + c->head.len, c->body_len};
    if (c->head.framing == HTTP_LENGTH) {
        request.body.len = (size_t)c->head.content_length;
        consumed = c->head.len + request.body.len;
    }
    http_answer_begin(&server->answer);
    server->service.serve(server->service.ctx, &request, &server->answer);
    answer_with(server, c, consumed);
}

int connection_advance(http_server *server, connection *c)
{
    while (c->phase == READING && c->in.len > 0) {
        int complete = c->has_head || read_head(server, c);

        if (complete && c->head.framing == HTTP_LENGTH)
            complete = c->in.len - c->head.len >= c->head.content_length;
        else if (complete && c->head.framing == HTTP_CHUNKED)
            complete = read_chunks(server, c);
        if (complete)
            serve(server, c);
        else if (c->phase == READING)
            return 1;
        if (c->phase == WRITING && !connection_flush(server, c))
            return 0;
    }
    return 1;
}

static void receive(http_server *server, connection *c)
{
    size_t total = 0;

    if (c->phase == READING && c->in.len == 0) {
        take_buffer(server, &c->in);
        if (c->deadline_ms > server->now_ms + server->limits.head_ms)
            c->deadline_ms = server->now_ms + server->limits.head_ms;
        c->since_us = segmo__clock_mono_us();
    }
    while (total < READ_TURN && c->phase == READING) {
        ssize_t got;

        if (!make_room(server, c)) {
            server->counts.busy++;
            connection_refuse(server, c, 503);
            connection_flush(server, c);
            return;
        }
        got = recv(c->source.fd, c->in.data + c->in.len, c->in.cap - c->in.len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (got <= 0) {
            c->has_ended = 1;
            if (c->phase == READING)
                connection_end(server, c);
            return;
        }
        c->in.len += (size_t)got;
        total += (size_t)got;
        if (!connection_advance(server, c))
            return;
        if (c->in.cap - c->in.len > 0 && c->in.len == 0)
            return; /* answered; most clients wait for that before they say more */
    }
}

static void drain(http_server *server, connection *c)
{
    char waste[READ_ROOM];
    ssize_t got = recv(c->source.fd, waste, sizeof waste, 0);

    if (got > 0)
        c->drained += (size_t)got;
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) ||
        c->drained > LINGER_BYTES)
        connection_end(server, c);
}

/* ---- answers that go on ---- */

void connection_stream(http_server *server, connection *c)
{
    if (c->out_at == c->out.len) {
        segmo__buf_clear(&c->out);
        c->out_at = 0;
        server->service.stream_more(server->service.ctx, c->stream, &c->out);
        count_memory(server, c);
        c->deadline_ms = INT64_MAX;
    }
    if (c->out.failed)
        connection_end(server, c);
    else if (c->out.len > 0 && send_out(server, c) && c->out_at < c->out.len &&
             c->deadline_ms == INT64_MAX)
        c->deadline_ms = server->now_ms + server->limits.answer_ms;
}

static void stream_is_ready(http_server *server, connection *c, uint32_t events)
{
    char waste[READ_ROOM];
    ssize_t got = -1;

    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        got = recv(c->source.fd, waste, sizeof waste, 0);
    else
        errno = EAGAIN;
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        connection_end(server, c);
    else if (events & EPOLLOUT)
        connection_stream(server, c);
}

void connection_on_ready(http_server *server, connection *c, uint32_t events)
{
    if (c->phase == LINGERING) {
        drain(server, c);
    } else if (c->phase == STREAMING) {
        stream_is_ready(server, c, events);
    } else if (c->phase == WRITING) {
        if (connection_flush(server, c) && c->phase == READING)
            connection_advance(server, c);
    } else if (c->phase == READING && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
        receive(server, c);
    }
}
