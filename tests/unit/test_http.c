/* HTTP: against a scripted server on real sockets. */
#include "base/clock.h"
#include "base/mem.h"
#include "deliver/compress.h"
#include "deliver/http.h"
#include "scripted_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"success\":true}"
#define LONG_MS   60000
#define COUNT(a)  (sizeof(a) / sizeof(a)[0])

static const scripted_answer all_ok[] = {{OK_ANSWER, SCRIPTED_KEEP, 0}};

/* ---- help ---- */

static segmo__http_options usual_options(void)
{
    return (segmo__http_options){.timeout_ms = LONG_MS,
                                 .connect_timeout_ms = LONG_MS,
                                 .max_connections = 8,
                                 .user_agent = "segmo-test/1"};
}

static segmo__http *open_with(segmo__http_options options)
{
    segmo__http *http = NULL;

    assert_int_equal(segmo__http_open(&http, &options, NULL), SEGMO_OK);
    assert_non_null(http);
    return http;
}

static segmo__http_request request_to(const scripted_server *server)
{
    return (segmo__http_request){.url = scripted_server_url(server),
                                 .body = segmo__slice_of("{\"batch\":[]}")};
}

static void start(segmo__http *http, const segmo__http_request *request)
{
    assert_int_equal(segmo__http_start(http, request, NULL), SEGMO_OK);
}

static segmo__http_answer next_answer(segmo__http *http)
{
    segmo__http_answer answer = {.status = -1};

    assert_true(segmo__http_in_flight(http) > 0);
    while (!segmo__http_next(http, &answer))
        segmo__http_run(http, LONG_MS);
    return answer;
}

static segmo__http_answer ask(segmo__http *http, const segmo__http_request *request)
{
    start(http, request);
    return next_answer(http);
}

static segmo__http_answer ask_plainly(segmo__http *http, const scripted_server *server)
{
    segmo__http_request request = request_to(server);

    return ask(http, &request);
}

static void assert_has_line(const char *head, const char *line)
{
    if (!strstr(head, line))
        fail_msg("no line \"%s\" in:\n%s", line, head);
}

static void assert_has_no(const char *head, const char *name)
{
    if (strcasestr(head, name))
        fail_msg("there is a \"%s\" in:\n%s", name, head);
}

/* ---- what is sent ---- */

static void a_request_carries_its_body_and_the_headers_of_its_kind(void **state)
{
    scripted_server *server = scripted_server_start(all_ok, COUNT(all_ok));
    segmo__http *http = open_with(usual_options());
    segmo__http_request request = request_to(server);
    segmo__http_answer answer;
    const char *head, *body;
    size_t len;
    int tag;

    (void)state;
    request.user = "WK123";
    request.password = "";
    request.headers[0] = "MOE-APPKEY: APP1";
    request.tag = &tag;
    answer = ask(http, &request);
    assert_int_equal(answer.status, 200);
    assert_ptr_equal(answer.tag, &tag);
    assert_string_equal(answer.error, "");
    assert_int_equal(answer.retry_after_ms, -1);
    assert_int_equal(answer.reset_ms, -1);
    assert_int_equal(answer.server_date_ms, 0);
    assert_true(answer.latency_us > 0);
    assert_true(segmo__slice_is(answer.body, "{\"success\":true}"));
    assert_int_equal(segmo__http_in_flight(http), 0);

    head = scripted_server_head(server, 0);
    assert_int_equal(strncmp(head, "POST /v1/batch HTTP/1.1\r\n", 25), 0);
    assert_has_line(head, "\r\nContent-Type: application/json\r\n");
    assert_has_line(head, "\r\nUser-Agent: segmo-test/1\r\n");
    assert_has_line(head, "\r\nAuthorization: Basic V0sxMjM6\r\n");
    assert_has_line(head, "\r\nMOE-APPKEY: APP1\r\n");
    assert_has_line(head, "\r\nContent-Length: 12\r\n");
    assert_has_no(head, "expect");
    assert_has_no(head, "x-retry-count");
    assert_has_no(head, "content-encoding");
    assert_has_no(head, "accept-encoding");
    assert_has_no(head, "cookie");
    body = scripted_server_body(server, 0, &len);
    assert_int_equal(len, 12);
    assert_memory_equal(body, "{\"batch\":[]}", 12);
    segmo__http_close(http, 0);
    scripted_server_stop(server);
}

