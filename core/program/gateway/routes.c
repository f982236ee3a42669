/* What a path means: the table of routes, and the words around every answer. */
#include "gateway_parts.h"

#define MAY_GET          1u
#define MAY_POST         2u

#define SEGMENT_BODY_MAX 512000
#define EXPORT_BODY_MAX  (4 << 20)
#define PAGE_BODY_MAX    65536
#define ORIGIN_MAX       512 /* longer ones are no browser's */

enum route_kind { SINGLE, BATCH, IGNORED, PIXEL, SETTINGS, EXPORT, LIVE, READY, METRICS, PAGE };

struct route {
    const char *path; /* without a closing slash, which may be there */
    enum route_kind kind;
    unsigned methods;
    const char *type;
    int from_browser;
};

static const struct route routes[] = {
    {"/v1/batch", BATCH, MAY_POST, NULL, 0},
    {"/v1/track", SINGLE, MAY_POST, "track", 0},
    {"/v1/identify", SINGLE, MAY_POST, "identify", 0},
    {"/v1/page", SINGLE, MAY_POST, "page", 0},
    {"/v1/screen", SINGLE, MAY_POST, "screen", 0},
    {"/v1/group", SINGLE, MAY_POST, "group", 0},
    {"/v1/alias", SINGLE, MAY_POST, "alias", 0},
    {"/v1/import", BATCH, MAY_POST, NULL, 0},
    {"/v1/b", BATCH, MAY_POST, NULL, 0},
    {"/v1/t", SINGLE, MAY_POST, "track", 1},
    {"/v1/i", SINGLE, MAY_POST, "identify", 1},
    {"/v1/p", SINGLE, MAY_POST, "page", 1},
    {"/v1/s", SINGLE, MAY_POST, "screen", 1},
    {"/v1/g", SINGLE, MAY_POST, "group", 1},
    {"/v1/a", SINGLE, MAY_POST, "alias", 1},
    {"/v1/m", IGNORED, MAY_POST, NULL, 0}, /* the libraries' own telemetry */
    {"/v1/pixel/track", PIXEL, MAY_GET, "track", 1},
    {"/v1/pixel/identify", PIXEL, MAY_GET, "identify", 1},
    {"/v1/pixel/page", PIXEL, MAY_GET, "page", 1},
    {"/v1/pixel/screen", PIXEL, MAY_GET, "screen", 1},
    {"/v1/pixel/group", PIXEL, MAY_GET, "group", 1},
    {"/v1/pixel/alias", PIXEL, MAY_GET, "alias", 1},
    {"/export/moengage", EXPORT, MAY_POST, NULL, 0},
    {"/healthz", LIVE, MAY_GET, NULL, 0},
    {"/readyz", READY, MAY_GET, NULL, 0},
    {"/metrics", METRICS, MAY_GET, NULL, 0},
};
static const struct route settings_route = {"/v1/projects/", SETTINGS, MAY_GET, NULL, 0};
static const struct route page_route = {"/debug", PAGE, MAY_GET | MAY_POST, NULL, 0};

/* ---- finding ---- */

static int is_api(const http_head *head)
{
    return head->path.len >= 4 && memcmp(head->path.at, "/v1/", 4) == 0;
}

static const struct route *find_route(const struct gateway *gateway, const http_head *head)
{
    segmo__slice path = head->path;
    size_t prefix = strlen(settings_route.path);

    if (path.len > 1 && path.at[path.len - 1] == '/')
        path.len--;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (segmo__slice_is(path, routes[i].path))
            return &routes[i];
    if (path.len > prefix + 9 && memcmp(path.at, settings_route.path, prefix) == 0 &&
        memcmp(path.at + path.len - 9, "/settings", 9) == 0)
        return &settings_route;
    return page_owns(gateway->page, path) ? &page_route : NULL;
}

static int allows(const struct route *route, const http_head *head)
{
    if (segmo__slice_is(head->method, "POST"))
        return (route->methods & MAY_POST) != 0;
    return (route->methods & MAY_GET) != 0 &&
           (segmo__slice_is(head->method, "GET") || segmo__slice_is(head->method, "HEAD"));
}

/* ---- answering ---- */

/* Browsers show an answer to their page only with these, an error's too. */
static void put_cors(http_answer *answer, const http_head *head)
{
    segmo__slice origin = head->field[HTTP_ORIGIN];

    if (!is_api(head))
        return;
    segmo__buf_add_lit(&answer->fields, "Access-Control-Allow-Origin: ");
    if (origin.len > 0 && origin.len <= ORIGIN_MAX)
        segmo__buf_add_slice(&answer->fields, origin);
    else
        segmo__buf_add_char(&answer->fields, '*');
    segmo__buf_add_lit(&answer->fields,
                       "\r\nAccess-Control-Expose-Headers: retry-after, x-ratelimit-reset\r\n"
                       "Vary: Origin\r\n");
}

