/* What the case files cannot show: bytes, counts, limits, memory, threads and strange objects. */
#include "base/json.h"
#include "base/mem.h"
#include "library.h"
#include "wire/moengage.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define NOW_MS 1767607872345 /* 2026-01-05T10:11:12.345Z */

static const segmo__source cloud = {.mode = SEGMO__MODE_CLOUD,
                                    .moengage = {.enabled = 1,
                                                 .forward = 1,
                                                 .host = "https://api-01.moengage.com",
                                                 .app_id = "APP",
                                                 .objects = SEGMO__OBJECTS_FLATTEN}};

/* ---- one message in, bytes out ------------------------------------------------------------ */

struct result {
    segmo__buf stored, out;
    segmo__message message;
    segmo__moengage_element element;
    segmo_error *error;
    int status;
    int notes;
};

static void count_note(void *ctx, const segmo__note *note)
{
    struct result *result = ctx;

    assert_true(note->code && note->field && note->words);
    result->notes++;
}

static void read_message(struct result *result, const char *json)
{
    segmo__message_rules rules = {.library = LIBRARY("x", "1"), .call = -1};
    segmo_error *error = NULL;

    segmo__buf_init(&result->stored, SEGMO__MESSAGE_STORED_MAX);
    if (segmo__message_complete(&result->stored, segmo__slice_of(json), &rules, &error) != SEGMO_OK)
        fail_msg("%s: %s", segmo_error_field(error), segmo_error_message(error));
    assert_int_equal(segmo__message_read(&result->message, segmo__buf_slice(&result->stored), NULL),
                     SEGMO_OK);
}

static void transform(struct result *result, const segmo__source *source, const char *json)
{
    memset(result, 0, sizeof *result);
    read_message(result, json);
    segmo__buf_init(&result->out, 1u << 20);
    result->status =
        segmo__moengage_transform(&result->out, &result->element, source, &result->message, NOW_MS,
                                  count_note, result, &result->error);
}

static void release(struct result *result)
{
    segmo__buf_free(&result->stored);
    segmo__buf_free(&result->out);
    segmo_error_free(result->error);
}

static void assert_bytes(const segmo__buf *out, const char *wanted)
{
    if (out->len != strlen(wanted) || memcmp(out->data, wanted, out->len) != 0)
        fail_msg("expected %s, got %.*s", wanted, (int)out->len, out->data);
}

static void expect(const segmo__source *source, const char *json, const char *wanted)
{
    struct result result;

    transform(&result, source, json);
    assert_int_equal(result.status, SEGMO_OK);
    assert_bytes(&result.out, wanted);
    release(&result);
}

/* ---- bytes and counts --------------------------------------------------------------------- */

#define CONTEXT                                                                                    \
    "\"context\":{\"ip\":\"203.0.113.9\",\"app\":{\"version\":\"3.1.0\"},\"os\":{\"name\":"        \
    "\"Android\"},\"library\":{\"name\":\"x\",\"version\":\"2.0.0\"},"                             \
    "\"timezone\":\"Asia/Kolkata\"}"
#define TIME "\"timestamp\":\"2026-01-05T10:11:12.345Z\""

static const char identify_json[] =
    "{\"type\":\"identify\",\"messageId\":\"m-1\",\"userId\":\"u-77\",\"anonymousId\":\"an-"
    "1\"," TIME "," CONTEXT ",\"traits\":{\"firstName\":\"Asha\",\"phone\":\"+919800000001\","
    "\"planType\":\"gold\",\"address\":{\"postalCode\":\"560001\"},\"isVIP\":true,\"note\":null}}";

static const char track_json[] =
    "{\"type\":\"track\",\"messageId\":\"m-1\",\"userId\":\"u-77\",\"event\":\"Ticket "
    "Bought\"," TIME ",\"properties\":{\"seatRow\":\"C\",\"price\":12.5}," CONTEXT "}";

