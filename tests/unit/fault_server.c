#include "fault_server.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#define MAX_HEAD 16384
#define MAX_BODY (4u << 20)

static fault_server *served;

typedef struct request {
    char head[MAX_HEAD];
    char *body;
    size_t len;
} request;

static size_t content_length(const char *head)
{
    const char *line = strcasestr(head, "\r\ncontent-length:");

    return line ? strtoul(line + strlen("\r\ncontent-length:"), NULL, 10) : 0;
}

static char *unpack(const char *packed, size_t *len)
{
    z_stream stream = {.next_in = (unsigned char *)packed, .avail_in = (unsigned)*len};
    char *out = malloc(MAX_BODY + 1);

    if (!out || inflateInit2(&stream, 31) != Z_OK)
        abort();
    stream.next_out = (unsigned char *)out;
    stream.avail_out = MAX_BODY;
    inflate(&stream, Z_FINISH);
    *len = stream.total_out;
    inflateEnd(&stream);
    return out;
}

static int receive(int fd, request *out)
{
    size_t len = 0, got_all = 0;

    while (len + 1 < MAX_HEAD && recv(fd, out->head + len, 1, 0) == 1) {
        out->head[++len] = '\0';
        if (len >= 4 && memcmp(out->head + len - 4, "\r\n\r\n", 4) == 0)
            break;
    }
    if (len < 4 || memcmp(out->head + len - 4, "\r\n\r\n", 4) != 0)
        return 0;
    out->len = content_length(out->head);
    out->body = calloc(1, out->len + 1);
    while (got_all < out->len) {
        ssize_t got = recv(fd, out->body + got_all, out->len - got_all, 0);

        if (got <= 0)
            return 0;
        got_all += (size_t)got;
    }
    if (strcasestr(out->head, "\r\ncontent-encoding: gzip")) {
        char *plain = unpack(out->body, &out->len);

        free(out->body);
        out->body = plain;
    }
    out->body[out->len] = '\0';
    return 1;
}

static unsigned note(const request *got, int target, int for_real)
{
    unsigned count = 0;

    for (const char *at = got->body; (at = strstr(at, "\"n\":")); at += 4) {
        unsigned long number = strtoul(at + 4, NULL, 10);

        count++;
        if (!for_real || number >= FAULT_MESSAGES || served->arrived[target][number] == 255)
            continue;
        if (atomic_fetch_add(&served->arrived[target][number], 1) == 0)
            served->arrived_at[target][number] = served->now;
    }
    return count;
}

static const char *answer_to(const request *got, int target)
{
    switch (atomic_load(&served->mood)) {
    case MOOD_UNAVAILABLE:
        return "503 Service Unavailable";
    case MOOD_RATE_LIMITED:
        return "429 Too Many Requests";
    case MOOD_REFUSES_BAD:
        if (strstr(got->body, "\"bad\":true"))
            return "400 Bad Request";
        break;
    case MOOD_TOO_LARGE:
        if (note(got, target, 0) > 2)
            return "413 Payload Too Large";
        break;
    case MOOD_RESETS:
        if (atomic_fetch_add(&served->requests, 1) % 2)
            return NULL;
        break;
    default:
        break;
    }
    return "200 OK";
}

static int answer(int fd, const request *got)
{
    int target = strstr(got->head, "/v1/batch") ? TO_SEGMENT : TO_MOENGAGE;
    const char *status = answer_to(got, target);
    const char *body = "{\"success\":true,\"status\":\"success\"}";
    struct linger at_once = {1, 0};
    char text[256];
    int len;

    if (!status) {
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        return 0;
    }
    if (status[0] == '2')
        note(got, target, 1);
    len = snprintf(text, sizeof text,
                   "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                   status, strlen(body), body);
    return send(fd, text, (size_t)len, MSG_NOSIGNAL) == len;
}

static void *serve(void *arg)
{
    int fd = (int)(intptr_t)arg, goes_on = 1;
    request *got = calloc(1, sizeof *got);

    while (goes_on && receive(fd, got)) {
        goes_on = answer(fd, got);
        free(got->body);
        got->body = NULL;
    }
    free(got->body);
    free(got);
    close(fd);
    return NULL;
}

static void serve_all(int listener)
{
    pthread_attr_t detached;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        pthread_t thread;

        if (fd >= 0 && pthread_create(&thread, &detached, serve, (void *)(intptr_t)fd) != 0)
            close(fd);
    }
}

fault_server *fault_server_start(void)
{
    fault_server *server =
        mmap(NULL, sizeof *server, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    pid_t child;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (server == MAP_FAILED || bind(listener, (struct sockaddr *)&address, len) != 0 ||
        listen(listener, 64) != 0 || getsockname(listener, (struct sockaddr *)&address, &len) != 0)
        abort();
    server->port = ntohs(address.sin_port);
    served = server;
    child = fork();
    if (child == 0)
        serve_all(listener);
    server->pid = child; /* shared memory: the child must not write it */
    close(listener);
    return server;
}

void fault_server_stop(fault_server *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    munmap(server, sizeof *server);
}
