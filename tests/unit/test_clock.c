#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void days_follow_the_civil_calendar(void **state)
{
    (void)state;
    assert_int_equal(segmo__clock_days_from_civil(1970, 1, 1), 0);
    assert_int_equal(segmo__clock_days_from_civil(1969, 12, 31), -1);
    assert_int_equal(segmo__clock_days_from_civil(2000, 2, 29), 11016);
    assert_int_equal(segmo__clock_days_from_civil(2000, 3, 1), 11017);
    assert_int_equal(segmo__clock_days_from_civil(2026, 1, 5), 20458);
    assert_int_equal(segmo__clock_days_from_civil(1, 1, 1), -719162);
}

static void a_moment_is_written_as_iso_text(void **state)
{
    static const struct {
        int64_t unix_ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {999, "1970-01-01T00:00:00.999Z"},
        {1000, "1970-01-01T00:00:01.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-1000, "1969-12-31T23:59:59.000Z"},
        {951827696789, "2000-02-29T12:34:56.789Z"},
        {1767607872345, "2026-01-05T10:11:12.345Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
    };
    char text[SEGMO__ISO_LEN + 1];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        segmo__clock_iso(text, cases[i].unix_ms);
        assert_string_equal(text, cases[i].text);
    }
}

static void every_written_day_reads_back(void **state)
{
    char text[SEGMO__ISO_LEN + 1];
    int64_t back;

    (void)state;
    for (int64_t day = -150000; day < 150000; day += 7) {
        int64_t moment = day * 86400000 + (day & 0xffff) * 17;

        segmo__clock_iso(text, moment);
        assert_true(segmo__clock_parse_iso(segmo__slice_of(text), &back));
        assert_int_equal(back, moment);
    }
}

static void iso_texts_of_all_libraries_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t unix_ms;
    } cases[] = {
        {"1970-01-01", 0},
        {"2026-01-05", 1767571200000},
        {"2026-01-05T10:11:12", 1767607872000},
        {"2026-01-05T10:11:12Z", 1767607872000},
        {"2026-01-05T10:11:12z", 1767607872000},
        {"2026-01-05t10:11:12Z", 1767607872000},
        {"2026-01-05 10:11:12Z", 1767607872000},
        {"2026-01-05T10:11:12.3Z", 1767607872300},
        {"2026-01-05T10:11:12.345Z", 1767607872345},
        {"2026-01-05T10:11:12,345Z", 1767607872345},
        {"2026-01-05T10:11:12.345678Z", 1767607872345},
        {"2026-01-05T10:11:12.345678999Z", 1767607872345},
        {"2026-01-05T10:11:12.345+00:00", 1767607872345},
        {"2026-01-05T10:11:12.345-00:00", 1767607872345},
        {"2026-01-05T15:41:12.345+05:30", 1767607872345},
        {"2026-01-05T15:41:12.345+0530", 1767607872345},
        {"2026-01-05T02:11:12.345-08:00", 1767607872345},
        {"2000-02-29T00:00:00Z", 951782400000},
        {"2016-12-31T23:59:60Z", 1483228800000},
        {"0001-01-01T00:00:00Z", -62135596800000},
    };
    int64_t moment;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (!segmo__clock_parse_iso(segmo__slice_of(cases[i].text), &moment))
            fail_msg("refused: %s", cases[i].text);
        if (moment != cases[i].unix_ms)
            fail_msg("%s was read as %lld", cases[i].text, (long long)moment);
    }
}

static void texts_that_are_no_moment_are_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "now",
        "1767607872",
        "2026",
        "2026-01",
        "2026-1-5",
        "2026-01-05T",
        "2026-01-05T10",
        "2026-01-05T10:11",
        "2026-01-05T10:11:1",
        "2026-01-05T10:11:12.",
        "2026-01-05T10:11:12.Z",
        "2026-01-05T10:11:12.1234567890Z",
        "2026-01-05T10:11:12ZZ",
        "2026-01-05T10:11:12 Z",
        "2026-01-05T10:11:12+5",
        "2026-01-05T10:11:12+05:",
        "2026-01-05T10:11:12+24:00",
        "2026-01-05T10:11:12+05:60",
        "2026-01-05T24:00:00Z",
        "2026-01-05T10:60:00Z",
        "2026-01-05T10:11:61Z",
        "2026-00-05",
        "2026-13-05",
        "2026-01-00",
        "2026-01-32",
        "2026-02-29",
        "1900-02-29",
        "2026-04-31",
        "2026/01/05",
        " 2026-01-05",
        "2026-01-05 ",
        "2026-01-0a",
        "-026-01-05",
        "+2026-01-05",
        "2026-01-05X10:11:12Z",
        "20260105T101112Z",
    };
    int64_t moment;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (segmo__clock_parse_iso(segmo__slice_of(cases[i]), &moment))
            fail_msg("accepted: %s", cases[i]);
}

static void the_three_http_dates_are_read(void **state)
{
    static const char *const same[] = {
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    };
    int64_t moment;

    (void)state;
    for (size_t i = 0; i < COUNT(same); i++) {
        assert_true(segmo__clock_parse_http_date(segmo__slice_of(same[i]), &moment));
        assert_int_equal(moment, 784111777000);
    }
    assert_true(segmo__clock_parse_http_date(segmo__slice_of("Mon Jan 12 10:11:12 2026"), &moment));
    assert_int_equal(moment, 1768212672000);
}

static void other_http_dates_are_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "120",
        "soon",
        "Sun",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Xxx, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Xxx 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
    };
    int64_t moment;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (segmo__clock_parse_http_date(segmo__slice_of(cases[i]), &moment))
            fail_msg("accepted: %s", cases[i]);
}

static void a_shift_moves_both_clocks_on_their_own(void **state)
{
    int64_t wall = segmo__clock_wall_ms(), mono = segmo__clock_mono_ms();

    (void)state;
    segmo__clock_shift(3600000, 60000);
    assert_in_range(segmo__clock_wall_ms() - wall, 3600000, 3660000);
    assert_in_range(segmo__clock_mono_ms() - mono, 60000, 120000);
    segmo__clock_shift(-3600000, -60000);
    assert_in_range(segmo__clock_wall_ms() - wall, 0, 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_follow_the_civil_calendar),
        cmocka_unit_test(a_moment_is_written_as_iso_text),
        cmocka_unit_test(every_written_day_reads_back),
        cmocka_unit_test(iso_texts_of_all_libraries_are_read),
        cmocka_unit_test(texts_that_are_no_moment_are_refused),
        cmocka_unit_test(the_three_http_dates_are_read),
        cmocka_unit_test(other_http_dates_are_refused),
        cmocka_unit_test(a_shift_moves_both_clocks_on_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
