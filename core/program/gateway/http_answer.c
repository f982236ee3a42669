#include "http_answer.h"

#include "base/clock.h"

#include <time.h>

#define FIELDS_MAX 4096
#define BODY_MAX   ((size_t)16 << 20)
#define DATE_LEN   29

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {{200, "OK"},
                   {202, "Accepted"},
                   {204, "No Content"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {408, "Request Timeout"},
                   {413, "Content Too Large"},
                   {414, "URI Too Long"},
                   {415, "Unsupported Media Type"},
                   {417, "Expectation Failed"},
                   {429, "Too Many Requests"},
                   {431, "Request Header Fields Too Large"},
                   {500, "Internal Server Error"},
                   {501, "Not Implemented"},
                   {503, "Service Unavailable"},
                   {505, "HTTP Version Not Supported"}};

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Status";
}

void http_answer_begin(http_answer *answer)
{
    if (answer->body.max == 0) {
        segmo__buf_init(&answer->fields, FIELDS_MAX);
        segmo__buf_init(&answer->body, BODY_MAX);
    }
    segmo__buf_clear(&answer->fields);
    segmo__buf_clear(&answer->body);
    answer->status = 200;
    answer->type = "application/json";
    answer->after_sync = 0;
    answer->close = 0;
    answer->stream = NULL;
}

void http_answer_free(http_answer *answer)
{
    segmo__buf_free(&answer->fields);
    segmo__buf_free(&answer->body);
}

/* Written once a second. */
static const char *date(void)
{
    static char text[DATE_LEN + 1];
    static time_t of;
    time_t now = (time_t)(segmo__clock_wall_ms() / 1000);
    struct tm parts;

    if (now != of && gmtime_r(&now, &parts))
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    of = now;
    return text;
}

void http_answer_put(segmo__buf *out, const http_answer *answer, int keep_alive, int without_body)
{
    segmo__buf_add_lit(out, "HTTP/1.1 ");
    segmo__buf_add_u64(out, (uint64_t)answer->status);
    segmo__buf_add_char(out, ' ');
    segmo__buf_add_str(out, reason_of(answer->status));
    segmo__buf_add_lit(out, "\r\nDate: ");
    segmo__buf_add_str(out, date());
    if (answer->status != 204) {
        segmo__buf_add_lit(out, "\r\nContent-Type: ");
        segmo__buf_add_str(out, answer->type);
    }
    if (answer->status != 204 && !answer->stream) {
        segmo__buf_add_lit(out, "\r\nContent-Length: ");
        segmo__buf_add_u64(out, answer->body.len);
    }
    segmo__buf_add_lit(out, "\r\nX-Content-Type-Options: nosniff\r\n");
    segmo__buf_add_slice(out, segmo__buf_slice(&answer->fields));
    if (keep_alive)
        segmo__buf_add_lit(out, "Connection: keep-alive\r\n\r\n");
    else
        segmo__buf_add_lit(out, "Connection: close\r\n\r\n");
    if (!without_body && answer->status != 204)
        segmo__buf_add_slice(out, segmo__buf_slice(&answer->body));
}
