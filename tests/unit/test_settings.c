/* Settings: defaults resolved, contradictions refused with the option's name and the remedy. */
#include "base/mem.h"
#include "client/options.h"
#include "model/message.h"
#include "route/host.h"
#include "route/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MOENGAGE "moengage.app_id", "APP1", "moengage.data_api_key", "live-key-1"
#define TWO_SOURCES                                                                                \
    "[{\"id\":\"web\",\"type\":\"javascript\",\"segment.write_key\":\"WK-web\"},"                  \
    "{\"id\":\"app\",\"segment.write_key\":\"WK-app\",\"moengage\":{\"data_center\":3,\"pages\":"  \
    "true}}]"

/* ---- help ---------------------------------------------------------------------------------- */

/* Names and values in turn, ended by NULL. */
static segmo_config *config_of(const char *const *pairs)
{
    segmo_config *config = NULL;
    segmo_error *error = NULL;

    assert_int_equal(segmo_config_new(&config, NULL), SEGMO_OK);
    for (; *pairs; pairs += 2)
        if (segmo_config_set(config, pairs[0], pairs[1], &error) != SEGMO_OK)
            fail_msg("%s: %s", pairs[0], segmo_error_message(error));
    return config;
}

static segmo__settings *built(const char *const *pairs)
{
    segmo_config *config = config_of(pairs);
    segmo__settings *settings = NULL;
    segmo_error *error = NULL;

    if (segmo__config_settings(&settings, config, &error) != SEGMO_OK)
        fail_msg("%s", segmo_error_message(error));
    segmo_config_free(config);
    return settings;
}

static void refused(const char *const *pairs, const char *field, const char *words)
{
    segmo_config *config = config_of(pairs);
    segmo__settings *settings = NULL;
    segmo_error *error = NULL;

    assert_int_equal(segmo__config_settings(&settings, config, &error), SEGMO_ERR_OPTION);
    assert_null(settings);
    assert_string_equal(segmo_error_field(error), field);
    if (!strstr(segmo_error_message(error), words))
        fail_msg("\"%s\" says nothing of \"%s\"", segmo_error_message(error), words);
    segmo_error_free(error);
    segmo_config_free(config);
}

#define BUILT(...)                 built((const char *const[]){__VA_ARGS__, NULL})
#define REFUSED(field, words, ...) refused((const char *const[]){__VA_ARGS__, NULL}, field, words)

/* ---- one source ------------------------------------------------------------------------------ */

static void a_write_key_is_enough_for_segment(void **state)
{
    segmo__settings *settings = BUILT("segment.write_key", "WK1");
    const segmo__source *source = segmo__settings_source(settings, NULL);

    (void)state;
    assert_int_equal(settings->source_count, 1);
    assert_string_equal(source->id, "default");
    assert_int_equal(source->hash, segmo__message_source_hash("default"));
    assert_int_equal(source->type, SEGMO__SOURCE_SERVER);
    assert_int_equal(source->mode_setting, SEGMO__MODE_UNSET);
    assert_true(source->segment.enabled);
    assert_string_equal(source->segment.write_key, "WK1");
    assert_string_equal(source->segment.host, "https://api.segment.io");
    assert_false(source->moengage.enabled);
    assert_true(segmo__settings_has_destination(settings));
    segmo__settings_release(settings);
}

static void moengage_defaults_are_resolved(void **state)
{
    segmo__settings *settings = BUILT(MOENGAGE);
    const segmo__moengage_settings *moengage = &segmo__settings_source(settings, NULL)->moengage;

    (void)state;
    assert_true(moengage->enabled && moengage->forward);
    assert_int_equal(moengage->kind, SEGMO__MOENGAGE_CLASSIC);
    assert_int_equal(moengage->api, SEGMO__API_DATA);
    assert_int_equal(moengage->naming, SEGMO__NAMING_SNAKE);
    assert_int_equal(moengage->objects, SEGMO__OBJECTS_FLATTEN);
    assert_int_equal(moengage->limits, SEGMO__LIMITS_WARN);
    assert_string_equal(moengage->host, "https://api-01.moengage.com");
    assert_string_equal(moengage->app_id, "APP1");
    assert_string_equal(moengage->api_key, "live-key-1");
    assert_false(moengage->test);
    assert_null(moengage->project);
    segmo__settings_release(settings);
}

