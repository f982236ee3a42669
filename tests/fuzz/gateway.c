/* The gateway behind a socket: a connection's bytes get well-formed answers with statuses that are
 * documented, the same ones whether they come at once or in two pieces. The first byte chooses the
 * settings, the second where the bytes are cut. Messages are kept in memory and go nowhere. */
#include "help/fuzz.h"

#include "gateway/gateway_parts.h"
#include "segmo.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define INPUTS_PER_GATEWAY 64 /* then its memory is full of messages */
#define QUIET_TURNS        3

static const char *const options[][2] = {
    {"spool.memory_only", "true"},
    {"spool.max_bytes", "64MiB"},
    {"delivery.enabled", "false"},
    {"gateway.export_secret", "ES"},
    {"gateway.export_secret_next", "EN"},
    {"sources",
     "[{\"id\":\"web\",\"segment.write_key\":\"WK\",\"type\":\"javascript\",\"allowed_origins\":"
     "\"https://a.example\"},{\"id\":\"srv\",\"segment.write_key\":\"SK\",\"moengage.app_id\":"
     "\"A\",\"moengage.data_api_key\":\"DK\"}]"},
};

static struct gateway gateway;
static int listener_name;

static void set_up(void)
{
    segmo_error *error = NULL;

    signal(SIGPIPE, SIG_IGN);
    must(segmo_config_new(&gateway.config, NULL) == SEGMO_OK);
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (segmo_config_set(gateway.config, options[i][0], options[i][1], &error) != SEGMO_OK)
            fuzz_failed(options[i][0], 0, segmo_error_message(error));
    if (segmo_client_open(&gateway.client, gateway.config, &error) != SEGMO_OK)
        fuzz_failed("open", 0, segmo_error_message(error));
    must(duplicates_open(&gateway.seen, NULL, 10000, 60000, &(const char *){NULL}, NULL) ==
         SEGMO_OK);
    segmo__buf_init(&gateway.inflated, 1u << 20);
    segmo__buf_init(&gateway.written, 4u << 20);
    segmo__buf_init(&gateway.credentials, 8192);
    segmo__buf_init(&gateway.scratch, 1u << 20);
    gateway.settings = (gateway_settings){
        .ready_max_age_ms = 60000, .proxies = "unix", .export_source = "srv", .export_open = 1};
}

static void tear_down(void)
{
    callers_forget(&gateway);
    counts_free(&gateway.counts);
    duplicates_free(gateway.seen);
    segmo_client_free(gateway.client);
    segmo_config_free(gateway.config);
    segmo__buf_free(&gateway.inflated);
    segmo__buf_free(&gateway.written);
    segmo__buf_free(&gateway.credentials);
    segmo__buf_free(&gateway.scratch);
    memset(&gateway, 0, sizeof gateway);
}

static struct sockaddr_un address_of(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "segmo-fuzz-%d-%d", (int)getpid(),
             listener_name);
    return address;
}

