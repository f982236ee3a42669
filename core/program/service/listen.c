#include "listen.h"

#include "journal.h"
#include "support/command.h"
#include "support/output.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_HANDED_FD 3 /* by systemd's protocol */
#define BACKLOG         1024
#define HOST_MAX        256

static void tell(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    char host[INET6_ADDRSTRLEN], port[8];
    segmo__buf members;

    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0 ||
        getnameinfo((struct sockaddr *)&address, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return;
    segmo__buf_init(&members, 512);
    segmo__buf_addf(&members,
                    strchr(host, ':') ? ",\"url\":\"http://[%s]:%s\"" : ",\"url\":\"http://%s:%s\"",
                    host, port);
    segmo__buf_add_char(&members, '\0');
    journal("info", "listening", members.data);
    segmo__buf_free(&members);
}

static int add(http_server *server, int fd)
{
    int code;

    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    code = http_server_listen(server, fd);
    if (code == 0)
        tell(fd);
    return code;
}

static int handed_over(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

    if (!pid || !count || strtol(pid, NULL, 10) != (long)getpid())
        return 0;
    return (int)strtol(count, NULL, 10);
}

static int is_port(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);

    return text[0] >= '0' && text[0] <= '9' && !*end && number <= 65535;
}

static int split(const char *address, char host[HOST_MAX], const char **port)
{
    const char *colon = strrchr(address, ':');
    size_t len = colon ? (size_t)(colon - address) : 0;

    if (!colon || len >= HOST_MAX || !is_port(colon + 1))
        return 0;
    if (len > 1 && address[0] == '[' && address[len - 1] == ']')
        address++, len -= 2;
    memcpy(host, address, len);
    host[len] = '\0';
    *port = colon + 1;
    return 1;
}

static int bind_one(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC, info->ai_protocol), on = 1;

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    on = errno;
    close(fd);
    errno = on;
    return -1;
}

static int listen_on(http_server *server, const char *option, const char *address)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char host[HOST_MAX];
    const char *port;
    int fd = -1, code;

    if (!split(address, host, &port)) {
        say("%s: \"%s\" is no address and port, for example 127.0.0.1:8080", option, address);
        return EXIT_USAGE;
    }
    code = getaddrinfo(*host ? host : NULL, port, &hints, &found);
    if (code != 0) {
        say("%s: %s: %s", option, address, gai_strerror(code));
        return EXIT_USAGE;
    }
    for (struct addrinfo *info = found; info && fd < 0; info = info->ai_next)
        fd = bind_one(info);
    code = errno;
    freeaddrinfo(found);
    if (fd < 0) {
        say("%s: cannot listen on %s: %s; choose another address or port", option, address,
            strerror(code));
        return EXIT_USAGE;
    }
    return add(server, fd) == 0 ? EXIT_DONE : EXIT_INPUT;
}

int listen_all(http_server *server, const char *option, const char *address)
{
    int count = handed_over();

    for (int i = 0; i < count; i++)
        if (add(server, FIRST_HANDED_FD + i) != 0)
            return EXIT_INPUT;
    return count > 0 ? EXIT_DONE : listen_on(server, option, address);
}

void listen_announce(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = path ? strlen(path) : 0;
    int fd;

    if (len == 0 || len >= sizeof address.sun_path)
        return;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
        journal_words("warning", "systemd", "the service manager could not be told of the state");
    close(fd);
}
