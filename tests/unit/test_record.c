/* Framing of records. */
#include "base/id.h"
#include "spool/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define PAYLOAD "{\"a\":1}"
#define LEN     (sizeof(PAYLOAD) - 1)

static unsigned char record[SEGMO__RECORD_HEADER + LEN];

static int make_record(void **state)
{
    (void)state;
    segmo__record_header(record, 0x1D, PAYLOAD, LEN);
    memcpy(record + SEGMO__RECORD_HEADER, PAYLOAD, LEN);
    return 0;
}

static segmo__record_state look(size_t len)
{
    size_t payload_len = 0;

    return segmo__record_look(record, len, 1000, &payload_len);
}

static void a_whole_record_is_known_by_its_header_and_checksum(void **state)
{
    size_t payload_len = 0;

    (void)state;
    assert_int_equal(segmo__record_look(record, sizeof record, 1000, &payload_len),
                     SEGMO__RECORD_WHOLE);
    assert_int_equal(payload_len, LEN);
    assert_int_equal(segmo__record_flags(record), 0x1D);
}

static void the_frame_is_what_the_format_says(void **state)
{
    uint32_t crc;

    (void)state;
    assert_memory_equal(record, "\xFB\x5E\x01\x1D\x07\0\0\0", 8);
    crc = segmo__id_crc32c(segmo__id_crc32c(0, record, 8), PAYLOAD, LEN);
    for (int i = 0; i < 4; i++)
        assert_int_equal(record[8 + i], crc >> (8 * i) & 0xFF);
}

static void every_flipped_bit_is_found(void **state)
{
    (void)state;
    for (size_t bit = 0; bit < 8 * sizeof record; bit++) {
        record[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_int_not_equal(look(sizeof record), SEGMO__RECORD_WHOLE);
        record[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    assert_int_equal(look(sizeof record), SEGMO__RECORD_WHOLE);
}

static void a_cut_record_asks_for_more(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof record; len++)
        assert_int_equal(look(len), SEGMO__RECORD_SHORT);
}

static void what_is_not_published_yet_is_none(void **state)
{
    (void)state;
    memset(record, 0, 4);
    assert_int_equal(look(sizeof record), SEGMO__RECORD_NONE);
}

static void a_length_over_the_bound_is_damage(void **state)
{
    size_t payload_len;

    (void)state;
    assert_int_equal(segmo__record_look(record, sizeof record, LEN - 1, &payload_len),
                     SEGMO__RECORD_DAMAGED);
}

static void an_empty_payload_is_a_record(void **state)
{
    unsigned char empty[SEGMO__RECORD_HEADER];
    size_t payload_len = 1;

    (void)state;
    segmo__record_header(empty, 0, "", 0);
    assert_int_equal(segmo__record_look(empty, sizeof empty, 10, &payload_len),
                     SEGMO__RECORD_WHOLE);
    assert_int_equal(payload_len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_whole_record_is_known_by_its_header_and_checksum, make_record),
        cmocka_unit_test_setup(the_frame_is_what_the_format_says, make_record),
        cmocka_unit_test_setup(every_flipped_bit_is_found, make_record),
        cmocka_unit_test_setup(a_cut_record_asks_for_more, make_record),
        cmocka_unit_test_setup(what_is_not_published_yet_is_none, make_record),
        cmocka_unit_test_setup(a_length_over_the_bound_is_damage, make_record),
        cmocka_unit_test(an_empty_payload_is_a_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
