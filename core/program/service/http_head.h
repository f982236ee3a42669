/* The head of a request, read strictly: a pure function over bytes.
 *
 * Whatever two readers could take differently is refused instead of guessed at, because a proxy in
 * front may have guessed otherwise: lines that end in a bare LF, folded lines, a blank before a
 * colon, two lengths, a length beside chunks, control characters. */
#ifndef SEGMO_SERVICE_HTTP_HEAD_H
#define SEGMO_SERVICE_HTTP_HEAD_H

#include "base/buf.h"

#define HTTP_HEAD_MAX   16384 /* bytes of request line and fields together */
#define HTTP_FIELDS_MAX 100

typedef enum http_framing { HTTP_NO_BODY, HTTP_LENGTH, HTTP_CHUNKED } http_framing;

/* The fields that the gateway knows. Those above HTTP_CONNECTION may stand once; of the others the
 * last one counts, but any "close" in Connection does. */
typedef enum http_field {
    HTTP_HOST,
    HTTP_CONTENT_LENGTH,
    HTTP_TRANSFER_ENCODING,
    HTTP_CONTENT_ENCODING,
    HTTP_AUTHORIZATION,
    HTTP_API_KEY,
    HTTP_ORIGIN,
    HTTP_EXPECT,
    HTTP_CONNECTION,
    HTTP_FORWARDED_FOR,
    HTTP_FORWARDED_PROTO,
    HTTP_COOKIE,
    HTTP_FETCH_SITE,
    HTTP_PAGE_TOKEN,
    HTTP_FIELD_COUNT
} http_field;

typedef struct http_head {
    segmo__slice method;
    segmo__slice path;                    /* as sent, without the query */
    segmo__slice query;                   /* behind the question mark; length 0: none */
    segmo__slice field[HTTP_FIELD_COUNT]; /* without blanks around; `at` is NULL when absent */
    http_framing framing;
    uint64_t content_length;
    int keep_alive;
    int expects_continue;
    size_t len; /* bytes up to and with the empty line */
} http_head;

#define HTTP_INCOMPLETE 0
#define HTTP_COMPLETE   1

/* HTTP_COMPLETE and `*out`, whose slices point into `bytes`; HTTP_INCOMPLETE when the empty line
 * has not come and nothing is wrong so far; or the status to refuse with, after which the
 * connection has to be closed: where the next request would begin is not known. */
int http_head_parse(http_head *out, segmo__slice bytes);

static inline int http_has(const http_head *head, http_field field)
{
    return head->field[field].at != NULL;
}
/* Is `text` (lower case) the slice, whatever the case of its letters? */
int http_means(segmo__slice slice, const char *text);

#endif
