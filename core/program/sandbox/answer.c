/* Answers, whole and otherwise. */
#include "answer.h"

#include <errno.h>
#include <sys/socket.h>

#define ANSWER_MAX (65u << 20)

static int socket_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

/* Sends a RST now. Closing with SO_LINGER 0 would do so too, but the HTTP library says goodbye with
 * a FIN before it closes. */
enum MHD_Result sandbox_answer_reset(struct MHD_Connection *connection)
{
    struct linger at_once = {.l_onoff = 1};
    struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    int fd = socket_of(connection);

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)connect(fd, &nowhere, sizeof nowhere);
    return MHD_NO;
}

enum MHD_Result sandbox_answer_cut(const sandbox_verdict *verdict, int64_t bytes,
                                   struct MHD_Connection *connection)
{
    segmo__buf text;

    segmo__buf_init(&text, ANSWER_MAX);
    segmo__buf_addf(
        &text,
        "HTTP/1.1 %d Scripted\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
        verdict->status, verdict->answer.len);
    segmo__buf_add_slice(&text, segmo__buf_slice(&verdict->answer));
    if ((size_t)bytes < text.len)
        text.len = (size_t)bytes;
    if (text.len > 0 && send(socket_of(connection), text.data, text.len, MSG_NOSIGNAL) < 0)
        errno = 0; /* the peer was faster */
    segmo__buf_free(&text);
    return sandbox_answer_reset(connection);
}

static void add_number(struct MHD_Response *response, const char *name, int64_t number)
{
    segmo__buf text;

    segmo__buf_init(&text, 32);
    segmo__buf_addf(&text, "%lld", (long long)number);
    segmo__buf_add_char(&text, '\0');
    MHD_add_response_header(response, name, text.data);
    segmo__buf_free(&text);
}

static void add_headers(struct MHD_Response *response, const sandbox_verdict *verdict)
{
    MHD_add_response_header(response, "Content-Type", "application/json");
    if (verdict->allow)
        MHD_add_response_header(response, "Allow", verdict->allow);
    if (verdict->retry_after_s >= 0) {
        add_number(response, "Retry-After", verdict->retry_after_s);
        add_number(response, "X-RateLimit-Reset", verdict->retry_after_s);
    }
    if (verdict->rate_limit >= 0) {
        add_number(response, "x-ratelimit-limit", verdict->rate_limit);
        add_number(response, "x-ratelimit-remaining", verdict->rate_remaining);
        add_number(response, "x-ratelimit-reset", verdict->rate_reset_s);
    }
}

enum MHD_Result sandbox_answer_whole(const sandbox_verdict *verdict,
                                     struct MHD_Connection *connection)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        verdict->answer.len, verdict->answer.data, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result queued;

    if (!response)
        return MHD_NO;
    add_headers(response, verdict);
    queued = MHD_queue_response(connection, (unsigned)verdict->status, response);
    MHD_destroy_response(response);
    return queued;
}
