#include "base/mem.h"
#include "library.h"
#include "model/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static int complete(const char *json, segmo_error **error)
{
    static const segmo__message_rules rules = {.library = LIBRARY("segmo", "9.9.9"), .call = -1};
    segmo__buf stored;
    int status;

    segmo__buf_init(&stored, SEGMO__MESSAGE_STORED_MAX);
    status = segmo__message_complete(&stored, segmo__slice_of(json), &rules, error);
    segmo__buf_free(&stored);
    return status;
}

/* A refusal: the field, the reason and the remedy in the words that a user reads. */
static const struct {
    const char *json;
    const char *field;
    const char *words;
} refusals[] = {
    {"{}", "/type", "type is missing; give one of identify, track, page, screen, group, alias"},
    {"{\"type\":null}", "/type", "type is missing; give one of"},
    {"{\"type\":\"x\"}", "/type", "type is no Segment call; give one of"},
    {"{\"type\":\"TRACK\"}", "/type", "type is no Segment call; give one of"},
    {"{\"type\":\"\"}", "/type", "type is no Segment call; give one of"},
    {"{\"type\":7}", "/type", "type is no Segment call; give one of"},
    {"{\"type\":[\"track\"]}", "/type", "type is no Segment call; give one of"},

    {"{\"type\":\"track\",\"event\":\"e\"}", "/userId",
     "userId of track is missing; give userId or anonymousId"},
    {"{\"type\":\"identify\",\"userId\":null}", "/userId",
     "userId of identify is missing; give userId or anonymousId"},
    {"{\"type\":\"page\",\"userId\":\"\",\"anonymousId\":\"\"}", "/userId",
     "userId of page is missing; give userId or anonymousId"},
    {"{\"type\":\"screen\"}", "/userId", "userId of screen is missing; give userId or anonymousId"},
    {"{\"type\":\"group\",\"groupId\":\"g\"}", "/userId",
     "userId of group is missing; give userId or anonymousId"},
    {"{\"type\":\"group\",\"userId\":\"u\"}", "/groupId",
     "groupId of group is missing; give the id"},
    {"{\"type\":\"group\",\"userId\":\"u\",\"groupId\":\"\"}", "/groupId",
     "groupId of group is missing; give the id"},
    {"{\"type\":\"alias\",\"userId\":\"u\"}", "/previousId",
     "previousId of alias is missing; give the id the user had before"},
    {"{\"type\":\"alias\",\"previousId\":\"p\"}", "/userId",
     "userId of alias is missing; give the id the user has from now on"},
    {"{\"type\":\"alias\",\"previousId\":\"p\",\"anonymousId\":\"a\"}", "/userId",
     "userId of alias is missing; give the id the user has from now on"},

    {"{\"type\":\"page\",\"userId\":true}", "/userId",
     "userId must be a string, not a boolean; send the id as text"},
    {"{\"type\":\"page\",\"userId\":{}}", "/userId",
     "userId must be a string, not an object; send the id as text"},
    {"{\"type\":\"page\",\"userId\":[\"u\"]}", "/userId",
     "userId must be a string, not an array; send the id as text"},
    {"{\"type\":\"page\",\"userId\":\"u\",\"anonymousId\":false}", "/anonymousId",
     "anonymousId must be a string, not a boolean; send the id as text"},
    {"{\"type\":\"page\",\"userId\":\"u\",\"groupId\":{}}", "/groupId",
     "groupId must be a string, not an object; send the id as text"},
    {"{\"type\":\"page\",\"userId\":\"u\",\"previousId\":[]}", "/previousId",
     "previousId must be a string, not an array; send the id as text"},
    {"{\"type\":\"page\",\"userId\":\"u\",\"messageId\":7}", "/messageId",
     "messageId must be a string, not a number; send it as text or leave it out"},

    {"{\"type\":\"track\",\"userId\":\"u\"}", "/event",
     "event of track is missing; give the name of what happened"},
    {"{\"type\":\"track\",\"userId\":\"u\",\"event\":null}", "/event",
     "event of track is missing; give the name of what happened"},
    {"{\"type\":\"track\",\"userId\":\"u\",\"event\":\"\"}", "/event",
     "event is empty; give the name of what happened"},
    {"{\"type\":\"track\",\"userId\":\"u\",\"event\":7}", "/event",
     "event must be a string, not a number; send the event's name as text"},
    {"{\"type\":\"page\",\"userId\":\"u\",\"name\":7}", "/name",
     "name must be a string, not a number; send it as text or leave it out"},
    {"{\"type\":\"screen\",\"userId\":\"u\",\"name\":[]}", "/name",
     "name must be a string, not an array; send it as text or leave it out"},
    {"{\"type\":\"page\",\"userId\":\"u\",\"category\":true}", "/category",
     "category must be a string, not a boolean; send it as text or leave it out"},

    {"{\"type\":\"page\",\"userId\":\"u\",\"properties\":[]}", "/properties",
     "properties must be an object, not an array; send {} or leave it out"},
    {"{\"type\":\"page\",\"userId\":\"u\",\"traits\":\"x\"}", "/traits",
     "traits must be an object, not a string; send {} or leave it out"},
    {"{\"type\":\"page\",\"userId\":\"u\",\"context\":7}", "/context",
     "context must be an object, not a number; send {} or leave it out"},
    {"{\"type\":\"page\",\"userId\":\"u\",\"integrations\":false}", "/integrations",
     "integrations must be an object, not a boolean; send {} or leave it out"},

    {"{\"type\":\"page\",\"userId\":\"u\",\"timestamp\":1767607872}", "/timestamp",
     "timestamp is a number, not a date; send ISO 8601 text such as 2026-01-05T10:11:12.345Z"},
    {"{\"type\":\"page\",\"userId\":\"u\",\"timestamp\":{}}", "/timestamp",
     "timestamp is an object, not a date; send ISO 8601 text such as"},
    {"{\"type\":\"page\",\"userId\":\"u\",\"timestamp\":\"now\"}", "/timestamp",
     "timestamp is no date that exists; send ISO 8601 text such as"},
    {"{\"type\":\"page\",\"userId\":\"u\",\"timestamp\":\"2026-02-29\"}", "/timestamp",
     "timestamp is no date that exists; send ISO 8601 text such as"},
};

