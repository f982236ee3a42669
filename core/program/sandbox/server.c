/* One thread with epoll serves everything: requests are judged while they are handled, so nothing
 * that is counted needs a lock. Only waiting is somebody else's job (delays.c).
 *
 * A request's way: its head may already cost it the connection; its body is collected and inflated;
 * the script is asked; the judge speaks; the ledger counts; the answer goes out, at once, late, cut
 * short or never.
 */
#include "server.h"

#include "answer.h"
#include "base/mem.h"
#include "count.h"
#include "delays.h"
#include "support/inflate.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>

#define BODY_CEILING      (8u << 20)
#define KEPT_BODY_MAX     (256u << 10) /* larger buffers are given back between requests */
#define CONNECTION_MEMORY (128u << 10)
#define CONNECTIONS_MAX   4096
#define BACKLOG           1024
#define MESSAGES_DEFAULT  100

typedef enum sandbox_ending {
    ENDS_ANSWERED,
    ENDS_NEVER,
    ENDS_CUT /* the connection is reset in the middle of the answer */
} sandbox_ending;

/* One request from its head to its answer. */
typedef struct sandbox_exchange {
    sandbox_request request;
    sandbox_service service; /* SANDBOX_SERVICES: neither */
    segmo__buf wire;         /* the body as it came */
    size_t wire_len;         /* also what was too much to keep */
    int64_t reset_after;     /* bytes of the body; -1: not */
    int decided;
    sandbox_ending ending;
    int64_t latency_ms;
    int64_t cut_after; /* bytes of the answer */
    sandbox_verdict verdict;
    sandbox_delay delay;
    struct sandbox_exchange *next; /* in the list of idle ones */
} sandbox_exchange;

/* What is remembered of a connection: which services it has spoken to. */
typedef struct sandbox_speaker {
    int spoke[SANDBOX_SERVICES];
} sandbox_speaker;

struct sandbox_server {
    sandbox_setup setup;
    struct MHD_Daemon *daemon;
    sandbox_delays *delays;
    sandbox_exchange *idle;
    segmo__buf inflated;
    segmo__buf seqs;
};

/* ---- exchanges ---- */

static sandbox_exchange *take_exchange(sandbox_server *server)
{
    sandbox_exchange *exchange = server->idle;

    if (exchange) {
        server->idle = exchange->next;
        return exchange;
    }
    exchange = segmo__zalloc(sizeof *exchange);
    if (!exchange)
        return NULL;
    segmo__buf_init(&exchange->wire, BODY_CEILING);
    sandbox_verdict_init(&exchange->verdict);
    return exchange;
}

static void give_back(sandbox_server *server, sandbox_exchange *exchange)
{
    if (exchange->wire.cap > KEPT_BODY_MAX)
        segmo__buf_free(&exchange->wire);
    if (exchange->verdict.answer.cap > KEPT_BODY_MAX)
        segmo__buf_free(&exchange->verdict.answer);
    exchange->next = server->idle;
    server->idle = exchange;
}

static void free_exchanges(sandbox_server *server)
{
    while (server->idle) {
        sandbox_exchange *exchange = server->idle;

        server->idle = exchange->next;
        segmo__buf_free(&exchange->wire);
        sandbox_verdict_free(&exchange->verdict);
        segmo__free(exchange);
    }
}

static sandbox_service service_of(const char *path)
{
    if (sandbox_segment_owns(path))
        return SANDBOX_SEGMENT;
    return sandbox_moengage_owns(path) ? SANDBOX_MOENGAGE : SANDBOX_SERVICES;
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static const char *query(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
}

static void note_speaker(sandbox_server *server, struct MHD_Connection *connection,
                         sandbox_service service)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    sandbox_speaker *speaker = info ? info->socket_context : NULL;

    if (!speaker || speaker->spoke[service])
        return;
    speaker->spoke[service] = 1;
    sandbox_ledger_speaker(server->setup.ledger, service);
}

