/* The status table: case by case from tests/vectors/status, and over all numbers. */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "deliver/status_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define VECTORS "tests/vectors/status"

/* ---- cases from files ---- */

static segmo__json *read_case(const char *name)
{
    segmo__json *tree = NULL;
    char path[512], *text;
    size_t len;

    snprintf(path, sizeof path, VECTORS "/%s", name);
    assert_int_equal(segmo__file_slurp(path, 1 << 20, &text, &len), 0);
    if (segmo__json_parse(&tree, (segmo__slice){text, len}, NULL) != SEGMO_OK)
        fail_msg("%s is not JSON", path);
    segmo__free(text);
    return tree;
}

static const char *text_of(const segmo__json *object, const char *key)
{
    const char *text = segmo__json_string(segmo__json_get(object, key));

    return text ? text : "(none)";
}

static void compare(const char *name, const char *what, const char *found, size_t len,
                    const char *wanted)
{
    if (len != strlen(wanted) || (len > 0 && memcmp(found, wanted, len) != 0))
        fail_msg("%s: %s is \"%.*s\", not \"%s\"", name, what, (int)len, found, wanted);
}

static void compare_words(const char *name, const segmo__json *expected, segmo__slice body)
{
    segmo__buf type, text;

    segmo__buf_init(&type, 4096);
    segmo__buf_init(&text, 4096);
    segmo__status_error_text(body, &type, &text);
    if (segmo__json_get(expected, "type"))
        compare(name, "type", type.data, type.len, text_of(expected, "type"));
    if (segmo__json_get(expected, "text"))
        compare(name, "text", text.data, text.len, text_of(expected, "text"));
    segmo__buf_free(&type);
    segmo__buf_free(&text);
}

static int run_case(void *count, const char *name)
{
    segmo__json *tree = read_case(name);
    const segmo__json *expected = segmo__json_get(tree, "expected");
    segmo__slice body = segmo__slice_of(text_of(tree, "body"));
    int status = (int)segmo__json_number(segmo__json_get(tree, "status"), -1);
    int is_moengage = strcmp(text_of(tree, "service"), "moengage") == 0;
    segmo__service service = is_moengage ? SEGMO__SERVICE_MOENGAGE : SEGMO__SERVICE_SEGMENT;
    const char *reason = NULL, *remedy = NULL;
    segmo__verdict verdict = segmo__status_policy(service, status, body, &reason, &remedy);
    const char *found = segmo__verdict_name(verdict);

    compare(name, "verdict", found, strlen(found), text_of(expected, "verdict"));
    compare(name, "reason", reason, strlen(reason), text_of(expected, "reason"));
    compare_words(name, expected, body);
    segmo__json_free(tree);
    ++*(int *)count;
    return 0;
}

static void each_case_has_its_verdict_reason_and_words(void **state)
{
    int count = 0;

    (void)state;
    assert_int_equal(segmo__file_list(VECTORS, run_case, &count), 0);
    assert_true(count >= 40);
}

/* ---- over all numbers ---- */

static segmo__verdict verdict_of(segmo__service service, int status, const char **reason,
                                 const char **remedy)
{
    *reason = *remedy = NULL;
    return segmo__status_policy(service, status, (segmo__slice){NULL, 0}, reason, remedy);
}

static void only_2xx_is_delivered(void **state)
{
    const char *reason, *remedy;

    (void)state;
    for (int service = 0; service < 2; service++)
        for (int status = -1; status < 1100; status++)
            assert_int_equal(verdict_of((segmo__service)service, status, &reason, &remedy) ==
                                 SEGMO__VERDICT_DELIVERED,
                             status >= 200 && status <= 299);
}

