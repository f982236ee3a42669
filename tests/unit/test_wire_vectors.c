/* The case files of the wire: settings and a message in, what segmo_transform() says of them out.
 */
#include "base/clock.h"
#include "base/json.h"
#include "segmo.h"
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define TEXT_MAX (1u << 20)

static segmo__slice member(const char *name, segmo__slice object, const char *key)
{
    return vectors_member(name, object, key);
}

static void same(const char *name, const char *at, segmo__slice expected, segmo__slice actual);

static void differs(const char *name, const char *at, segmo__slice expected, segmo__slice actual)
{
    fail_msg("%s at %s: expected %.*s, got %.*s", name, at, (int)expected.len, expected.at,
             (int)actual.len, actual.at);
}

/* Containers of the same length, keys in the same order. */
static void same_members(const char *name, const char *at, segmo__slice expected,
                         segmo__slice actual)
{
    segmo__slice key, actual_key, wanted, found;
    segmo__json_walk a, b;
    char below[1024];
    int number = 0, more;

    segmo__json_walk_begin(&a, expected);
    segmo__json_walk_begin(&b, actual);
    while ((more = segmo__json_next(&a, &key, &wanted)) &&
           segmo__json_next(&b, &actual_key, &found)) {
        if (key.len != actual_key.len || memcmp(key.at, actual_key.at, key.len) != 0)
            differs(name, at, expected, actual);
        if (a.is_object)
            snprintf(below, sizeof below, "%s/%.*s", at, (int)key.len, key.at);
        else
            snprintf(below, sizeof below, "%s/%d", at, number++);
        same(name, below, wanted, found);
    }
    if (more || segmo__json_next(&b, &actual_key, &found))
        differs(name, at, expected, actual);
}

static int same_text(segmo__slice expected, segmo__slice actual)
{
    segmo__buf first, second;
    int64_t unix_ms;
    int equal;

    segmo__buf_init(&first, TEXT_MAX);
    segmo__buf_init(&second, TEXT_MAX);
    expected = segmo__json_text(expected, &first);
    actual = segmo__json_text(actual, &second);
    equal = segmo__slice_is(expected, "*time")
                ? segmo__clock_parse_iso(actual, &unix_ms)
                : expected.len == actual.len &&
                      (actual.len == 0 || memcmp(expected.at, actual.at, actual.len) == 0);
    segmo__buf_free(&first);
    segmo__buf_free(&second);
    return equal;
}

static void same(const char *name, const char *at, segmo__slice expected, segmo__slice actual)
{
    segmo__json_kind kind = segmo__json_kind_of(expected);
    int equal;

    if (kind != segmo__json_kind_of(actual))
        differs(name, at, expected, actual);
    if (kind >= SEGMO__JSON_ARRAY) {
        same_members(name, at, expected, actual);
        return;
    }
    equal = kind == SEGMO__JSON_STRING
                ? same_text(expected, actual)
                : expected.len == actual.len && memcmp(expected.at, actual.at, actual.len) == 0;
    if (!equal)
        differs(name, at, expected, actual);
}

/* Notes compare by field and code; their words may change. */
static void same_notes(const char *name, segmo__slice expected, segmo__slice actual)
{
    segmo__slice key, wanted, found;
    segmo__json_walk a, b;
    int more;

    segmo__json_walk_begin(&a, expected);
    segmo__json_walk_begin(&b, actual);
    while ((more = segmo__json_next(&a, &key, &wanted)) && segmo__json_next(&b, &key, &found)) {
        same(name, "/notes/field", member(name, wanted, "field"), member(name, found, "field"));
        same(name, "/notes/code", member(name, wanted, "code"), member(name, found, "code"));
        assert_true(member(name, found, "message").len > 2);
    }
    if (more || segmo__json_next(&b, &key, &found))
        differs(name, "/notes", expected, actual);
}

static void run_vector(const char *name, segmo__slice vector)
{
    segmo_config *config = vectors_config(name, member(name, vector, "settings"));
    segmo__slice message = member(name, vector, "message"), answer;
    segmo__slice expected = member(name, vector, "expected");
    segmo__slice destination = member(name, vector, "destination");
    segmo_error *error = NULL;
    char *out = NULL, to[32];
    size_t len;

    snprintf(to, sizeof to, "%.*s", (int)destination.len - 2, destination.at + 1);
    if (segmo_transform(config, NULL, to, message.at, message.len, &out, &len, &error) != SEGMO_OK)
        fail_msg("%s: %s: %s", name, segmo_error_field(error), segmo_error_message(error));
    answer = (segmo__slice){out, len};
    assert_int_equal(segmo__json_check(answer, NULL), SEGMO_OK);
    same(name, "/requests", member(name, expected, "requests"), member(name, answer, "requests"));
    same(name, "/skipped", member(name, expected, "skipped"), member(name, answer, "skipped"));
    same_notes(name, member(name, expected, "notes"), member(name, answer, "notes"));
    segmo_free(out);
    segmo_config_free(config);
}

static void every_case_file_comes_out_as_written(void **state)
{
    (void)state;
    assert_true(vectors_each("tests/vectors/wire", run_vector) >= 130);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_file_comes_out_as_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
