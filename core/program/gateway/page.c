/* The page's life and its paths. */
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "gauge.h"
#include "page_parts.h"
#include "query.h"
#include "support/output.h"
#include "support/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_FILE "page-token"
#define BODY_MAX   65536

/* ---- the token ---- */

static int read_token(int fd, char token[PAGE_TOKEN_LEN + 1])
{
    ssize_t len = read(fd, token, PAGE_TOKEN_LEN);

    for (ssize_t i = 0; i < len; i++)
        if (token[i] <= ' ' || token[i] == 0x7f)
            return 0;
    token[PAGE_TOKEN_LEN] = '\0';
    return len == PAGE_TOKEN_LEN;
}

/* The one of the last start, so that a page that is open stays so; else a new one. */
static int keep_token(const char *path, char token[PAGE_TOKEN_LEN + 1])
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), written = 1;

    if (fd < 0)
        return errno;
    if (!read_token(fd, token)) {
        page_random(token);
        written = fchmod(fd, 0600) == 0 && ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0 &&
                  write(fd, token, PAGE_TOKEN_LEN) == PAGE_TOKEN_LEN;
    }
    close(fd);
    return written ? 0 : EIO;
}

/* The log says where the token is, never what it is. */
static int find_token(struct page *page)
{
    const segmo_config *config = page->gateway->config;
    char *own = setup_value(config, "gateway.page_token"), *dir = setup_spool_dir(config);
    segmo__buf path;
    int code = EXIT_DONE;

    segmo__buf_init(&path, 8192);
    if (own) {
        journal_words("info", "page", "/debug opens with gateway.page_token");
    } else if (!dir) {
        say("gateway.page: there is no spool directory to keep a token in; set gateway.page_token");
        code = EXIT_USAGE;
    } else {
        segmo__buf_addf(&path, "%s/" TOKEN_FILE, dir);
        segmo__buf_add_char(&path, '\0');
        code = keep_token(path.data, page->guard.token);
        if (code != 0) {
            say("gateway.page: cannot keep a token in %s: %s", path.data, strerror(code));
            code = EXIT_INPUT;
        } else {
            journal_words("info", "page_token_file", path.data);
        }
    }
    segmo__buf_free(&path);
    segmo_free(own);
    segmo_free(dir);
    return code;
}

/* ---- life ---- */

int page_start(struct gateway *gateway)
{
    const segmo_config *config = gateway->config;
    struct page *page;

    if (!setup_is_on(config, "gateway.page"))
        return EXIT_DONE;
    page = segmo__zalloc(sizeof *page);
    gateway->page = page;
    if (!page) {
        say("memory ran out");
        return EXIT_INPUT;
    }
    page->gateway = gateway;
    page->capacity = (uint32_t)setup_number(config, "gateway.page_messages");
    page->started_ms = segmo__clock_wall_ms();
    page->guard.hosts = setup_value(config, "gateway.page_hosts");
    page->ring = page_ring_new(page->capacity, (size_t)setup_number(config, "gateway.page_memory"));
    page->clerk = page_clerk_start(gateway->args);
    if (!page->ring || !page->clerk) {
        say("memory or threads ran out");
        return EXIT_INPUT;
    }
    return find_token(page);
}

void page_stop(struct page *page)
{
    if (!page)
        return;
    page_clerk_stop(page->clerk);
    page_ring_free(page->ring);
    segmo_free(page->guard.hosts);
    segmo__free(page);
}

static uint32_t pending_of(const segmo__json *stats, const char *destination)
{
    const segmo__json *of = segmo__json_get(segmo__json_get(stats, "destinations"), destination);

    return (uint32_t)segmo__json_number(segmo__json_get(of, "pending"), 0);
}

/* What no message tells by itself is looked at once a second. */
void page_turn(struct page *page)
{
    int64_t now = segmo__clock_wall_ms();
    segmo__json *stats = NULL;
    page_second *second;
    segmo__slice json;
    char *text = NULL;

    if (!page || page->sampled_s == now / 1000)
        return;
    page->sampled_s = now / 1000;
    second = page_series_at(&page->series, now);
    second->oldest_ms = (uint32_t)gauge_age_ms(page->gateway->gauge);
    if (segmo_client_stats_json(page->gateway->client, &text, &json.len, NULL) != SEGMO_OK)
        return;
    json.at = text;
    if (segmo__json_parse(&stats, json, NULL) == SEGMO_OK)
        for (size_t i = 0; i < COUNTS_DESTINATIONS; i++)
            second->pending[i] = pending_of(stats, page_destinations[i]);
    segmo__json_free(stats);
    segmo_free(text);
}

/* ---- answers ---- */

int page_owns(const struct page *page, segmo__slice path)
{
    return page && path.len >= 6 && memcmp(path.at, "/debug", 6) == 0 &&
           (path.len == 6 || path.at[6] == '/');
}

