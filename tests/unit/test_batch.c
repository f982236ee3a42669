#include "base/json.h"
#include "base/mem.h"
#include "library.h"
#include "model/batch.h"
#include "model/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* What `each` was told: "0 ITEM\n1 ITEM\n". */
static int write_down(void *ctx, size_t index, segmo__slice item)
{
    segmo__buf_add_u64(ctx, index);
    segmo__buf_add_lit(ctx, " ");
    segmo__buf_add_slice(ctx, item);
    segmo__buf_add_lit(ctx, "\n");
    return SEGMO_OK;
}

static void assert_items(const char *body, const char *expected)
{
    segmo_error *error = NULL;
    segmo__buf told;

    segmo__buf_init(&told, 1 << 20);
    if (segmo__batch_each(segmo__slice_of(body), write_down, &told, &error) != SEGMO_OK)
        fail_msg("%s: %s", body, segmo_error_message(error));
    segmo__buf_add_lit(&told, "\0");
    assert_string_equal(told.data, expected);
    segmo__buf_free(&told);
}

static void items_are_told_in_order_and_in_their_bytes(void **state)
{
    (void)state;
    assert_items("{\"batch\":[]}", "");
    assert_items("{\"batch\":[{\"a\":1.50},{ \"b\" : \"\\u0063\" } , 7,null,\"x\",[1]]}",
                 "0 {\"a\":1.50}\n1 { \"b\" : \"\\u0063\" }\n2 7\n3 null\n4 \"x\"\n5 [1]\n");
    assert_items("{\"writeKey\":\"WK\",\"sentAt\":\"x\",\"batch\":[{\"a\":1}],\"sequence\":3}",
                 "0 {\"a\":1}\n");
    assert_items(" { \"b\\u0061tch\" : [ { } ] } ", "0 { }\n");
}

static void shared_members_that_are_empty_change_nothing(void **state)
{
    (void)state;
    assert_items("{\"batch\":[{ \"a\" : 1 }],\"context\":{},\"integrations\":null}",
                 "0 { \"a\" : 1 }\n");
    assert_items("{\"batch\":[{ \"a\" : 1 }],\"context\":null,\"integrations\":{ }}",
                 "0 { \"a\" : 1 }\n");
}

static void context_is_merged_deeply_and_the_item_wins(void **state)
{
    (void)state;
    assert_items(
        "{\"context\":{\"app\":{\"name\":\"x\",\"build\":\"7\"},\"ip\":\"1\"},\"batch\":["
        "{\"type\":\"page\"},"
        "{\"context\":null,\"type\":\"page\"},"
        "{\"context\":{},\"type\":\"page\"},"
        "{\"context\":{\"app\":{\"name\":\"y\"},\"os\":1},\"type\":\"page\"},"
        "{\"context\":{\"app\":null,\"ip\":{\"v\":6}}}]}",
        "0 "
        "{\"type\":\"page\",\"context\":{\"app\":{\"name\":\"x\",\"build\":\"7\"},\"ip\":\"1\"}}\n"
        "1 "
        "{\"context\":{\"app\":{\"name\":\"x\",\"build\":\"7\"},\"ip\":\"1\"},\"type\":\"page\"}\n"
        "2 "
        "{\"context\":{\"app\":{\"name\":\"x\",\"build\":\"7\"},\"ip\":\"1\"},\"type\":\"page\"}\n"
        "3 {\"context\":{\"app\":{\"name\":\"y\",\"build\":\"7\"},\"os\":1,\"ip\":\"1\"},"
        "\"type\":\"page\"}\n"
        "4 {\"context\":{\"app\":null,\"ip\":{\"v\":6}}}\n");
}

static void integrations_are_merged_shallowly_and_the_item_wins(void **state)
{
    (void)state;
    assert_items("{\"integrations\":{\"All\":false,\"X\":{\"a\":1,\"b\":2}},\"batch\":["
                 "{\"n\":1},"
                 "{\"integrations\":{\"X\":{\"a\":9}}},"
                 "{\"integrations\":{\"All\":true,\"Y\":false}}]}",
                 "0 {\"n\":1,\"integrations\":{\"All\":false,\"X\":{\"a\":1,\"b\":2}}}\n"
                 "1 {\"integrations\":{\"X\":{\"a\":9},\"All\":false}}\n"
                 "2 {\"integrations\":{\"All\":true,\"Y\":false,\"X\":{\"a\":1,\"b\":2}}}\n");
}