static void every_switch_of_moengage_reaches_its_setting(void **state)
{
    segmo__settings *settings = BUILT(
        MOENGAGE, "moengage.update_existing_only", "true", "moengage.pages", "true",
        "moengage.groups", "true", "moengage.alias_merge", "true", "moengage.real_time", "true",
        "moengage.geo", "true", "moengage.created_time", "true", "moengage.allow_reserved", "true",
        "moengage.devices", "true", "moengage.project", "Concerts", "moengage.limits", "off",
        "moengage.objects", "drop", "moengage.naming", "snake_tsc");
    const segmo__moengage_settings *moengage = &segmo__settings_source(settings, NULL)->moengage;

    (void)state;
    assert_true(moengage->update_existing_only && moengage->pages && moengage->groups &&
                moengage->alias_merge);
    assert_true(moengage->real_time && moengage->geo && moengage->created_time &&
                moengage->allow_reserved);
    assert_true(moengage->devices);
    assert_string_equal(moengage->project, "Concerts");
    assert_int_equal(moengage->limits, SEGMO__LIMITS_OFF);
    assert_int_equal(moengage->objects, SEGMO__OBJECTS_DROP);
    assert_int_equal(moengage->naming, SEGMO__NAMING_SNAKE_TSC);
    segmo__settings_release(settings);
    settings = BUILT(MOENGAGE);
    moengage = &segmo__settings_source(settings, NULL)->moengage;
    assert_false(moengage->update_existing_only || moengage->pages || moengage->groups ||
                 moengage->alias_merge);
    assert_false(moengage->real_time || moengage->geo || moengage->created_time ||
                 moengage->allow_reserved);
    assert_false(moengage->devices);
    segmo__settings_release(settings);
}

static void nothing_configured_is_no_destination(void **state)
{
    segmo__settings *settings = BUILT("source.id", "shop");

    (void)state;
    assert_false(segmo__settings_has_destination(settings));
    segmo__settings_release(settings);
    settings = BUILT("moengage.forward", "segment");
    assert_false(segmo__settings_has_destination(settings));
    assert_true(segmo__settings_source(settings, NULL)->moengage.enabled);
    assert_false(segmo__settings_source(settings, NULL)->moengage.forward);
    segmo__settings_release(settings);
    settings = BUILT(MOENGAGE);
    assert_true(segmo__settings_has_destination(settings));
    segmo__settings_release(settings);
}

static void segment_may_be_switched_off_with_its_key_in_place(void **state)
{
    segmo__settings *settings =
        BUILT("segment.write_key", "WK1", "segment.enabled", "false", MOENGAGE);

    (void)state;
    assert_false(segmo__settings_source(settings, NULL)->segment.enabled);
    assert_ptr_equal(segmo__settings_source(settings, "WK1"), settings->sources);
    segmo__settings_release(settings);
    REFUSED("segment.write_key", "segment.enabled", "segment.enabled", "true");
}

static void incomplete_credentials_are_refused_with_the_remedy(void **state)
{
    (void)state;
    REFUSED("moengage.data_api_key", "moengage.forward = segment", "moengage.app_id", "A");
    REFUSED("moengage.app_id", "Settings > Account > APIs", "moengage.data_api_key", "K");
    REFUSED("moengage.app_id", "missing", "moengage.forward", "segmo");
    REFUSED("moengage.test_data_api_key", "moengage.debug = false", MOENGAGE, "moengage.debug",
            "true");
    REFUSED("moengage.data_api_key", "missing", "moengage.app_id", "A",
            "moengage.test_data_api_key", "T");
}

static void ids_with_a_colon_are_refused(void **state)
{
    (void)state;
    REFUSED("segment.write_key", "colon", "segment.write_key", "WK1:");
    REFUSED("moengage.app_id", "colon", "moengage.app_id", "A:K", "moengage.data_api_key", "K");
    segmo__settings_release(BUILT("moengage.app_id", "A", "moengage.data_api_key", "K:1"));
}

