/* One thread accepts, one thread serves each connection; everything shared is under one lock. */
#include "scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CONNECTIONS 256
#define MAX_REQUESTS    1024
#define MAX_HEAD        16384

typedef struct request {
    char *head;
    char *body;
    size_t body_len;
} request;

typedef struct connection {
    scripted_server *server;
    pthread_t thread;
    int fd;
} connection;

struct scripted_server {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t acceptor;
    const scripted_answer *answers;
    size_t answer_count;
    size_t allowed;
    int listener;
    int stopping;
    uint16_t port;
    char url[64];
    size_t connection_count, open_now, open_most;
    connection connections[MAX_CONNECTIONS];
    size_t request_count;
    request requests[MAX_REQUESTS];
};

/* ---- one connection ---- */

static size_t content_length(const char *head)
{
    const char *line = strcasestr(head, "\r\ncontent-length:");

    return line ? strtoul(line + strlen("\r\ncontent-length:"), NULL, 10) : 0;
}

static int receive_head(int fd, char *head)
{
    size_t len = 0;

    while (len + 1 < MAX_HEAD && recv(fd, head + len, 1, 0) == 1) {
        head[++len] = '\0';
        if (len >= 4 && memcmp(head + len - 4, "\r\n\r\n", 4) == 0)
            return 1;
    }
    return 0;
}

static int receive_request(int fd, request *out)
{
    char head[MAX_HEAD];
    size_t len = 0;
    ssize_t got;

    if (!receive_head(fd, head))
        return 0;
    out->head = strdup(head);
    out->body_len = content_length(head);
    out->body = malloc(out->body_len + 1);
    while (len < out->body_len) {
        got = recv(fd, out->body + len, out->body_len - len, 0);
        if (got <= 0) {
            free(out->head);
            free(out->body);
            return 0;
        }
        len += (size_t)got;
    }
    return 1;
}

static int send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return 0;
        bytes += sent;
        len -= (size_t)sent;
    }
    return 1;
}

static int send_answer(int fd, const scripted_answer *answer)
{
    char padding[4096];
    int sent = !answer->bytes || send_all(fd, answer->bytes, strlen(answer->bytes));

    memset(padding, 'x', sizeof padding);
    for (size_t left = answer->padding; sent && left > 0;) {
        size_t piece = left < sizeof padding ? left : sizeof padding;

        sent = send_all(fd, padding, piece);
        left -= piece;
    }
    return sent;
}

/* Notes the request and waits until its answer is allowed; NULL when the server stops. */
static const scripted_answer *next_answer(scripted_server *server, const request *received)
{
    const scripted_answer *answer = NULL;
    size_t number;

    pthread_mutex_lock(&server->lock);
    number = server->request_count++;
    if (number >= MAX_REQUESTS)
        abort();
    server->requests[number] = *received;
    while (number >= server->allowed && !server->stopping)
        pthread_cond_wait(&server->changed, &server->lock);
    if (!server->stopping)
        answer =
            &server->answers[number < server->answer_count ? number : server->answer_count - 1];
    pthread_mutex_unlock(&server->lock);
    return answer;
}

static void wait_for_peer_to_leave(int fd)
{
    char byte;

    while (recv(fd, &byte, 1, 0) > 0)
        ;
}

static void cut(int fd)
{
    struct linger at_once = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static void *serve(void *arg)
{
    connection *of = arg;
    scripted_server *server = of->server;
    const scripted_answer *answer;
    request received;
    int fd = of->fd;

    while (receive_request(fd, &received)) {
        answer = next_answer(server, &received);
        if (!answer || !send_answer(fd, answer) || answer->end == SCRIPTED_CLOSE)
            break;
        if (answer->end == SCRIPTED_RESET) {
            cut(fd);
            break;
        }
        if (answer->end == SCRIPTED_SILENT)
            wait_for_peer_to_leave(fd);
    }
    pthread_mutex_lock(&server->lock);
    of->fd = -1;
    server->open_now--;
    pthread_mutex_unlock(&server->lock);
    close(fd);
    return NULL;
}

/* ---- the server ---- */

static void take_connection(scripted_server *server, int fd)
{
    connection *of;

    pthread_mutex_lock(&server->lock);
    if (server->connection_count >= MAX_CONNECTIONS)
        abort();
    of = &server->connections[server->connection_count++];
    *of = (connection){.server = server, .fd = fd};
    if (++server->open_now > server->open_most)
        server->open_most = server->open_now;
    if (server->stopping)
        shutdown(fd, SHUT_RDWR);
    pthread_create(&of->thread, NULL, serve, of);
    pthread_mutex_unlock(&server->lock);
}

static void *accept_all(void *arg)
{
    scripted_server *server = arg;
    int fd;

    while ((fd = accept(server->listener, NULL, NULL)) >= 0)
        take_connection(server, fd);
    return NULL;
}

scripted_server *scripted_server_start(const scripted_answer *answers, size_t count)
{
    scripted_server *server = calloc(1, sizeof *server);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t at_len = sizeof at;

    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->changed, NULL);
    server->answers = answers;
    server->answer_count = count;
    server->allowed = SIZE_MAX;
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server->listener, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(server->listener, 128) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&at, &at_len) != 0)
        abort();
    server->port = ntohs(at.sin_port);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%u/v1/batch", server->port);
    pthread_create(&server->acceptor, NULL, accept_all, server);
    return server;
}

static void cut_connections(scripted_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->stopping = 1;
    for (size_t i = 0; i < server->connection_count; i++)
        if (server->connections[i].fd >= 0)
            shutdown(server->connections[i].fd, SHUT_RDWR);
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

void scripted_server_stop(scripted_server *server)
{
    cut_connections(server);
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->acceptor, NULL);
    close(server->listener);
    for (size_t i = 0; i < server->connection_count; i++)
        pthread_join(server->connections[i].thread, NULL);
    for (size_t i = 0; i < server->request_count; i++) {
        free(server->requests[i].head);
        free(server->requests[i].body);
    }
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

void scripted_server_allow(scripted_server *server, size_t count)
{
    pthread_mutex_lock(&server->lock);
    server->allowed = count;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

/* ---- what happened ---- */

static size_t locked_read(scripted_server *server, const size_t *number)
{
    size_t value;

    pthread_mutex_lock(&server->lock);
    value = *number;
    pthread_mutex_unlock(&server->lock);
    return value;
}

uint16_t scripted_server_port(const scripted_server *server)
{
    return server->port;
}

const char *scripted_server_url(const scripted_server *server)
{
    return server->url;
}

size_t scripted_server_requests(scripted_server *server)
{
    return locked_read(server, &server->request_count);
}

size_t scripted_server_connections(scripted_server *server)
{
    return locked_read(server, &server->connection_count);
}

size_t scripted_server_most_at_once(scripted_server *server)
{
    return locked_read(server, &server->open_most);
}

static const request *request_number(scripted_server *server, size_t index)
{
    if (index >= scripted_server_requests(server))
        abort();
    return &server->requests[index];
}

const char *scripted_server_head(scripted_server *server, size_t index)
{
    return request_number(server, index)->head;
}

const char *scripted_server_body(scripted_server *server, size_t index, size_t *len)
{
    *len = request_number(server, index)->body_len;
    return request_number(server, index)->body;
}
