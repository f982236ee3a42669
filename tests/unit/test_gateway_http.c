/* The gateway's reading of HTTP: case files of whole byte streams, each fed at once, byte by byte
 * and cut at every place; and streams with bytes changed at random, which must never be read
 * differently for arriving in pieces. */
#include "base/buf.h"
#include "base/json.h"
#include "vectors.h"

#include "service/http_chunks.h"
#include "service/http_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define STREAM_MAX (1u << 20)
#define BODY_MAX   4096

/* What a stream comes to: "METHOD path?query BODY\n" for each request, then how it ends. */
static void read_chunked(const char *in, size_t len, size_t step, segmo__buf *out, int *status,
                         size_t *used)
{
    http_chunks chunks = {0};
    char body[BODY_MAX];
    size_t made_all = 0, taken, made;

    *used = 0;
    *status = HTTP_INCOMPLETE;
    while (*used < len && *status == HTTP_INCOMPLETE) {
        size_t part = len - *used < step ? len - *used : step;

        *status = http_chunks_read(&chunks, in + *used, part, body + made_all,
                                   sizeof body - made_all, &taken, &made);
        *used += taken;
        made_all += made;
        assert_true(made_all <= sizeof body);
    }
    segmo__buf_add(out, body, made_all);
}

static int read_body(segmo__slice rest, const http_head *head, size_t step, segmo__buf *out,
                     size_t *used)
{
    int status = HTTP_COMPLETE;

    *used = 0;
    if (head->framing == HTTP_CHUNKED) {
        read_chunked(rest.at, rest.len, step, out, &status, used);
    } else if (head->framing == HTTP_LENGTH) {
        if (head->content_length > BODY_MAX)
            return 413;
        if (head->content_length > rest.len)
            return HTTP_INCOMPLETE;
        *used = (size_t)head->content_length;
        segmo__buf_add(out, rest.at, *used);
    }
    return status;
}

static int read_head_in_steps(http_head *head, segmo__slice rest, size_t step)
{
    int parsed = HTTP_INCOMPLETE;

    for (size_t len = 0; parsed == HTTP_INCOMPLETE && len < rest.len;) {
        len = len + step < rest.len ? len + step : rest.len;
        parsed = http_head_parse(head, (segmo__slice){rest.at, len});
    }
    return parsed;
}

static void read_stream(segmo__slice bytes, size_t step, segmo__buf *out)
{
    segmo__slice rest = bytes;

    segmo__buf_clear(out);
    while (rest.len > 0) {
        http_head head;
        size_t used = 0;
        int status = read_head_in_steps(&head, rest, step);

        if (status == HTTP_COMPLETE) {
            segmo__buf_addf(out, "%.*s %.*s %.*s ", (int)head.method.len, head.method.at,
                            (int)head.path.len, head.path.at, (int)head.query.len, head.query.at);
            rest = (segmo__slice){rest.at + head.len, rest.len - head.len};
            status = read_body(rest, &head, step, out, &used);
            segmo__buf_addf(out, " %s\n", head.keep_alive ? "keep" : "close");
        }
        if (status != HTTP_COMPLETE) {
            segmo__buf_addf(out, "%d\n", status);
            return;
        }
        rest = (segmo__slice){rest.at + used, rest.len - used};
    }
    segmo__buf_add_lit(out, "end\n");
}

/* ---- case files ---- */

static segmo__buf *latin1(segmo__slice text, segmo__buf *out)
{
    segmo__buf scratch;

    segmo__buf_init(&scratch, STREAM_MAX);
    text = segmo__json_text(text, &scratch);
    segmo__buf_clear(out);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (c >= 0xc0 && i + 1 < text.len)
            c = (unsigned char)((c & 3) << 6 | (text.at[++i] & 0x3f));
        segmo__buf_add_char(out, (char)c);
    }
    segmo__buf_free(&scratch);
    return out;
}