static void debug_logging_means_the_test_environment(void **state)
{
    segmo__settings *settings = BUILT("moengage.app_id", "APP1", "moengage.test_data_api_key",
                                      "test-key-1", "moengage.debug", "true");
    const segmo__moengage_settings *moengage = &segmo__settings_source(settings, NULL)->moengage;

    (void)state;
    assert_true(moengage->test);
    assert_string_equal(moengage->app_id, "APP1_DEBUG");
    assert_string_equal(moengage->api_key, "test-key-1");
    segmo__settings_release(settings);
}

static void device_mode_and_actions_have_one_shape(void **state)
{
    (void)state;
    REFUSED("moengage.api", "cloud mode of kind classic", MOENGAGE, "moengage.kind", "actions",
            "moengage.api", "data");
    REFUSED("moengage.api", "leave it out", MOENGAGE, "source.type", "javascript", "moengage.api",
            "data");
    REFUSED("moengage.naming", "none", MOENGAGE, "source.type", "javascript", "moengage.naming",
            "snake");
    REFUSED("moengage.naming", "none", MOENGAGE, "moengage.kind", "actions", "moengage.naming",
            "snake_tsc");
    segmo__settings_release(BUILT(MOENGAGE, "moengage.kind", "actions", "moengage.api", "segment"));
    segmo__settings_release(
        BUILT(MOENGAGE, "source.type", "javascript", "moengage.naming", "none"));
}

static void what_an_api_does_not_know_is_refused(void **state)
{
    (void)state;
    REFUSED("moengage.real_time", "moengage.api = data", MOENGAGE, "moengage.api", "segment",
            "moengage.real_time", "true");
    REFUSED("moengage.devices", "moengage.api = data", MOENGAGE, "moengage.api", "segment",
            "moengage.devices", "true");
    REFUSED("moengage.alias_merge", "false", MOENGAGE, "moengage.kind", "actions",
            "moengage.alias_merge", "true");
}

static void modes_that_cannot_be_are_refused(void **state)
{
    (void)state;
    REFUSED("connection_mode", "connection_mode = cloud", "segment.write_key", "WK1",
            "connection_mode", "device");
    REFUSED("connection_mode", "moengage.kind = classic", MOENGAGE, "source.type", "javascript",
            "moengage.kind", "actions", "connection_mode", "device");
    REFUSED("source.device_sends", "connection_mode = device", MOENGAGE, "source.device_sends",
            "true");
}

static void an_id_is_never_a_secret(void **state)
{
    (void)state;
    REFUSED("source.id", "secret", "source.id", "WK1", "segment.write_key", "WK1");
}

/* ---- several sources ---------------------------------------------------------------------------
 */

static void sources_inherit_and_override(void **state)
{
    segmo__settings *settings =
        BUILT("sources", TWO_SOURCES, MOENGAGE, "moengage.project", "Concerts");
    const segmo__source *web = segmo__settings_source(settings, "web");
    const segmo__source *app = segmo__settings_source(settings, "WK-app");

    (void)state;
    assert_int_equal(settings->source_count, 2);
    assert_int_equal(web->mode, SEGMO__MODE_DEVICE);
    assert_int_equal(web->moengage.api, SEGMO__API_SEGMENT);
    assert_string_equal(web->moengage.host, "https://api-01.moengage.com");
    assert_false(web->moengage.pages);
    assert_int_equal(app->mode, SEGMO__MODE_CLOUD);
    assert_string_equal(app->moengage.host, "https://api-03.moengage.com");
    assert_true(app->moengage.pages);
    assert_string_equal(app->moengage.project, "Concerts");
    assert_null(segmo__settings_source(settings, NULL));
    assert_null(segmo__settings_source(settings, "other"));
    assert_ptr_equal(segmo__settings_source_by_hash(settings, app->hash), app);
    assert_null(segmo__settings_source_by_hash(settings, 1));
    segmo__settings_release(settings);
}