static void nothing_of_a_request_is_left_in_the_next_one(void **state)
{
    scripted_server *server = scripted_server_start(all_ok, COUNT(all_ok));
    segmo__http *http = open_with(usual_options());
    segmo__http_request first = request_to(server);
    const char *head;
    size_t len;

    (void)state;
    first.user = "u";
    first.password = "p";
    first.headers[0] = "X-Once: 1";
    first.retry_count = 3;
    first.gzipped = 1;
    ask(http, &first);
    assert_has_line(scripted_server_head(server, 0), "\r\nX-Retry-Count: 3\r\n");
    assert_has_line(scripted_server_head(server, 0), "\r\nContent-Encoding: gzip\r\n");
    first = request_to(server);
    first.body = (segmo__slice){NULL, 0};
    ask(http, &first);
    head = scripted_server_head(server, 1);
    assert_has_no(head, "authorization");
    assert_has_no(head, "x-once");
    assert_has_no(head, "x-retry-count");
    assert_has_no(head, "content-encoding");
    scripted_server_body(server, 1, &len);
    assert_int_equal(len, 0);
    segmo__http_close(http, 0);
    scripted_server_stop(server);
}

static void get_and_head_carry_no_body_and_leave_posting_as_it_was(void **state)
{
    static const scripted_answer answers[] = {
        {OK_ANSWER, SCRIPTED_KEEP, 0},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 16\r\n\r\n", SCRIPTED_KEEP, 0},
        {OK_ANSWER, SCRIPTED_KEEP, 0}};
    static const struct {
        segmo__http_method method;
        const char *line;
        int status;
        size_t sent;
    } turns[] = {{SEGMO__HTTP_GET, "GET /v1/batch HTTP/1.1\r\n", 200, 0},
                 {SEGMO__HTTP_HEAD, "HEAD /v1/batch HTTP/1.1\r\n", 404, 0},
                 {SEGMO__HTTP_POST, "POST /v1/batch HTTP/1.1\r\n", 200, 12}};
    scripted_server *server = scripted_server_start(answers, COUNT(answers));
    segmo__http *http = open_with(usual_options());
    segmo__http_request request = request_to(server);

    (void)state;
    for (size_t i = 0; i < COUNT(turns); i++) {
        segmo__http_answer answer;
        const char *head;
        size_t len;

        request.method = turns[i].method;
        answer = ask(http, &request);
        assert_int_equal(answer.status, turns[i].status);
        assert_int_equal(answer.cause, SEGMO__HTTP_ANSWERED);
        head = scripted_server_head(server, i);
        assert_int_equal(strncmp(head, turns[i].line, strlen(turns[i].line)), 0);
        scripted_server_body(server, i, &len);
        assert_int_equal(len, turns[i].sent);
        if (turns[i].sent == 0)
            assert_has_no(head, "content-");
    }
    assert_int_equal(scripted_server_connections(server), 1);
    segmo__http_close(http, 0);
    scripted_server_stop(server);
}

static void the_words_about_a_bad_proxy_do_not_quote_it(void **state)
{
    segmo__http_options options = usual_options();
    segmo__http_request request = {.url = "https://api.segment.io/v1/batch"};
    segmo__http_answer answer;
    segmo__http *http;

    (void)state;
    options.proxy = "gopher://me:sesame@127.0.0.1:9";
    http = open_with(options);
    answer = ask(http, &request);
    assert_int_equal(answer.status, 0);
    assert_int_equal(answer.cause, SEGMO__HTTP_PROXY);
    assert_has_no(answer.error, "sesame");
    segmo__http_close(http, 0);
}

