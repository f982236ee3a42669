/* The case files of the model: a message in, the completed message or its refusal out. Nothing more
 * and nothing less than expected may be there, in the order expected.
 *
 * {"about", "message" or "message_text" (what is not valid JSON), "expected": {"message"} or
 * {"error": {"status", "field"}}}. In expected messages "*uuid", "*time" and "*version" stand for a
 * new id, the present moment and this release's version. */
#include "base/clock.h"
#include "base/json.h"
#include "library.h"
#include "model/message.h"
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define TEXT_MAX (1u << 16)

static void assert_same(const char *name, segmo__slice expected, segmo__slice actual);

static segmo__slice copy_text(segmo__slice string, segmo__buf *scratch)
{
    segmo__buf_init(scratch, TEXT_MAX);
    return segmo__json_text(string, scratch);
}

static int is_uuid(segmo__slice text)
{
    return text.len == 36 && text.at[14] == '4' && text.at[8] == '-' && text.at[23] == '-';
}

static int is_now(segmo__slice text)
{
    int64_t moment, now = segmo__clock_wall_ms();

    return text.len == SEGMO__ISO_LEN && segmo__clock_parse_iso(text, &moment) && moment <= now &&
           moment > now - 60000;
}

static int text_fits(segmo__slice expected, segmo__slice actual)
{
    if (segmo__slice_is(expected, "*uuid"))
        return is_uuid(actual);
    if (segmo__slice_is(expected, "*time"))
        return is_now(actual);
    if (segmo__slice_is(expected, "*version"))
        return segmo__slice_is(actual, SEGMO_VERSION);
    return expected.len == actual.len &&
           (actual.len == 0 || memcmp(expected.at, actual.at, actual.len) == 0);
}

static void assert_same_text(const char *name, segmo__slice expected, segmo__slice actual)
{
    segmo__buf first, second;
    segmo__slice wanted = copy_text(expected, &first), found = copy_text(actual, &second);

    if (!text_fits(wanted, found))
        fail_msg("%s: expected %.*s, got %.*s", name, (int)expected.len, expected.at,
                 (int)actual.len, actual.at);
    segmo__buf_free(&first);
    segmo__buf_free(&second);
}

static void assert_same_container(const char *name, segmo__slice expected, segmo__slice actual)
{
    segmo__json_walk wanted, found;
    segmo__slice wanted_key, found_key, a, b;
    int more;

    segmo__json_walk_begin(&wanted, expected);
    segmo__json_walk_begin(&found, actual);
    while ((more = segmo__json_next(&wanted, &wanted_key, &a)) &&
           segmo__json_next(&found, &found_key, &b)) {
        assert_same_text(name, wanted_key, found_key);
        assert_same(name, a, b);
    }
    if (more || segmo__json_next(&found, &found_key, &b))
        fail_msg("%s: more or fewer than in %.*s", name, (int)expected.len, expected.at);
}

static void assert_same(const char *name, segmo__slice expected, segmo__slice actual)
{
    segmo__json_kind kind = segmo__json_kind_of(expected);

    if (kind != segmo__json_kind_of(actual))
        fail_msg("%s: expected %.*s, got %.*s", name, (int)expected.len, expected.at,
                 (int)actual.len, actual.at);
    if (kind == SEGMO__JSON_OBJECT || kind == SEGMO__JSON_ARRAY)
        assert_same_container(name, expected, actual);
    else if (kind == SEGMO__JSON_STRING)
        assert_same_text(name, expected, actual);
    else
        assert_true(text_fits(expected, actual)); /* numbers digit for digit */
}

static void assert_completed(const char *name, segmo__slice expected, segmo__buf *stored)
{
    segmo__message message;
    segmo_error *error = NULL;

    assert_int_equal(segmo__message_read(&message, segmo__buf_slice(stored), NULL), SEGMO_OK);
    if (segmo__json_check((segmo__slice){message.json, message.json_len}, &error) != SEGMO_OK)
        fail_msg("%s: completed into %s", name, segmo_error_message(error));
    assert_same(name, expected, (segmo__slice){message.json, message.json_len});
}

static void assert_refused(const char *name, segmo__slice expected, const segmo_error *error)
{
    const char *field = segmo_error_field(error);
    const char *status = segmo_status_name(segmo_error_status(error));
    segmo__buf scratch;
    segmo__slice text = copy_text(vectors_member(name, expected, "field"), &scratch);

    if (!segmo__slice_is(text, field))
        fail_msg("%s: field %s: %s", name, field, segmo_error_message(error));
    segmo__buf_free(&scratch);
    text = copy_text(vectors_member(name, expected, "status"), &scratch);
    if (!segmo__slice_is(text, status))
        fail_msg("%s: status %s: %s", name, status, segmo_error_message(error));
    segmo__buf_free(&scratch);
}

static void run_vector(const char *name, segmo__slice vector)
{
    static const segmo__message_rules rules = {.call = -1,
                                               .library = LIBRARY("segmo", SEGMO_VERSION)};
    segmo__slice outcome = vectors_member(name, vector, "expected"), json, expected;
    segmo_error *error = NULL;
    segmo__buf stored, scratch;
    int status;

    segmo__buf_init(&stored, SEGMO__MESSAGE_STORED_MAX);
    segmo__buf_init(&scratch, TEXT_MAX);
    if (segmo__json_member(vector, "message_text", &json))
        json = segmo__json_text(json, &scratch);
    else
        json = vectors_member(name, vector, "message");
    status = segmo__message_complete(&stored, json, &rules, &error);
    if (segmo__json_member(outcome, "error", &expected)) {
        if (status == SEGMO_OK)
            fail_msg("%s: accepted", name);
        assert_refused(name, expected, error);
    } else {
        if (status != SEGMO_OK)
            fail_msg("%s: %s", name, segmo_error_message(error));
        assert_completed(name, vectors_member(name, outcome, "message"), &stored);
    }
    segmo_error_free(error);
    segmo__buf_free(&scratch);
    segmo__buf_free(&stored);
}

static void every_message_is_completed_or_refused_as_written(void **state)
{
    (void)state;
    assert_true(vectors_each("tests/vectors/model", run_vector) >= 140);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_is_completed_or_refused_as_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
