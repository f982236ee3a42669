#include "http_answer.h"

#include "base/clock.h"
#include "base/json.h"

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

void http_answer_refuse(http_answer *answer, int status, const char *code, const char *words)
{
    answer->status = status;
    segmo__buf_clear(&answer->body);
    segmo__buf_addf(&answer->body, "{\"success\":false,\"code\":\"%s\",\"message\":", code);
    segmo__json_put_text(&answer->body, words);
    segmo__buf_add_lit(&answer->body, ",\"error\":");
    segmo__json_put_text(&answer->body, words);
    segmo__buf_add_char(&answer->body, '}');
}

void http_answer_refuse_request(http_answer *answer, int status)
{
    static const struct {
        int status;
        const char *code, *words;
    } refusals[] = {
        {400, "malformed_request", "the request breaks HTTP's grammar"},
        {408, "request_timeout", "the request took too long to arrive"},
        {413, "payload_too_large", "the body is over the limit; send less at once"},
        {414, "uri_too_long", "the request line is too long"},
        {417, "expectation_failed", "only 100-continue can be expected"},
        {429, "too_many_connections", "this address has too many connections; reuse them"},
        {431, "head_too_large", "the header fields are too many or too long"},
        {501, "unsupported_transfer", "Transfer-Encoding may only be chunked"},
        {503, "busy", "there is no room for this request now; try again later"},
        {505, "unsupported_version", "HTTP/1.1 or HTTP/1.0 is needed"},
    };
    size_t i = 0;

    while (i < sizeof refusals / sizeof refusals[0] - 1 && refusals[i].status != status)
        i++;
    http_answer_refuse(answer, status, refusals[i].code, refusals[i].words);
    if (status == 503 || status == 429)
        segmo__buf_add_lit(&answer->fields, "Retry-After: 5\r\n");
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
