#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "library.h"
#include "model/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const segmo__message_rules rules = {
    .source = 77, .library = LIBRARY("segmo", "9.9.9"), .call = -1};

static const char whole[] =
    "{\"type\":\"track\",\"userId\":\"u-7\",\"event\":\"Lamp Lit\",\"properties\":{\"watts\":9.50},"
    "\"context\":{\"library\":{\"name\":\"app\"}},\"timestamp\":\"2026-01-05T10:11:12.345Z\","
    "\"messageId\":\"m-1\"}";

static int complete(segmo__buf *stored, const char *json, segmo_error **err)
{
    return segmo__message_complete(stored, segmo__slice_of(json), &rules, err);
}

/* Completes and reads; `stored` holds what the message points into. */
static segmo__message completed(segmo__buf *stored, const char *json)
{
    segmo_error *error = NULL;
    segmo__message message;

    segmo__buf_init(stored, SEGMO__MESSAGE_STORED_MAX);
    if (complete(stored, json, &error) != SEGMO_OK)
        fail_msg("%s: %s", json, segmo_error_message(error));
    assert_int_equal(segmo__message_read(&message, segmo__buf_slice(stored), NULL), SEGMO_OK);
    return message;
}

static void assert_json(const segmo__message *message, const char *expected)
{
    if (!segmo__slice_is((segmo__slice){message->json, message->json_len}, expected))
        fail_msg("expected %s, got %.*s", expected, (int)message->json_len, message->json);
}

static void assert_part(const segmo__message *message, segmo__part part, const char *expected)
{
    segmo__slice span = segmo__message_part(message, part);

    if (!segmo__slice_is(span, expected))
        fail_msg("part %d: expected %s, got %.*s", part, expected, (int)span.len, span.at);
}

/* ---- what is stored ---- */

static void a_complete_message_is_stored_byte_for_byte(void **state)
{
    segmo__buf stored;
    segmo__message message = completed(&stored, whole);

    (void)state;
    assert_json(&message, whole);
    assert_int_equal(stored.len, SEGMO__MESSAGE_INDEX_SIZE + sizeof whole - 1);
    assert_int_equal(message.call, SEGMO__CALL_TRACK);
    assert_int_equal(message.source, 77);
    assert_int_equal(message.flags, SEGMO__MESSAGE_TIMESTAMP_GIVEN);
    assert_int_equal(message.timestamp_ms, 1767607872345);
    assert_true(message.accepted_ms > message.timestamp_ms);
    assert_true(message.user == segmo__id_hash("u-7", 3, 0));
    assert_true(message.id_hash == segmo__id_hash("m-1", 3, 0));
    segmo__buf_free(&stored);
}

static void bytes_that_need_no_change_keep_their_form(void **state)
{
    static const char odd[] =
        "{ \"t\\u0079pe\" : \"tr\\u0061ck\" ,\n\t\"user\\u0049d\":\"u\\u002d7\", "
        "\"event\":\"\\/\\ud83d\\ude00\","
        "\"properties\":{\"n\":9007199254740993,\"e\":1E5,\"z\":-0.0,\"nul\":\"a\\u0000b\","
        "\"k\\\\\":[ ]},"
        "\"context\":{\"library\":1},\"timestamp\":\"2026-01-05\",\"messageId\":\"\\u006d\" }";
    segmo__buf stored;
    segmo__message message = completed(&stored, odd);

    (void)state;
    assert_json(&message, odd);
    assert_part(&message, SEGMO__PART_USER_ID, "\"u\\u002d7\"");
    assert_true(message.user == segmo__id_hash("u-7", 3, 0));
    assert_true(message.id_hash == segmo__id_hash("m", 1, 0));
    segmo__buf_free(&stored);
}

