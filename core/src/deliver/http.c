/* Connections, by libcurl.
 *
 * Easy handles are kept and used again, their options set once. What libcurl gets wrong or leaves
 * open is done here: Retry-After is parsed by ourselves (CURLINFO_RETRY_AFTER of a past date is
 * negative), sockets are known so that a forked child can close them without calling libcurl, and a
 * host that failed several times is looked up and connected to anew.
 *
 * SIGPIPE is never raised: libcurl sends with MSG_NOSIGNAL, for TLS too. */
#include "deliver/http.h"

#include "base/clock.h"
#include "base/mem.h"
#include "deliver/answer_head.h"
#include "deliver/http_failure.h"
#include "deliver/http_url.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTION_LIFETIME_S 3600L /* then certificate and address are checked again */
#define DNS_CACHE_S           60L
#define FAILURES_UNTIL_FRESH  3
#define HOST_SLOTS            64
#define SOCKETS_PER_TRANSFER  4 /* two address families at a time, and closing ones */
#define NO_SOCKET             (-1)

typedef struct transfer {
    struct transfer *next; /* in `idle` or `active` */
    segmo__http *http;
    CURL *easy;
    struct curl_slist *headers;
    segmo__buf body;
    int body_is_cut;
    int loopback_only;   /* plain http: only addresses of this machine may be connected to */
    int address_refused; /* ... and another one was about to be */
    segmo__answer_head head;
    char tls[16];      /* version of the last handshake, "" when not wanted or not known */
    uint8_t *failures; /* of its host */
    void *tag;
    char error[CURL_ERROR_SIZE];
} transfer;

struct segmo__http {
    CURLM *multi;
    transfer *idle;
    transfer *active;
    transfer *answered; /* handed out last: becomes idle at the next call */
    uint32_t in_flight;
    segmo__http_options options;  /* texts are ours */
    uint8_t failures[HOST_SLOTS]; /* transport failures in a row, by hash of scheme, host and port;
                                     hosts that share a slot merely connect anew more often */
    uint32_t socket_slots;
    atomic_int sockets[]; /* read by a forked child */
};

/* ---- libcurl's callbacks ---- */

/* One that finds no slot stays open in a forked child, which is harmless. */
static void note_socket(segmo__http *http, int was, int is)
{
    for (uint32_t i = 0; i < http->socket_slots; i++)
        if (atomic_compare_exchange_strong(&http->sockets[i], &(int){was}, is))
            return;
}

/* The address is judged here, where it is known: a name may resolve to anything. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    transfer *of = arg;
    int fd;

    (void)purpose;
    of->address_refused = of->loopback_only && !segmo__http_url_is_loopback_address(&address->addr);
    if (of->address_refused)
        return CURL_SOCKET_BAD;
    fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    note_socket(of->http, NO_SOCKET, fd);
    return fd;
}

/* Forgotten before it is closed: a child that is forked in between leaves a descriptor open; the
 * other way round it would close one that is somebody else's by then. */
static int close_socket(void *arg, curl_socket_t fd)
{
    note_socket(arg, fd, NO_SOCKET);
    return close(fd);
}

static size_t take_body(char *bytes, size_t one, size_t len, void *arg)
{
    transfer *of = arg;
    size_t room = SEGMO__HTTP_ANSWER_MAX - of->body.len;

    (void)one;
    segmo__buf_add(&of->body, bytes, len < room ? len : room);
    of->body_is_cut = len > room || of->body.failed;
    return of->body_is_cut ? 0 : len; /* 0 ends the transfer: nobody may feed us for ever */
}

static size_t take_header(char *bytes, size_t one, size_t len, void *arg)
{
    transfer *of = arg;

    (void)one;
    segmo__answer_head_line(&of->head, (segmo__slice){bytes, len});
    return len;
}

/* libcurl has no question for the TLS version; it only tells it in its log, as "SSL connection
 * using TLSv1.3 / TLS_AES_256_GCM_SHA384". Behind a proxy with TLS of its own the destination's
 * comes last. */
static int take_log(CURL *easy, curl_infotype type, char *bytes, size_t len, void *arg)
{
    static const char lead[] = "SSL connection using ";
    transfer *of = arg;
    size_t lead_len = sizeof lead - 1, word_len = 0;

    (void)easy;
    if (type != CURLINFO_TEXT || len <= lead_len || memcmp(bytes, lead, lead_len) != 0)
        return 0;
    bytes += lead_len;
    while (word_len < len - lead_len && !strchr(" /\n", bytes[word_len]))
        word_len++;
    if (word_len < sizeof of->tls) {
        memcpy(of->tls, bytes, word_len);
        of->tls[word_len] = '\0';
    }
    return 0;
}