static void a_large_body_goes_without_expect(void **state)
{
    scripted_server *server = scripted_server_start(all_ok, COUNT(all_ok));
    segmo__http *http = open_with(usual_options());
    segmo__http_request request = request_to(server);
    char *bytes = test_malloc(2000000);
    const char *body;
    size_t len;

    (void)state;
    for (size_t i = 0; i < 2000000; i++)
        bytes[i] = (char)(i * 7 + i / 255);
    request.body = (segmo__slice){bytes, 2000000};
    assert_int_equal(ask(http, &request).status, 200);
    body = scripted_server_body(server, 0, &len);
    assert_int_equal(len, 2000000);
    assert_memory_equal(body, bytes, len);
    assert_has_no(scripted_server_head(server, 0), "expect");
    segmo__http_close(http, 0);
    scripted_server_stop(server);
    test_free(bytes);
}

static void a_gzipped_body_arrives_byte_for_byte(void **state)
{
    scripted_server *server = scripted_server_start(all_ok, COUNT(all_ok));
    segmo__http *http = open_with(usual_options());
    segmo__http_request request = request_to(server);
    segmo__gzip *gzip = segmo__gzip_new(1);
    segmo__buf gzipped;
    const char *body;
    size_t len;

    (void)state;
    segmo__buf_init(&gzipped, 100000);
    assert_int_equal(segmo__gzip_run(gzip, segmo__slice_of("{\"batch\":[1,2,3]}"), &gzipped), 1);
    request.body = segmo__buf_slice(&gzipped);
    request.gzipped = 1;
    assert_int_equal(ask(http, &request).status, 200);
    body = scripted_server_body(server, 0, &len);
    assert_int_equal(len, gzipped.len);
    assert_memory_equal(body, gzipped.data, len);
    segmo__buf_free(&gzipped);
    segmo__gzip_free(gzip);
    segmo__http_close(http, 0);
    scripted_server_stop(server);
}

static void a_header_with_a_line_break_is_refused(void **state)
{
    static const char *const bad[] = {"X-A: 1\r\nX-B: 2", "X-A: 1\n", "X-A: \r", "no colon"};
    scripted_server *server = scripted_server_start(all_ok, COUNT(all_ok));
    segmo__http *http = open_with(usual_options());

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        segmo__http_request request = request_to(server);
        segmo_error *err = NULL;

        request.headers[0] = "X-Good: 1";
        request.headers[1] = bad[i];
        assert_int_equal(segmo__http_start(http, &request, &err), SEGMO_ERR_OPTION);
        assert_non_null(strstr(segmo_error_message(err), "header 2"));
        segmo_error_free(err);
    }
    assert_int_equal(segmo__http_in_flight(http), 0);
    segmo__http_close(http, 0);
    scripted_server_stop(server);
}

/* ---- where requests may go ---- */

static void a_request_to_a_refused_url_is_not_started(void **state)
{
    segmo__http *http = open_with(usual_options());
    segmo__http_request request = {.url = "http://192.0.2.1/"};

    (void)state;
    assert_int_equal(segmo__http_start(http, &request, NULL), SEGMO_ERR_OPTION);
    assert_int_equal(segmo__http_in_flight(http), 0);
    segmo__http_close(http, 0);
}

/* A name or a proxy may lead anywhere; the address that would be connected to is what counts. */
static void plain_http_does_not_leave_the_machine_by_another_address(void **state)
{
    segmo__http_options options = usual_options();
    segmo__http_request request = {.url = "http://127.0.0.1:9/"};
    segmo__http_answer answer;
    segmo__http *http;

    (void)state;
    options.proxy = "http://192.0.2.1:3128";
    http = open_with(options);
    answer = ask(http, &request);
    assert_int_equal(answer.status, 0);
    assert_int_equal(answer.config_error, 1);
    assert_non_null(strstr(answer.error, "another machine"));
    segmo__http_close(http, 0);
}