static void every_part_is_indexed(void **state)
{
    segmo__buf stored;
    segmo__message message = completed(
        &stored, "{\"messageId\":\"m\",\"userId\":\"u\",\"anonymousId\":\"a\",\"groupId\":\"g\","
                 "\"previousId\":\"p\",\"event\":\"e\",\"name\":\"n\",\"category\":\"c\","
                 "\"properties\":{\"x\":1},\"traits\":{\"y\":2},\"context\":{\"library\":3},"
                 "\"integrations\":{\"All\":true},\"_metadata\":{\"z\":4},"
                 "\"timestamp\":\"2026-01-05\",\"type\":\"track\"}");

    (void)state;
    assert_part(&message, SEGMO__PART_MESSAGE_ID, "\"m\"");
    assert_part(&message, SEGMO__PART_USER_ID, "\"u\"");
    assert_part(&message, SEGMO__PART_ANONYMOUS_ID, "\"a\"");
    assert_part(&message, SEGMO__PART_GROUP_ID, "\"g\"");
    assert_part(&message, SEGMO__PART_PREVIOUS_ID, "\"p\"");
    assert_part(&message, SEGMO__PART_EVENT, "\"e\"");
    assert_part(&message, SEGMO__PART_NAME, "\"n\"");
    assert_part(&message, SEGMO__PART_CATEGORY, "\"c\"");
    assert_part(&message, SEGMO__PART_PROPERTIES, "{\"x\":1}");
    assert_part(&message, SEGMO__PART_TRAITS, "{\"y\":2}");
    assert_part(&message, SEGMO__PART_CONTEXT, "{\"library\":3}");
    assert_part(&message, SEGMO__PART_INTEGRATIONS, "{\"All\":true}");
    assert_part(&message, SEGMO__PART_METADATA, "{\"z\":4}");
    assert_part(&message, SEGMO__PART_TIMESTAMP, "\"2026-01-05\"");
    segmo__buf_free(&stored);
}

static void absent_null_and_empty_members_have_no_part(void **state)
{
    segmo__buf stored;
    segmo__message message = completed(
        &stored, "{\"type\":\"identify\",\"userId\":\"\",\"anonymousId\":\"a\",\"groupId\":null,"
                 "\"traits\":null,\"integrations\":null,\"name\":\"\"}");

    (void)state;
    assert_part(&message, SEGMO__PART_USER_ID, "");
    assert_part(&message, SEGMO__PART_GROUP_ID, "");
    assert_part(&message, SEGMO__PART_PREVIOUS_ID, "");
    assert_part(&message, SEGMO__PART_TRAITS, "");
    assert_part(&message, SEGMO__PART_INTEGRATIONS, "");
    assert_part(&message, SEGMO__PART_NAME, "");
    assert_part(&message, SEGMO__PART_ANONYMOUS_ID, "\"a\"");
    assert_true(message.user == segmo__id_hash("a", 1, 0));
    segmo__buf_free(&stored);
}

/* Every edit at once, with parts before, between and behind them. */
static void parts_are_found_behind_all_edits(void **state)
{
    segmo__buf stored;
    segmo__message message = completed(
        &stored,
        "{\"writeKey\":\"WK\",\"userId\":42,\"type\":\"alias\",\"messageId\":null,"
        "\"previousId\":7,\"context\":{\"ip\":\"1.2.3.4\"},\"anonymousId\":-1,"
        "\"integrations\":{\"MoEngage\":false},\"timestamp\":null,\"_metadata\":{\"a\":1}}");

    (void)state;
    assert_part(&message, SEGMO__PART_USER_ID, "\"42\"");
    assert_part(&message, SEGMO__PART_PREVIOUS_ID, "\"7\"");
    assert_part(&message, SEGMO__PART_ANONYMOUS_ID, "\"-1\"");
    assert_part(&message, SEGMO__PART_CONTEXT,
                "{\"ip\":\"1.2.3.4\",\"library\":{\"name\":\"segmo\",\"version\":\"9.9.9\"}}");
    assert_part(&message, SEGMO__PART_INTEGRATIONS, "{\"MoEngage\":false}");
    assert_part(&message, SEGMO__PART_METADATA, "{\"a\":1}");
    assert_int_equal(segmo__message_part(&message, SEGMO__PART_MESSAGE_ID).len, 38);
    assert_int_equal(segmo__message_part(&message, SEGMO__PART_TIMESTAMP).len, 26);
    assert_memory_equal(message.json, "{\"userId\":\"42\",\"type\"", 20);
    assert_int_equal(message.flags, 0);
    assert_int_equal(message.timestamp_ms, message.accepted_ms);
    assert_true(message.user == segmo__id_hash("42", 2, 0));
    assert_true(
        message.id_hash ==
        segmo__id_hash(segmo__message_part(&message, SEGMO__PART_MESSAGE_ID).at + 1, 36, 0));
    assert_int_equal(segmo__json_check((segmo__slice){message.json, message.json_len}, NULL),
                     SEGMO_OK);
    segmo__buf_free(&stored);
}

