/* The case files of the campaign export: payload in, messages, skipped and rejected events out. */
#include "base/json.h"
#include "client/options.h"
#include "library.h"
#include "model/message.h"
#include "model/streams.h"
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define OUT_MAX (4u << 20)

typedef struct outcome {
    const char *name;
    segmo__buf messages;
    segmo__buf rejected;
    size_t skipped; /* every skip has the one reason there is */
} outcome;

static void add_comma(segmo__buf *list)
{
    if (list->len > 1)
        segmo__buf_add_char(list, ',');
}

/* What comes out must be a message that every later stage takes. */
static void assert_valid(const char *name, segmo__slice message)
{
    segmo__message_rules rules = {.call = -1, .library = LIBRARY("segmo", "1")};
    segmo_error *error = NULL;
    segmo__buf stored;

    segmo__buf_init(&stored, SEGMO__MESSAGE_STORED_MAX);
    if (segmo__message_complete(&stored, message, &rules, &error) != SEGMO_OK)
        fail_msg("%s: %.*s is refused: %s", name, (int)message.len, message.at,
                 segmo_error_message(error));
    segmo__buf_free(&stored);
}

static int take(void *ctx, const segmo__streams_item *item)
{
    outcome *out = ctx;

    if (item->result == SEGMO__STREAMS_MESSAGE) {
        assert_valid(out->name, item->message);
        add_comma(&out->messages);
        segmo__buf_add_slice(&out->messages, item->message);
    } else if (item->result == SEGMO__STREAMS_SKIPPED) {
        assert_string_equal(item->reason, "user_action_event");
        out->skipped++;
    } else {
        add_comma(&out->rejected);
        segmo__buf_addf(&out->rejected, "{\"index\":%zu,\"field\":\"%s\",\"reason\":\"%s\"}",
                        item->index, item->field, item->reason);
    }
    return SEGMO_OK;
}

static void assert_skipped(const char *name, segmo__slice expected, size_t skipped)
{
    segmo__buf actual;

    segmo__buf_init(&actual, 128);
    if (skipped > 0)
        segmo__buf_addf(&actual, "{\"user_action_event\":%zu}", skipped);
    else
        segmo__buf_add_lit(&actual, "{}");
    vectors_assert_fits(name, vectors_member(name, expected, "skipped"), segmo__buf_slice(&actual));
    vectors_assert_fits(name, segmo__buf_slice(&actual), vectors_member(name, expected, "skipped"));
    segmo__buf_free(&actual);
}

static void run_vector(const char *name, segmo__slice vector)
{
    segmo_config *config = vectors_config(name, vectors_member(name, vector, "settings"));
    segmo__slice expected = vectors_member(name, vector, "expected");
    segmo__streams_rules rules = {
        .derived_attributes = segmo__config_flag(config, "streams.derived_attributes"),
        .recipients = segmo__config_flag(config, "streams.recipients"),
        .campaign_context = segmo__config_flag(config, "streams.campaign_context"),
        .user_actions = segmo__config_flag(config, "streams.user_actions"),
        .library_version = "9.9.9",
    };
    outcome out = {.name = name};
    segmo_error *error = NULL;

    segmo__buf_init(&out.messages, OUT_MAX);
    segmo__buf_init(&out.rejected, OUT_MAX);
    segmo__buf_add_char(&out.messages, '[');
    segmo__buf_add_char(&out.rejected, '[');
    if (segmo__streams_each(vectors_member(name, vector, "payload"), &rules, take, &out, &error) !=
        SEGMO_OK)
        fail_msg("%s: %s", name, segmo_error_message(error));
    segmo__buf_add_char(&out.messages, ']');
    segmo__buf_add_char(&out.rejected, ']');
    vectors_assert_fits(name, vectors_member(name, expected, "messages"),
                        segmo__buf_slice(&out.messages));
    vectors_assert_fits(name, vectors_member(name, expected, "rejected"),
                        segmo__buf_slice(&out.rejected));
    assert_skipped(name, expected, out.skipped);
    segmo__buf_free(&out.messages);
    segmo__buf_free(&out.rejected);
    segmo_config_free(config);
}

static void every_streams_case_comes_out_as_written(void **state)
{
    (void)state;
    assert_true(vectors_each("tests/vectors/streams", run_vector) >= 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_streams_case_comes_out_as_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
