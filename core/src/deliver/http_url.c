/* The only other file that includes libcurl: its URL parser, nothing that makes connections. */
#include "deliver/http_url.h"

#include "base/id.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <string.h>

static int has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7F)
            return 1;
    return 0;
}

static int is_loopback_v4(struct in_addr address)
{
    return ntohl(address.s_addr) >> 24 == 127;
}

int segmo__http_url_is_loopback_address(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return is_loopback_v4(((const struct sockaddr_in *)(const void *)address)->sin_addr);
    return address->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

static int is_loopback_host(const char *host)
{
    struct in_addr v4;

    if (curl_strequal(host, "localhost") || strcmp(host, "[::1]") == 0)
        return 1;
    return inet_pton(AF_INET, host, &v4) == 1 && is_loopback_v4(v4);
}

static int refuse_url(segmo_error **err, const char *why)
{
    return segmo__fail(err, SEGMO_ERR_OPTION, NULL, "the URL %s", why);
}

static uint64_t hash_text(const char *text, uint64_t seed)
{
    return segmo__id_hash(text, strlen(text), seed);
}

static int judge_parts(segmo__http_url *out, const char *scheme, const char *host, const char *port,
                       const char *user, int allow_plain_http, segmo_error **err)
{
    out->is_https = curl_strequal(scheme, "https");
    out->is_loopback = is_loopback_host(host);
    out->authority = hash_text(port, hash_text(host, (uint64_t)out->is_https));
    if (!out->is_https && !curl_strequal(scheme, "http"))
        return refuse_url(err, "must begin with https:// (or http:// for this machine)");
    if (user)
        return refuse_url(err, "must not hold a user or password: set them as options");
    if (!out->is_https && !out->is_loopback && !allow_plain_http)
        return refuse_url(err, "is plain http:// to another machine: use https://, or allow plain "
                               "http where the network is trusted");
    return SEGMO_OK;
}

int segmo__http_url_read(segmo__http_url *out, const char *url, int allow_plain_http,
                         segmo_error **err)
{
    CURLU *handle;
    char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;
    int status;

    if (has_control(url))
        return refuse_url(err, "holds white space, a line break or a control character");
    handle = curl_url();
    if (!handle)
        return segmo__fail_memory(err);
    if (curl_url_set(handle, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) ||
        curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0) ||
        curl_url_get(handle, CURLUPART_HOST, &host, 0)) {
        status = refuse_url(err, "cannot be read: write https://host/path");
        goto done;
    }
    curl_url_get(handle, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    curl_url_get(handle, CURLUPART_USER, &user, 0);
    status = judge_parts(out, scheme, host, port ? port : "", user, allow_plain_http, err);
done:
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(user);
    curl_url_cleanup(handle);
    return status;
}