static void the_proxy_of_the_environment_is_not_asked_for_this_machine(void **state)
{
    scripted_server *server = scripted_server_start(all_ok, COUNT(all_ok));
    segmo__http *http = open_with(usual_options());

    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    assert_int_equal(ask_plainly(http, server).status, 200);
    unsetenv("http_proxy");
    segmo__http_close(http, 0);
    scripted_server_stop(server);
}

static void a_proxy_that_is_set_is_asked(void **state)
{
    scripted_server *proxy = scripted_server_start(all_ok, COUNT(all_ok));
    segmo__http_options options = usual_options();
    segmo__http_request request = {.url = "http://api.example/v1/batch"};
    segmo__http *http;
    char url[64];

    (void)state;
    snprintf(url, sizeof url, "http://127.0.0.1:%u", scripted_server_port(proxy));
    options.proxy = url;
    options.allow_plain_http = 1;
    http = open_with(options);
    assert_int_equal(ask(http, &request).status, 200);
    assert_has_line(scripted_server_head(proxy, 0),
                    "POST http://api.example/v1/batch HTTP/1.1\r\n");
    segmo__http_close(http, 0);
    scripted_server_stop(proxy);
}

/* ---- connections ---- */

static void one_connection_serves_many_requests(void **state)
{
    scripted_server *server = scripted_server_start(all_ok, COUNT(all_ok));
    segmo__http *http = open_with(usual_options());

    (void)state;
    for (int i = 0; i < 20; i++)
        assert_int_equal(ask_plainly(http, server).status, 200);
    assert_int_equal(scripted_server_requests(server), 20);
    assert_int_equal(scripted_server_connections(server), 1);
    segmo__http_close(http, 0);
    scripted_server_stop(server);
}