static void the_worked_examples_come_out_byte_for_byte(void **state)
{
    segmo__source source = cloud;

    (void)state;
    expect(
        &source, identify_json,
        "{\"type\":\"customer\",\"customer_id\":\"u-77\",\"attributes\":{\"first_name\":\"Asha\","
        "\"mobile\":\"+919800000001\",\"plan_type\":\"gold\",\"address_postal_code\":\"560001\","
        "\"is_vip\":true}}");
    expect(
        &source, track_json,
        "{\"type\":\"event\",\"customer_id\":\"u-77\",\"actions\":[{\"action\":\"Ticket Bought\","
        "\"attributes\":{\"seat_row\":\"C\",\"price\":12.5},\"platform\":\"ANDROID\","
        "\"app_version\":\"3.1.0\",\"current_time\":\"2026-01-05T10:11:12.345Z\","
        "\"user_timezone_offset\":19800}]}");
    source.moengage.api = SEGMO__API_SEGMENT;
    source.moengage.objects = SEGMO__OBJECTS_KEEP;
    expect(
        &source, identify_json,
        "{\"type\":\"identify\",\"user_id\":\"u-77\",\"traits\":{\"first_name\":\"Asha\","
        "\"phone\":\"+919800000001\",\"plan_type\":\"gold\",\"address\":{\"postal_code\":"
        "\"560001\"},\"is_vip\":true,\"note\":null},\"context\":{\"app\":{\"version\":\"3.1.0\"},"
        "\"os\":{\"name\":\"Android\"},\"library\":{\"version\":\"2.0.0\"}},\"anonymous_id\":"
        "\"an-1\",\"timestamp\":\"2026-01-05T10:11:12.345Z\",\"update_existing_only\":false}");
}

static void assert_element(const segmo__source *source, const char *json,
                           segmo__moengage_endpoint endpoint, int users, int events)
{
    struct result result;

    transform(&result, source, json);
    assert_int_equal(result.status, SEGMO_OK);
    assert_null(result.element.skip);
    assert_int_equal(result.element.endpoint, endpoint);
    assert_int_equal(result.element.users, users);
    assert_int_equal(result.element.events, events);
    release(&result);
}

static void elements_say_what_they_count_for(void **state)
{
    static const char alias[] = "{\"type\":\"alias\",\"userId\":\"u-77\",\"previousId\":\"old-1\"}";
    static const char device[] =
        "{\"type\":\"identify\",\"userId\":\"u-77\",\"context\":{\"device\":{\"id\":\"d-9\","
        "\"type\":\"android\",\"token\":\"t\"}}}";
    segmo__source source = cloud;

    (void)state;
    source.moengage.alias_merge = source.moengage.devices = 1;
    assert_element(&source, identify_json, SEGMO__MOENGAGE_TRANSITION, 1, 0);
    assert_element(&source, track_json, SEGMO__MOENGAGE_TRANSITION, 0, 1);
    assert_element(&source, device, SEGMO__MOENGAGE_TRANSITION, 2, 0);
    assert_element(&source, alias, SEGMO__MOENGAGE_MERGE, 1, 0);
    source.moengage.kind = SEGMO__MOENGAGE_ACTIONS;
    assert_element(&source, identify_json, SEGMO__MOENGAGE_SEGMENT, 1, 0);
    assert_element(&source, track_json, SEGMO__MOENGAGE_SEGMENT, 0, 1);
}

static void a_skipped_message_leaves_the_buffer_alone(void **state)
{
    struct result result;

    (void)state;
    transform(&result, &cloud, "{\"type\":\"track\",\"userId\":\"guest\",\"event\":\"E\"}");
    assert_int_equal(result.status, SEGMO_OK);
    assert_string_equal(result.element.skip, "refused_user_id");
    assert_int_equal(result.out.len, 0);
    release(&result);
}

static void elements_join_into_one_request(void **state)
{
    segmo__buf body, url;
    struct result first, second;

    (void)state;
    segmo__buf_init(&body, 1u << 16);
    segmo__buf_init(&url, 1u << 10);
    transform(&first, &cloud,
              "{\"type\":\"identify\",\"userId\":\"u-1\",\"traits\":{\"a\":\"}{\"}}");
    transform(&second, &cloud, "{\"type\":\"identify\",\"userId\":\"u-2\"}");
    assert_string_equal(segmo__moengage_type(segmo__buf_slice(&first.out)), "customer");
    segmo__buf_add_slice(&body, segmo__buf_slice(&first.out));
    segmo__buf_add_lit(&body, ",");
    segmo__buf_add_slice(&body, segmo__buf_slice(&second.out));
    segmo__buf_clear(&body);
    segmo__moengage_begin(&body, SEGMO__MOENGAGE_TRANSITION, NULL);
    segmo__buf_add_slice(&body, segmo__buf_slice(&first.out));
    segmo__moengage_end(&body, SEGMO__MOENGAGE_TRANSITION, NULL);
    assert_bytes(&body, "{\"type\":\"transition\",\"elements\":[{\"type\":\"customer\","
                        "\"customer_id\":\"u-1\",\"attributes\":{\"a\":\"}{\"}}]}");
    segmo__moengage_path(&url, &cloud, SEGMO__MOENGAGE_TRANSITION, NULL);
    assert_bytes(&url, "https://api-01.moengage.com/v1/transition/APP");
    segmo__buf_free(&body);
    segmo__buf_free(&url);
    release(&first);
    release(&second);
}