static void keys_meet_by_their_meaning(void **state)
{
    (void)state;
    assert_items("{\"context\":{\"\\u0069p\":\"1\",\"a\\/b\":{\"c\":1}},\"batch\":["
                 "{\"cont\\u0065xt\":{\"ip\":\"2\",\"a/b\":{\"d\":2}}}]}",
                 "0 {\"cont\\u0065xt\":{\"ip\":\"2\",\"a/b\":{\"d\":2,\"c\":1}}}\n");
}

static void what_is_no_object_is_left_to_the_rules_of_a_message(void **state)
{
    (void)state;
    assert_items("{\"context\":{\"ip\":\"1\"},\"batch\":[7,{\"context\":[1]},{\"context\":\"x\"}]}",
                 "0 7\n1 {\"context\":[1]}\n2 {\"context\":\"x\"}\n");
}

/* ---- bad items ---- */

static int complete_item(void *ctx, size_t index, segmo__slice item)
{
    static const segmo__message_rules rules = {.library = LIBRARY("segmo", "9.9.9"), .call = -1};
    segmo__buf stored;

    (void)index;
    segmo__buf_init(&stored, SEGMO__MESSAGE_STORED_MAX);
    segmo__buf_add_str(ctx, segmo__message_complete(&stored, item, &rules, NULL) == SEGMO_OK ? "+"
                                                                                             : "-");
    segmo__buf_free(&stored);
    return SEGMO_OK;
}

static void a_bad_item_never_costs_its_neighbours(void **state)
{
    static const char *const bad[] = {
        "7",
        "{}",
        "{\"type\":\"page\"}",
        "{\"type\":\"page\",\"userId\":\"u\",\"userId\":\"v\"}",
        "{\"type\":\"page\",\"userId\":\"\\ud800\"}",
        "{\"type\":\"page\",\"userId\":\"\xff\"}",
        "{\"type\":\"page\",\"userId\":\"u\",\"properties\":{\"n\":1e999}}",
        "{\"type\":\"page\",\"userId\":\"u\",\"context\":{\"a\":1,\"\\u0061\":2}}",
    };
    static const char *const shared[] = {"", "\"context\":{\"ip\":\"1\"},"};

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        for (size_t j = 0; j < COUNT(shared); j++) {
            segmo__buf body, told;

            segmo__buf_init(&body, 4096);
            segmo__buf_init(&told, 4096);
            segmo__buf_addf(&body,
                            "{%s\"batch\":[{\"type\":\"page\",\"userId\":\"u\"},%s,"
                            "{\"type\":\"page\",\"userId\":\"u\"}]}",
                            shared[j], bad[i]);
            assert_int_equal(segmo__batch_each(segmo__buf_slice(&body), complete_item, &told, NULL),
                             SEGMO_OK);
            if (!segmo__slice_is(segmo__buf_slice(&told), "+-+"))
                fail_msg("%s: %.*s", bad[i], (int)told.len, told.data);
            segmo__buf_free(&body);
            segmo__buf_free(&told);
        }
}

static void the_deepest_item_is_taken(void **state)
{
    segmo__buf body, told;

    (void)state;
    segmo__buf_init(&body, 4096);
    segmo__buf_init(&told, 4096);
    segmo__buf_add_str(&body,
                       "{\"batch\":[{\"type\":\"page\",\"userId\":\"u\",\"properties\":{\"a\":");
    memset(segmo__buf_extend(&body, 62), '[', 62);
    memset(segmo__buf_extend(&body, 62), ']', 62);
    segmo__buf_add_str(&body, "}}]}");
    assert_int_equal(segmo__batch_each(segmo__buf_slice(&body), complete_item, &told, NULL),
                     SEGMO_OK);
    assert_true(segmo__slice_is(segmo__buf_slice(&told), "+"));
    segmo__buf_free(&body);
    segmo__buf_free(&told);
}

