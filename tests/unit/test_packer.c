/* The packer: bodies come back compressed, in order, and nothing is lost when it is busy. */
#include "base/clock.h"
#include "base/mem.h"
#include "deliver/packer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#define BODY_MAX (1u << 20)

static const segmo__http_options options = {
    .timeout_ms = 1000, .connect_timeout_ms = 1000, .max_connections = 1, .user_agent = "test"};

typedef struct bench {
    segmo__http *http;
    segmo__packer *packer;
    segmo__buf raw;
} bench;

static int set_up(void **state)
{
    bench *b = calloc(1, sizeof *b);

    *state = b;
    if (!b || segmo__http_open(&b->http, &options, NULL) != SEGMO_OK)
        return -1;
    segmo__buf_init(&b->raw, BODY_MAX);
    b->packer = segmo__packer_new(1, b->http);
    return b->packer ? 0 : -1;
}

static int tear_down(void **state)
{
    bench *b = *state;

    segmo__packer_free(b->packer);
    segmo__http_close(b->http, 0);
    segmo__buf_free(&b->raw);
    free(b);
    return 0;
}

static void write_body(segmo__buf *raw, int number)
{
    segmo__buf_clear(raw);
    for (int i = 0; i < 1000; i++)
        segmo__buf_addf(raw, "body %d, line %d\n", number, i);
}

static void expect_body(const segmo__buf *packed, int number)
{
    static char text[BODY_MAX];
    z_stream stream = {0};
    segmo__buf wanted;

    stream.next_in = (unsigned char *)packed->data;
    stream.avail_in = (unsigned)packed->len;
    stream.next_out = (unsigned char *)text;
    stream.avail_out = sizeof text;
    assert_int_equal(inflateInit2(&stream, MAX_WBITS + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    segmo__buf_init(&wanted, BODY_MAX);
    write_body(&wanted, number);
    assert_int_equal(stream.total_out, wanted.len);
    assert_memory_equal(text, wanted.data, wanted.len);
    segmo__buf_free(&wanted);
    inflateEnd(&stream);
}

/* Waits as the worker does: in the network's poll, which the packer ends. */
static void take(bench *b, void **tag, int *gzipped)
{
    int64_t deadline_ms = segmo__clock_mono_ms() + 30000;

    while (!segmo__packer_take(b->packer, tag, gzipped)) {
        assert_true(segmo__clock_mono_ms() < deadline_ms);
        segmo__http_run(b->http, 1000);
    }
}

static void bodies_come_back_packed_in_their_order(void **state)
{
    bench *b = *state;
    segmo__buf out[20];
    int given = 0, taken = 0;

    for (int i = 0; i < 20; i++)
        segmo__buf_init(&out[i], BODY_MAX);
    while (taken < 20) {
        void *tag;
        int gzipped;

        for (; given < 20; given++) {
            write_body(&b->raw, given);
            if (!segmo__packer_give(b->packer, &b->raw, &out[given], &out[given]))
                break;
        }
        take(b, &tag, &gzipped);
        assert_ptr_equal(tag, &out[taken]);
        assert_int_equal(gzipped, 1);
        expect_body(&out[taken], taken);
        taken++;
    }
    for (int i = 0; i < 20; i++)
        segmo__buf_free(&out[i]);
}

static void a_busy_packer_leaves_the_body_as_it_was(void **state)
{
    bench *b = *state;
    segmo__buf out[64];
    int given = 0;

    for (int i = 0; i < 64; i++)
        segmo__buf_init(&out[i], BODY_MAX);
    do
        write_body(&b->raw, given);
    while (segmo__packer_give(b->packer, &b->raw, &out[given], NULL) && ++given < 64);
    assert_in_range(given, 1, 63); /* nothing was taken, so in the end it is full */
    assert_memory_equal(b->raw.data, "body ", 5);
    assert_true(b->raw.len > 10000);
    for (int i = 0; i < given; i++) {
        void *tag;
        int gzipped;

        take(b, &tag, &gzipped);
    }
    assert_int_equal(segmo__packer_give(b->packer, &b->raw, &out[given], NULL), 1);
    segmo__packer_free(b->packer); /* it may be at work still */
    b->packer = NULL;
    for (int i = 0; i < 64; i++)
        segmo__buf_free(&out[i]);
}

static void what_cannot_be_packed_comes_back_as_it_was(void **state)
{
    bench *b = *state;
    segmo__buf out;
    void *tag;
    int gzipped;

    segmo__buf_init(&out, 16); /* too small for any gzip member of it */
    write_body(&b->raw, 7);
    assert_int_equal(segmo__packer_give(b->packer, &b->raw, &out, &out), 1);
    take(b, &tag, &gzipped);
    assert_int_equal(gzipped, 0);
    assert_memory_equal(out.data, "body 7, line 0\n", 15);
    segmo__buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bodies_come_back_packed_in_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_busy_packer_leaves_the_body_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_packed_comes_back_as_it_was, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
