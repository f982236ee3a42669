#include "deliver/http_failure.h"

/* What the proxy answered to CONNECT; 0: it was not asked, or did not answer. */
static long connect_status(CURL *easy)
{
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status);
    return status;
}

/* Trouble that waiting does not heal. Not among it: a name that cannot be resolved, which is what
 * an outage of the network looks like, and CURLE_UNSUPPORTED_PROTOCOL, which by now (the URL was
 * checked) means that something answered that is not HTTP. */
static int is_config_error(CURL *easy, CURLcode code)
{
    switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CIPHER:
        return 1;
    default:
        return connect_status(easy) == 407;
    }
}

static segmo__http_cause cause_of(CURL *easy, CURLcode code)
{
    if (connect_status(easy) >= 300)
        return SEGMO__HTTP_PROXY;
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return SEGMO__HTTP_NAME;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
        return SEGMO__HTTP_PROXY;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return SEGMO__HTTP_CERTIFICATE;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
        return SEGMO__HTTP_TLS;
    case CURLE_OPERATION_TIMEDOUT:
        return SEGMO__HTTP_TIMEOUT;
    case CURLE_COULDNT_CONNECT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        return SEGMO__HTTP_CONNECTION;
    default:
        return SEGMO__HTTP_OTHER;
    }
}

/* libcurl quotes a proxy that it cannot use whole, with its password. */
static int names_the_proxy(const char *words)
{
    return strncmp(words, "Unsupported proxy", strlen("Unsupported proxy")) == 0;
}

void segmo__http_failure_tell(segmo__http_answer *answer, CURL *easy, CURLcode code,
                              const char *words, int address_refused)
{
    answer->cause = cause_of(easy, code);
    answer->config_error = is_config_error(easy, code);
    if (address_refused) {
        answer->cause = SEGMO__HTTP_OTHER;
        answer->config_error = 1;
        answer->error = "plain http:// reached an address of another machine; use https://";
    } else if (names_the_proxy(words)) {
        answer->cause = SEGMO__HTTP_PROXY;
        answer->config_error = 1;
        answer->error = "the proxy's address cannot be used; correct it";
    } else if (code == CURLE_OK) {
        answer->error = "the answer broke off within its headers";
    } else {
        answer->error = words[0] ? words : curl_easy_strerror(code);
    }
}
