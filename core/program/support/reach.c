#include "support/reach.h"

#include "base/buf.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX 8192

static int copy_part(char *out, size_t size, const char *from, size_t len)
{
    if (len == 0 || len >= size)
        return 0;
    memcpy(out, from, len);
    out[len] = '\0';
    return 1;
}

/* Behind the scheme and the credentials, which are nobody's business here. */
static const char *find_host(const char *url)
{
    const char *scheme = strstr(url, "://");
    const char *host = scheme ? scheme + 3 : url;
    const char *end = host + strcspn(host, "/?#");
    const char *at = memrchr(host, '@', (size_t)(end - host));

    return at ? at + 1 : host;
}

int reach_parse(struct reach_url *out, const char *url)
{
    const char *host = find_host(url);
    int has_brackets = host[0] == '[';
    size_t len = strcspn(host + has_brackets, has_brackets ? "]" : ":/?#");
    const char *behind;

    out->is_tls = strncmp(url, "https://", 8) == 0;
    if (!copy_part(out->host, sizeof out->host, host + has_brackets, len))
        return 0;
    behind = host + has_brackets + len;
    behind += *behind == ']';
    if (*behind != ':')
        return copy_part(out->port, sizeof out->port, out->is_tls ? "443" : "80",
                         out->is_tls ? 3 : 2);
    return copy_part(out->port, sizeof out->port, behind + 1, strspn(behind + 1, "0123456789"));
}

/* Waits for `events`; 0 or an errno. */
static int wait_for(int fd, short events, int timeout_ms)
{
    struct pollfd watched = {.fd = fd, .events = events};
    int code = 0;
    socklen_t size = sizeof code;
    int ready;

    do
        ready = poll(&watched, 1, timeout_ms);
    while (ready < 0 && errno == EINTR);
    if (ready <= 0)
        return ready < 0 ? errno : ETIMEDOUT;
    if (events == POLLOUT && getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0)
        return errno;
    return code;
}

/* A connected socket or -errno. */
static int connect_to(const struct addrinfo *address, int timeout_ms)
{
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    address->ai_protocol);
    int code;

    if (fd < 0)
        return -errno;
    code = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (code == EINPROGRESS)
        code = wait_for(fd, POLLOUT, timeout_ms);
    if (code == 0)
        return fd;
    close(fd);
    return -code;
}

static int open_socket(const char *host, const char *port, int timeout_ms, char *words,
                       unsigned words_size)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(host, port, &hints, &found);
    int fd = -EHOSTUNREACH;

    if (code != 0) {
        snprintf(words, words_size, "the name %s cannot be looked up: %s", host,
                 gai_strerror(code));
        return -1;
    }
    for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
        fd = connect_to(at, timeout_ms);
    freeaddrinfo(found);
    if (fd < 0)
        snprintf(words, words_size, "no connection to %s port %s: %s", host, port, strerror(-fd));
    return fd;
}

int reach_connect(const struct reach_url *url, int timeout_ms, int64_t *latency_ms, char *words,
                  unsigned words_size)
{
    int64_t started_ms = segmo__clock_mono_ms();
    int fd = open_socket(url->host, url->port, timeout_ms, words, words_size);

    if (fd < 0)
        return 0;
    close(fd);
    *latency_ms = segmo__clock_mono_ms() - started_ms;
    return 1;
}

static size_t read_head(int fd, int timeout_ms, char head[HEAD_MAX])
{
    size_t len = 0;

    while (len < HEAD_MAX - 1 && wait_for(fd, POLLIN, timeout_ms) == 0) {
        ssize_t got = recv(fd, head + len, HEAD_MAX - 1 - len, 0);

        if (got <= 0)
            break;
        len += (size_t)got;
        head[len] = '\0';
        if (strstr(head, "\r\n\r\n"))
            break;
    }
    head[len] = '\0';
    return len;
}

int reach_clock(const struct reach_url *url, int timeout_ms, int64_t *unix_ms)
{
    char words[256], request[512], head[HEAD_MAX];
    int fd =
        open_socket(url->host, url->is_tls ? "80" : url->port, timeout_ms, words, sizeof words);
    int len = snprintf(request, sizeof request,
                       "HEAD / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", url->host);
    const char *date;

    if (fd < 0)
        return 0;
    head[0] = '\0';
    if (send(fd, request, (size_t)len, MSG_NOSIGNAL) == len)
        read_head(fd, timeout_ms, head);
    close(fd);
    date = strcasestr(head, "\r\ndate: ");
    if (!date)
        return 0;
    date += strlen("\r\ndate: ");
    return segmo__clock_parse_http_date((segmo__slice){date, strcspn(date, "\r")}, unix_ms);
}