static sandbox_exchange *begin(sandbox_server *server, struct MHD_Connection *connection,
                               const char *path, const char *method)
{
    sandbox_exchange *exchange = take_exchange(server);
    const char *app_id;

    if (!exchange)
        return NULL;
    app_id = query(connection, "app_id");
    exchange->request =
        (sandbox_request){.method = method,
                          .path = path,
                          .authorization = header(connection, "Authorization"),
                          .content_type = header(connection, "Content-Type"),
                          .content_encoding = header(connection, "Content-Encoding"),
                          .app_key = header(connection, "MOE-APPKEY"),
                          .app_id = app_id ? app_id : query(connection, "appId")};
    exchange->service = service_of(path);
    exchange->wire_len = 0;
    exchange->reset_after = -1;
    exchange->decided = 0;
    exchange->ending = ENDS_ANSWERED;
    exchange->latency_ms = 0;
    segmo__buf_clear(&exchange->wire);
    sandbox_verdict_clear(&exchange->verdict);
    if (exchange->service < SANDBOX_SERVICES) {
        note_speaker(server, connection, exchange->service);
        exchange->reset_after = sandbox_script_reset_after(server->setup.script, exchange->service);
    }
    return exchange;
}

/* ---- bodies ---- */

static void read_body(sandbox_server *server, sandbox_exchange *exchange)
{
    sandbox_request *request = &exchange->request;
    const char *encoding = request->content_encoding;

    request->body = segmo__buf_slice(&exchange->wire);
    if (!request->body.at || exchange->wire.failed)
        request->body = segmo__slice_of("");
    if (exchange->wire.failed) {
        request->body_state = SANDBOX_BODY_OVERSIZED;
    } else if (encoding && strcmp(encoding, "gzip") == 0) {
        inflated how = inflate_gzip(request->body, &server->inflated);

        request->body_state = how == INFLATED            ? SANDBOX_BODY_READ
                              : how == INFLATE_TOO_LARGE ? SANDBOX_BODY_OVERSIZED
                                                         : SANDBOX_BODY_DAMAGED;
        request->body = how == INFLATED ? segmo__buf_slice(&server->inflated) : segmo__slice_of("");
    } else if (encoding && strcmp(encoding, "identity") != 0) {
        request->body_state = SANDBOX_BODY_UNREADABLE;
    }
}

/* ---- the sandbox's own paths ---- */

static void serve_stats(sandbox_server *server, sandbox_exchange *exchange,
                        struct MHD_Connection *connection)
{
    (void)connection;
    sandbox_ledger_stats(server->setup.ledger, &exchange->verdict.answer);
}

static void serve_messages(sandbox_server *server, sandbox_exchange *exchange,
                           struct MHD_Connection *connection)
{
    const char *limit = query(connection, "limit");

    sandbox_ledger_messages(server->setup.ledger,
                            limit ? strtoul(limit, NULL, 10) : MESSAGES_DEFAULT,
                            &exchange->verdict.answer);
}

static void serve_reset(sandbox_server *server, sandbox_exchange *exchange,
                        struct MHD_Connection *connection)
{
    (void)connection;
    sandbox_ledger_reset(server->setup.ledger);
    sandbox_moengage_reset();
    sandbox_delays_release(server->delays);
    segmo__buf_add_lit(&exchange->verdict.answer, "{\"success\":true}");
}

static void serve_script(sandbox_server *server, sandbox_exchange *exchange,
                         struct MHD_Connection *connection)
{
    segmo_error *error = NULL;

    (void)connection;
    if (sandbox_script_load(server->setup.script, exchange->request.body, &error) == SEGMO_OK) {
        sandbox_delays_release(server->delays);
        segmo__buf_add_lit(&exchange->verdict.answer, "{\"success\":true}");
        return;
    }
    sandbox_refuse_segment(&exchange->verdict, 400, "bad_script", NULL, segmo_error_message(error));
    segmo_error_free(error);
}

static const struct {
    const char *path, *method;
    void (*serve)(sandbox_server *server, sandbox_exchange *exchange,
                  struct MHD_Connection *connection);
} own_paths[] = {{"/stats", "GET", serve_stats},
                 {"/messages", "GET", serve_messages},
                 {"/reset", "POST", serve_reset},
                 {"/script", "POST", serve_script}};

/* 0 when the path is none of the sandbox's own. */
static int serve_own(sandbox_server *server, sandbox_exchange *exchange,
                     struct MHD_Connection *connection)
{
    for (size_t i = 0; i < sizeof own_paths / sizeof own_paths[0]; i++) {
        if (strcmp(own_paths[i].path, exchange->request.path) != 0)
            continue;
        if (strcmp(own_paths[i].method, exchange->request.method) == 0) {
            own_paths[i].serve(server, exchange, connection);
            return 1;
        }
        sandbox_refuse_segment(&exchange->verdict, 405, "method_not_allowed", NULL,
                               "the method is not allowed here");
        exchange->verdict.allow = own_paths[i].method;
        return 1;
    }
    return 0;
}