static void every_refusal_names_field_reason_and_remedy(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        segmo_error *error = NULL;

        assert_int_equal(complete(refusals[i].json, &error), SEGMO_ERR_INVALID);
        assert_string_equal(segmo_error_field(error), refusals[i].field);
        if (strncmp(segmo_error_message(error), refusals[i].words, strlen(refusals[i].words)) != 0)
            fail_msg("%s: %s", refusals[i].json, segmo_error_message(error));
        assert_non_null(strstr(segmo_error_message(error), refusals[i].field + 1));
        assert_false(segmo_error_retryable(error));
        segmo_error_free(error);
    }
}

static void a_refusal_never_shows_a_value(void **state)
{
    static const char *const texts[] = {
        "{\"type\":\"hunter2\"}",
        "{\"type\":\"page\",\"userId\":[\"hunter2\"]}",
        "{\"type\":\"page\",\"userId\":\"u\",\"timestamp\":\"hunter2\"}",
        "{\"type\":\"page\",\"userId\":\"u\",\"properties\":\"hunter2\"}",
        "{\"type\":\"page\",\"userId\":\"hunter2\",\"name\":{\"hunter2\":1}}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        segmo_error *error = NULL;

        assert_int_equal(complete(texts[i], &error), SEGMO_ERR_INVALID);
        assert_null(strstr(segmo_error_message(error), "hunter2"));
        assert_null(strstr(segmo_error_field(error), "hunter2"));
        segmo_error_free(error);
    }
}

