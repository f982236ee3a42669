#include "page_guard.h"

#include "base/clock.h"
#include "base/id.h"
#include "gateway_parts.h"

#define SESSION_MS      (12ll * 3600 * 1000)
#define WRONG_A_MINUTE  10
#define COOKIE          "segmo_page"
#define COOKIE_PLACE    "; Path=/debug; HttpOnly; SameSite=Strict"
#define SESSION_SECONDS "43200"

void page_random(char out[PAGE_TOKEN_LEN + 1])
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint64_t bits = 0;

    for (size_t i = 0; i < PAGE_TOKEN_LEN; i++) {
        if (i % 10 == 0)
            bits = segmo__id_random();
        out[i] = letters[bits & 63];
        bits >>= 6;
    }
    out[PAGE_TOKEN_LEN] = '\0';
}

static int is_same(const char token[PAGE_TOKEN_LEN + 1], segmo__slice text)
{
    return token[0] && segmo__same_secret(segmo__slice_of(token), text);
}

/* ---- by name and address ---- */

static segmo__slice without_port(segmo__slice host)
{
    size_t len = host.len;

    while (len > 0 && host.at[len - 1] >= '0' && host.at[len - 1] <= '9')
        len--;
    if (len > 0 && len < host.len && host.at[len - 1] == ':')
        host.len = len - 1;
    return host;
}

static int names_this_machine(segmo__slice host)
{
    segmo__slice name = without_port(host);

    return http_means(name, "localhost") || segmo__slice_is(name, "127.0.0.1") ||
           segmo__slice_is(name, "[::1]");
}

static int is_listed(const char *hosts, segmo__slice host)
{
    const char *at = hosts;

    while (at && *at) {
        size_t len = strcspn(at, " ,");

        if (len > 0 && len == host.len && memcmp(at, host.at, len) == 0)
            return 1;
        at += len + (at[len] != '\0');
    }
    return 0;
}

static int is_this_machine(const char *peer)
{
    return strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0 || strcmp(peer, "unix") == 0;
}

const char *page_guard_refuses(const page_guard *guard, const struct gateway *gateway,
                               const http_request *request)
{
    segmo__slice host = request->head->field[HTTP_HOST];
    segmo__slice site = request->head->field[HTTP_FETCH_SITE];
    char sender[HTTP_PEER_LEN];
    int is_proxied;

    sender_address(gateway, request, sender);
    is_proxied = http_has(request->head, HTTP_FORWARDED_FOR) && strcmp(sender, request->peer) == 0;
    if (site.len > 0 && !http_means(site, "same-origin") && !http_means(site, "none"))
        return "another web site asks for it";
    if (is_listed(guard->hosts, host))
        return NULL;
    if (!names_this_machine(host))
        return "gateway.page_hosts does not have this name";
    if (is_proxied)
        return "it came through a proxy that gateway.trusted_proxies does not name";
    return is_this_machine(sender) ? NULL : "only this machine may open it";
}

/* ---- sessions ---- */

static segmo__slice cookie_of(const http_head *head)
{
    segmo__slice rest = head->field[HTTP_COOKIE];
    const size_t name = sizeof COOKIE - 1;

    while (rest.len > 0) {
        const char *end = memchr(rest.at, ';', rest.len);
        size_t len = end ? (size_t)(end - rest.at) : rest.len;

        if (len > name && memcmp(rest.at, COOKIE, name) == 0 && rest.at[name] == '=')
            return (segmo__slice){rest.at + name + 1, len - name - 1};
        len += end != NULL;
        rest.at += len;
        rest.len -= len;
        while (rest.len > 0 && *rest.at == ' ')
            rest.at++, rest.len--;
    }
    return (segmo__slice){"", 0};
}

page_session *page_guard_session(page_guard *guard, const http_head *head)
{
    segmo__slice cookie = cookie_of(head);
    int64_t now = segmo__clock_mono_ms();
    page_session *found = NULL;

    for (size_t i = 0; i < PAGE_SESSIONS; i++) {
        page_session *session = &guard->sessions[i];

        if (is_same(session->id, cookie) && now < session->ends_ms)
            found = session;
    }
    return found;
}

static int is_own_origin(const http_head *head)
{
    segmo__slice origin = head->field[HTTP_ORIGIN], host = head->field[HTTP_HOST];
    size_t scheme = origin.len > 8 && memcmp(origin.at, "https://", 8) == 0  ? 8
                    : origin.len > 7 && memcmp(origin.at, "http://", 7) == 0 ? 7
                                                                             : 0;

    return scheme > 0 && origin.len - scheme == host.len &&
           memcmp(origin.at + scheme, host.at, host.len) == 0;
}

const char *page_guard_refuses_action(const http_head *head, const page_session *session)
{
    segmo__slice token = head->field[HTTP_PAGE_TOKEN];

    if (!is_own_origin(head))
        return "Origin is not that of the page";
    if (session ? !is_same(session->action, token) : token.len == 0)
        return "X-Segmo-Page is missing or wrong";
    return NULL;
}

static page_session *free_session(page_guard *guard)
{
    page_session *oldest = &guard->sessions[0];

    for (size_t i = 1; i < PAGE_SESSIONS; i++)
        if (guard->sessions[i].ends_ms < oldest->ends_ms)
            oldest = &guard->sessions[i];
    return oldest;
}

int page_guard_is_tired(page_guard *guard)
{
    int64_t minute = segmo__clock_mono_ms() / 60000;

    if (guard->minute != minute)
        guard->wrong = 0;
    guard->minute = minute;
    return guard->wrong >= WRONG_A_MINUTE;
}

page_session *page_guard_enter(page_guard *guard, const struct gateway *gateway, segmo__slice token)
{
    int is_right = guard->token[0] ? is_same(guard->token, token)
                                   : segmo_config_secret_is(gateway->config, "gateway.page_token",
                                                            token.at, token.len, NULL) == 1;
    page_session *session;

    if (!is_right) {
        guard->wrong++;
        return NULL;
    }
    session = free_session(guard);
    page_random(session->id);
    page_random(session->action);
    session->ends_ms = segmo__clock_mono_ms() + SESSION_MS;
    return session;
}

void page_guard_put_cookie(http_answer *answer, const struct gateway *gateway,
                           const http_request *request, const page_session *session)
{
    char sender[HTTP_PEER_LEN];
    int is_secure;

    sender_address(gateway, request, sender);
    is_secure = strcmp(sender, request->peer) != 0 && /* a trusted proxy says so */
                http_means(request->head->field[HTTP_FORWARDED_PROTO], "https");
    segmo__buf_addf(&answer->fields, "Set-Cookie: " COOKIE "=%s" COOKIE_PLACE "; Max-Age=%s%s\r\n",
                    session ? session->id : "", session ? SESSION_SECONDS : "0",
                    is_secure ? "; Secure" : "");
}
