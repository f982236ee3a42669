/* Layout of spool files, and reading them in order past damage. */
#include "scratch_dir.h"
#include "spool/segment_file.h"
#include "spool/segment_reader.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE (SEGMO__SEGMENT_DATA + 65536)

static const char *dir, *path;
static segmo__file file;
static uint32_t end;

static int make_file(void **state)
{
    (void)state;
    dir = scratch_dir_make();
    path = scratch_path(dir, "00000001.seg");
    end = SEGMO__SEGMENT_DATA;
    return segmo__segment_create(&file, path, SIZE);
}

static int remove_file(void **state)
{
    (void)state;
    segmo__file_close(&file);
    scratch_dir_remove(dir);
    return 0;
}

static uint32_t put(const char *bytes, size_t len, uint8_t flags)
{
    unsigned char header[SEGMO__RECORD_HEADER];
    uint32_t at = end;

    segmo__record_header(header, flags, bytes, len);
    assert_int_equal(segmo__segment_put(&file, at, header, (segmo__slice){bytes, len}), 0);
    end = segmo__segment_behind(at, len);
    return at;
}

static uint32_t put_text(const char *text)
{
    return put(text, strlen(text), 0);
}

static segmo__segment_reader reader_to(uint32_t to, int published)
{
    segmo__segment_reader reader;

    assert_true(segmo__segment_reader_init(&reader));
    segmo__segment_reader_aim(&reader, &file, SEGMO__SEGMENT_DATA, to, published);
    return reader;
}

static void expect(segmo__segment_reader *reader, const char *text)
{
    segmo__segment_record record;

    assert_int_equal(segmo__segment_reader_next(reader, &record), 1);
    assert_true(segmo__slice_is(record.payload, text));
}

static void expect_end(segmo__segment_reader *reader)
{
    segmo__segment_record record;

    assert_int_equal(segmo__segment_reader_next(reader, &record), 0);
}

static void overwrite(uint32_t at, const void *bytes, size_t len)
{
    assert_int_equal(segmo__file_store(&file, at, bytes, len), 0);
}

static void every_record_starts_in_a_cell_of_its_own(void **state)
{
    uint32_t at = SEGMO__SEGMENT_DATA;

    (void)state;
    for (size_t len = 0; len < 3000; len++) {
        uint32_t behind = segmo__segment_behind(at, len);

        assert_true(behind >= at + SEGMO__RECORD_HEADER + len);
        assert_true(segmo__segment_row(behind) > segmo__segment_row(at));
        assert_true(behind - at < SEGMO__RECORD_HEADER + len + SEGMO__SEGMENT_CELL);
        assert_int_equal(behind % 8, 0);
        at = behind < SEGMO__SEGMENT_MAX_SIZE - 10000 ? behind : SEGMO__SEGMENT_DATA;
    }
    assert_int_equal(segmo__segment_row(SEGMO__SEGMENT_DATA), 0);
    assert_true(segmo__segment_row(SEGMO__SEGMENT_MAX_SIZE - 1) < SEGMO__SEGMENT_ROWS);
}

static void records_are_read_in_order_with_their_flags(void **state)
{
    segmo__segment_reader reader;
    segmo__segment_record record;

    (void)state;
    put("first", 5, 0x0C);
    put_text("second");
    reader = reader_to(end, 1);
    assert_int_equal(segmo__segment_reader_next(&reader, &record), 1);
    assert_int_equal(record.flags, 0x0C);
    assert_int_equal(record.offset, SEGMO__SEGMENT_DATA);
    expect(&reader, "second");
    expect_end(&reader);
    assert_int_equal(reader.damaged_records, 0);
    put_text("third"); /* and what comes later */
    reader.end = end;
    expect(&reader, "third");
    expect_end(&reader);
    segmo__segment_reader_free(&reader);
}

static void reading_goes_on_behind_damage(void **state)
{
    segmo__segment_reader reader;
    uint32_t second, third, fourth;

    (void)state;
    put_text("first");
    second = put_text("second");
    third = put_text("third");
    fourth = put_text("fourth");
    overwrite(second + 14, "X", 1);
    overwrite(third, "\0\0\0\0", 4);
    reader = reader_to(SIZE, 0);
    expect(&reader, "first");
    expect(&reader, "fourth");
    expect_end(&reader);
    assert_int_equal(reader.damaged_records, 1);
    assert_int_equal(reader.damaged_bytes, fourth - second);
    segmo__segment_reader_free(&reader);
}

static void a_torn_tail_is_no_damage(void **state)
{
    segmo__segment_reader reader;

    (void)state;
    put_text("first");
    overwrite(end + 4, "\x40\0\0\0 not published", 18);
    reader = reader_to(SIZE, 0);
    expect(&reader, "first");
    expect_end(&reader);
    assert_int_equal(reader.damaged_records, 0);
    segmo__segment_reader_free(&reader);
}