static void parts_that_are_added_are_indexed_as_well(void **state)
{
    segmo__buf stored;
    segmo__message message = completed(&stored, "{\"type\":\"identify\",\"userId\":\"u\"}");
    segmo__slice id = segmo__message_part(&message, SEGMO__PART_MESSAGE_ID);

    (void)state;
    assert_int_equal(id.len, 38);
    assert_memory_equal(id.at - 12, "\"messageId\":", 12);
    assert_memory_equal(segmo__message_part(&message, SEGMO__PART_TIMESTAMP).at - 12,
                        "\"timestamp\":", 12);
    assert_part(&message, SEGMO__PART_CONTEXT,
                "{\"library\":{\"name\":\"segmo\",\"version\":\"9.9.9\"}}");
    segmo__buf_free(&stored);
}

static void a_write_key_leaves_no_trace(void **state)
{
    static const char *const texts[] = {
        "{\"writeKey\":\"WK\",\"type\":\"identify\",\"userId\":\"u\"}",
        "{ \"writeKey\" : \"WK\" , \"type\":\"identify\",\"userId\":\"u\"}",
        "{\"type\":\"identify\",\"writeKey\":\"WK\",\"userId\":\"u\"}",
        "{\"type\":\"identify\",\"userId\":\"u\",\"writeKey\":\"WK\"}",
        "{\"type\":\"identify\",\"userId\":\"u\" , \"writeKey\" : \"WK\" }",
        "{\"type\":\"identify\",\"userId\":\"u\",\"write\\u004bey\":\"WK\"}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        segmo__buf stored;
        segmo__message message = completed(&stored, texts[i]);
        segmo__slice json = {message.json, message.json_len};

        assert_null(memmem(stored.data, stored.len, "WK", 2));
        assert_int_equal(segmo__json_check(json, NULL), SEGMO_OK);
        assert_part(&message, SEGMO__PART_USER_ID, "\"u\"");
        segmo__buf_free(&stored);
    }
}

static void a_library_name_is_escaped(void **state)
{
    segmo__message_rules odd = rules;
    segmo__message message;
    segmo__buf stored, library;

    (void)state;
    segmo__buf_init(&library, 256);
    segmo__message_put_library(&library, "my \"lib\"\n", "9.9.9");
    odd.library = segmo__buf_slice(&library);
    segmo__buf_init(&stored, SEGMO__MESSAGE_STORED_MAX);
    assert_int_equal(
        segmo__message_complete(
            &stored, segmo__slice_of("{\"type\":\"identify\",\"userId\":\"u\"}"), &odd, NULL),
        SEGMO_OK);
    assert_int_equal(segmo__message_read(&message, segmo__buf_slice(&stored), NULL), SEGMO_OK);
    assert_part(&message, SEGMO__PART_CONTEXT,
                "{\"library\":{\"name\":\"my \\\"lib\\\"\\n\",\"version\":\"9.9.9\"}}");
    segmo__buf_free(&library);
    segmo__buf_free(&stored);
}