void page_put_fields(http_answer *answer)
{
    segmo__buf_add_lit(
        &answer->fields,
        "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'\r\n"
        "Referrer-Policy: no-referrer\r\n"
        "X-Frame-Options: DENY\r\n"
        "Cross-Origin-Opener-Policy: same-origin\r\n"
        "Cross-Origin-Resource-Policy: same-origin\r\n"
        "Permissions-Policy: camera=(), microphone=(), geolocation=(), interest-cohort=()\r\n"
        "Cache-Control: no-store\r\n");
}

static void log_refusal(const char *words)
{
    static int64_t second;
    int64_t now = segmo__clock_mono_ms() / 1000;

    if (now != second)
        journal_words("warning", "page_refused", words);
    second = now;
}

static void refuse(http_answer *answer, int status, const char *code, const char *words)
{
    log_refusal(words);
    http_answer_refuse(answer, status, code, words);
}

static void serve_file(const http_request *request, http_answer *answer)
{
    const char *type, *bytes;
    size_t len;

    bytes = page_file(request->head->path, &type, &len);
    if (!bytes) {
        http_answer_refuse(answer, 404, "not_found", "the page has no such path");
        return;
    }
    answer->type = type;
    segmo__buf_add(&answer->body, bytes, len);
}

/* ---- sessions ---- */

static void put_session(segmo__buf *out, const page_session *session)
{
    segmo__buf_addf(out, "{\"action\":\"%s\",\"version\":\"%s\"}", session->action,
                    segmo_version());
}

static void enter(struct page *page, const http_request *request, http_answer *answer)
{
    const char *why = page_guard_refuses_action(request->head, NULL);
    segmo__slice token = {"", 0};
    const page_session *session;

    if (why) {
        refuse(answer, 403, "forbidden", why);
        return;
    }
    if (page_guard_is_tired(&page->guard)) {
        refuse(answer, 429, "too_many_tokens", "too many wrong tokens; wait a minute");
        segmo__buf_add_lit(&answer->fields, "Retry-After: 60\r\n");
        return;
    }
    if (segmo__json_check(request->body, NULL) == SEGMO_OK &&
        segmo__json_member(request->body, "token", &token) &&
        segmo__json_kind_of(token) == SEGMO__JSON_STRING)
        token = segmo__json_text(token, &page->gateway->scratch);
    else
        token = (segmo__slice){"", 0};
    session = page_guard_enter(&page->guard, page->gateway, token);
    if (!session) {
        refuse(answer, 401, "wrong_token", "the token is wrong");
        return;
    }
    put_session(&answer->body, session);
    page_guard_put_cookie(answer, page->gateway, request, session);
}

static void leave(struct page *page, const http_request *request, http_answer *answer,
                  page_session *session)
{
    memset(session, 0, sizeof *session);
    segmo__buf_add_lit(&answer->body, "{}");
    page_guard_put_cookie(answer, page->gateway, request, NULL);
}

/* ---- data ---- */

/* The value of a parameter, in `scratch`. */
static segmo__slice parameter(segmo__slice query, const char *name, segmo__buf *scratch)
{
    segmo__slice value = {"", 0};

    segmo__buf_clear(scratch);
    if (query_find(query, name, &value))
        query_unescape(scratch, value, 1);
    return (segmo__slice){scratch->data ? scratch->data : "", scratch->len};
}

static void serve_stream(struct page *page, const http_request *request, http_answer *answer)
{
    segmo__slice text = parameter(request->head->query, "text", &page->gateway->scratch);

    if (segmo__slice_is(request->head->method, "HEAD"))
        return;
    answer->stream = page_viewer_open(page, text);
    answer->type = "text/event-stream";
    if (!answer->stream)
        refuse(answer, 503, "too_many_pages", "too many pages are open; close one");
}

static void serve_message(struct page *page, const http_request *request, http_answer *answer)
{
    segmo__slice digits = parameter(request->head->query, "seq", &page->gateway->scratch);
    const page_entry *entry;
    uint64_t seq = 0;

    for (size_t i = 0; i < digits.len && digits.at[i] >= '0' && digits.at[i] <= '9'; i++)
        seq = seq * 10 + (uint64_t)(digits.at[i] - '0');
    entry = page_ring_get(page->ring, seq);
    if (entry)
        page_put_detail(&answer->body, page, entry);
    else
        http_answer_refuse(answer, 404, "not_kept",
                           "the page keeps the last messages only, and this one is gone");
}

/* ---- actions ---- */