static void requests_run_side_by_side_within_the_allowed_connections(void **state)
{
    scripted_server *server = scripted_server_start(all_ok, COUNT(all_ok));
    segmo__http_options options = usual_options();
    segmo__http_request request = request_to(server);
    segmo__http *http;
    int tags[12], seen[12] = {0};

    (void)state;
    options.max_connections = 3;
    http = open_with(options);
    scripted_server_allow(server, 0);
    for (int i = 0; i < 12; i++) {
        request.tag = &tags[i];
        start(http, &request);
    }
    assert_int_equal(segmo__http_in_flight(http), 12);
    while (scripted_server_requests(server) < 3)
        segmo__http_run(http, 10);
    scripted_server_allow(server, SIZE_MAX);
    for (int i = 0; i < 12; i++) {
        segmo__http_answer answer = next_answer(http);

        assert_int_equal(answer.status, 200);
        seen[(int *)answer.tag - tags]++;
    }
    for (int i = 0; i < 12; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(scripted_server_most_at_once(server), 3);
    segmo__http_close(http, 0);
    scripted_server_stop(server);
}

static void a_connection_that_the_server_closed_meanwhile_costs_no_request(void **state)
{
    static const scripted_answer script[] = {{OK_ANSWER, SCRIPTED_CLOSE, 0},
                                             {OK_ANSWER, SCRIPTED_KEEP, 0}};
    scripted_server *server = scripted_server_start(script, COUNT(script));
    segmo__http *http = open_with(usual_options());

    (void)state;
    assert_int_equal(ask_plainly(http, server).status, 200);
    assert_int_equal(ask_plainly(http, server).status, 200);
    assert_int_equal(scripted_server_connections(server), 2);
    segmo__http_close(http, 0);
    scripted_server_stop(server);
}

static void after_three_failures_of_a_host_connections_are_made_anew(void **state)
{
    static const scripted_answer script[] = {
        {OK_ANSWER, SCRIPTED_KEEP, 0}, {NULL, SCRIPTED_RESET, 0},     {NULL, SCRIPTED_RESET, 0},
        {NULL, SCRIPTED_RESET, 0},     {OK_ANSWER, SCRIPTED_KEEP, 0},
    };
    scripted_server *server = scripted_server_start(script, COUNT(script));
    segmo__http *http = open_with(usual_options());
    segmo__http_request request = request_to(server);

    (void)state;
    scripted_server_allow(server, 1);
    for (int i = 0; i < 4; i++)
        start(http, &request);
    assert_int_equal(next_answer(http).status, 200); /* its connection is idle from now on */
    while (scripted_server_requests(server) < 4)
        segmo__http_run(http, 10);
    scripted_server_allow(server, SIZE_MAX);
    for (int i = 0; i < 3; i++)
        assert_int_equal(next_answer(http).status, 0);
    assert_int_equal(scripted_server_connections(server), 4);
    assert_int_equal(ask(http, &request).status, 200);
    assert_int_equal(scripted_server_connections(server), 5);
    assert_int_equal(ask(http, &request).status, 200);
    assert_int_equal(scripted_server_connections(server), 5);
    segmo__http_close(http, 0);
    scripted_server_stop(server);
}

/* ---- answers ---- */

static void a_redirect_is_an_answer_and_is_not_followed(void **state)
{
    static const scripted_answer script[] = {
        {"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
         SCRIPTED_KEEP, 0}};
    scripted_server *server = scripted_server_start(script, COUNT(script));
    segmo__http *http = open_with(usual_options());

    (void)state;
    assert_int_equal(ask_plainly(http, server).status, 307);
    assert_int_equal(scripted_server_requests(server), 1);
    segmo__http_close(http, 0);
    scripted_server_stop(server);
}

static void an_answer_larger_than_64_kib_is_read_no_further(void **state)
{
    static const scripted_answer script[] = {
        {"HTTP/1.1 400 Bad Request\r\nContent-Length: 100000000\r\n\r\n", SCRIPTED_KEEP, 100000000},
        {"HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n", SCRIPTED_KEEP, 65536},
        {OK_ANSWER, SCRIPTED_KEEP, 0}};
    scripted_server *server = scripted_server_start(script, COUNT(script));
    segmo__http *http = open_with(usual_options());
    segmo__http_answer answer;

    (void)state;
    answer = ask_plainly(http, server);
    assert_int_equal(answer.status, 400);
    assert_int_equal(answer.body.len, 65536);
    assert_string_equal(answer.error, "");
    answer = ask_plainly(http, server);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body.len, 65536);
    assert_int_equal(ask_plainly(http, server).status, 200);
    assert_int_equal(scripted_server_connections(server), 2); /* the first one was given up */
    segmo__http_close(http, 0);
    scripted_server_stop(server);
}

static void an_answer_that_breaks_off_is_no_answer(void **state)
{
    static const scripted_answer script[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", SCRIPTED_RESET, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", SCRIPTED_CLOSE, 0},
        {"HTTP/1.1 200 OK\r\nContent-", SCRIPTED_CLOSE, 0},
        {NULL, SCRIPTED_RESET, 0},
        {NULL, SCRIPTED_CLOSE, 0},
        {"this is not HTTP\r\n\r\n", SCRIPTED_CLOSE, 0},
        {OK_ANSWER, SCRIPTED_KEEP, 0}};
    scripted_server *server = scripted_server_start(script, COUNT(script));
    segmo__http *http = open_with(usual_options());

    (void)state;
    for (size_t i = 0; i + 1 < COUNT(script); i++) {
        segmo__http_answer answer = ask_plainly(http, server);

        assert_int_equal(answer.status, 0);
        assert_int_equal(answer.config_error, 0);
        assert_string_not_equal(answer.error, "");
        assert_int_equal(answer.body.len, 0);
    }
    assert_int_equal(ask_plainly(http, server).status, 200);
    segmo__http_close(http, 0);
    scripted_server_stop(server);
}