/* ---- bad bodies ---- */

static void a_bad_body_is_refused_with_its_field(void **state)
{
    static const struct {
        const char *body;
        int status;
        const char *field;
    } cases[] = {
        {"", SEGMO_ERR_JSON, ""},
        {"{\"batch\":[", SEGMO_ERR_JSON, "/batch/0"},
        {"{\"batch\":[{\"a\":1},{\"b\":}]}", SEGMO_ERR_JSON, "/batch/1/b"},
        {"{\"batch\":[],\"batch\":[]}", SEGMO_ERR_JSON, "/batch"},
        {"[]", SEGMO_ERR_INVALID, "/batch"},
        {"null", SEGMO_ERR_INVALID, "/batch"},
        {"{}", SEGMO_ERR_INVALID, "/batch"},
        {"{\"Batch\":[]}", SEGMO_ERR_INVALID, "/batch"},
        {"{\"batch\":{}}", SEGMO_ERR_INVALID, "/batch"},
        {"{\"batch\":null}", SEGMO_ERR_INVALID, "/batch"},
        {"{\"batch\":[],\"context\":[]}", SEGMO_ERR_INVALID, "/context"},
        {"{\"batch\":[],\"context\":\"x\"}", SEGMO_ERR_INVALID, "/context"},
        {"{\"batch\":[],\"integrations\":true}", SEGMO_ERR_INVALID, "/integrations"},
    };
    segmo__buf told;

    (void)state;
    segmo__buf_init(&told, 4096);
    for (size_t i = 0; i < COUNT(cases); i++) {
        segmo_error *error = NULL;

        if (segmo__batch_each(segmo__slice_of(cases[i].body), write_down, &told, &error) !=
            cases[i].status)
            fail_msg("%s: %s", cases[i].body, segmo_error_message(error));
        assert_string_equal(segmo_error_field(error), cases[i].field);
        segmo_error_free(error);
    }
    assert_int_equal(told.len, 0);
    segmo__buf_free(&told);
}

static int batch_of(const char *start, const char *piece, size_t count, segmo_error **error)
{
    segmo__buf body, told;
    int status;

    segmo__buf_init(&body, 1 << 20);
    segmo__buf_init(&told, 1 << 20);
    segmo__buf_add_str(&body, start);
    for (size_t i = 0; i < count; i++)
        segmo__buf_add_str(&body, piece + (i == 0 && *piece == ','));
    segmo__buf_add_str(&body, *piece == ',' ? "]}" : "\"}}");
    status = segmo__batch_each(segmo__buf_slice(&body), write_down, &told, error);
    segmo__buf_free(&body);
    segmo__buf_free(&told);
    return status;
}

static void limits_of_a_body_are_kept(void **state)
{
    segmo_error *error = NULL;

    (void)state;
    assert_int_equal(batch_of("{\"batch\":[", ",{}", 2500, NULL), SEGMO_OK);
    assert_int_equal(batch_of("{\"batch\":[", ",{}", 2501, &error), SEGMO_ERR_TOO_LARGE);
    assert_string_equal(segmo_error_field(error), "/batch");
    assert_int_equal(batch_of("{\"batch\":[],\"context\":{\"a\":\"", "x", 8184, NULL), SEGMO_OK);
    assert_int_equal(batch_of("{\"batch\":[],\"context\":{\"a\":\"", "x", 8185, &error),
                     SEGMO_ERR_TOO_LARGE);
    assert_string_equal(segmo_error_field(error), "/context");
    assert_int_equal(batch_of("{\"batch\":[],\"other\":{\"a\":\"", "x", 512000 - 29, NULL),
                     SEGMO_OK);
    assert_int_equal(batch_of("{\"batch\":[],\"other\":{\"a\":\"", "x", 512000 - 28, &error),
                     SEGMO_ERR_TOO_LARGE);
    assert_string_equal(segmo_error_field(error), "");
    segmo_error_free(error);
}