static void a_published_record_that_was_cut_off_is_damage(void **state)
{
    segmo__segment_reader reader;
    uint32_t second;

    (void)state;
    put_text("first");
    second = put_text("second, which is cut");
    segmo__file_unmap(&file);
    assert_int_equal(segmo__file_truncate(&file, second + 20), 0);
    reader = reader_to(SIZE, 0);
    expect(&reader, "first");
    expect_end(&reader);
    assert_int_equal(reader.damaged_records, 1);
    segmo__segment_reader_free(&reader);
}

static void a_header_that_lies_about_its_length_costs_one_record(void **state)
{
    segmo__segment_reader reader;
    uint32_t second;

    (void)state;
    put_text("first");
    second = put_text("second");
    put_text("third");
    overwrite(second + 4, "\xFF\xFF\x01", 3);
    reader = reader_to(SIZE, 0);
    expect(&reader, "first");
    expect(&reader, "third");
    expect_end(&reader);
    segmo__segment_reader_free(&reader);
}

static void records_across_chunks_come_whole(void **state)
{
    static char payload[SEGMO__SEGMENT_MAX_PAYLOAD];
    segmo__segment_reader reader;
    segmo__segment_record record;

    (void)state;
    segmo__file_close(&file);
    unlink(path);
    assert_int_equal(segmo__segment_create(&file, path, SEGMO__SEGMENT_MAX_SIZE), 0);
    for (unsigned i = 0; i < 50; i++) {
        size_t len = sizeof payload - 997 * i;

        memset(payload, 'a' + (int)(i % 26), len);
        put(payload, len, 0);
    }
    reader = reader_to(end, 1);
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(segmo__segment_reader_next(&reader, &record), 1);
        assert_int_equal(record.payload.len, sizeof payload - 997 * i);
        assert_int_equal(record.payload.at[record.payload.len - 1], 'a' + (int)(i % 26));
    }
    expect_end(&reader);
    segmo__segment_reader_free(&reader);
}

static void rows_survive_being_written_and_read(void **state)
{
    static uint8_t rows[SEGMO__SEGMENT_ROWS], again[SEGMO__SEGMENT_ROWS];

    (void)state;
    for (uint32_t i = 0; i < SEGMO__SEGMENT_ROWS; i++)
        rows[i] = (uint8_t)(i * 7);
    assert_int_equal(segmo__segment_store_rows(&file, rows, 5, 3000), 0);
    assert_int_equal(segmo__segment_load_rows(&file, again, SEGMO__SEGMENT_ROWS), 0);
    for (uint32_t i = 0; i < SEGMO__SEGMENT_ROWS; i++)
        assert_int_equal(again[i], i >= 5 && i < 3000 ? rows[i] : 0);
}

static void a_damaged_mark_counts_as_pending(void **state)
{
    uint8_t rows[2] = {0, 0x39}; /* 00 11 10 01 */

    (void)state;
    assert_int_equal(segmo__segment_store_rows(&file, rows, 0, 2), 0);
    overwrite(SEGMO__SEGMENT_TABLE + 2, "\x3D", 1); /* destination 1: 11 and 10 */
    overwrite(SEGMO__SEGMENT_TABLE, "\xFF", 1);
    assert_int_equal(segmo__segment_load_rows(&file, rows, 2), 0);
    assert_int_equal(rows[0], 0);
    assert_int_equal(rows[1], 0x31);
}

static void headers_tell_ours_from_others(void **state)
{
    segmo__segment_kind kind;

    (void)state;
    assert_int_equal(segmo__segment_check(&file, &kind), 0);
    assert_int_equal(kind, SEGMO__SEGMENT_OURS);
    overwrite(8, "\x02", 1); /* the checksum does not fit */
    assert_int_equal(segmo__segment_check(&file, &kind), 0);
    assert_int_equal(kind, SEGMO__SEGMENT_DAMAGED);
    overwrite(0, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    assert_int_equal(segmo__segment_check(&file, &kind), 0);
    assert_int_equal(kind, SEGMO__SEGMENT_UNWRITTEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_file, remove_file)
        cmocka_unit_test(every_record_starts_in_a_cell_of_its_own),
        TEST(records_are_read_in_order_with_their_flags),
        TEST(reading_goes_on_behind_damage),
        TEST(a_torn_tail_is_no_damage),
        TEST(a_published_record_that_was_cut_off_is_damage),
        TEST(a_header_that_lies_about_its_length_costs_one_record),
        TEST(records_across_chunks_come_whole),
        TEST(rows_survive_being_written_and_read),
        TEST(a_damaged_mark_counts_as_pending),
        TEST(headers_tell_ours_from_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