static void a_server_that_never_answers_times_out(void **state)
{
    static const scripted_answer script[] = {{NULL, SCRIPTED_SILENT, 0},
                                             {"HTTP/1.1 200 OK\r\n", SCRIPTED_SILENT, 0},
                                             {OK_ANSWER, SCRIPTED_KEEP, 0}};
    scripted_server *server = scripted_server_start(script, COUNT(script));
    segmo__http_options options = usual_options();
    segmo__http *http;

    (void)state;
    options.timeout_ms = 150;
    http = open_with(options);
    for (int i = 0; i < 2; i++) {
        segmo__http_answer answer = ask_plainly(http, server);

        assert_int_equal(answer.status, 0);
        assert_int_equal(answer.config_error, 0);
        assert_non_null(strstr(answer.error, "timed out"));
    }
    segmo__http_close(http, 0);
    http = open_with(usual_options());
    assert_int_equal(ask_plainly(http, server).status, 200);
    segmo__http_close(http, 0);
    scripted_server_stop(server);
}

static void a_closed_port_and_an_unknown_name_are_outages(void **state)
{
    static const char *const urls[] = {"http://127.0.0.1:1/", "https://127.0.0.1:1/",
                                       "https://nothing.invalid/"};
    segmo__http *http = open_with(usual_options());

    (void)state;
    for (size_t i = 0; i < COUNT(urls); i++) {
        segmo__http_request request = {.url = urls[i]};
        segmo__http_answer answer = ask(http, &request);

        assert_int_equal(answer.status, 0);
        assert_int_equal(answer.config_error, 0);
        assert_string_not_equal(answer.error, "");
    }
    segmo__http_close(http, 0);
}

static void a_ca_file_that_cannot_be_read_is_a_matter_of_configuration(void **state)
{
    scripted_server *server = scripted_server_start(all_ok, COUNT(all_ok));
    segmo__http_options options = usual_options();
    segmo__http_request request = {0};
    segmo__http_answer answer;
    segmo__http *http;
    char url[64];

    (void)state;
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", scripted_server_port(server));
    request.url = url;
    options.ca_file = "/nonexistent/ca.pem";
    http = open_with(options);
    answer = ask(http, &request);
    assert_int_equal(answer.status, 0);
    assert_int_equal(answer.config_error, 1);
    segmo__http_close(http, 0);
    scripted_server_stop(server);
}

/* ---- Retry-After and its kin ---- */

static void waits_are_read_from_the_last_header_of_the_final_answer(void **state)
{
    static const scripted_answer script[] = {
        {"HTTP/1.1 429 Slow\r\nRetry-After: 5\r\nretry-after: 7\r\nX-RateLimit-Reset: 9\r\n"
         "Content-Length: 0\r\n\r\n",
         SCRIPTED_KEEP, 0},
        {"HTTP/1.1 503 Busy\r\nDate: Mon, 05 Jan 2026 10:00:00 GMT\r\n"
         "Retry-After: Mon, 05 Jan 2026 10:02:00 GMT\r\nContent-Length: 0\r\n\r\n",
         SCRIPTED_KEEP, 0},
        {"HTTP/1.1 100 Continue\r\nRetry-After: 5\r\n\r\n"
         "HTTP/1.1 200 OK\r\nX-Retry-After: 6\r\nContent-Length: 0\r\n\r\n",
         SCRIPTED_KEEP, 0},
        {OK_ANSWER, SCRIPTED_KEEP, 0}};
    scripted_server *server = scripted_server_start(script, COUNT(script));
    segmo__http *http = open_with(usual_options());
    segmo__http_answer answer;

    (void)state;
    answer = ask_plainly(http, server);
    assert_int_equal(answer.retry_after_ms, 7000);
    assert_int_equal(answer.reset_ms, 9000);
    answer = ask_plainly(http, server);
    assert_int_equal(answer.retry_after_ms, 120000);
    assert_int_equal(answer.server_date_ms, INT64_C(1767607200000));
    for (int i = 0; i < 2; i++) {
        answer = ask_plainly(http, server);
        assert_int_equal(answer.status, 200);
        assert_int_equal(answer.retry_after_ms, -1);
        assert_int_equal(answer.reset_ms, -1);
        assert_int_equal(answer.server_date_ms, 0);
    }
    segmo__http_close(http, 0);
    scripted_server_stop(server);
}

