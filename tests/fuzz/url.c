/* URLs and addresses: what options accept is either refused later with words or has a host; what
 * would cross the network readable never passes. */
#include "help/fuzz.h"

#include "base/mem.h"
#include "deliver/http_url.h"
#include "route/host.h"

static void check_url(const char *url)
{
    segmo__http_url strict, lenient;
    segmo_error *error = NULL;
    int status = segmo__http_url_read(&strict, url, 0, &error);

    must(status == SEGMO_OK || (status == SEGMO_ERR_OPTION && *segmo_error_message(error)));
    segmo_error_free(error);
    if (status != SEGMO_OK)
        return;
    must(strict.is_https || strict.is_loopback);
    must(!strpbrk(url, "\r\n \t"));
    must(segmo__http_url_read(&lenient, url, 1, NULL) == SEGMO_OK);
    must(lenient.authority == strict.authority);
}

typedef int host_fn(segmo__buf *out, const char *text, const char *field, segmo_error **err);

/* A base URL that was accepted is accepted again. */
static void check_host(host_fn *host, const char *text)
{
    segmo__buf once, twice;
    segmo_error *error = NULL;
    char *url;
    int status;

    segmo__buf_init(&once, 1u << 20);
    segmo__buf_init(&twice, 1u << 20);
    status = host(&once, text, "segment.host", &error);
    must(status == SEGMO_OK || (status == SEGMO_ERR_OPTION && *segmo_error_message(error)));
    segmo_error_free(error);
    if (status != SEGMO_OK) {
        segmo__buf_free(&once);
        return;
    }
    url = segmo__strndup(once.data, once.len);
    must(url != NULL);
    must(strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0);
    must(!strpbrk(url, "\r\n \t@"));
    must(host(&twice, url, "segment.host", NULL) == SEGMO_OK);
    segmo__host_is_exposed(url);
    segmo__free(url);
    segmo__buf_free(&once);
    segmo__buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = segmo__strndup((const char *)data, size);

    must(text != NULL);
    check_url(text);
    check_host(segmo__host_segment, text);
    check_host(segmo__host_moengage, text);
    segmo__free(text);
    return 0;
}
