/* gzip: what either compressor writes, zlib reads back. The compressor that was not built into the
 * library is built into this test under other names, so that both are tested everywhere. */
#include "base/mem.h"
#include "deliver/compress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#ifdef SEGMO_LIBDEFLATE
#define HAS_OTHER
#undef SEGMO_LIBDEFLATE
#define segmo__gzip      other_gzip
#define segmo__gzip_new  other_gzip_new
#define segmo__gzip_free other_gzip_free
#define segmo__gzip_run  other_gzip_run
#define segmo__gzip_name other_gzip_name
#undef SEGMO_DELIVER_COMPRESS_H
#include "../../core/src/deliver/compress.c"
#undef segmo__gzip
#undef segmo__gzip_new
#undef segmo__gzip_free
#undef segmo__gzip_run
#undef segmo__gzip_name
#endif

/* One compressor, the same to all tests. */
typedef struct compressor {
    const char *name;
    void *(*make)(int level);
    void (*free)(void *gzip);
    int (*run)(void *gzip, segmo__slice in, segmo__buf *out);
} compressor;

static void *built_new(int level)
{
    return segmo__gzip_new(level);
}

static void built_free(void *gzip)
{
    segmo__gzip_free(gzip);
}

static int built_run(void *gzip, segmo__slice in, segmo__buf *out)
{
    return segmo__gzip_run(gzip, in, out);
}

#ifdef HAS_OTHER
static void *zlib_new(int level)
{
    return other_gzip_new(level);
}

static void zlib_free(void *gzip)
{
    other_gzip_free(gzip);
}

static int zlib_run(void *gzip, segmo__slice in, segmo__buf *out)
{
    return other_gzip_run(gzip, in, out);
}
#endif

static const compressor compressors[] = {
    {"the library's", built_new, built_free, built_run},
#ifdef HAS_OTHER
    {"zlib", zlib_new, zlib_free, zlib_run},
#endif
};

#define COMPRESSORS (sizeof compressors / sizeof compressors[0])

static void assert_inflates_to(const segmo__buf *gzipped, segmo__slice wanted)
{
    z_stream stream = {.next_in = (Bytef *)gzipped->data, .avail_in = (uInt)gzipped->len};
    char *back = test_malloc(wanted.len + 1);

    stream.next_out = (Bytef *)back;
    stream.avail_out = (uInt)wanted.len + 1;
    assert_int_equal(inflateInit2(&stream, MAX_WBITS + 16), Z_OK); /* gzip and nothing else */
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.avail_in, 0);
    assert_int_equal(stream.total_out, wanted.len);
    if (wanted.len > 0)
        assert_memory_equal(back, wanted.at, wanted.len);
    inflateEnd(&stream);
    test_free(back);
}

static void fill_with_events(char *bytes, size_t len)
{
    static const char event[] = "{\"type\":\"track\",\"event\":\"Order Completed\",\"userId\":\"u-";

    for (size_t i = 0; i < len; i++)
        bytes[i] = i % 97 < sizeof event - 1 ? event[i % 97] : (char)('0' + i * i % 10);
}

static void fill_with_noise(char *bytes, size_t len)
{
    uint32_t seed = 1;

    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525 + 1013904223;
        bytes[i] = (char)(seed >> 24);
    }
}

static void all_sizes_come_back_as_they_went(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 100, 15000, 65535, 65536, 475000, 1000003};

    (void)state;
    for (size_t c = 0; c < COMPRESSORS; c++) {
        void *gzip = compressors[c].make(1);
        segmo__buf out;

        assert_non_null(gzip);
        segmo__buf_init(&out, 4 << 20);
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            char *bytes = test_malloc(sizes[s] + 1);
            segmo__slice in = {bytes, sizes[s]};

            fill_with_events(bytes, sizes[s]);
            assert_int_equal(compressors[c].run(gzip, in, &out), 1);
            assert_inflates_to(&out, in);
            fill_with_noise(bytes, sizes[s]);
            assert_int_equal(compressors[c].run(gzip, in, &out), 1);
            assert_inflates_to(&out, in);
            test_free(bytes);
        }
        segmo__buf_free(&out);
        compressors[c].free(gzip);
    }
}

