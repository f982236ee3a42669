#include "base/mem.h"
#include "base/timezone.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define UNKNOWN (-1000000)

static int32_t offset(const char *zone, int64_t unix_s)
{
    int32_t seconds = UNKNOWN;

    return segmo__timezone_offset(segmo__slice_of(zone), unix_s, &seconds) ? seconds : UNKNOWN;
}

static void zones_have_the_offset_of_the_instant(void **state)
{
    (void)state;
    assert_int_equal(offset("Asia/Kolkata", 1767607872), 19800);
    assert_int_equal(offset("UTC", 1767607872), 0);
    assert_int_equal(offset("Etc/GMT+5", 1767607872), -18000);
    assert_int_equal(offset("Asia/Kathmandu", 1767607872), 20700);
    assert_int_equal(offset("America/New_York", 1767607872), -18000);
    assert_int_equal(offset("America/New_York", 1783246272), -14400);
    assert_int_equal(offset("America/St_Johns", 1767607872), -12600);
    assert_int_equal(offset("Pacific/Kiritimati", 1767607872), 50400);
    assert_int_equal(offset("America/Argentina/Buenos_Aires", 1767607872), -10800);
}

static void an_offset_changes_at_the_second_of_the_transition(void **state)
{
    (void)state;
    assert_int_equal(offset("Europe/Berlin", 1774745999), 3600); /* 2026-03-29T00:59:59Z */
    assert_int_equal(offset("Europe/Berlin", 1774746000), 7200);
    assert_int_equal(offset("Europe/Berlin", 1792889999), 7200); /* 2026-10-25T00:59:59Z */
    assert_int_equal(offset("Europe/Berlin", 1792890000), 3600);
}

/* Behind the table of transitions the file's rule decides; glibc reads the same rule. */
static void offsets_agree_with_the_c_library_over_two_centuries(void **state)
{
    static const char *const zones[] = {
        "Europe/Berlin",    "Europe/Dublin",     "America/New_York", "America/Sao_Paulo",
        "Asia/Tehran",      "Asia/Jerusalem",    "Asia/Gaza",        "Australia/Lord_Howe",
        "Pacific/Auckland", "Africa/Casablanca", "America/Santiago", "America/Godthab",
        "Pacific/Chatham",  "EST5EDT",           "Asia/Tokyo",       "Antarctica/Troll",
    };

    (void)state;
    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++) {
        setenv("TZ", zones[i], 1);
        tzset();
        for (int64_t at = -1500000000; at < 4700000000; at += 86400 * 5 / 2 + 1234) {
            time_t moment = (time_t)at;
            struct tm parts;

            localtime_r(&moment, &parts);
            if (offset(zones[i], at) != parts.tm_gmtoff)
                fail_msg("%s at %lld: %d, not %ld", zones[i], (long long)at, offset(zones[i], at),
                         parts.tm_gmtoff);
        }
    }
    unsetenv("TZ");
    tzset();
}

static void the_process_zone_plays_no_part(void **state)
{
    (void)state;
    setenv("TZ", "America/New_York", 1);
    tzset();
    assert_int_equal(offset("Asia/Kolkata", 1767607872), 19800);
    assert_string_equal(getenv("TZ"), "America/New_York");
    unsetenv("TZ");
    tzset();
}

static void what_is_no_zone_is_unknown(void **state)
{
    static const char *const names[] = {
        "",
        "Mars/Olympus",
        "../../etc/passwd",
        "/etc/localtime",
        "Europe/../UTC",
        "Europe",
        "tzdata.zi",
        "leapseconds",
        "Europe/Berlin/",
        "asia kolkata",
        "Zürich",
        "America/ThisNameIsLongerThanAnyNameOfAZoneThatAnyoneWouldEverUseOnEarth",
    };
    int32_t seconds = 7;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(offset(names[i], 0), UNKNOWN);
    assert_false(segmo__timezone_offset((segmo__slice){"UTC\0x", 5}, 0, &seconds));
    assert_int_equal(seconds, 7);
}

static void any_number_of_strange_names_leaves_the_real_zones_usable(void **state)
{
    char name[32];

    (void)state;
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "Nowhere/Town%d", i);
        assert_int_equal(offset(name, 0), UNKNOWN);
    }
    assert_int_equal(offset("Asia/Dubai", 1767607872), 14400);
}

static void a_zone_without_memory_is_unknown_and_known_later(void **state)
{
    (void)state;
    segmo__mem_fail(0, 1);
    assert_int_equal(offset("Asia/Seoul", 1767607872), UNKNOWN);
    segmo__mem_fail(-1, 0);
    assert_int_equal(offset("Asia/Seoul", 1767607872), 32400);
}

static void a_zone_is_read_once(void **state)
{
    (void)state;
    offset("Asia/Manila", 0);
    segmo__mem_fail(-1, 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(offset("Asia/Manila", 1767607872), 28800);
    assert_int_equal(segmo__mem_count(), 0);
}

static void *ask_for_all(void *arg)
{
    static const char *const zones[] = {"Asia/Karachi", "Asia/Dhaka", "Asia/Yangon", "No/Where"};
    static const int32_t wanted[] = {18000, 21600, 23400, UNKNOWN};
    int *wrong = arg;

    for (int i = 0; i < 2000; i++)
        *wrong += offset(zones[i % 4], 1767607872) != wanted[i % 4];
    return NULL;
}

static void many_threads_may_ask_at_once(void **state)
{
    pthread_t threads[8];
    int wrong[8] = {0};

    (void)state;
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_for_all, &wrong[i]), 0);
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(wrong[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zones_have_the_offset_of_the_instant),
        cmocka_unit_test(an_offset_changes_at_the_second_of_the_transition),
        cmocka_unit_test(offsets_agree_with_the_c_library_over_two_centuries),
        cmocka_unit_test(the_process_zone_plays_no_part),
        cmocka_unit_test(what_is_no_zone_is_unknown),
        cmocka_unit_test(any_number_of_strange_names_leaves_the_real_zones_usable),
        cmocka_unit_test(a_zone_without_memory_is_unknown_and_known_later),
        cmocka_unit_test(a_zone_is_read_once),
        cmocka_unit_test(many_threads_may_ask_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