static void answer_preflight(http_answer *answer)
{
    answer->status = 204;
    segmo__buf_add_lit(&answer->fields,
                       "Access-Control-Allow-Methods: POST, GET, OPTIONS\r\n"
                       "Access-Control-Allow-Headers: authorization, content-type, "
                       "content-encoding, x-retry-count\r\n"
                       "Access-Control-Max-Age: 900\r\n");
}

/* ---- the service ---- */

static int is_proxy(void *ctx, const char *peer)
{
    return sender_is_proxy(ctx, peer);
}

static int64_t body_max(const struct route *route)
{
    if (route->kind == PAGE)
        return PAGE_BODY_MAX;
    return route->kind == EXPORT ? EXPORT_BODY_MAX : SEGMENT_BODY_MAX;
}

static int64_t admit(void *ctx, const http_head *head, http_answer *answer)
{
    const struct route *route = find_route(ctx, head);
    segmo__slice encoding = head->field[HTTP_CONTENT_ENCODING];

    if (is_api(head) && segmo__slice_is(head->method, "OPTIONS")) {
        answer_preflight(answer);
    } else if (!route) {
        http_answer_refuse(answer, 404, "not_found", "nothing is here; the paths are /v1/...");
    } else if (!allows(route, head)) {
        http_answer_refuse(answer, 405, "method_not_allowed", "another method is needed here");
        segmo__buf_add_str(&answer->fields, route->methods & MAY_POST
                                                ? "Allow: POST, OPTIONS\r\n"
                                                : "Allow: GET, HEAD, OPTIONS\r\n");
    } else if (encoding.len > 0 && !http_means(encoding, "gzip") &&
               !http_means(encoding, "x-gzip") && !http_means(encoding, "identity")) {
        http_answer_refuse(answer, 415, "unsupported_encoding",
                           "Content-Encoding may be gzip or identity");
    } else {
        return body_max(route);
    }
    put_cors(answer, head);
    return -1;
}

static void serve_messages(struct gateway *gateway, const struct route *route,
                           const http_request *request, http_answer *answer)
{
    intake in = {.gateway = gateway,
                 .request = request,
                 .type = route->type,
                 .from_browser = route->from_browser,
                 .key = callers_basic_user(gateway, request->head)};
    gateway_verdict verdict = intake_body(&in, request->body);

    answer->after_sync = in.wants_sync && verdict.status == 200;
    answers_verdict(answer, &verdict);
}

static void serve(void *ctx, const http_request *request, http_answer *answer)
{
    struct gateway *gateway = ctx;
    const struct route *route = find_route(gateway, request->head);

    if (!route)
        return; /* admit() has answered */
    switch (route->kind) {
    case SINGLE:
    case BATCH:
        serve_messages(gateway, route, request, answer);
        break;
    case IGNORED:
        segmo__buf_add_lit(&answer->body, "{\"success\":true}");
        break;
    case PIXEL:
        pixel_serve(gateway, request, route->type, answer);
        break;
    case SETTINGS:
        source_settings_serve(gateway, request, answer);
        break;
    case EXPORT:
        export_serve(gateway, request, answer);
        break;
    case LIVE:
        health_live(gateway, answer);
        break;
    case READY:
        health_ready(gateway, answer);
        break;
    case METRICS:
        metrics_serve(gateway, answer);
        break;
    case PAGE:
        page_serve(gateway->page, request, answer);
        break;
    }
    put_cors(answer, request->head);
}

static void refuse(void *ctx, const http_head *head, int status, http_answer *answer)
{
    const struct gateway *gateway = ctx;

    http_answer_refuse_request(answer, status);
    /* As Segment answers a length that is over the limit. */
    if (status == 413 && head && is_api(head) && head->framing == HTTP_LENGTH &&
        !gateway->settings.strict)
        answer->status = 400;
    if (head)
        put_cors(answer, head);
}

static int sync_disk(void *ctx)
{
    struct gateway *gateway = ctx;

    return segmo_client_sync(gateway->client, 10000, NULL) == SEGMO_OK;
}

static void done(void *ctx, int status, int64_t took_us)
{
    struct gateway *gateway = ctx;

    gateway->counts.by_status[status < 600 ? status : 599]++;
    histogram_add(&gateway->counts.took, (double)took_us / 1e6);
}

static void stream_more(void *ctx, void *stream, segmo__buf *out)
{
    struct gateway *gateway = ctx;

    page_stream_more(gateway->page, stream, out);
}

static void stream_end(void *ctx, void *stream)
{
    struct gateway *gateway = ctx;

    page_stream_end(gateway->page, stream);
}

http_service routes_service(struct gateway *gateway)
{
    return (http_service){.ctx = gateway,
                          .admit = admit,
                          .serve = serve,
                          .refuse = refuse,
                          .sync = sync_disk,
                          .done = done,
                          .is_proxy = is_proxy,
                          .stream_more = stream_more,
                          .stream_end = stream_end};
}
