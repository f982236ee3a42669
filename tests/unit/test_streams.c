/* The campaign export: what the case files cannot show, such as exact bytes, bad payloads and
 * stopping. */
#include "base/json.h"
#include "base/mem.h"
#include "model/streams.h"
#include "model/user_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define EVENT(uuid)                                                                                \
    "{\"event_name\":\"Email Opened\",\"event_code\":\"MOE_EMAIL_OPEN\",\"event_uuid\":\"" uuid    \
    "\",\"event_time\":1767607872,\"uid\":\"u-77\",\"event_attributes\":{ \"a\" : 1.50 , "         \
    "\"b\":\"\\u00e9\\/\" },"                                                                      \
    "\"user_attributes\":{\"plan\":\"gold\"}}"

static const segmo__streams_rules all_on = {1, 1, 1, 1, "1.2.3"};
static const segmo__streams_rules all_off = {0, 0, 0, 0, "1.2.3"};

typedef struct seen {
    size_t messages, skipped, rejected;
    size_t stop_after; /* 0: never */
    segmo__buf text;   /* of all messages, one a line */
} seen;

static int see(void *ctx, const segmo__streams_item *item)
{
    seen *all = ctx;

    if (item->result == SEGMO__STREAMS_MESSAGE) {
        assert_int_equal(segmo__json_check(item->message, NULL), SEGMO_OK);
        segmo__buf_add_slice(&all->text, item->message);
        segmo__buf_add_char(&all->text, '\n');
        all->messages++;
    } else if (item->result == SEGMO__STREAMS_SKIPPED) {
        all->skipped++;
    } else {
        all->rejected++;
    }
    return all->stop_after > 0 && all->messages == all->stop_after ? SEGMO_ERR_FULL : SEGMO_OK;
}

static seen nothing_yet(void)
{
    seen all = {.stop_after = 0};

    segmo__buf_init(&all.text, 1u << 20);
    return all;
}

static void one_event_becomes_exactly_these_bytes(void **state)
{
    static const char expected[] =
        "{\"type\":\"track\",\"userId\":\"u-77\",\"event\":\"Email Opened\","
        "\"properties\":{ \"a\" : 1.50 , \"b\":\"\\u00e9\\/\" ,\"event_code\":\"MOE_EMAIL_OPEN\"},"
        "\"context\":{\"integration\":{\"name\":\"MoEngage\"},\"library\":{\"name\":\"segmo\","
        "\"version\":\"1.2.3\"}},"
        "\"integrations\":{\"MoEngage\":false,\"Moengage (Actions)\":false},"
        "\"timestamp\":\"2026-01-05T10:11:12.000Z\",\"messageId\":\"moengage-ev-1\"}\n";
    seen all = nothing_yet();

    (void)state;
    assert_int_equal(segmo__streams_each(segmo__slice_of(" {\"events\":[" EVENT("ev-1") "]} "),
                                         &all_off, see, &all, NULL),
                     SEGMO_OK);
    assert_int_equal(all.text.len, sizeof expected - 1);
    assert_memory_equal(all.text.data, expected, all.text.len);
    segmo__buf_free(&all.text);
}

static void the_same_payload_makes_the_same_messages(void **state)
{
    const char *payload = "{\"events\":[" EVENT("ev-1") "," EVENT("ev-2") "]}";
    seen first = nothing_yet(), again = nothing_yet();

    (void)state;
    assert_int_equal(segmo__streams_each(segmo__slice_of(payload), &all_on, see, &first, NULL),
                     SEGMO_OK);
    assert_int_equal(segmo__streams_each(segmo__slice_of(payload), &all_on, see, &again, NULL),
                     SEGMO_OK);
    assert_int_equal(first.messages, 3);
    assert_int_equal(first.text.len, again.text.len);
    assert_memory_equal(first.text.data, again.text.data, first.text.len);
    segmo__buf_free(&first.text);
    segmo__buf_free(&again.text);
}

static void assert_payload_refused(const char *payload, int status, const char *field)
{
    segmo_error *error = NULL;
    seen all = nothing_yet();

    assert_int_equal(segmo__streams_each(segmo__slice_of(payload), &all_off, see, &all, &error),
                     status);
    assert_int_equal(segmo_error_status(error), status);
    assert_string_equal(segmo_error_field(error), field);
    assert_int_equal(all.messages + all.skipped + all.rejected, 0);
    segmo_error_free(error);
    segmo__buf_free(&all.text);
}

static void a_payload_without_events_is_refused(void **state)
{
    (void)state;
    assert_payload_refused("{}", SEGMO_ERR_INVALID, "/events");
    assert_payload_refused("{\"events\":{}}", SEGMO_ERR_INVALID, "/events");
    assert_payload_refused("{\"events\":null}", SEGMO_ERR_INVALID, "/events");
    assert_payload_refused("{\"Events\":[]}", SEGMO_ERR_INVALID, "/events");
    assert_payload_refused("[]", SEGMO_ERR_INVALID, "");
    assert_payload_refused("7", SEGMO_ERR_INVALID, "");
}