/* ---- transfers ---- */

static void set_safety(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

static void set_connection(CURL *easy, const segmo__http_options *options)
{
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, CONNECTION_LIFETIME_S);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a hanging name server must not hold up the
                                                       other transfers when one times out */
    if (options->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
    if (options->user_agent)
        curl_easy_setopt(easy, CURLOPT_USERAGENT, options->user_agent);
}

static void set_callbacks(transfer *of)
{
    curl_easy_setopt(of->easy, CURLOPT_PRIVATE, of);
    curl_easy_setopt(of->easy, CURLOPT_ERRORBUFFER, of->error);
    curl_easy_setopt(of->easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(of->easy, CURLOPT_WRITEDATA, of);
    curl_easy_setopt(of->easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(of->easy, CURLOPT_HEADERDATA, of);
    curl_easy_setopt(of->easy, CURLOPT_DEBUGFUNCTION, take_log);
    curl_easy_setopt(of->easy, CURLOPT_DEBUGDATA, of);
    curl_easy_setopt(of->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(of->easy, CURLOPT_OPENSOCKETDATA, of);
    curl_easy_setopt(of->easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(of->easy, CURLOPT_CLOSESOCKETDATA, of->http);
}

static transfer *new_transfer(segmo__http *http)
{
    transfer *of = segmo__zalloc(sizeof *of);

    if (!of)
        return NULL;
    of->http = http;
    of->easy = curl_easy_init();
    if (!of->easy) {
        segmo__free(of);
        return NULL;
    }
    segmo__buf_init(&of->body, SEGMO__HTTP_ANSWER_MAX);
    set_safety(of->easy);
    set_connection(of->easy, &http->options);
    set_callbacks(of);
    return of;
}

static void free_transfers(transfer *first)
{
    while (first) {
        transfer *next = first->next;

        curl_easy_cleanup(first->easy);
        curl_slist_free_all(first->headers);
        segmo__buf_free(&first->body);
        segmo__free(first);
        first = next;
    }
}

static transfer *take_idle(segmo__http *http)
{
    transfer *of = http->idle;

    if (!of)
        return new_transfer(http);
    http->idle = of->next;
    return of;
}

static void make_idle(segmo__http *http, transfer *of)
{
    of->next = http->idle;
    http->idle = of;
}

static void unlink_active(segmo__http *http, const transfer *of)
{
    transfer **link = &http->active;

    while (*link != of)
        link = &(*link)->next;
    *link = of->next;
    http->in_flight--;
}

/* What the last answer was read from is free again. */
static void recycle_answered(segmo__http *http)
{
    if (http->answered)
        make_idle(http, http->answered);
    http->answered = NULL;
}

/* ---- requests ---- */

static int add_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (longer)
        *list = longer;
    return longer != NULL;
}

static int add_retry_count(struct curl_slist **list, uint32_t retry_count)
{
    segmo__buf line;
    int added;

    segmo__buf_init(&line, 64);
    segmo__buf_addf(&line, "X-Retry-Count: %u", (unsigned)retry_count);
    segmo__buf_add_char(&line, '\0');
    added = !line.failed && add_header(list, line.data);
    segmo__buf_free(&line);
    return added;
}

static int build_headers(struct curl_slist **list, const segmo__http_request *request)
{
    int whole = 1;

    if (request->method == SEGMO__HTTP_POST)
        whole = add_header(list, "Content-Type: application/json") && add_header(list, "Expect:");
    if (whole && request->gzipped)
        whole = add_header(list, "Content-Encoding: gzip");
    if (whole && request->retry_count > 0)
        whole = add_retry_count(list, request->retry_count);
    for (size_t i = 0; whole && i < SEGMO__HTTP_HEADERS_MAX && request->headers[i]; i++)
        whole = add_header(list, request->headers[i]);
    return whole;
}

static int check_headers(const segmo__http_request *request, segmo_error **err)
{
    for (size_t i = 0; i < SEGMO__HTTP_HEADERS_MAX && request->headers[i]; i++)
        if (strpbrk(request->headers[i], "\r\n") || !strchr(request->headers[i], ':'))
            return segmo__fail(err, SEGMO_ERR_OPTION, NULL,
                               "header %u of the request is no \"Name: value\" line or holds a "
                               "line break; take it out of the options",
                               (unsigned)i + 1);
    return SEGMO_OK;
}

/* The environment's proxy is for other machines. */
static const char *proxy_for(const segmo__http_options *options, const segmo__http_url *parts)
{
    if (!options->proxy && parts->is_loopback)
        return "";
    return options->proxy;
}

/* Each of these options undoes the others, so a kept handle needs no resetting. */
static void set_method(CURL *easy, const segmo__http_request *request)
{
    switch (request->method) {
    case SEGMO__HTTP_POST:
        curl_easy_setopt(easy, CURLOPT_NOBODY, 0L);
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.len > 0 ? request->body.at : "");
        break;
    case SEGMO__HTTP_GET:
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
        break;
    case SEGMO__HTTP_HEAD:
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        break;
    }
}

static int set_request(transfer *of, const segmo__http_request *request,
                       const segmo__http_url *parts)
{
    const segmo__http_options *options = &of->http->options;
    int fresh = *of->failures >= FAILURES_UNTIL_FRESH;

    set_method(of->easy, request);
    curl_easy_setopt(of->easy, CURLOPT_VERBOSE, (long)request->wants_tls);
    curl_easy_setopt(of->easy, CURLOPT_HTTPHEADER, of->headers);
    curl_easy_setopt(of->easy, CURLOPT_FRESH_CONNECT, (long)fresh);
    curl_easy_setopt(of->easy, CURLOPT_DNS_CACHE_TIMEOUT, fresh ? 0L : DNS_CACHE_S);
    return !curl_easy_setopt(of->easy, CURLOPT_URL, request->url) &&
           !curl_easy_setopt(of->easy, CURLOPT_PROXY, proxy_for(options, parts)) &&
           !curl_easy_setopt(of->easy, CURLOPT_USERNAME, request->user) &&
           !curl_easy_setopt(of->easy, CURLOPT_PASSWORD, request->user ? request->password : NULL);
}

static void forget_last_request(transfer *of)
{
    curl_slist_free_all(of->headers);
    of->headers = NULL;
    of->body_is_cut = of->address_refused = 0;
    of->error[0] = of->tls[0] = '\0';
    segmo__buf_clear(&of->body);
    segmo__answer_head_clear(&of->head);
}

int segmo__http_start(segmo__http *http, const segmo__http_request *request, segmo_error **err)
{
    segmo__http_url parts;
    transfer *of;
    int status = segmo__http_url_read(&parts, request->url, http->options.allow_plain_http, err);

    if (status == SEGMO_OK)
        status = check_headers(request, err);
    if (status != SEGMO_OK)
        return status;
    recycle_answered(http);
    of = take_idle(http);
    if (!of)
        return segmo__fail_memory(err);
    forget_last_request(of);
    of->tag = request->tag;
    of->failures = &http->failures[parts.authority % HOST_SLOTS];
    of->loopback_only = !parts.is_https && !http->options.allow_plain_http;
    if (!build_headers(&of->headers, request) || !set_request(of, request, &parts) ||
        curl_multi_add_handle(http->multi, of->easy) != CURLM_OK) {
        make_idle(http, of);
        return segmo__fail_memory(err);
    }
    of->next = http->active;
    http->active = of;
    http->in_flight++;
    return SEGMO_OK;
}

/* ---- answers ---- */

static void read_head(const transfer *of, segmo__http_answer *answer)
{
    int64_t now_ms = segmo__clock_wall_ms();

    answer->server_date_ms = segmo__answer_head_date_ms(&of->head);
    answer->retry_after_ms = segmo__answer_head_retry_after_ms(&of->head, now_ms);
    answer->reset_ms = segmo__answer_head_rate_reset_ms(&of->head, now_ms);
}

static void count_failure(transfer *of, int failed)
{
    if (!failed)
        *of->failures = 0;
    else if (*of->failures < FAILURES_UNTIL_FRESH)
        ++*of->failures;
}

static void fill_answer(transfer *of, CURLcode code, segmo__http_answer *answer)
{
    int answered = (code == CURLE_OK || of->body_is_cut) && of->head.whole;
    curl_off_t latency_us = 0;
    long status = 0;

    *answer =
        (segmo__http_answer){.tag = of->tag, .error = "", .retry_after_ms = -1, .reset_ms = -1};
    curl_easy_getinfo(of->easy, CURLINFO_TOTAL_TIME_T, &latency_us);
    answer->latency_us = latency_us;
    answer->tls = of->tls[0] ? of->tls : NULL;
    count_failure(of, !answered);
    if (!answered) {
        segmo__http_failure_tell(answer, of->easy, code, of->error, of->address_refused);
        return;
    }
    curl_easy_getinfo(of->easy, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    answer->body = segmo__buf_slice(&of->body);
    read_head(of, answer);
}

int segmo__http_next(segmo__http *http, segmo__http_answer *answer)
{
    CURLMsg *message;
    transfer *of;
    int left;

    recycle_answered(http);
    do {
        message = curl_multi_info_read(http->multi, &left);
        if (!message)
            return 0;
    } while (message->msg != CURLMSG_DONE);
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &of);
    fill_answer(of, message->data.result, answer);
    curl_multi_remove_handle(http->multi, of->easy);
    unlink_active(http, of);
    http->answered = of;
    return 1;
}

/* ---- life ---- */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_code;

/* Never cleaned up: the host program may use libcurl too. */
static void init_curl(void)
{
    curl_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}

int segmo__http_check_url(const char *url, int allow_plain_http, segmo_error **err)
{
    segmo__http_url parts;

    return segmo__http_url_read(&parts, url, allow_plain_http, err);
}

static int copy_text(const char **to, const char *from)
{
    *to = segmo__strdup(from);
    return !from || *to;
}

static int copy_options(segmo__http_options *to, const segmo__http_options *from)
{
    *to = *from;
    to->proxy = to->ca_file = to->user_agent = NULL;
    return copy_text(&to->proxy, from->proxy) && copy_text(&to->ca_file, from->ca_file) &&
           copy_text(&to->user_agent, from->user_agent);
}

int segmo__http_open(segmo__http **out, const segmo__http_options *options, segmo_error **err)
{
    uint32_t slots = (options->max_connections + 1) * SOCKETS_PER_TRANSFER;
    segmo__http *http;

    pthread_once(&curl_once, init_curl);
    if (curl_code != CURLE_OK)
        return segmo__fail(err, SEGMO_ERR_UNSUPPORTED, NULL,
                           "libcurl cannot start: %s; check its installation",
                           curl_easy_strerror(curl_code));
    http = segmo__zalloc(sizeof *http + slots * sizeof(atomic_int));
    if (!http)
        return segmo__fail_memory(err);
    http->socket_slots = slots;
    for (uint32_t i = 0; i < slots; i++)
        atomic_init(&http->sockets[i], NO_SOCKET);
    http->multi = curl_multi_init();
    if (!http->multi || !copy_options(&http->options, options)) {
        segmo__http_close(http, 0);
        return segmo__fail_memory(err);
    }
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)options->max_connections);
    curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)options->max_connections);
    curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    *out = http;
    return SEGMO_OK;
}