/* Names in plenty on both sides: what the product of their counts would take is not waited for. */
static void put_names(segmo__buf *out, const char *prefix, size_t count)
{
    for (size_t i = 0; i < count; i++)
        segmo__buf_addf(out, "%s\"%s%zx\":%zu", i > 0 ? "," : "", prefix, i, i);
}

static void many_names_are_merged_once_each(void **state)
{
    segmo__buf body, expected, told;

    (void)state;
    segmo__buf_init(&body, 1 << 20);
    segmo__buf_init(&expected, 1 << 20);
    segmo__buf_init(&told, 1 << 20);
    segmo__buf_add_lit(&body, "{\"context\":{");
    put_names(&body, "s", 600);
    segmo__buf_add_lit(&body, ",\"o1f\":7},\"batch\":[{\"context\":{");
    put_names(&body, "o", 20000);
    segmo__buf_add_lit(&body, ",\"s\\u0033\":8}}]}");
    segmo__buf_add_lit(&expected, "0 {\"context\":{");
    put_names(&expected, "o", 20000);
    segmo__buf_add_lit(&expected, ",\"s\\u0033\":8,\"s0\":0,\"s1\":1,\"s2\":2,");
    for (size_t i = 4; i < 600; i++)
        segmo__buf_addf(&expected, "%s\"s%zx\":%zu", i > 4 ? "," : "", i, i);
    segmo__buf_add_lit(&expected, "}}\n");
    assert_int_equal(segmo__batch_each(segmo__buf_slice(&body), write_down, &told, NULL), SEGMO_OK);
    assert_int_equal(told.len, expected.len);
    assert_memory_equal(told.data, expected.data, expected.len);
    segmo__buf_free(&body);
    segmo__buf_free(&expected);
    segmo__buf_free(&told);
}

static int stop_at_one(void *ctx, size_t index, segmo__slice item)
{
    (void)item;
    ++*(int *)ctx;
    return index == 1 ? 42 : 0;
}

static void an_answer_that_is_not_zero_stops(void **state)
{
    int told = 0;

    (void)state;
    assert_int_equal(
        segmo__batch_each(segmo__slice_of("{\"batch\":[{},{},{}],\"context\":{\"a\":1}}"),
                          stop_at_one, &told, NULL),
        42);
    assert_int_equal(told, 2);
}

static void memory_that_runs_out_is_told(void **state)
{
    static const char body[] =
        "{\"context\":{\"\\u0061\":{\"b\":1}},\"batch\":[{\"context\":{\"a\":{}}}]}";
    int status = SEGMO_ERR_MEMORY, count = 0;

    (void)state;
    for (long nth = 0; status != SEGMO_OK && nth < 100; nth++) {
        segmo_error *error = NULL;

        count = 0;
        segmo__mem_fail(nth, 1);
        status = segmo__batch_each(segmo__slice_of(body), stop_at_one, &count, &error);
        segmo__mem_fail(-1, 0);
        assert_true(status == SEGMO_OK || status == SEGMO_ERR_MEMORY);
        assert_int_equal(count, status == SEGMO_OK);
        segmo_error_free(error);
    }
    assert_int_equal(status, SEGMO_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_told_in_order_and_in_their_bytes),
        cmocka_unit_test(shared_members_that_are_empty_change_nothing),
        cmocka_unit_test(context_is_merged_deeply_and_the_item_wins),
        cmocka_unit_test(integrations_are_merged_shallowly_and_the_item_wins),
        cmocka_unit_test(keys_meet_by_their_meaning),
        cmocka_unit_test(what_is_no_object_is_left_to_the_rules_of_a_message),
        cmocka_unit_test(a_bad_item_never_costs_its_neighbours),
        cmocka_unit_test(the_deepest_item_is_taken),
        cmocka_unit_test(a_bad_body_is_refused_with_its_field),
        cmocka_unit_test(limits_of_a_body_are_kept),
        cmocka_unit_test(many_names_are_merged_once_each),
        cmocka_unit_test(an_answer_that_is_not_zero_stops),
        cmocka_unit_test(memory_that_runs_out_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