static void start_server(void)
{
    static const http_limits limits = {.head_ms = 60000,
                                       .body_ms = 60000,
                                       .answer_ms = 60000,
                                       .idle_ms = 60000,
                                       .connections = 8,
                                       .per_address = 8,
                                       .memory = 16u << 20};
    http_service service = routes_service(&gateway);
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    listener_name++;
    address = address_of();
    must(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    must(listen(fd, 8) == 0);
    gateway.server = http_server_new(&service, &limits);
    must(gateway.server && http_server_listen(gateway.server, fd) == 0);
}

/* Takes what has been answered. 1 while the connection is open. */
static int receive(int fd, segmo__buf *answer)
{
    char bytes[16384];
    ssize_t got;

    while ((got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        segmo__buf_add(answer, bytes, (size_t)got);
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}

static void turn(int fd, segmo__buf *answer)
{
    for (int quiet = 0; quiet < QUIET_TURNS; quiet++) {
        size_t before = answer->len;

        http_server_turn(gateway.server, 0);
        if (!receive(fd, answer))
            return;
        if (answer->len > before)
            quiet = 0;
    }
}

static void transmit(int fd, segmo__slice bytes, segmo__buf *answer)
{
    while (bytes.len > 0) {
        ssize_t sent = send(fd, bytes.at, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent < 0 && errno != EAGAIN)
            break; /* it has hung up */
        if (sent > 0) {
            bytes.at += sent;
            bytes.len -= (size_t)sent;
        }
        turn(fd, answer);
    }
    turn(fd, answer);
}

static void talk(segmo__slice bytes, size_t cut, segmo__buf *answer)
{
    struct sockaddr_un address = address_of();
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    http_server_turn(gateway.server, 0);
    transmit(fd, (segmo__slice){bytes.at, cut}, answer);
    transmit(fd, (segmo__slice){bytes.at + cut, bytes.len - cut}, answer);
    shutdown(fd, SHUT_WR);
    turn(fd, answer);
    close(fd);
    http_server_turn(gateway.server, 0);
    must(http_server_counts(gateway.server)->open == 0);
    must(http_server_counts(gateway.server)->memory == 0);
}

static int is_documented(int status)
{
    static const int statuses[] = {100, 200, 204, 400, 401, 403, 404, 405, 408,
                                   413, 414, 415, 417, 429, 431, 501, 503, 505};

    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (statuses[i] == status)
            return 1;
    return 0;
}

#define STATUS_LINE "HTTP/1.1 "

static int starts_answer(segmo__slice bytes)
{
    size_t len = sizeof STATUS_LINE - 1;

    return bytes.len > len + 3 && memcmp(bytes.at, STATUS_LINE, len) == 0 && bytes.at[len] >= '1' &&
           bytes.at[len] <= '5';
}

/* How long the head is, and the body that it announces. */
static size_t head_length(segmo__slice answer, size_t *body)
{
    static const char length[] = "\r\nContent-Length: ";
    const char *end = memmem(answer.at, answer.len, "\r\n\r\n", 4), *found;

    must(end != NULL);
    found = memmem(answer.at, (size_t)(end - answer.at), length, sizeof length - 1);
    *body = found ? strtoul(found + sizeof length - 1, NULL, 10) : 0;
    return (size_t)(end - answer.at) + 4;
}

/* Statuses in order; the rest of an answer holds times and counts. */
static void put_statuses(segmo__buf *out, segmo__slice answer)
{
    while (answer.len > 0) {
        int status;
        size_t body, head;

        must(starts_answer(answer));
        status = (int)strtol(answer.at + sizeof STATUS_LINE - 1, NULL, 10);
        must(is_documented(status));
        segmo__buf_addf(out, "%d ", status);
        head = head_length(answer, &body);
        answer = (segmo__slice){answer.at + head, answer.len - head};
        if (starts_answer(answer))
            continue; /* to HEAD */
        if (body > answer.len)
            body = answer.len;
        answer = (segmo__slice){answer.at + body, answer.len - body};
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned inputs;
    segmo__slice input = fuzz_slice(data, size);
    unsigned choice = fuzz_choice(&input);
    size_t cut = fuzz_choice(&input) * (input.len + 1) / 256;
    segmo__buf answer, whole, pieces;

    if (inputs == 0)
        set_up();
    gateway.settings.strict = choice & 1;
    segmo__buf_init(&answer, 64u << 20);
    segmo__buf_init(&whole, 1u << 20);
    segmo__buf_init(&pieces, 1u << 20);
    start_server();
    talk(input, 0, &answer);
    put_statuses(&whole, segmo__buf_slice(&answer));
    segmo__buf_clear(&answer);
    talk(input, cut, &answer);
    put_statuses(&pieces, segmo__buf_slice(&answer));
    must(fuzz_same(segmo__buf_slice(&whole), segmo__buf_slice(&pieces)));
    http_server_free(gateway.server);
    gateway.server = NULL;
    segmo__buf_free(&answer);
    segmo__buf_free(&whole);
    segmo__buf_free(&pieces);
    if (++inputs == INPUTS_PER_GATEWAY) {
        inputs = 0;
        tear_down();
    }
    return 0;
}