static void the_least_message_of_each_call_is_accepted(void **state)
{
    static const char *const texts[] = {
        "{\"type\":\"identify\",\"userId\":\"u\"}",
        "{\"type\":\"identify\",\"anonymousId\":\"a\"}",
        "{\"type\":\"track\",\"anonymousId\":\"a\",\"event\":\"e\"}",
        "{\"type\":\"page\",\"userId\":0}",
        "{\"type\":\"screen\",\"anonymousId\":\" \"}",
        "{\"type\":\"group\",\"userId\":\"u\",\"groupId\":0}",
        "{\"type\":\"group\",\"anonymousId\":\"a\",\"groupId\":\"g\"}",
        "{\"type\":\"alias\",\"userId\":\"u\",\"previousId\":\"p\"}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        if (complete(texts[i], NULL) != SEGMO_OK)
            fail_msg("refused: %s", texts[i]);
}

/* ---- limits ---- */

/* A track message whose `member` holds `count` times `piece`. */
static int complete_long(const char *member, const char *piece, int count)
{
    segmo__buf text;
    int status;

    segmo__buf_init(&text, 1 << 16);
    segmo__buf_addf(&text, "{\"type\":\"track\",\"userId\":\"u\",%s\"%s\":\"",
                    strcmp(member, "event") ? "\"event\":\"e\"," : "", member);
    for (int i = 0; i < count; i++)
        segmo__buf_add_str(&text, piece);
    segmo__buf_add_str(&text, "\"}");
    segmo__buf_add_lit(&text, "\0");
    status = complete(text.data, NULL);
    segmo__buf_free(&text);
    return status;
}

static void limits_count_characters_however_they_are_written(void **state)
{
    static const char *const pieces[] = {
        "x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\\u00e9", "\\ud83d\\ude00", "\\n"};

    (void)state;
    for (size_t i = 0; i < COUNT(pieces); i++) {
        assert_int_equal(complete_long("event", pieces[i], 256), SEGMO_OK);
        assert_int_equal(complete_long("event", pieces[i], 257), SEGMO_ERR_INVALID);
        assert_int_equal(complete_long("messageId", pieces[i], 100), SEGMO_OK);
        assert_int_equal(complete_long("messageId", pieces[i], 101), SEGMO_ERR_INVALID);
        assert_int_equal(complete_long("anonymousId", pieces[i], 2000), SEGMO_OK);
    }
}

static int complete_leaves(const char *member, const char *before, const char *after, int count)
{
    segmo__buf text;
    int status;

    segmo__buf_init(&text, 1 << 16);
    segmo__buf_addf(&text, "{\"type\":\"page\",\"userId\":\"u\",\"%s\":{%s", member, before);
    for (int i = 0; i < count; i++)
        segmo__buf_add_str(&text, i ? ",1" : "1");
    segmo__buf_addf(&text, "%s}}", after);
    segmo__buf_add_lit(&text, "\0");
    status = complete(text.data, NULL);
    segmo__buf_free(&text);
    return status;
}

static void an_object_holds_at_most_10000_values(void **state)
{
    static const char *const members[] = {"properties", "traits", "context", "integrations"};

    (void)state;
    for (size_t i = 0; i < COUNT(members); i++) {
        assert_int_equal(complete_leaves(members[i], "\"l\":[", "]", 10000), SEGMO_OK);
        assert_int_equal(complete_leaves(members[i], "\"l\":[", "]", 10001), SEGMO_ERR_INVALID);
        assert_int_equal(complete_leaves(members[i], "\"a\":1,\"l\":[[[", "]]]", 9999), SEGMO_OK);
        assert_int_equal(complete_leaves(members[i], "\"a\":1,\"l\":[[[", "]]]", 10000),
                         SEGMO_ERR_INVALID);
        assert_int_equal(complete_leaves(members[i], "\"e\":{},\"f\":[],\"l\":[", "]", 10000),
                         SEGMO_OK);
    }
}

static void a_refused_limit_is_quoted(void **state)
{
    segmo_error *error = NULL;
    segmo__buf text;

    (void)state;
    segmo__buf_init(&text, 4096);
    segmo__buf_add_str(&text, "{\"type\":\"track\",\"userId\":\"u\",\"event\":\"");
    memset(segmo__buf_extend(&text, 300), 'e', 300);
    segmo__buf_add_lit(&text, "\"}\0");
    assert_int_equal(complete(text.data, &error), SEGMO_ERR_INVALID);
    assert_non_null(strstr(segmo_error_message(error), "256"));
    assert_non_null(strstr(segmo_error_message(error), "MoEngage keeps 200"));
    segmo_error_free(error);
    segmo__buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_refusal_names_field_reason_and_remedy),
        cmocka_unit_test(a_refusal_never_shows_a_value),
        cmocka_unit_test(the_least_message_of_each_call_is_accepted),
        cmocka_unit_test(limits_count_characters_however_they_are_written),
        cmocka_unit_test(an_object_holds_at_most_10000_values),
        cmocka_unit_test(a_refused_limit_is_quoted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