static void repeat(const char *name, segmo__slice vector, segmo__buf *bytes)
{
    segmo__slice member, count;
    segmo__buf part;

    if (!segmo__json_member(vector, "repeat", &member))
        return;
    count = vectors_member(name, vector, "times");
    segmo__buf_init(&part, STREAM_MAX);
    latin1(member, &part);
    for (long i = strtol(count.at, NULL, 10); i > 0; i--)
        segmo__buf_add_slice(bytes, segmo__buf_slice(&part));
    segmo__buf_free(&part);
    if (segmo__json_member(vector, "then", &member)) {
        segmo__buf_init(&part, STREAM_MAX);
        segmo__buf_add_slice(bytes, segmo__buf_slice(latin1(member, &part)));
        segmo__buf_free(&part);
    }
}

static void check_case(const char *name, segmo__slice vector)
{
    segmo__slice expected = vectors_member(name, vector, "reads");
    static const size_t steps[] = {STREAM_MAX, 1, 2, 3, 7, 64, 1000};
    segmo__buf bytes, scratch, found;

    segmo__buf_init(&bytes, STREAM_MAX);
    segmo__buf_init(&scratch, STREAM_MAX);
    segmo__buf_init(&found, STREAM_MAX);
    latin1(vectors_member(name, vector, "bytes"), &bytes);
    repeat(name, vector, &bytes);
    expected = segmo__json_text(expected, &scratch);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        read_stream(segmo__buf_slice(&bytes), steps[i], &found);
        if (found.len != expected.len || memcmp(found.data, expected.at, found.len) != 0)
            fail_msg("%s, in steps of %zu: read as\n%.*s, not as\n%.*s", name, steps[i],
                     (int)found.len, found.data, (int)expected.len, expected.at);
    }
    segmo__buf_free(&bytes);
    segmo__buf_free(&scratch);
    segmo__buf_free(&found);
}

static void every_stream_is_read_as_its_case_says(void **state)
{
    (void)state;
    assert_true(vectors_each("tests/vectors/http", check_case) >= 40);
}

/* ---- at random ---- */

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void bytes_changed_at_random_are_read_alike_in_pieces(void **state)
{
    static const char seed_text[] =
        "POST /v1/batch?a=b HTTP/1.1\r\nHost: a.example:80\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5;x=y\r\nhello\r\n0a\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n"
        "POST /v1/t HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc";
    static const char odd[] = "\r\n :;,\t\0\x7f\xff"
                              "0aF+-chunkedHTTP/1.1";
    uint64_t seed = 0x9e3779b97f4a7c15u;
    segmo__buf whole, pieces;

    (void)state;
    segmo__buf_init(&whole, STREAM_MAX);
    segmo__buf_init(&pieces, STREAM_MAX);
    for (int round = 0; round < 20000; round++) {
        char bytes[sizeof seed_text];
        size_t len = sizeof seed_text - 1;

        memcpy(bytes, seed_text, len);
        for (uint64_t changes = 1 + next_random(&seed) % 4; changes > 0; changes--)
            bytes[next_random(&seed) % len] = odd[next_random(&seed) % (sizeof odd - 1)];
        if (next_random(&seed) % 4 == 0)
            len = 1 + next_random(&seed) % len;
        read_stream((segmo__slice){bytes, len}, STREAM_MAX, &whole);
        read_stream((segmo__slice){bytes, len}, 1 + next_random(&seed) % 9, &pieces);
        if (whole.len != pieces.len || memcmp(whole.data, pieces.data, whole.len) != 0)
            fail_msg("round %d: read as\n%.*s at once, as\n%.*s in pieces", round, (int)whole.len,
                     whole.data, (int)pieces.len, pieces.data);
    }
    segmo__buf_free(&whole);
    segmo__buf_free(&pieces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_stream_is_read_as_its_case_says),
        cmocka_unit_test(bytes_changed_at_random_are_read_alike_in_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