static void refuse_path(sandbox_server *server, sandbox_exchange *exchange)
{
    sandbox_ledger_unknown_path(server->setup.ledger);
    exchange->verdict.status = 404;
    segmo__buf_add_lit(&exchange->verdict.answer,
                       "{\"success\":false,\"status\":\"fail\",\"code\":\"not_found\","
                       "\"message\":\"Resource not found.\",\"error\":\"Resource not found.\"}");
}

/* ---- judging and failing ---- */

static void count(sandbox_server *server, sandbox_exchange *exchange)
{
    size_t messages = sandbox_count(exchange->service, exchange->request.body, &server->seqs);

    sandbox_ledger_counted(server->setup.ledger, exchange->service, messages, &server->seqs);
    segmo__buf_add_lit(&exchange->verdict.answer, "{\"success\":true,\"status\":\"success\"}");
}

static void judge(sandbox_server *server, sandbox_exchange *exchange)
{
    if (server->setup.count_only) {
        count(server, exchange);
        return;
    }
    if (exchange->service == SANDBOX_SEGMENT)
        sandbox_segment_judge(&exchange->verdict, &exchange->request, &server->setup.segment);
    else
        sandbox_moengage_judge(&exchange->verdict, &exchange->request, &server->setup.moengage);
    sandbox_ledger_judged(server->setup.ledger, exchange->service, &exchange->verdict);
}

/* The type that MoEngage's errors carry for a status. */
static const char *moengage_type(int status)
{
    static const struct {
        int status;
        const char *type;
    } types[] = {{400, "InvalidParams"},     {401, "Authentication required"},
                 {403, "Account Suspended"}, {413, "PayloadTooLarge"},
                 {415, "MediaTypeError"},    {429, "RateLimitError"}};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].status == status)
            return types[i].type;
    return status < 500 ? "ClientError" : "ServerError";
}

static void answer_scripted(sandbox_exchange *exchange, const sandbox_rule *rule)
{
    sandbox_verdict *verdict = &exchange->verdict;

    if (exchange->service == SANDBOX_SEGMENT)
        sandbox_refuse_segment(verdict, rule->status, "scripted", NULL, "the script says so");
    else
        sandbox_refuse_moengage(verdict, rule->status, moengage_type(rule->status), NULL,
                                "the script says so");
}

/* A good status takes the messages; only what it says may be scripted. */
static void play_status(sandbox_server *server, sandbox_exchange *exchange,
                        const sandbox_rule *rule)
{
    sandbox_verdict *verdict = &exchange->verdict;

    sandbox_ledger_scripted(server->setup.ledger, exchange->service, "status");
    if (rule->status < 300) {
        judge(server, exchange);
        if (verdict->reason)
            return;
        verdict->status = rule->status;
    } else {
        answer_scripted(exchange, rule);
    }
    verdict->retry_after_s = rule->retry_after_s;
    if (rule->body) {
        segmo__buf_clear(&verdict->answer);
        segmo__buf_add_str(&verdict->answer, rule->body);
    }
}

static void play(sandbox_server *server, sandbox_exchange *exchange, const sandbox_rule *rule)
{
    if (rule->never) {
        exchange->ending = ENDS_NEVER;
        sandbox_ledger_scripted(server->setup.ledger, exchange->service, "never");
    } else if (rule->reset_answer_after >= 0) {
        exchange->ending = ENDS_CUT;
        exchange->cut_after = rule->reset_answer_after;
        sandbox_ledger_scripted(server->setup.ledger, exchange->service, "reset_answer");
        judge(server, exchange);
    } else {
        play_status(server, exchange, rule);
    }
}

static void serve(sandbox_server *server, sandbox_exchange *exchange)
{
    sandbox_ledger *ledger = server->setup.ledger;
    sandbox_cue cue =
        sandbox_script_cue(server->setup.script, exchange->service, exchange->request.body);

    sandbox_ledger_request(ledger, exchange->service, exchange->wire_len,
                           exchange->request.body.len);
    exchange->latency_ms = cue.latency_ms;
    if (cue.latency_ms > 0)
        sandbox_ledger_scripted(ledger, exchange->service, "latency");
    if (cue.failure)
        play(server, exchange, cue.failure);
    else
        judge(server, exchange);
    if (exchange->ending == ENDS_ANSWERED)
        sandbox_ledger_answered(ledger, exchange->service, exchange->verdict.status);
}