static void the_type_is_the_first_elements(void **state)
{
    static const struct {
        const char *elements;
        const char *type;
    } rows[] = {
        {"{\"type\":\"event\",\"customer_id\":\"u\",\"actions\":[{\"a\":\"\\\"}\"}]}", "event"},
        {"{\"type\":\"device\",\"customer_id\":\"u\"}", "device"},
        {"{\"type\":\"device\",\"customer_id\":\"u\"},{\"type\":\"event\"}", "device"},
        {"{\"type\":\"identify\",\"user_id\":\"u\"}", NULL},
        {"{\"merged_user\":\"a\",\"retained_user\":\"b\"}", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *type = segmo__moengage_type(segmo__slice_of(rows[i].elements));

        if (rows[i].type)
            assert_string_equal(type, rows[i].type);
        else
            assert_null(type);
    }
}

/* ---- time --------------------------------------------------------------------------------- */

static void expect_time(const char *timestamp, const char *wanted, int notes)
{
    char json[256];
    struct result result;
    segmo__slice out;

    snprintf(json, sizeof json,
             "{\"type\":\"track\",\"userId\":\"u-1\",\"event\":\"E\",\"timestamp\":\"%s\"}",
             timestamp);
    transform(&result, &cloud, json);
    assert_int_equal(result.status, SEGMO_OK);
    assert_int_equal(result.notes, notes);
    segmo__buf_add_char(&result.out, '\0');
    out = segmo__buf_slice(&result.out);
    if (wanted)
        assert_non_null(strstr(out.at, wanted));
    else
        assert_null(strstr(out.at, "current_time"));
    release(&result);
}

static void a_clock_a_little_ahead_is_set_back_to_now(void **state)
{
    (void)state;
    expect_time("2026-01-05T10:11:12.345Z", "\"current_time\":\"2026-01-05T10:11:12.345Z\"", 0);
    expect_time("2026-01-05T10:11:12.346Z", "\"current_time\":\"2026-01-05T10:11:12.345Z\"", 0);
    expect_time("2026-01-05T10:16:12.345Z", "\"current_time\":\"2026-01-05T10:11:12.345Z\"", 0);
    expect_time("2026-01-05T10:16:12.346Z", NULL, 1);
}

/* ---- too much ----------------------------------------------------------------------------- */

/* An object whose long name stands in front of each of its members once it is flattened. */
static char *exploding_message(void)
{
    segmo__buf json;

    segmo__buf_init(&json, SEGMO__MESSAGE_MAX);
    segmo__buf_add_lit(&json, "{\"type\":\"track\",\"userId\":\"u-1\",\"event\":\"E\","
                              "\"properties\":{\"");
    for (int i = 0; i < 8000; i++)
        segmo__buf_add_char(&json, 'n');
    segmo__buf_add_lit(&json, "\":{\"a\":0");
    for (int i = 0; i < 2000; i++)
        segmo__buf_addf(&json, ",\"k%d\":1", i);
    segmo__buf_add_lit(&json, "}}}");
    return segmo__buf_detach(&json);
}

static void what_no_request_can_hold_is_refused_and_leaves_the_buffer_alone(void **state)
{
    char *json = exploding_message();
    struct result result;

    (void)state;
    assert_non_null(json);
    transform(&result, &cloud, json);
    assert_int_equal(result.status, SEGMO_ERR_INVALID);
    assert_string_equal(segmo_error_field(result.error), "/properties");
    assert_int_equal(result.out.len, 0);
    assert_false(result.out.failed);
    release(&result);
    segmo__free(json);
}

static void a_full_buffer_is_a_want_of_memory(void **state)
{
    struct result result;
    segmo__buf small;

    (void)state;
    transform(&result, &cloud, track_json);
    for (size_t room = 0; room < result.out.len; room += 7) {
        segmo_error *error = NULL;

        segmo__buf_init(&small, room + 3);
        segmo__buf_add_lit(&small, "abc");
        assert_int_equal(segmo__moengage_transform(&small, &result.element, &cloud, &result.message,
                                                   NOW_MS, NULL, NULL, &error),
                         SEGMO_ERR_MEMORY);
        assert_bytes(&small, "abc");
        segmo__buf_free(&small);
        segmo_error_free(error);
    }
    release(&result);
}

/* As many keys as a message holds, each in two spellings. */
static void thousands_of_colliding_names_are_settled(void **state)
{
    segmo__buf json;
    struct result result;
    char *text;

    (void)state;
    segmo__buf_init(&json, SEGMO__MESSAGE_MAX);
    segmo__buf_add_lit(&json, "{\"type\":\"identify\",\"userId\":\"u-1\",\"traits\":{\"first\":0");
    for (int i = 0; i < 1400; i++)
        segmo__buf_addf(&json, ",\"kA%d\":1,\"k_a%d\":2", i, i);
    segmo__buf_add_lit(&json, "}}");
    text = segmo__buf_detach(&json);
    assert_non_null(text);
    transform(&result, &cloud, text);
    assert_int_equal(result.status, SEGMO_OK);
    assert_int_equal(result.notes, 50);
    assert_int_equal(segmo__json_check(segmo__buf_slice(&result.out), NULL), SEGMO_OK);
    segmo__buf_add_char(&result.out, '\0');
    assert_null(strstr(result.out.data, ":1"));
    assert_non_null(strstr(result.out.data, "\"k_a1399\":2"));
    release(&result);
    segmo__free(text);
}

/* ---- memory and threads ------------------------------------------------------------------- */

static void warm_buffers_take_no_memory(void **state)
{
    struct result result;

    (void)state;
    transform(&result, &cloud, identify_json);
    segmo__mem_fail(-1, 0);
    for (int i = 0; i < 100; i++) {
        segmo__buf_clear(&result.out);
        assert_int_equal(segmo__moengage_transform(&result.out, &result.element, &cloud,
                                                   &result.message, NOW_MS, count_note, &result,
                                                   NULL),
                         SEGMO_OK);
    }
    assert_int_equal(segmo__mem_count(), 0);
    release(&result);
}

/* In a new thread, whose buffers are cold, each allocation fails in turn. */
static void *fail_each_allocation(void *arg)
{
    struct result *result = arg;
    int status = SEGMO_ERR_MEMORY;

    for (long nth = 0; nth < 100 && status != SEGMO_OK; nth++) {
        segmo_error *error = NULL;

        segmo__buf_free(&result->out);
        segmo__mem_fail(nth, 0);
        status = segmo__moengage_transform(&result->out, &result->element, &cloud, &result->message,
                                           NOW_MS, NULL, NULL, &error);
        segmo__mem_fail(-1, 0);
        if (status != SEGMO_OK && (status != SEGMO_ERR_MEMORY || result->out.len != 0 ||
                                   segmo_error_status(error) != status))
            result->notes++;
        segmo_error_free(error);
    }
    result->status = status;
    return NULL;
}

static void a_failed_allocation_is_told_and_the_next_try_succeeds(void **state)
{
    struct result result;
    pthread_t thread;

    (void)state;
    transform(&result, &cloud, track_json);
    result.notes = 0;
    assert_int_equal(pthread_create(&thread, NULL, fail_each_allocation, &result), 0);
    pthread_join(thread, NULL);
    assert_int_equal(result.notes, 0);
    assert_int_equal(result.status, SEGMO_OK);
    release(&result);
}

static void *transform_often(void *arg)
{
    struct result *shared = arg;
    segmo__moengage_element element;
    segmo__buf out;

    segmo__buf_init(&out, 1u << 16);
    for (int i = 0; i < 500; i++) {
        segmo__buf_clear(&out);
        if (segmo__moengage_transform(&out, &element, &cloud, &shared->message, NOW_MS, NULL, NULL,
                                      NULL) != SEGMO_OK ||
            out.len != shared->out.len || memcmp(out.data, shared->out.data, out.len) != 0)
            return arg;
    }
    segmo__buf_free(&out);
    return NULL;
}

static void threads_do_not_meet(void **state)
{
    struct result result;
    pthread_t threads[4];

    (void)state;
    transform(&result, &cloud, identify_json);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, transform_often, &result), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong;

        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    release(&result);
}

