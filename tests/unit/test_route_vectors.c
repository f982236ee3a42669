/* The case files of routing: settings and a message in, what explain says of them out. */
#include "base/json.h"
#include "client/options.h"
#include "library.h"
#include "model/message.h"
#include "route/route.h"
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define OUT_MAX (1u << 20)

static void explain(const char *name, const segmo__source *source, segmo__slice json,
                    segmo__buf *out)
{
    segmo__message_rules rules = {
        .call = -1, .source = source->hash, .library = LIBRARY("segmo", "9.9.9")};
    segmo_error *error = NULL;
    segmo__message message;
    segmo__buf stored;

    segmo__buf_init(&stored, SEGMO__MESSAGE_STORED_MAX);
    if (segmo__message_complete(&stored, json, &rules, &error) != SEGMO_OK)
        fail_msg("%s: %s", name, segmo_error_message(error));
    assert_int_equal(segmo__message_read(&message, segmo__buf_slice(&stored), NULL), SEGMO_OK);
    segmo__route_explain(out, source, &message, NULL);
    segmo__buf_free(&stored);
}

static void run_vector(const char *name, segmo__slice vector)
{
    segmo_config *config = vectors_config(name, vectors_member(name, vector, "settings"));
    segmo__settings *settings = NULL;
    segmo_error *error = NULL;
    const segmo__source *chosen;
    segmo__slice source;
    segmo__buf out, scratch;

    segmo__buf_init(&out, OUT_MAX);
    segmo__buf_init(&scratch, OUT_MAX);
    if (segmo__config_settings(&settings, config, &error) != SEGMO_OK)
        fail_msg("%s: %s", name, segmo_error_message(error));
    if (segmo__json_member(vector, "source", &source)) {
        segmo__buf_add_slice(&scratch, (segmo__slice){source.at + 1, source.len - 2});
        segmo__buf_add_char(&scratch, '\0');
    }
    chosen = segmo__settings_source(settings, scratch.data);
    assert_non_null(chosen);
    explain(name, chosen, vectors_member(name, vector, "message"), &out);
    assert_int_equal(segmo__json_check(segmo__buf_slice(&out), NULL), SEGMO_OK);
    vectors_assert_fits(name, vectors_member(name, vector, "expected"), segmo__buf_slice(&out));
    segmo__buf_free(&scratch);
    segmo__buf_free(&out);
    segmo__settings_release(settings);
    segmo_config_free(config);
}

static void every_route_case_is_explained_as_written(void **state)
{
    (void)state;
    assert_true(vectors_each("tests/vectors/route", run_vector) >= 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_case_is_explained_as_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