static void decide(sandbox_server *server, sandbox_exchange *exchange,
                   struct MHD_Connection *connection)
{
    exchange->decided = 1;
    read_body(server, exchange);
    if (exchange->service < SANDBOX_SERVICES)
        serve(server, exchange);
    else if (!serve_own(server, exchange, connection))
        refuse_path(server, exchange);
}

/* ---- what the HTTP library calls ---- */

static enum MHD_Result finish(sandbox_exchange *exchange, struct MHD_Connection *connection)
{
    switch (exchange->ending) {
    case ENDS_NEVER:
        return sandbox_answer_reset(connection);
    case ENDS_CUT:
        return sandbox_answer_cut(&exchange->verdict, exchange->cut_after, connection);
    default:
        return sandbox_answer_whole(&exchange->verdict, connection);
    }
}

static enum MHD_Result take_part(sandbox_server *server, sandbox_exchange *exchange,
                                 struct MHD_Connection *connection, const char *bytes, size_t len)
{
    exchange->wire_len += len;
    segmo__buf_add(&exchange->wire, bytes, len);
    if (exchange->reset_after < 0 || (int64_t)exchange->wire_len < exchange->reset_after)
        return MHD_YES;
    sandbox_ledger_request(server->setup.ledger, exchange->service, exchange->wire_len, 0);
    sandbox_ledger_scripted(server->setup.ledger, exchange->service, "reset_request");
    return sandbox_answer_reset(connection);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *len, void **state)
{
    sandbox_server *server = arg;
    sandbox_exchange *exchange = *state;
    int64_t wait_ms;

    (void)version;
    if (!exchange) {
        *state = begin(server, connection, path, method);
        return *state ? take_part(server, *state, connection, "", 0) : MHD_NO;
    }
    if (*len > 0) {
        size_t taken = *len;

        *len = 0;
        return take_part(server, exchange, connection, bytes, taken);
    }
    if (exchange->decided)
        return finish(exchange, connection);
    decide(server, exchange, connection);
    wait_ms = exchange->ending == ENDS_NEVER ? SANDBOX_FOR_EVER : exchange->latency_ms;
    if (wait_ms > 0 && sandbox_delays_add(server->delays, &exchange->delay, connection, wait_ms))
        return MHD_YES;
    return finish(exchange, connection);
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    (void)connection;
    (void)code;
    if (*state)
        give_back(arg, *state);
    *state = NULL;
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    sandbox_server *server = arg;
    int opened = code == MHD_CONNECTION_NOTIFY_STARTED;

    (void)connection;
    sandbox_ledger_connection(server->setup.ledger, opened);
    if (opened) {
        *context = segmo__zalloc(sizeof(sandbox_speaker));
    } else {
        segmo__free(*context);
        *context = NULL;
    }
}

/* ---- life ---- */

static struct MHD_Daemon *start_daemon(sandbox_server *server)
{
    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
                            on_request, server, MHD_OPTION_SOCK_ADDR,
                            (struct sockaddr *)&server->setup.address, MHD_OPTION_NOTIFY_COMPLETED,
                            on_completed, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
                            server, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                            MHD_OPTION_LISTEN_BACKLOG_SIZE, (unsigned)BACKLOG, MHD_OPTION_END);
}

sandbox_server *sandbox_server_start(const sandbox_setup *setup)
{
    sandbox_server *server = segmo__zalloc(sizeof *server);
    int code;

    if (!server)
        return NULL;
    server->setup = *setup;
    segmo__buf_init(&server->inflated, BODY_CEILING);
    segmo__buf_init(&server->seqs, BODY_CEILING);
    sandbox_moengage_reset();
    server->delays = sandbox_delays_start();
    if (server->delays)
        server->daemon = start_daemon(server);
    if (server->daemon)
        return server;
    code = errno;
    sandbox_server_stop(server);
    errno = code;
    return NULL;
}

int sandbox_server_port(const sandbox_server *server)
{
    return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void sandbox_server_stop(sandbox_server *server)
{
    if (server->delays)
        sandbox_delays_stop(server->delays);
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    sandbox_delays_free(server->delays);
    free_exchanges(server);
    segmo__buf_free(&server->inflated);
    segmo__buf_free(&server->seqs);
    segmo__free(server);
}