static void sources_need_ids_and_keys_of_their_own(void **state)
{
    (void)state;
    REFUSED("sources[0].id", "missing", "sources", "[{\"segment.write_key\":\"WK1\"}]");
    REFUSED("sources[1].id", "another source", "sources", "[{\"id\":\"a\"},{\"id\":\"a\"}]");
    REFUSED("sources[1].segment.write_key", "another source", "sources",
            "[{\"id\":\"a\",\"segment.write_key\":\"WK1\"},{\"id\":\"b\",\"segment.write_key\":"
            "\"WK1\"}]");
    REFUSED("sources[1].segment.write_key", "another source", "sources",
            "[{\"id\":\"a\"},{\"id\":\"b\"}]", "segment.write_key", "WK1");
    REFUSED("sources[1].id", "secret", "sources",
            "[{\"id\":\"a\",\"segment.write_key\":\"b\"},{\"id\":\"b\",\"segment.write_key\":"
            "\"WK2\"}]");
    REFUSED("sources[1].connection_mode", "server", "sources",
            "[{\"id\":\"a\"},{\"id\":\"b\",\"connection_mode\":\"device\"}]");
    REFUSED("sources[0].moengage.data_center", "dashboard", "sources",
            "[{\"id\":\"a\",\"moengage.data_center\":\"99\"}]");
}

/* ---- places ---------------------------------------------------------------------------------- */

typedef int (*host_fn)(segmo__buf *out, const char *text, const char *field, segmo_error **err);

static void assert_host(host_fn host, const char *text, const char *expected)
{
    segmo_error *error = NULL;
    segmo__buf out;

    segmo__buf_init(&out, 4096);
    if (host(&out, text, "field", &error) != SEGMO_OK) {
        if (expected)
            fail_msg("%s: %s", text, segmo_error_message(error));
        assert_string_equal(segmo_error_field(error), "field");
        segmo_error_free(error);
    } else {
        assert_non_null(expected);
        assert_int_equal(out.len, strlen(expected));
        assert_memory_equal(out.data, expected, out.len);
    }
    segmo__buf_free(&out);
}

static void data_centres_have_many_spellings(void **state)
{
    static const char *const first[] = {
        "1", "01", "001", "DC_01", "DC-01", "dc_1", "dc-1", "DC1", "DATA_CENTER_01", "US", "us"};
    static const char *const unknown[] = {"0",   "7",           "100",      "102", "1000",
                                          "DC_", "DC__1",       "1a",       "-1",  "1 ",
                                          "UK",  "data_center", "moengage", ""};

    (void)state;
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++)
        assert_host(segmo__host_moengage, first[i], "https://api-01.moengage.com");
    assert_host(segmo__host_moengage, "101", "https://api-101.moengage.com");
    assert_host(segmo__host_moengage, "dc_101", "https://api-101.moengage.com");
    assert_host(segmo__host_moengage, "IN", "https://api-03.moengage.com");
    assert_host(segmo__host_moengage, "SGP", "https://api-05.moengage.com");
    assert_host(segmo__host_moengage, "IDN-DC-06", "https://api-06.moengage.com");
    assert_host(segmo__host_moengage, "http://127.0.0.1:9/", "http://127.0.0.1:9");
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        assert_host(segmo__host_moengage, unknown[i], NULL);
}

static void segment_hosts_have_many_spellings(void **state)
{
    static const char *const same[] = {
        "events.example.test", "events.example.test/", "https://events.example.test",
        "https://events.example.test/v1", "HTTPS://events.example.test/v1/"};
    static const char *const bad[] = {"",    "https://",      "https:///v1", "ftp://a",
                                      "a b", "https://u:p@a", "a?x=1",       "a#b",
                                      "a:0", "a:65536",       "a:x",         "a:",
                                      ":80", "[::1",          "a\"b",        "\xc3\xa9.test"};

    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        assert_host(segmo__host_segment, same[i], "https://events.example.test");
    assert_host(segmo__host_segment, "US", "https://api.segment.io");
    assert_host(segmo__host_segment, "eu", "https://events.eu1.segmentapis.com");
    assert_host(segmo__host_segment, "localhost:8080", "https://localhost:8080");
    assert_host(segmo__host_segment, "http://[::1]:8080/base/v1/", "http://[::1]:8080/base");
    assert_host(segmo__host_segment, "https://a:65535", "https://a:65535");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_host(segmo__host_segment, bad[i], NULL);
}