/* ---- strange objects ---------------------------------------------------------------------- */

static uint64_t seed;

static unsigned pick(unsigned below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % below;
}

static void put_random(segmo__buf *json, int depth);

static void put_random_object(segmo__buf *json, int depth)
{
    static const char *const keys[] = {"aB",      "a_b", "AB",     "A b",   "日本",  "",
                                       "a",       "b",   "phone",  "id",    "moe_x", "$",
                                       "\\u0061", "a.b", "mobile", "a_b_a", "\\\"",  "\\u0000"};
    unsigned used = 0, count = pick(6);
    const char *comma = "";

    segmo__buf_add_char(json, '{');
    for (unsigned i = 0; i < count; i++) {
        unsigned key = pick(sizeof keys / sizeof keys[0]);
        unsigned twin = key == 12 ? 6 : key == 6 ? 12 : key; /* one name, escaped or not */

        if (used & (1u << key | 1u << twin))
            continue;
        used |= 1u << key;
        segmo__buf_addf(json, "%s \"%s\" : ", comma, keys[key]);
        put_random(json, depth + 1);
        comma = ",";
    }
    segmo__buf_add_char(json, '}');
}

static void put_random_list(segmo__buf *json, int depth)
{
    unsigned count = pick(4), only_objects = pick(2);

    segmo__buf_add_char(json, '[');
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            segmo__buf_add_str(json, " ,");
        if (only_objects)
            put_random_object(json, depth + 1);
        else
            put_random(json, depth + 1);
    }
    segmo__buf_add_char(json, ']');
}

