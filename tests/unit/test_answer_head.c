/* What an answer's headers ask for. */
#include "deliver/answer_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define NOW_MS   INT64_C(1767607200000) /* Mon, 05 Jan 2026 10:00:00 GMT */
#define DATE_MS  (NOW_MS - 3600000)     /* the server's clock is an hour slow */

static void retry_after_is_read_in_all_its_forms(void **state)
{
    static const struct {
        const char *value;
        int64_t date_ms;
        int64_t wanted_ms;
    } cases[] = {
        {"0", 0, 0},
        {"1", 0, 1000},
        {"120", 0, 120000},
        {" 30 \r\n", 0, 30000},
        {"007", 0, 7000},
        {"86400", 0, 86400000},
        {"86401", 0, 86400000},
        {"99999999999999999999", 0, 86400000},
        {"Mon, 05 Jan 2026 10:01:30 GMT", 0, 90000},
        {"Mon, 05 Jan 2026 09:01:30 GMT", DATE_MS, 90000},
        {"Monday, 05-Jan-26 10:00:05 GMT", 0, 5000},
        {"Mon Jan  5 10:00:05 2026", 0, 5000},
        {"Mon, 05 Jan 2026 09:59:59 GMT", 0, 0},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0, 0},
        {"Tue, 05 Jan 2027 10:00:00 GMT", 0, 86400000},
        {"", 0, -1},
        {" ", 0, -1},
        {"-5", 0, -1},
        {"+5", 0, -1},
        {"1.5", 0, -1},
        {"5s", 0, -1},
        {"0x10", 0, -1},
        {"soon", 0, -1},
        {"5, 6", 0, -1},
        {"Mon, 32 Jan 2026 10:00:00 GMT", 0, -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t found_ms =
            segmo__answer_retry_after(segmo__slice_of(cases[i].value), cases[i].date_ms, NOW_MS);

        if (found_ms != cases[i].wanted_ms)
            fail_msg("\"%s\" is %lld, not %lld", cases[i].value, (long long)found_ms,
                     (long long)cases[i].wanted_ms);
    }
}

static void a_rate_reset_is_seconds_to_go_or_an_epoch(void **state)
{
    static const struct {
        const char *value;
        int64_t wanted_ms;
    } cases[] = {
        {"0", 0},
        {"17", 17000},
        {"60", 60000},
        {"61", 60000},
        {"999999", 60000},
        {"1767607230", 30000},
        {"1767607200", 0},
        {"1767607100", 0},
        {"1767610000", 60000},
        {"99999999999999999999999", 60000},
        {"", -1},
        {"-3", -1},
        {"1.5", -1},
        {"later", -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t found_ms = segmo__answer_rate_reset(segmo__slice_of(cases[i].value), NOW_MS);

        if (found_ms != cases[i].wanted_ms)
            fail_msg("\"%s\" is %lld, not %lld", cases[i].value, (long long)found_ms,
                     (long long)cases[i].wanted_ms);
    }
}

static segmo__answer_head head_of(const char *const *lines)
{
    segmo__answer_head head = {0};

    for (; *lines; lines++)
        segmo__answer_head_line(&head, segmo__slice_of(*lines));
    return head;
}

static void names_are_read_in_any_case_and_the_last_value_wins(void **state)
{
    static const char *const lines[] = {"HTTP/1.1 429 Slow\r\n",
                                        "RETRY-AFTER: 5\r\n",
                                        "retry-after:7\r\n",
                                        "X-RateLimit-Reset:  9 \r\n",
                                        "X-Retry-After: 11\r\n",
                                        "Retry-After-Too: 12\r\n",
                                        "Date: Mon, 05 Jan 2026 10:00:00 GMT\r\n",
                                        "\r\n",
                                        NULL};
    segmo__answer_head head = head_of(lines);

    (void)state;
    assert_int_equal(head.whole, 1);
    assert_int_equal(segmo__answer_head_retry_after_ms(&head, 0), 7000);
    assert_int_equal(segmo__answer_head_rate_reset_ms(&head, 0), 9000);
    assert_int_equal(segmo__answer_head_date_ms(&head), NOW_MS);
}

static void a_last_value_that_cannot_be_read_is_none(void **state)
{
    static const char *const lines[] = {"HTTP/1.1 429 Slow\r\n", "Retry-After: 5\r\n",
                                        "Retry-After: soon\r\n", "\r\n", NULL};
    static const char *const long_lines[] = {
        "HTTP/1.1 429 Slow\r\n", "Retry-After: 5\r\n",
        "Retry-After: 00000000000000000000000000000000000000000000000000000000000000005\r\n",
        "\r\n", NULL};
    segmo__answer_head head = head_of(lines);

    (void)state;
    assert_int_equal(segmo__answer_head_retry_after_ms(&head, 0), -1);
    head = head_of(long_lines);
    assert_int_equal(segmo__answer_head_retry_after_ms(&head, 0), -1);
}

static void a_status_line_begins_anew(void **state)
{
    static const char *const lines[] = {"HTTP/1.1 100 Continue\r\n", "Retry-After: 5\r\n", "\r\n",
                                        "HTTP/1.1 200 OK\r\n", NULL};
    segmo__answer_head head = head_of(lines);

    (void)state;
    assert_int_equal(head.whole, 0);
    assert_int_equal(segmo__answer_head_retry_after_ms(&head, 0), -1);
}

static void a_head_without_the_empty_line_is_not_whole(void **state)
{
    static const char *const lines[] = {"HTTP/1.1 200 OK\r\n", "Content-Le", NULL};

    (void)state;
    assert_int_equal(head_of(lines).whole, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retry_after_is_read_in_all_its_forms),
        cmocka_unit_test(a_rate_reset_is_seconds_to_go_or_an_epoch),
        cmocka_unit_test(names_are_read_in_any_case_and_the_last_value_wins),
        cmocka_unit_test(a_last_value_that_cannot_be_read_is_none),
        cmocka_unit_test(a_status_line_begins_anew),
        cmocka_unit_test(a_head_without_the_empty_line_is_not_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