static void every_level_works_and_strange_ones_are_taken_as_the_nearest(void **state)
{
    static char bytes[20000];

    (void)state;
    fill_with_events(bytes, sizeof bytes);
    for (size_t c = 0; c < COMPRESSORS; c++) {
        for (int level = -3; level <= 15; level++) {
            void *gzip = compressors[c].make(level);
            segmo__buf out;

            segmo__buf_init(&out, 1 << 20);
            assert_non_null(gzip);
            assert_int_equal(compressors[c].run(gzip, (segmo__slice){bytes, sizeof bytes}, &out),
                             1);
            assert_true(out.len < sizeof bytes / 4);
            assert_inflates_to(&out, (segmo__slice){bytes, sizeof bytes});
            segmo__buf_free(&out);
            compressors[c].free(gzip);
        }
    }
}

static void what_was_in_the_buffer_is_replaced(void **state)
{
    (void)state;
    for (size_t c = 0; c < COMPRESSORS; c++) {
        void *gzip = compressors[c].make(1);
        segmo__buf out;

        segmo__buf_init(&out, 1 << 20);
        segmo__buf_add_str(&out, "left over");
        assert_int_equal(compressors[c].run(gzip, segmo__slice_of("new"), &out), 1);
        assert_inflates_to(&out, segmo__slice_of("new"));
        segmo__buf_free(&out);
        compressors[c].free(gzip);
    }
}

static void
a_result_that_fits_below_the_ceiling_is_written_although_the_bound_does_not(void **state)
{
    static char bytes[20000];

    (void)state;
    fill_with_events(bytes, sizeof bytes);
    for (size_t c = 0; c < COMPRESSORS; c++) {
        void *gzip = compressors[c].make(6);
        segmo__buf out;

        segmo__buf_init(&out, 10000);
        assert_int_equal(compressors[c].run(gzip, (segmo__slice){bytes, sizeof bytes}, &out), 1);
        assert_inflates_to(&out, (segmo__slice){bytes, sizeof bytes});
        segmo__buf_free(&out);
        compressors[c].free(gzip);
    }
}

static void what_does_not_fit_fails_and_the_next_run_works(void **state)
{
    static char bytes[20000];

    (void)state;
    fill_with_noise(bytes, sizeof bytes);
    for (size_t c = 0; c < COMPRESSORS; c++) {
        void *gzip = compressors[c].make(1);
        segmo__buf out;

        segmo__buf_init(&out, 1000);
        assert_int_equal(compressors[c].run(gzip, (segmo__slice){bytes, sizeof bytes}, &out), 0);
        assert_int_equal(out.len, 0);
        assert_int_equal(compressors[c].run(gzip, segmo__slice_of("small"), &out), 1);
        assert_inflates_to(&out, segmo__slice_of("small"));
        segmo__buf_free(&out);
        compressors[c].free(gzip);
    }
}

#ifdef SEGMO_FAULTS
static void without_memory_nothing_is_made_and_nothing_is_lost(void **state)
{
    (void)state;
    for (size_t c = 0; c < COMPRESSORS; c++) {
        segmo__buf out;
        void *gzip;

        segmo__mem_fail(0, 1);
        assert_null(compressors[c].make(1));
        segmo__mem_fail(-1, 0);
        gzip = compressors[c].make(1);
        assert_non_null(gzip);
        segmo__buf_init(&out, 1 << 20);
        segmo__mem_fail(0, 1);
        assert_int_equal(compressors[c].run(gzip, segmo__slice_of("bytes"), &out), 0);
        segmo__mem_fail(-1, 0);
        assert_int_equal(compressors[c].run(gzip, segmo__slice_of("bytes"), &out), 1);
        assert_inflates_to(&out, segmo__slice_of("bytes"));
        segmo__buf_free(&out);
        compressors[c].free(gzip);
    }
}
#endif

static void the_name_tells_what_was_built_in(void **state)
{
    (void)state;
#ifdef HAS_OTHER
    assert_string_equal(segmo__gzip_name(), "libdeflate");
    assert_string_equal(other_gzip_name(), "zlib");
#else
    assert_string_equal(segmo__gzip_name(), "zlib");
#endif
    segmo__gzip_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_sizes_come_back_as_they_went),
        cmocka_unit_test(every_level_works_and_strange_ones_are_taken_as_the_nearest),
        cmocka_unit_test(what_was_in_the_buffer_is_replaced),
        cmocka_unit_test(
            a_result_that_fits_below_the_ceiling_is_written_although_the_bound_does_not),
        cmocka_unit_test(what_does_not_fit_fails_and_the_next_run_works),
#ifdef SEGMO_FAULTS
        cmocka_unit_test(without_memory_nothing_is_made_and_nothing_is_lost),
#endif
        cmocka_unit_test(the_name_tells_what_was_built_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