static int only(segmo__slice value, const char *const *names, size_t count)
{
    segmo__json_walk walk;
    segmo__slice key, member;

    segmo__json_walk_begin(&walk, value);
    while (segmo__json_next(&walk, &key, &member)) {
        size_t i = 0;

        while (i < count && !segmo__slice_is(key, names[i]))
            i++;
        if (i == count)
            return 0;
    }
    return 1;
}

/* What segmo_dead_retry() takes; an empty query would mean every letter, so "all" has to say it. */
static const char *read_query(segmo__slice body, segmo__buf *query)
{
    static const char *const names[] = {"id", "destination", "reason", "all"};
    static const char *const kept[] = {"id", "destination", "reason"};
    segmo__slice value;
    const char *comma = "{";

    if (segmo__json_check(body, NULL) != SEGMO_OK ||
        segmo__json_kind_of(segmo__json_trim(body)) != SEGMO__JSON_OBJECT || !only(body, names, 4))
        return "the body must be {\"id\": [...]}, {\"destination\", \"reason\"} or {\"all\": true}";
    for (size_t i = 0; i < 3; i++) {
        if (!segmo__json_member(body, kept[i], &value))
            continue;
        segmo__buf_addf(query, "%s\"%s\":", comma, kept[i]);
        segmo__buf_add_slice(query, value);
        comma = ",";
    }
    if (query->len == 0 && (!segmo__json_member(body, "all", &value) ||
                            segmo__json_kind_of(value) != SEGMO__JSON_TRUE))
        return "say which letters: id, destination, reason, or \"all\": true";
    segmo__buf_add_str(query, query->len == 0 ? "{}" : "}");
    segmo__buf_add_char(query, '\0');
    return query->failed ? "too many letters at once" : NULL;
}

static void send_again(struct page *page, const http_request *request, http_answer *answer)
{
    const char *why;
    segmo__buf query;

    segmo__buf_init(&query, BODY_MAX);
    why = read_query(request->body, &query);
    if (why) {
        http_answer_refuse(answer, 400, "invalid_query", why);
    } else if (!page_clerk_retry(page->clerk, query.data)) {
        http_answer_refuse(answer, 409, "busy",
                           "letters are being put back; try again in a moment");
    } else {
        answer->status = 202;
        segmo__buf_add_lit(&answer->body, "{}");
        journal("info", "page_sends_again", NULL);
    }
    segmo__buf_free(&query);
}

/* ---- paths ---- */

struct path {
    const char *path, *method;
    int is_action;
    void (*serve)(struct page *page, const http_request *request, http_answer *answer);
};

static void serve_session(struct page *page, const http_request *request, http_answer *answer)
{
    put_session(&answer->body, page_guard_session(&page->guard, request->head));
}

static void end_session(struct page *page, const http_request *request, http_answer *answer)
{
    leave(page, request, answer, page_guard_session(&page->guard, request->head));
}

static void serve_dead(struct page *page, const http_request *request, http_answer *answer)
{
    (void)request;
    page_clerk_put(&answer->body, page->clerk);
    page_mask(page, &answer->body, 0);
}

static const struct path paths[] = {
    {"/debug/api/session", "GET", 0, serve_session},
    {"/debug/api/leave", "POST", 1, end_session},
    {"/debug/api/stream", "GET", 0, serve_stream},
    {"/debug/api/message", "GET", 0, serve_message},
    {"/debug/api/dead", "GET", 0, serve_dead},
    {"/debug/api/dead/retry", "POST", 1, send_again},
};

static const struct path *find_path(const http_head *head)
{
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (segmo__slice_is(head->path, paths[i].path) &&
            segmo__slice_is(head->method, paths[i].method))
            return &paths[i];
    return NULL;
}

static void serve_known(struct page *page, const http_request *request, http_answer *answer)
{
    const page_session *session = page_guard_session(&page->guard, request->head);
    const struct path *path = find_path(request->head);
    const char *why;

    if (!path) {
        http_answer_refuse(answer, 404, "not_found",
                           "the page has no such path, or not by this method");
    } else if (!session) {
        http_answer_refuse(answer, 401, "no_session", "open the page with its token first");
    } else if (path->is_action && (why = page_guard_refuses_action(request->head, session))) {
        refuse(answer, 403, "forbidden", why);
    } else {
        path->serve(page, request, answer);
    }
}

void page_serve(struct page *page, const http_request *request, http_answer *answer)
{
    const char *why = page_guard_refuses(&page->guard, page->gateway, request);
    segmo__slice path = request->head->path;

    if (why)
        refuse(answer, 403, "forbidden", why);
    else if (path.len < 11 || memcmp(path.at, "/debug/api/", 11) != 0)
        serve_file(request, answer);
    else if (segmo__slice_is(path, "/debug/api/session") &&
             segmo__slice_is(request->head->method, "POST"))
        enter(page, request, answer);
    else
        serve_known(page, request, answer);
    page_put_fields(answer);
}