/* ---- giving up, waking, forking ---- */

static void what_is_given_up_is_forgotten_and_new_requests_work(void **state)
{
    static const scripted_answer script[] = {
        {NULL, SCRIPTED_SILENT, 0}, {NULL, SCRIPTED_SILENT, 0}, {OK_ANSWER, SCRIPTED_KEEP, 0}};
    scripted_server *server = scripted_server_start(script, COUNT(script));
    segmo__http *http = open_with(usual_options());
    segmo__http_request request = request_to(server);
    segmo__http_answer answer;

    (void)state;
    start(http, &request);
    start(http, &request);
    while (scripted_server_requests(server) < 2)
        segmo__http_run(http, 10);
    segmo__http_abort(http);
    assert_int_equal(segmo__http_in_flight(http), 0);
    assert_int_equal(segmo__http_next(http, &answer), 0);
    assert_int_equal(ask(http, &request).status, 200);
    segmo__http_close(http, 0);
    scripted_server_stop(server);
}

static void closing_with_requests_in_flight_leaves_nothing_behind(void **state)
{
    static const scripted_answer script[] = {{NULL, SCRIPTED_SILENT, 0}};
    scripted_server *server = scripted_server_start(script, COUNT(script));
    segmo__http *http = open_with(usual_options());
    segmo__http_request request = request_to(server);

    (void)state;
    start(http, &request);
    while (scripted_server_requests(server) < 1)
        segmo__http_run(http, 10);
    start(http, &request);
    segmo__http_close(http, 0);
    segmo__http_close(NULL, 0);
    scripted_server_stop(server);
}

static void *wake(void *http)
{
    segmo__http_wake(http);
    return NULL;
}

static void another_thread_ends_a_wait_or_the_next_one(void **state)
{
    segmo__http *http = open_with(usual_options());
    int64_t before_ms = segmo__clock_mono_ms();

    (void)state;
    for (int i = 0; i < 10; i++) {
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, wake, http), 0);
        segmo__http_run(http, LONG_MS);
        pthread_join(thread, NULL);
    }
    assert_true(segmo__clock_mono_ms() - before_ms < LONG_MS);
    segmo__http_close(http, 0);
}

/* Descriptors of this process that are connected to the server. */
static int sockets_to(uint16_t port)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++) {
        struct sockaddr_in peer = {0};
        socklen_t len = sizeof peer;

        if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == port)
            count++;
    }
    return count;
}

static int exit_code_of_child(segmo__http *http, uint16_t port)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        int before = sockets_to(port);

        segmo__http_fork_child(http);
        segmo__http_close(http, 1);
        _exit(before > 0 && sockets_to(port) == 0 ? 0 : 1);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_forked_child_closes_the_sockets_and_the_parent_goes_on(void **state)
{
    static const scripted_answer script[] = {{OK_ANSWER, SCRIPTED_KEEP, 0},
                                             {OK_ANSWER, SCRIPTED_KEEP, 0}};
    scripted_server *server = scripted_server_start(script, COUNT(script));
    segmo__http *http = open_with(usual_options());
    segmo__http_request request = request_to(server);

    (void)state;
    assert_int_equal(ask(http, &request).status, 200);
    assert_int_equal(exit_code_of_child(http, scripted_server_port(server)), 0);
    assert_int_equal(ask(http, &request).status, 200);
    scripted_server_allow(server, 2);
    start(http, &request);
    while (scripted_server_requests(server) < 3)
        segmo__http_run(http, 10);
    assert_int_equal(exit_code_of_child(http, scripted_server_port(server)), 0); /* in the middle */
    scripted_server_allow(server, SIZE_MAX);
    assert_int_equal(next_answer(http).status, 200);
    assert_int_equal(scripted_server_connections(server), 1);
    segmo__http_close(http, 0);
    scripted_server_stop(server);
}