static void put_random(segmo__buf *json, int depth)
{
    static const char *const scalars[] = {"1",    "-0.50", "\"x\"", "\"\\u0000\\\\\"",
                                          "true", "null",  "false", "\"日\""};
    unsigned kind = pick(depth > 5 ? 6 : 10);

    if (kind < 6)
        segmo__buf_add_str(json, scalars[pick(8)]);
    else if (kind < 8)
        put_random_object(json, depth);
    else
        put_random_list(json, depth);
}

static void put_random_message(segmo__buf *json)
{
    int identify = pick(2) != 0;

    segmo__buf_clear(json);
    segmo__buf_addf(json, "{\"userId\":\"u-1\",\"type\":\"%s\",\"event\":\"E\",\"%s\":",
                    identify ? "identify" : "track", identify ? "traits" : "properties");
    put_random_object(json, 0);
    segmo__buf_add(json, "}", 2);
}

static segmo__source random_source(void)
{
    segmo__source source = cloud;

    source.moengage.objects = (segmo__objects)pick(3);
    source.moengage.naming = (segmo__naming)pick(3);
    source.moengage.limits = (segmo__limits)pick(3);
    source.moengage.api = (segmo__moengage_api)pick(2);
    source.moengage.allow_reserved = pick(2) != 0;
    return source;
}

/* Whatever comes in, what goes out is strict JSON without two equal names. */
static void strange_objects_come_out_as_strict_json(void **state)
{
    segmo__buf json;

    (void)state;
    seed = 20260105;
    segmo__buf_init(&json, SEGMO__MESSAGE_MAX);
    for (int i = 0; i < 20000; i++) {
        segmo__source source = random_source();
        struct result result;

        put_random_message(&json);
        transform(&result, &source, json.data);
        assert_int_equal(result.status, SEGMO_OK);
        if (segmo__json_check(segmo__buf_slice(&result.out), &result.error) != SEGMO_OK)
            fail_msg("%s\n%s\n%.*s", segmo_error_message(result.error), json.data,
                     (int)result.out.len, result.out.data);
        release(&result);
    }
    segmo__buf_free(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_worked_examples_come_out_byte_for_byte),
        cmocka_unit_test(elements_say_what_they_count_for),
        cmocka_unit_test(a_skipped_message_leaves_the_buffer_alone),
        cmocka_unit_test(elements_join_into_one_request),
        cmocka_unit_test(the_type_is_the_first_elements),
        cmocka_unit_test(a_clock_a_little_ahead_is_set_back_to_now),
        cmocka_unit_test(what_no_request_can_hold_is_refused_and_leaves_the_buffer_alone),
        cmocka_unit_test(a_full_buffer_is_a_want_of_memory),
        cmocka_unit_test(thousands_of_colliding_names_are_settled),
        cmocka_unit_test(warm_buffers_take_no_memory),
        cmocka_unit_test(a_failed_allocation_is_told_and_the_next_try_succeeds),
        cmocka_unit_test(threads_do_not_meet),
        cmocka_unit_test(strange_objects_come_out_as_strict_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
