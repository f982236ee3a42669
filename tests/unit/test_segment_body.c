/* Segment's batch: what joining and marking do to the bytes. */
#include "base/json.h"
#include "library.h"
#include "wire/segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MARK "\"MoEngage\":false,\"Moengage (Actions)\":false"

struct stored {
    segmo__buf bytes;
    segmo__message message;
};

static void store(struct stored *stored, const char *json)
{
    segmo__message_rules rules = {.library = LIBRARY("x", "1"), .call = -1};
    segmo_error *error = NULL;

    segmo__buf_init(&stored->bytes, SEGMO__MESSAGE_STORED_MAX);
    if (segmo__message_complete(&stored->bytes, segmo__slice_of(json), &rules, &error) != SEGMO_OK)
        fail_msg("%s: %s", segmo_error_field(error), segmo_error_message(error));
    assert_int_equal(segmo__message_read(&stored->message, segmo__buf_slice(&stored->bytes), NULL),
                     SEGMO_OK);
}

static void assert_bytes(const segmo__buf *out, const char *wanted)
{
    if (out->len != strlen(wanted) || memcmp(out->data, wanted, out->len) != 0)
        fail_msg("expected %s, got %.*s", wanted, (int)out->len, out->data);
}

#define HEAD                                                                                       \
    "{\"messageId\":\"m\",\"timestamp\":\"2026-01-05T10:11:12Z\",\"context\":{\"library\":{}},"    \
    "\"userId\":\"u\",\"type\":\"track\",\"event\":\"E\""

static void expect_marked(const char *tail, segmo__mode mode, const char *wanted)
{
    struct stored stored;
    segmo__buf json, out;

    segmo__buf_init(&json, 4096);
    segmo__buf_init(&out, 4096);
    segmo__buf_add_str(&json, HEAD);
    segmo__buf_add_str(&json, tail);
    segmo__buf_add_char(&json, '\0');
    store(&stored, json.data);
    segmo__segment_add(&out, &stored.message, 1, mode);
    assert_true(out.len <= segmo__segment_size(&stored.message));
    assert_int_equal(segmo__json_check(segmo__buf_slice(&out), NULL), SEGMO_OK);
    assert_memory_equal(out.data, HEAD, sizeof HEAD - 1);
    memmove(out.data, out.data + sizeof HEAD - 1, out.len -= sizeof HEAD - 1);
    assert_bytes(&out, wanted);
    segmo__buf_free(&json);
    segmo__buf_free(&out);
    segmo__buf_free(&stored.bytes);
}

static void unmarked_messages_keep_every_byte(void **state)
{
    static const char json[] =
        HEAD " , \"properties\" : {\n\"a\":1e2,\"a\\u0062\" : \"\\u0000\"} }";
    struct stored stored;
    segmo__buf out;

    (void)state;
    segmo__buf_init(&out, 4096);
    store(&stored, json);
    segmo__segment_add(&out, &stored.message, 0, SEGMO__MODE_CLOUD);
    assert_bytes(&out, json);
    assert_true(out.len <= segmo__segment_size(&stored.message));
    segmo__buf_free(&out);
    segmo__buf_free(&stored.bytes);
}

static void the_mark_is_made_where_there_are_no_integrations(void **state)
{
    (void)state;
    expect_marked("}", SEGMO__MODE_CLOUD, ",\"integrations\":{" MARK "}}");
    expect_marked(",\"integrations\":{}}", SEGMO__MODE_CLOUD, ",\"integrations\":{" MARK "}}");
    expect_marked(",\"integrations\":{ } }", SEGMO__MODE_CLOUD, ",\"integrations\":{" MARK "} }");
}

static void the_mark_joins_what_the_message_says_of_others(void **state)
{
    (void)state;
    expect_marked(", \"integrations\" : { \"All\" : false, \"X\":{\"a\":[1, 2]} } ,\"z\":1}",
                  SEGMO__MODE_CLOUD,
                  ", \"integrations\" : {\"All\":false,\"X\":{\"a\":[1, 2]}," MARK "} ,\"z\":1}");
    expect_marked(",\"integrations\":{\"Moengage (Actions)\":true,\"MoEngage\":{\"a\":1}}}",
                  SEGMO__MODE_CLOUD, ",\"integrations\":{" MARK "}}");
}

static void null_is_replaced_in_its_place(void **state)
{
    (void)state;
    expect_marked(",\"integrations\":null,\"z\":1}", SEGMO__MODE_CLOUD,
                  ",\"integrations\":{" MARK "},\"z\":1}");
    expect_marked(",\"_metadata\":null,\"integrations\":null}", SEGMO__MODE_DEVICE,
                  ",\"_metadata\":{\"bundled\":[\"MoEngage\"]},\"integrations\":{" MARK "}}");
}

static void device_mode_names_moengage_as_bundled(void **state)
{
    (void)state;
    expect_marked("}", SEGMO__MODE_DEVICE,
                  ",\"integrations\":{" MARK "},\"_metadata\":{\"bundled\":[\"MoEngage\"]}}");
    expect_marked(",\"_metadata\":{\"bundled\":[ \"A\" , \"MoEngage\", \"B\"],\"n\":1},"
                  "\"integrations\":{\"a\":true}}",
                  SEGMO__MODE_DEVICE,
                  ",\"_metadata\":{\"n\":1,\"bundled\":[\"A\",\"B\",\"MoEngage\"]},"
                  "\"integrations\":{\"a\":true," MARK "}}");
    expect_marked(",\"integrations\":{},\"x\":[],\"_metadata\":{}}", SEGMO__MODE_DEVICE,
                  ",\"integrations\":{" MARK
                  "},\"x\":[],\"_metadata\":{\"bundled\":[\"MoEngage\"]}}");
}

static void cloud_mode_leaves_the_metadata_alone(void **state)
{
    (void)state;
    expect_marked(",\"_metadata\":{\"bundled\":[]}}", SEGMO__MODE_CLOUD,
                  ",\"_metadata\":{\"bundled\":[]},\"integrations\":{" MARK "}}");
}

static void a_batch_is_an_envelope_around_joined_messages(void **state)
{
    segmo__segment_settings settings = {
        .enabled = 1, .host = "https://api.segment.io", .write_key = "W\"K"};
    struct stored stored;
    segmo__buf out, url;

    (void)state;
    segmo__buf_init(&out, 4096);
    segmo__buf_init(&url, 256);
    store(&stored, HEAD "}");
    segmo__segment_begin(&out);
    segmo__segment_add(&out, &stored.message, 0, SEGMO__MODE_CLOUD);
    segmo__segment_add(&out, &stored.message, 0, SEGMO__MODE_CLOUD);
    segmo__segment_end(&out, &settings, 1767607872345);
    assert_bytes(&out, "{\"batch\":[" HEAD "}," HEAD "}],\"sentAt\":\"2026-01-05T10:11:12.345Z\","
                       "\"writeKey\":\"W\\\"K\"}");
    segmo__segment_path(&url, &settings);
    assert_bytes(&url, "https://api.segment.io/v1/batch");
    segmo__buf_free(&out);
    segmo__buf_free(&url);
    segmo__buf_free(&stored.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unmarked_messages_keep_every_byte),
        cmocka_unit_test(the_mark_is_made_where_there_are_no_integrations),
        cmocka_unit_test(the_mark_joins_what_the_message_says_of_others),
        cmocka_unit_test(null_is_replaced_in_its_place),
        cmocka_unit_test(device_mode_names_moengage_as_bundled),
        cmocka_unit_test(cloud_mode_leaves_the_metadata_alone),
        cmocka_unit_test(a_batch_is_an_envelope_around_joined_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