static void every_number_has_a_reason_and_a_pause_has_a_remedy(void **state)
{
    const char *reason, *remedy;

    (void)state;
    for (int service = 0; service < 2; service++) {
        for (int status = -1; status < 1100; status++) {
            segmo__verdict verdict = verdict_of((segmo__service)service, status, &reason, &remedy);

            assert_in_range(verdict, SEGMO__VERDICT_DELIVERED, SEGMO__VERDICT_PAUSE);
            assert_non_null(reason);
            assert_true(strlen(reason) > 0 &&
                        strspn(reason, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(reason));
            assert_non_null(remedy);
            assert_int_equal(strlen(remedy) > 0, verdict == SEGMO__VERDICT_PAUSE);
        }
    }
}

static int is_one_of(int status, const int *numbers)
{
    for (; *numbers; numbers++)
        if (*numbers == status)
            return 1;
    return 0;
}

static void both_services_agree_with_the_published_list(void **state)
{
    static const int paused[] = {401, 403, 404, 405, 407, 409, 415, 511, 0};
    static const int retried[] = {408, 410, 460, 0};
    static const int dead[] = {422, 501, 505, 0};
    const char *reason, *remedy;

    (void)state;
    for (int service = 0; service < 2; service++) {
        for (int status = 100; status < 600; status++) {
            segmo__verdict verdict = verdict_of((segmo__service)service, status, &reason, &remedy);
            int locked = status == 423 && service == SEGMO__SERVICE_MOENGAGE;
            int retries = status < 200 || is_one_of(status, retried) || locked ||
                          (status >= 500 && !is_one_of(status, dead) && !is_one_of(status, paused));
            int pauses = (status >= 300 && status < 400) || is_one_of(status, paused);

            assert_int_equal(verdict == SEGMO__VERDICT_PAUSE, pauses);
            assert_int_equal(verdict == SEGMO__VERDICT_RETRY, retries);
            assert_int_equal(verdict == SEGMO__VERDICT_SLOW, status == 429);
            assert_int_equal(verdict == SEGMO__VERDICT_SPLIT, status == 413);
            assert_int_equal(verdict == SEGMO__VERDICT_BISECT, status == 400);
        }
    }
}

/* ---- bytes nobody vouches for ---- */

static void text_from_strange_bytes_is_valid_and_short(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *wanted;
    } cases[] = {
        {"caf\xC3\xA9", 5, "caf\xC3\xA9"},
        {"\xFF\xFE", 2, "??"},
        {"a\xC3", 2, "a?"},
        {"\xC0\xAF", 2, "??"},
        {"\xED\xA0\x80", 3, "???"},
        {"\xF4\x90\x80\x80", 4, "????"},
        {"\xF0\x9F\x98\x80", 4, "\xF0\x9F\x98\x80"},
        {"\xE2\x82\xAC", 3, "\xE2\x82\xAC"},
        {"\xE2\x82", 2, "??"},
        {"a\0b\x1B[2J\x7F", 8, "a b [2J "},
        {"\r\n\t", 3, "   "},
        {"{\"message\":\"\xFF\"}", 15, "{\"message\":\"?\"}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        segmo__buf type, text;

        segmo__buf_init(&type, 4096);
        segmo__buf_init(&text, 4096);
        segmo__status_error_text((segmo__slice){cases[i].bytes, cases[i].len}, &type, &text);
        compare("strange bytes", "text", text.data, text.len, cases[i].wanted);
        assert_int_equal(type.len, 0);
        segmo__buf_free(&type);
        segmo__buf_free(&text);
    }
}

static void words_are_appended_to_what_is_there(void **state)
{
    segmo__buf type, text;

    (void)state;
    segmo__buf_init(&type, 4096);
    segmo__buf_init(&text, 4096);
    segmo__buf_add_str(&type, "type: ");
    segmo__buf_add_str(&text, "text: ");
    segmo__status_error_text(segmo__slice_of("{\"code\":\"c\",\"message\":\"m\"}"), &type, &text);
    compare("appended", "type", type.data, type.len, "type: c");
    compare("appended", "text", text.data, text.len, "text: m");
    segmo__buf_free(&type);
    segmo__buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_has_its_verdict_reason_and_words),
        cmocka_unit_test(only_2xx_is_delivered),
        cmocka_unit_test(every_number_has_a_reason_and_a_pause_has_a_remedy),
        cmocka_unit_test(both_services_agree_with_the_published_list),
        cmocka_unit_test(text_from_strange_bytes_is_valid_and_short),
        cmocka_unit_test(words_are_appended_to_what_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