/* Whether a context has a library is known from the keys of the whole message. */
static void a_library_of_the_caller_stays_however_its_key_is_written(void **state)
{
    static const char ours[] = "\"library\":{\"name\":\"segmo\",\"version\":\"9.9.9\"}";
    static const struct {
        const char *context;
        int gets_ours;
    } cases[] = {
        {"{\"library\":{\"name\":\"app\"}}", 0},
        {"{\"ip\":\"1\",\"libr\\u0061ry\":{\"name\":\"app\"}}", 0},
        {"{\"library\":null}", 1},
        {"{\"app\":{\"library\":1}}", 1},
        {"{\"Library\":1}", 1},
        {"{\"librarY\":1,\"library \":2}", 1},
        {"{}", 1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        segmo__buf text, stored;
        segmo__message message;
        segmo__slice context;

        segmo__buf_init(&text, 4096);
        segmo__buf_addf(&text,
                        "{\"type\":\"identify\",\"userId\":\"u\",\"context\":%s,"
                        "\"traits\":{\"library\":2}}",
                        cases[i].context);
        segmo__buf_add_char(&text, '\0');
        message = completed(&stored, text.data);
        context = segmo__message_part(&message, SEGMO__PART_CONTEXT);
        assert_int_equal(memmem(context.at, context.len, ours, sizeof ours - 1) != NULL,
                         cases[i].gets_ours);
        segmo__buf_free(&stored);
        segmo__buf_free(&text);
    }
}

static void messages_stand_behind_what_the_buffer_held(void **state)
{
    segmo__message message;
    segmo__slice second;
    segmo__buf stored;
    size_t first_end;

    (void)state;
    segmo__buf_init(&stored, 1 << 20);
    segmo__buf_add_lit(&stored, "before");
    assert_int_equal(complete(&stored, whole, NULL), SEGMO_OK);
    first_end = stored.len;
    assert_int_equal(complete(&stored, "{\"type\":\"page\",\"userId\":\"u\"}", NULL), SEGMO_OK);
    assert_memory_equal(stored.data, "before", 6);
    second = (segmo__slice){stored.data + first_end, stored.len - first_end};
    assert_int_equal(segmo__message_read(&message, second, NULL), SEGMO_OK);
    assert_int_equal(message.call, SEGMO__CALL_PAGE);
    assert_part(&message, SEGMO__PART_USER_ID, "\"u\"");
    segmo__buf_free(&stored);
}

/* ---- type ---- */

static void a_route_gives_the_type_that_is_missing(void **state)
{
    static const char *const texts[] = {"{\"userId\":\"u\",\"previousId\":\"p\"}",
                                        "{\"type\":null,\"userId\":\"u\",\"previousId\":\"p\"}"};
    segmo__message_rules by_route = rules;

    (void)state;
    by_route.call = SEGMO__CALL_ALIAS;
    for (size_t i = 0; i < COUNT(texts); i++) {
        segmo__message message;
        segmo__slice type;
        segmo__buf stored;

        segmo__buf_init(&stored, SEGMO__MESSAGE_STORED_MAX);
        assert_int_equal(
            segmo__message_complete(&stored, segmo__slice_of(texts[i]), &by_route, NULL), SEGMO_OK);
        assert_int_equal(segmo__message_read(&message, segmo__buf_slice(&stored), NULL), SEGMO_OK);
        assert_int_equal(message.call, SEGMO__CALL_ALIAS);
        assert_true(
            segmo__json_member((segmo__slice){message.json, message.json_len}, "type", &type));
        assert_true(segmo__slice_is(type, "\"alias\""));
        segmo__buf_free(&stored);
    }
}

static void a_type_that_is_given_wins_over_the_route(void **state)
{
    segmo__message_rules by_route = rules;
    segmo__message message;
    segmo__buf stored;

    (void)state;
    by_route.call = SEGMO__CALL_ALIAS;
    segmo__buf_init(&stored, SEGMO__MESSAGE_STORED_MAX);
    assert_int_equal(segmo__message_complete(&stored, segmo__slice_of(whole), &by_route, NULL),
                     SEGMO_OK);
    assert_int_equal(segmo__message_read(&message, segmo__buf_slice(&stored), NULL), SEGMO_OK);
    assert_int_equal(message.call, SEGMO__CALL_TRACK);
    segmo__buf_free(&stored);
}

static void calls_are_named_as_in_the_spec(void **state)
{
    static const char *const names[] = {"identify", "track", "page", "screen", "group", "alias"};

    (void)state;
    for (int call = 0; call < 6; call++) {
        assert_string_equal(segmo__call_name((segmo__call)call), names[call]);
        assert_int_equal(segmo__call_parse(segmo__slice_of(names[call])), call);
    }
    assert_int_equal(segmo__call_parse(segmo__slice_of("Track")), -1);
    assert_int_equal(segmo__call_parse(segmo__slice_of("")), -1);
    assert_int_equal(segmo__call_parse(segmo__slice_of("tracks")), -1);
}

/* ---- integrations and _metadata ---- */

static void assert_wishes(const char *integrations, int all, int segment, int classic, int actions)
{
    segmo__message message;
    segmo__buf text, stored;

    segmo__buf_init(&text, 4096);
    segmo__buf_addf(&text, "{\"type\":\"identify\",\"userId\":\"u\",\"integrations\":%s}",
                    integrations);
    segmo__buf_add_lit(&text, "\0");
    message = completed(&stored, text.data);
    assert_int_equal(message.wants[SEGMO__INTEGRATION_ALL], all);
    assert_int_equal(message.wants[SEGMO__INTEGRATION_SEGMENT], segment);
    assert_int_equal(message.wants[SEGMO__INTEGRATION_MOENGAGE], classic);
    assert_int_equal(message.wants[SEGMO__INTEGRATION_MOENGAGE_ACTIONS], actions);
    segmo__buf_free(&text);
    segmo__buf_free(&stored);
}

static void integrations_say_what_is_wanted(void **state)
{
    enum { UNSAID, NO, YES };

    (void)state;
    assert_wishes("{}", UNSAID, UNSAID, UNSAID, UNSAID);
    assert_wishes("null", UNSAID, UNSAID, UNSAID, UNSAID);
    assert_wishes("{\"All\":true}", YES, UNSAID, UNSAID, UNSAID);
    assert_wishes("{\"all\":false}", NO, UNSAID, UNSAID, UNSAID);
    assert_wishes("{\"ALL\":false}", NO, UNSAID, UNSAID, UNSAID);
    assert_wishes("{\"aLL\":false}", UNSAID, UNSAID, UNSAID, UNSAID);
    assert_wishes("{\"All\":false,\"MoEngage\":true}", NO, UNSAID, YES, UNSAID);
    assert_wishes("{\"MoEngage\":{\"a\":false}}", UNSAID, UNSAID, YES, UNSAID);
    assert_wishes("{\"MoEngage\":{}}", UNSAID, UNSAID, YES, UNSAID);
    assert_wishes("{\"MoEngage\":0}", UNSAID, UNSAID, YES, UNSAID);
    assert_wishes("{\"MoEngage\":\"false\"}", UNSAID, UNSAID, YES, UNSAID);
    assert_wishes("{\"Segment.io\":false}", UNSAID, NO, UNSAID, UNSAID);
    assert_wishes("{\"Moengage (Actions)\":false}", UNSAID, UNSAID, UNSAID, NO);
    assert_wishes("{\"moengage\":false,\"MOENGAGE\":false,\"segment.io\":false,"
                  "\"MoEngage (Actions)\":false}",
                  UNSAID, UNSAID, UNSAID, UNSAID);
    assert_wishes("{\"Mo\\u0045ngage\":false}", UNSAID, UNSAID, NO, UNSAID);
}

static int bundled(const char *metadata)
{
    segmo__message message;
    segmo__buf text, stored;

    segmo__buf_init(&text, 4096);
    segmo__buf_addf(&text, "{\"type\":\"identify\",\"userId\":\"u\",\"_metadata\":%s}", metadata);
    segmo__buf_add_lit(&text, "\0");
    message = completed(&stored, text.data);
    segmo__buf_free(&text);
    segmo__buf_free(&stored);
    return (message.flags & SEGMO__MESSAGE_BUNDLED_MOENGAGE) != 0;
}

static void bundled_names_say_what_the_device_sent(void **state)
{
    (void)state;
    assert_true(bundled("{\"bundled\":[\"MoEngage\"]}"));
    assert_true(bundled("{\"bundled\":[\"Segment.io\",\"Moengage (Actions)\"],\"unbundled\":[]}"));
    assert_true(bundled("{\"bundled\":[\"Mo\\u0045ngage\"]}"));
    assert_false(bundled("{\"bundled\":[]}"));
    assert_false(bundled("{\"bundled\":[\"Segment.io\",\"moengage\",7,null]}"));
    assert_false(bundled("{\"unbundled\":[\"MoEngage\"]}"));
    assert_false(bundled("{\"bundled\":{\"MoEngage\":\"MoEngage\"}}"));
    assert_false(bundled("{\"bundled\":\"MoEngage\"}"));
    assert_false(bundled("[\"MoEngage\"]"));
    assert_false(bundled("null"));
}

/* ---- limits and failures ---- */

static int completed_size(size_t size, segmo_error **error)
{
    static const char start[] = "{\"type\":\"identify\",\"userId\":\"u\",\"traits\":{\"a\":\"";
    segmo__buf text, stored;
    size_t filling = size - (sizeof start - 1) - 3;
    int status;

    segmo__buf_init(&text, 1 << 20);
    segmo__buf_init(&stored, SEGMO__MESSAGE_STORED_MAX);
    segmo__buf_add_lit(&text, "{\"type\":\"identify\",\"userId\":\"u\",\"traits\":{\"a\":\"");
    memset(segmo__buf_extend(&text, filling), 'x', filling);
    segmo__buf_add_lit(&text, "\"}}");
    assert_int_equal(text.len, size);
    status = segmo__message_complete(&stored, segmo__buf_slice(&text), &rules, error);
    segmo__buf_free(&text);
    segmo__buf_free(&stored);
    return status;
}

static void a_message_has_at_most_32768_bytes(void **state)
{
    segmo_error *error = NULL;

    (void)state;
    assert_int_equal(completed_size(32768, NULL), SEGMO_OK);
    assert_int_equal(completed_size(32769, &error), SEGMO_ERR_TOO_LARGE);
    assert_non_null(strstr(segmo_error_message(error), "32769"));
    assert_non_null(strstr(segmo_error_message(error), "32768"));
    segmo_error_free(error);
}

static void a_refused_message_leaves_the_buffer_as_it_was(void **state)
{
    static const char *const bad[] = {
        "",          "[]", "{}", "{\"type\":\"track\"}", "{\"type\":\"identify\",\"userId\":{}}",
        "{\"type\":"};
    segmo__buf stored;

    (void)state;
    segmo__buf_init(&stored, 1 << 16);
    assert_int_equal(complete(&stored, whole, NULL), SEGMO_OK);
    for (size_t i = 0; i < COUNT(bad); i++) {
        size_t before = stored.len;

        assert_int_not_equal(complete(&stored, bad[i], NULL), SEGMO_OK);
        assert_int_equal(stored.len, before);
        assert_false(stored.failed);
    }
    segmo__buf_free(&stored);
}

static void a_buffer_without_room_is_left_as_it_was(void **state)
{
    (void)state;
    for (size_t max = 0; max < SEGMO__MESSAGE_INDEX_SIZE + sizeof whole - 1; max += 7) {
        segmo__buf stored;
        segmo_error *error = NULL;

        segmo__buf_init(&stored, max);
        assert_int_equal(complete(&stored, whole, &error), SEGMO_ERR_MEMORY);
        assert_int_equal(stored.len, 0);
        assert_false(stored.failed);
        segmo_error_free(error);
        segmo__buf_free(&stored);
    }
}

static void nothing_is_allocated_when_there_is_room(void **state)
{
    segmo__buf stored;

    (void)state;
    segmo__buf_init(&stored, SEGMO__MESSAGE_STORED_MAX);
    assert_true(segmo__buf_reserve(&stored, 4096));
    segmo__mem_fail(0, 1);
    assert_int_equal(complete(&stored, whole, NULL), SEGMO_OK);
    assert_int_equal(complete(&stored, "{\"type\":\"page\",\"userId\":7}", NULL), SEGMO_OK);
    segmo__mem_fail(-1, 0);
    segmo__buf_free(&stored);
}

static void every_allocation_may_fail(void **state)
{
    static const char escaped[] =
        "{\"type\":\"identify\",\"userId\":\"\\u0075\",\"messageId\":\"\\n\"}";
    int status = SEGMO_ERR_MEMORY;

    (void)state;
    for (long nth = 0; status != SEGMO_OK && nth < 100; nth++) {
        segmo__buf stored;

        segmo__buf_init(&stored, SEGMO__MESSAGE_STORED_MAX);
        segmo__mem_fail(nth, 0);
        status = complete(&stored, escaped, NULL);
        segmo__mem_fail(-1, 0);
        assert_true(status == SEGMO_OK || (status == SEGMO_ERR_MEMORY && stored.len == 0));
        segmo__buf_free(&stored);
    }
    assert_int_equal(status, SEGMO_OK);
}

/* ---- the index ---- */

/* Written by hand from the description in message.c: what is on disk may never change its meaning.
 */
static void the_index_has_the_described_layout(void **state)
{
    segmo__buf stored;
    segmo__message message = completed(&stored, whole);
    const unsigned char *index = (const unsigned char *)stored.data;

    (void)state;
    assert_int_equal(index[0], 1);
    assert_int_equal(index[1], SEGMO__CALL_TRACK);
    assert_int_equal(index[2], SEGMO__MESSAGE_TIMESTAMP_GIVEN);
    assert_int_equal(index[8] | index[9] << 8 | index[10] << 16, sizeof whole - 1);
    assert_int_equal(index[16], 77);
    assert_int_equal(index[17] | index[18] | index[23], 0);
    assert_int_equal(index[24], message.user & 255);
    assert_int_equal(index[31], message.user >> 56);
    assert_int_equal(index[32], message.id_hash & 255);
    assert_int_equal(index[40], message.accepted_ms & 255);
    assert_int_equal(index[48] | index[49] << 8, 1767607872345 & 0xffff);
    assert_memory_equal(stored.data + SEGMO__MESSAGE_INDEX_SIZE +
                            (index[56 + 4] | index[56 + 5] << 8),
                        "\"u-7\"", 5);
    assert_int_equal(index[56 + 6] | index[56 + 7] << 8, 5);
    segmo__buf_free(&stored);
}

static int readable(const segmo__buf *stored, size_t len)
{
    segmo__message message;

    return segmo__message_read(&message, (segmo__slice){stored->data, len}, NULL) == SEGMO_OK;
}

static void an_index_that_does_not_fit_is_refused(void **state)
{
    static const struct {
        size_t at;
        int byte;
    } changes[] = {{0, 0}, {0, 2}, {1, 6},  {1, 255},  {3, 3},
                   {6, 9}, {8, 1}, {11, 1}, {57, 255}, {63, 255}};
    segmo_error *error = NULL;
    segmo__message message;
    segmo__buf stored;

    (void)state;
    completed(&stored, whole);
    for (size_t i = 0; i < COUNT(changes); i++) {
        char before = stored.data[changes[i].at];

        stored.data[changes[i].at] = (char)changes[i].byte;
        if (readable(&stored, stored.len))
            fail_msg("read with byte %zu changed", changes[i].at);
        stored.data[changes[i].at] = before;
    }
    assert_true(readable(&stored, stored.len));
    for (size_t len = 0; len < stored.len; len++)
        assert_false(readable(&stored, len));
    assert_int_equal(segmo__message_read(&message, (segmo__slice){stored.data, 5}, &error),
                     SEGMO_ERR_INVALID);
    segmo_error_free(error);
    segmo__buf_free(&stored);
}

/* Whatever a damaged index says, a message that was read never points beyond its bytes. */
static void a_damaged_index_never_points_beyond_the_message(void **state)
{
    segmo__buf stored;

    (void)state;
    completed(&stored, whole);
    for (size_t at = 0; at < SEGMO__MESSAGE_INDEX_SIZE; at++)
        for (int bit = 0; bit < 8; bit++) {
            segmo__message message;

            stored.data[at] ^= (char)(1 << bit);
            if (segmo__message_read(&message, segmo__buf_slice(&stored), NULL) == SEGMO_OK) {
                assert_in_range(message.call, 0, SEGMO__CALL_ALIAS);
                for (segmo__part part = 0; part < SEGMO__PART_COUNT; part++) {
                    segmo__slice span = segmo__message_part(&message, part);

                    assert_true(span.at + span.len <= stored.data + stored.len);
                }
            }
            stored.data[at] ^= (char)(1 << bit);
        }
    segmo__buf_free(&stored);
}

static void sources_are_told_apart_by_their_ids(void **state)
{
    (void)state;
    assert_true(segmo__message_source_hash("web") == segmo__id_hash("web", 3, 0));
    assert_true(segmo__message_source_hash("web") != segmo__message_source_hash("ios"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_complete_message_is_stored_byte_for_byte),
        cmocka_unit_test(bytes_that_need_no_change_keep_their_form),
        cmocka_unit_test(every_part_is_indexed),
        cmocka_unit_test(absent_null_and_empty_members_have_no_part),
        cmocka_unit_test(parts_are_found_behind_all_edits),
        cmocka_unit_test(parts_that_are_added_are_indexed_as_well),
        cmocka_unit_test(a_write_key_leaves_no_trace),
        cmocka_unit_test(a_library_name_is_escaped),
        cmocka_unit_test(a_library_of_the_caller_stays_however_its_key_is_written),
        cmocka_unit_test(messages_stand_behind_what_the_buffer_held),
        cmocka_unit_test(a_route_gives_the_type_that_is_missing),
        cmocka_unit_test(a_type_that_is_given_wins_over_the_route),
        cmocka_unit_test(calls_are_named_as_in_the_spec),
        cmocka_unit_test(integrations_say_what_is_wanted),
        cmocka_unit_test(bundled_names_say_what_the_device_sent),
        cmocka_unit_test(a_message_has_at_most_32768_bytes),
        cmocka_unit_test(a_refused_message_leaves_the_buffer_as_it_was),
        cmocka_unit_test(a_buffer_without_room_is_left_as_it_was),
        cmocka_unit_test(nothing_is_allocated_when_there_is_room),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(the_index_has_the_described_layout),
        cmocka_unit_test(an_index_that_does_not_fit_is_refused),
        cmocka_unit_test(a_damaged_index_never_points_beyond_the_message),
        cmocka_unit_test(sources_are_told_apart_by_their_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
