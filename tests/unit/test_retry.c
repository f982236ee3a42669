/* Waiting: back-off by the published numbers, and buckets that keep a limit per minute. */
#include "deliver/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const segmo__backoff segment = {500, 60000, 0.0, 0.1};
static const segmo__backoff moengage = {2000, 60000, -0.5, 0.5};

static void without_jitter_delays_double_up_to_the_cap(void **state)
{
    static const int64_t wanted_ms[] = {500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    segmo__backoff backoff = {500, 60000, 0, 0};

    (void)state;
    for (uint32_t retry = 1; retry <= 9; retry++)
        assert_int_equal(segmo__backoff_delay(&backoff, retry, 12345), wanted_ms[retry - 1]);
}

static void the_services_numbers_are_those_of_their_guidance(void **state)
{
    (void)state;
    assert_int_equal(segmo__backoff_delay(&segment, 1, 0), 500);
    assert_int_equal(segmo__backoff_delay(&segment, 4, 0), 4000);
    assert_int_equal(segmo__backoff_delay(&moengage, 1, 0), 1000);
    assert_int_equal(segmo__backoff_delay(&moengage, 1, UINT64_C(1) << 63), 2000);
    assert_int_equal(segmo__backoff_delay(&moengage, 5, UINT64_C(1) << 63), 32000);
}

static void jitter_stays_within_its_bounds_and_reaches_both_ends(void **state)
{
    (void)state;
    assert_int_equal(segmo__backoff_delay(&segment, 2, 0), 1000);
    assert_in_range(segmo__backoff_delay(&segment, 2, UINT64_MAX), 1099, 1100);
    assert_int_equal(segmo__backoff_delay(&moengage, 2, 0), 2000);
    assert_in_range(segmo__backoff_delay(&moengage, 2, UINT64_MAX), 5999, 6000);
    for (uint64_t random = 1; random != 0; random <<= 1)
        assert_in_range(segmo__backoff_delay(&moengage, 2, random), 2000, 6000);
}

static void at_the_cap_delays_still_differ(void **state)
{
    (void)state;
    assert_int_equal(segmo__backoff_delay(&segment, 20, 0), 60000);
    assert_in_range(segmo__backoff_delay(&segment, 20, UINT64_MAX), 65999, 66000);
}

static void no_number_of_retries_overflows(void **state)
{
    segmo__backoff longest = {UINT32_MAX, UINT32_MAX, 0, 0};

    (void)state;
    assert_int_equal(segmo__backoff_delay(&segment, UINT32_MAX, 0), 60000);
    assert_int_equal(segmo__backoff_delay(&segment, 64, 0), 60000);
    assert_int_equal(segmo__backoff_delay(&longest, 32, 0), UINT32_MAX);
    assert_int_equal(segmo__backoff_delay(&longest, UINT32_MAX, 0), UINT32_MAX);
    assert_int_equal(segmo__backoff_delay(&segment, 0, 0), 500);
    assert_int_equal(segmo__backoff_delay(&(segmo__backoff){0, 60000, 0, 0.1}, 99, 7), 0);
}

static void a_jitter_below_minus_one_is_no_negative_delay(void **state)
{
    segmo__backoff odd = {500, 60000, -3, -2};

    (void)state;
    assert_int_equal(segmo__backoff_delay(&odd, 1, 0), 0);
}

/* ---- buckets ---- */

static void a_bucket_without_a_limit_never_waits(void **state)
{
    segmo__bucket bucket;

    (void)state;
    segmo__bucket_init(&bucket, 0, 0);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(segmo__bucket_wait(&bucket, UINT32_MAX, 0), 0);
        segmo__bucket_take(&bucket, UINT32_MAX, 0);
    }
}

static void a_bucket_holds_one_second_and_then_asks_to_wait(void **state)
{
    segmo__bucket bucket;

    (void)state;
    segmo__bucket_init(&bucket, 60000, 5000);
    assert_int_equal(segmo__bucket_wait(&bucket, 1000, 5000), 0);
    segmo__bucket_take(&bucket, 1000, 5000);
    assert_in_range(segmo__bucket_wait(&bucket, 100, 5000), 100, 103);
    assert_int_equal(segmo__bucket_wait(&bucket, 100, 5103), 0);
}