#ifdef SEGMO_FAULTS
/* One request, with the `nth` allocation of ours failing. */
static int request_without_memory(const scripted_server *server, long nth)
{
    segmo__http_options options = usual_options();
    segmo__http_request request = request_to(server);
    segmo__http *http = NULL;
    int status;

    request.retry_count = 1;
    segmo__mem_fail(nth, 0);
    status = segmo__http_open(&http, &options, NULL);
    if (status == SEGMO_OK)
        status = segmo__http_start(http, &request, NULL);
    if (status == SEGMO_OK)
        assert_int_equal(next_answer(http).status, 200);
    segmo__mem_fail(-1, 0);
    segmo__http_close(http, 0);
    return status;
}

static void without_memory_a_request_is_refused_and_nothing_is_lost(void **state)
{
    scripted_server *server = scripted_server_start(all_ok, COUNT(all_ok));
    int refused = 0;

    (void)state;
    for (long nth = 0; nth < 8; nth++) {
        int status = request_without_memory(server, nth);

        assert_true(status == SEGMO_OK || status == SEGMO_ERR_MEMORY);
        refused += status == SEGMO_ERR_MEMORY;
    }
    assert_in_range(refused, 4, 7); /* the client, a text, the transfer, a header */
    scripted_server_stop(server);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_carries_its_body_and_the_headers_of_its_kind),
        cmocka_unit_test(nothing_of_a_request_is_left_in_the_next_one),
        cmocka_unit_test(get_and_head_carry_no_body_and_leave_posting_as_it_was),
        cmocka_unit_test(the_words_about_a_bad_proxy_do_not_quote_it),
        cmocka_unit_test(a_large_body_goes_without_expect),
        cmocka_unit_test(a_gzipped_body_arrives_byte_for_byte),
        cmocka_unit_test(a_header_with_a_line_break_is_refused),
        cmocka_unit_test(a_request_to_a_refused_url_is_not_started),
        cmocka_unit_test(plain_http_does_not_leave_the_machine_by_another_address),
        cmocka_unit_test(the_proxy_of_the_environment_is_not_asked_for_this_machine),
        cmocka_unit_test(a_proxy_that_is_set_is_asked),
        cmocka_unit_test(one_connection_serves_many_requests),
        cmocka_unit_test(requests_run_side_by_side_within_the_allowed_connections),
        cmocka_unit_test(a_connection_that_the_server_closed_meanwhile_costs_no_request),
        cmocka_unit_test(after_three_failures_of_a_host_connections_are_made_anew),
        cmocka_unit_test(a_redirect_is_an_answer_and_is_not_followed),
        cmocka_unit_test(an_answer_larger_than_64_kib_is_read_no_further),
        cmocka_unit_test(an_answer_that_breaks_off_is_no_answer),
        cmocka_unit_test(a_server_that_never_answers_times_out),
        cmocka_unit_test(a_closed_port_and_an_unknown_name_are_outages),
        cmocka_unit_test(a_ca_file_that_cannot_be_read_is_a_matter_of_configuration),
        cmocka_unit_test(waits_are_read_from_the_last_header_of_the_final_answer),
        cmocka_unit_test(what_is_given_up_is_forgotten_and_new_requests_work),
        cmocka_unit_test(closing_with_requests_in_flight_leaves_nothing_behind),
        cmocka_unit_test(another_thread_ends_a_wait_or_the_next_one),
        cmocka_unit_test(a_forked_child_closes_the_sockets_and_the_parent_goes_on),
#ifdef SEGMO_FAULTS
        cmocka_unit_test(without_memory_a_request_is_refused_and_nothing_is_lost),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
