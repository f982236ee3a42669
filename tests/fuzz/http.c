/* The gateway's reading of HTTP: the same bytes come to the same requests and the same end, however
 * they arrive in pieces. The first byte says how long the pieces are. */
#include "help/fuzz.h"

#include "service/http_chunks.h"
#include "service/http_head.h"

#define BODY_MAX 4096

static int read_chunks(segmo__slice rest, size_t step, segmo__buf *out, size_t *used)
{
    http_chunks chunks = {0};
    char body[BODY_MAX];
    size_t made_all = 0, taken, made;
    int status = HTTP_INCOMPLETE;

    for (*used = 0; *used < rest.len && status == HTTP_INCOMPLETE; *used += taken) {
        size_t part = rest.len - *used < step ? rest.len - *used : step;

        status = http_chunks_read(&chunks, rest.at + *used, part, body + made_all,
                                  sizeof body - made_all, &taken, &made);
        must(taken <= part && made <= taken);
        must(taken == part || status != HTTP_INCOMPLETE);
        made_all += made;
        must(made_all <= sizeof body);
    }
    segmo__buf_add(out, body, made_all);
    return status;
}

static int read_body(const http_head *head, segmo__slice rest, size_t step, segmo__buf *out,
                     size_t *used)
{
    *used = 0;
    if (head->framing == HTTP_CHUNKED)
        return read_chunks(rest, step, out, used);
    if (head->framing == HTTP_NO_BODY)
        return HTTP_COMPLETE;
    if (head->content_length > rest.len)
        return HTTP_INCOMPLETE;
    *used = (size_t)head->content_length;
    segmo__buf_add(out, rest.at, *used);
    return HTTP_COMPLETE;
}

static void check_slice(segmo__slice slice, segmo__slice within)
{
    must(!slice.at || slice.len == 0 ||
         (slice.at >= within.at && slice.at + slice.len <= within.at + within.len));
    for (size_t i = 0; i < slice.len; i++)
        must(slice.at[i] != '\r' && slice.at[i] != '\n' && slice.at[i] != '\0');
}

static void check_head(const http_head *head, segmo__slice bytes)
{
    must(head->len <= bytes.len && head->len <= HTTP_HEAD_MAX);
    check_slice(head->method, bytes);
    check_slice(head->path, bytes);
    check_slice(head->query, bytes);
    for (int field = 0; field < HTTP_FIELD_COUNT; field++)
        check_slice(head->field[field], bytes);
}

static int read_head(http_head *head, segmo__slice rest, size_t step)
{
    int status = HTTP_INCOMPLETE;

    for (size_t len = 0; status == HTTP_INCOMPLETE && len < rest.len;) {
        len = len + step < rest.len ? len + step : rest.len;
        status = http_head_parse(head, (segmo__slice){rest.at, len});
    }
    if (status == HTTP_COMPLETE)
        check_head(head, rest);
    return status;
}

static void read_stream(segmo__slice rest, size_t step, segmo__buf *out)
{
    http_head head;
    size_t used;
    int status = HTTP_COMPLETE;

    while (rest.len > 0 && status == HTTP_COMPLETE) {
        status = read_head(&head, rest, step);
        if (status == HTTP_COMPLETE) {
            segmo__buf_add_slice(out, head.method);
            segmo__buf_add_slice(out, head.path);
            segmo__buf_add_slice(out, head.query);
            segmo__buf_addf(out, " %d ", head.keep_alive);
            rest = (segmo__slice){rest.at + head.len, rest.len - head.len};
            status = read_body(&head, rest, step, out, &used);
            rest = (segmo__slice){rest.at + used, rest.len - used};
        }
        segmo__buf_addf(out, "\n%d ", status);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    segmo__slice input = fuzz_slice(data, size);
    size_t step = 1 + fuzz_choice(&input);
    segmo__buf whole, pieces;

    segmo__buf_init(&whole, 4u << 20);
    segmo__buf_init(&pieces, 4u << 20);
    read_stream(input, input.len + 1, &whole);
    read_stream(input, step, &pieces);
    must(fuzz_same(segmo__buf_slice(&whole), segmo__buf_slice(&pieces)));
    segmo__buf_free(&whole);
    segmo__buf_free(&pieces);
    return 0;
}