void segmo__http_close(segmo__http *http, int inherited)
{
    if (!http || inherited)
        return;
    segmo__http_abort(http);
    free_transfers(http->idle);
    curl_multi_cleanup(http->multi);
    segmo__free((char *)http->options.proxy);
    segmo__free((char *)http->options.ca_file);
    segmo__free((char *)http->options.user_agent);
    segmo__free(http);
}

void segmo__http_fork_child(segmo__http *http)
{
    for (uint32_t i = 0; i < http->socket_slots; i++) {
        int fd = atomic_exchange(&http->sockets[i], NO_SOCKET);

        if (fd != NO_SOCKET)
            close(fd);
    }
}

uint32_t segmo__http_in_flight(const segmo__http *http)
{
    return http->in_flight;
}

void segmo__http_run(segmo__http *http, uint32_t timeout_ms)
{
    int running = 0;

    recycle_answered(http);
    curl_multi_perform(http->multi, &running);
    if ((uint32_t)running < http->in_flight)
        return; /* answers wait */
    curl_multi_poll(http->multi, NULL, 0, timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms,
                    NULL);
    curl_multi_perform(http->multi, &running);
}

void segmo__http_wake(segmo__http *http)
{
    curl_multi_wakeup(http->multi);
}

void segmo__http_abort(segmo__http *http)
{
    recycle_answered(http);
    while (http->active) {
        transfer *of = http->active;

        curl_multi_remove_handle(http->multi, of->easy);
        unlink_active(http, of);
        make_idle(http, of);
    }
}

const char *segmo__http_name(void)
{
    return curl_version();
}