static void plain_http_stays_on_this_machine(void **state)
{
    static const char *const near[] = {"http://localhost",    "http://localhost:1/x",
                                       "http://127.0.0.1:80", "http://127.9.9.9",
                                       "http://[::1]:80",     "https://anywhere.test"};
    static const char *const far[] = {
        "http://example.test", "http://127.evil.test", "http://localhost.evil.test",
        "http://10.0.0.1",     "http://[::2]",         "http://127.0.0.1.evil.test"};

    (void)state;
    for (size_t i = 0; i < sizeof near / sizeof near[0]; i++)
        if (segmo__host_is_exposed(near[i]))
            fail_msg("%s is taken for another machine", near[i]);
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++)
        if (!segmo__host_is_exposed(far[i]))
            fail_msg("%s is taken for this machine", far[i]);
    REFUSED("segment.host", "delivery.allow_plain_http", "segment.host", "http://example.test");
    REFUSED("moengage.url", "https://", "moengage.url", "http://example.test");
    segmo__settings_release(
        BUILT("moengage.url", "http://example.test", "delivery.allow_plain_http", "true"));
}

static void a_bad_place_names_its_option(void **state)
{
    (void)state;
    REFUSED("segment.host", "address", "segment.host", "https://u:p@example.test");
    REFUSED("moengage.data_center", "dashboard", "moengage.data_center", "17");
    REFUSED("moengage.url", "address", "moengage.url", "ftp://example.test");
}

/* ---- life --------------------------------------------------------------------------------------
 */

static void a_snapshot_lives_until_its_last_holder_lets_go(void **state)
{
    segmo__settings *settings = BUILT("segment.write_key", "WK1");
    segmo__settings *second = segmo__settings_retain(settings);

    (void)state;
    assert_ptr_equal(settings, second);
    segmo__settings_release(settings);
    assert_string_equal(segmo__settings_source(second, NULL)->segment.write_key, "WK1");
    segmo__settings_release(second);
    segmo__settings_release(NULL);
}

static void every_failing_allocation_is_reported_and_nothing_leaks(void **state)
{
    segmo_config *config = config_of((const char *const[]){"sources", TWO_SOURCES, MOENGAGE, NULL});
    segmo__settings *settings;
    long total;

    (void)state;
    segmo__mem_fail(-1, 0);
    assert_int_equal(segmo__config_settings(&settings, config, NULL), SEGMO_OK);
    total = segmo__mem_count();
    segmo__settings_release(settings);
    for (long i = 0; i < total; i++) {
        segmo__mem_fail(i, 0);
        assert_int_equal(segmo__config_settings(&settings, config, NULL), SEGMO_ERR_MEMORY);
    }
    segmo__mem_fail(-1, 0);
    segmo_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_key_is_enough_for_segment),
        cmocka_unit_test(moengage_defaults_are_resolved),
        cmocka_unit_test(every_switch_of_moengage_reaches_its_setting),
        cmocka_unit_test(nothing_configured_is_no_destination),
        cmocka_unit_test(segment_may_be_switched_off_with_its_key_in_place),
        cmocka_unit_test(incomplete_credentials_are_refused_with_the_remedy),
        cmocka_unit_test(ids_with_a_colon_are_refused),
        cmocka_unit_test(debug_logging_means_the_test_environment),
        cmocka_unit_test(device_mode_and_actions_have_one_shape),
        cmocka_unit_test(what_an_api_does_not_know_is_refused),
        cmocka_unit_test(modes_that_cannot_be_are_refused),
        cmocka_unit_test(an_id_is_never_a_secret),
        cmocka_unit_test(sources_inherit_and_override),
        cmocka_unit_test(sources_need_ids_and_keys_of_their_own),
        cmocka_unit_test(data_centres_have_many_spellings),
        cmocka_unit_test(segment_hosts_have_many_spellings),
        cmocka_unit_test(plain_http_stays_on_this_machine),
        cmocka_unit_test(a_bad_place_names_its_option),
        cmocka_unit_test(a_snapshot_lives_until_its_last_holder_lets_go),
        cmocka_unit_test(every_failing_allocation_is_reported_and_nothing_leaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