static void text_that_is_no_json_is_refused_before_any_message(void **state)
{
    (void)state;
    assert_payload_refused("", SEGMO_ERR_JSON, "");
    assert_payload_refused("{\"events\":[" EVENT("ev-1") ",]}", SEGMO_ERR_JSON, "/events/1");
    assert_payload_refused("{\"events\":[" EVENT("ev-1") ",{\"event_time\":NaN}]}", SEGMO_ERR_JSON,
                           "/events/1/event_time");
}

static void a_taker_that_stops_is_asked_no_further(void **state)
{
    seen all = nothing_yet();

    (void)state;
    all.stop_after = 2;
    assert_int_equal(segmo__streams_each(segmo__slice_of("{\"events\":[" EVENT("e1") "," EVENT(
                                             "e2") "," EVENT("e3") "]}"),
                                         &all_on, see, &all, NULL),
                     SEGMO_ERR_FULL);
    assert_int_equal(all.messages, 2);
    segmo__buf_free(&all.text);
}

static void a_thousand_events_identify_each_user_once(void **state)
{
    segmo__buf payload;
    seen all = nothing_yet();

    (void)state;
    segmo__buf_init(&payload, 1u << 20);
    segmo__buf_add_lit(&payload, "{\"events\":[");
    for (int i = 0; i < 1000; i++)
        segmo__buf_addf(
            &payload,
            "%s{\"event_name\":\"E\",\"event_uuid\":\"ev-%d\",\"event_time\":1767607872,\"uid\":"
            "\"user-%d\",\"user_attributes\":{\"n\":%d}}",
            i > 0 ? "," : "", i, i % 10, i);
    segmo__buf_add_lit(&payload, "]}");
    assert_int_equal(segmo__streams_each(segmo__buf_slice(&payload), &all_on, see, &all, NULL),
                     SEGMO_OK);
    assert_int_equal(all.messages, 1010);
    assert_non_null(memmem(all.text.data, all.text.len, "\"traits\":{\"n\":999}", 18));
    assert_null(memmem(all.text.data, all.text.len, "\"traits\":{\"n\":989}", 18));
    segmo__buf_free(&payload);
    segmo__buf_free(&all.text);
}

static void every_failing_allocation_is_reported_and_nothing_leaks(void **state)
{
    segmo__slice payload = segmo__slice_of("{\"events\":[" EVENT("e1") "," EVENT("e2") "]}");
    seen all = nothing_yet();
    long total;

    (void)state;
    assert_true(segmo__buf_reserve(&all.text, 1u << 16));
    segmo__mem_fail(-1, 0);
    assert_int_equal(segmo__streams_each(payload, &all_on, see, &all, NULL), SEGMO_OK);
    total = segmo__mem_count();
    assert_true(total > 0);
    for (long i = 0; i < total; i++) {
        segmo__mem_fail(i, 0);
        assert_int_equal(segmo__streams_each(payload, &all_on, see, &all, NULL), SEGMO_ERR_MEMORY);
    }
    segmo__mem_fail(-1, 0);
    segmo__buf_free(&all.text);
}

static void place_holders_are_no_user_ids(void **state)
{
    static const char *const refused[] = {"unknown",
                                          "guest",
                                          "null",
                                          "0",
                                          "1",
                                          "2",
                                          "-1",
                                          "-2",
                                          "true",
                                          "false",
                                          "user_attribute_unique_id",
                                          "(empty)",
                                          "na",
                                          "n/a",
                                          "",
                                          " ",
                                          "none",
                                          "uid",
                                          "id",
                                          "x",
                                          "user_id",
                                          "dummy_seller_code",
                                          "userid",
                                          "NULL",
                                          "\tNa",
                                          "Id ",
                                          "None",
                                          "\xc3\xa9",
                                          "\xf0\x9f\x8e\x89",
                                          "customer_id"};
    static const char *const fine[] = {
        "u1", "10", "nulls", "na-1", "guest1", "-3", "\xc3\xa9\xc3\xa9", "idx"};

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (!segmo__user_id_refused(segmo__slice_of(refused[i])))
            fail_msg("\"%s\" is taken for a user", refused[i]);
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        if (segmo__user_id_refused(segmo__slice_of(fine[i])))
            fail_msg("\"%s\" is refused", fine[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_event_becomes_exactly_these_bytes),
        cmocka_unit_test(the_same_payload_makes_the_same_messages),
        cmocka_unit_test(a_payload_without_events_is_refused),
        cmocka_unit_test(text_that_is_no_json_is_refused_before_any_message),
        cmocka_unit_test(a_taker_that_stops_is_asked_no_further),
        cmocka_unit_test(a_thousand_events_identify_each_user_once),
        cmocka_unit_test(every_failing_allocation_is_reported_and_nothing_leaks),
        cmocka_unit_test(place_holders_are_no_user_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