static void asking_takes_nothing(void **state)
{
    segmo__bucket bucket;

    (void)state;
    segmo__bucket_init(&bucket, 60, 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(segmo__bucket_wait(&bucket, 1, 0), 0);
    segmo__bucket_take(&bucket, 1, 0);
    assert_true(segmo__bucket_wait(&bucket, 1, 0) > 0);
}

static void waiting_as_long_as_told_is_enough(void **state)
{
    segmo__bucket bucket;
    int64_t now_ms = 0;

    (void)state;
    segmo__bucket_init(&bucket, 1000, now_ms);
    for (uint32_t i = 0; i < 500; i++) {
        uint32_t count = 1 + i % 50;

        now_ms += segmo__bucket_wait(&bucket, count, now_ms);
        assert_int_equal(segmo__bucket_wait(&bucket, count, now_ms), 0);
        segmo__bucket_take(&bucket, count, now_ms);
    }
}

/* How many are taken within each minute when one takes whatever is allowed as early as allowed. */
static uint32_t most_in_a_minute(uint64_t per_minute, uint32_t count)
{
    enum { TAKES = 4000 };
    static int64_t taken_ms[TAKES];
    segmo__bucket bucket;
    uint32_t most = 0;
    int64_t now_ms = 0;

    segmo__bucket_init(&bucket, per_minute, 0);
    for (int i = 0, first = 0; i < TAKES; i++) {
        now_ms += segmo__bucket_wait(&bucket, count, now_ms);
        segmo__bucket_take(&bucket, count, now_ms);
        taken_ms[i] = now_ms;
        while (taken_ms[i] - taken_ms[first] >= 60000)
            first++;
        if ((uint32_t)(i - first + 1) * count > most)
            most = (uint32_t)(i - first + 1) * count;
    }
    return most;
}

static void no_minute_sees_more_than_the_limit(void **state)
{
    (void)state;
    assert_in_range(most_in_a_minute(10000, 100), 9800, 10000);
    assert_in_range(most_in_a_minute(60000, 100), 59000, 60000);
    assert_in_range(most_in_a_minute(1000, 1), 980, 1000);
}

static void a_take_larger_than_the_bucket_is_made_and_its_debt_waited_for(void **state)
{
    segmo__bucket bucket;

    (void)state;
    segmo__bucket_init(&bucket, 1000, 0);
    assert_int_equal(segmo__bucket_wait(&bucket, 50, 0), 0);
    segmo__bucket_take(&bucket, 50, 0);
    assert_in_range(segmo__bucket_wait(&bucket, 50, 0), 3000, 3100);
    assert_in_range(most_in_a_minute(1000, 50), 950, 1050);
}

static void a_clock_that_stands_or_steps_back_gives_nothing(void **state)
{
    segmo__bucket bucket;
    int64_t wait_ms;

    (void)state;
    segmo__bucket_init(&bucket, 60000, 10000);
    segmo__bucket_take(&bucket, 1000, 10000);
    wait_ms = segmo__bucket_wait(&bucket, 1000, 10000);
    assert_int_equal(segmo__bucket_wait(&bucket, 1000, 2000), wait_ms);
    assert_int_equal(segmo__bucket_wait(&bucket, 1000, 10000), wait_ms);
}

static void a_long_rest_fills_no_more_than_the_bucket(void **state)
{
    segmo__bucket bucket;

    (void)state;
    segmo__bucket_init(&bucket, 60000, 0);
    segmo__bucket_take(&bucket, 1000, INT64_C(86400000));
    assert_true(segmo__bucket_wait(&bucket, 1, INT64_C(86400000)) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_jitter_delays_double_up_to_the_cap),
        cmocka_unit_test(the_services_numbers_are_those_of_their_guidance),
        cmocka_unit_test(jitter_stays_within_its_bounds_and_reaches_both_ends),
        cmocka_unit_test(at_the_cap_delays_still_differ),
        cmocka_unit_test(no_number_of_retries_overflows),
        cmocka_unit_test(a_jitter_below_minus_one_is_no_negative_delay),
        cmocka_unit_test(a_bucket_without_a_limit_never_waits),
        cmocka_unit_test(a_bucket_holds_one_second_and_then_asks_to_wait),
        cmocka_unit_test(asking_takes_nothing),
        cmocka_unit_test(waiting_as_long_as_told_is_enough),
        cmocka_unit_test(no_minute_sees_more_than_the_limit),
        cmocka_unit_test(a_take_larger_than_the_bucket_is_made_and_its_debt_waited_for),
        cmocka_unit_test(a_clock_that_stands_or_steps_back_gives_nothing),
        cmocka_unit_test(a_long_rest_fills_no_more_than_the_bucket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
