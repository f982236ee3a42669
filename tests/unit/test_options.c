/* Options: every row of the table, the ways in, and what is shown of them. */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "client/option_table.h"
#include "client/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- help ---------------------------------------------------------------------------------- */

static char directory[64];

static segmo_config *fresh(void)
{
    segmo_config *config = NULL;

    assert_int_equal(segmo_config_new(&config, NULL), SEGMO_OK);
    return config;
}

static const char *file_with(const char *text)
{
    static char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/options.json", directory);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static void set(segmo_config *config, const char *name, const char *value)
{
    segmo_error *error = NULL;

    if (segmo_config_set(config, name, value, &error) != SEGMO_OK)
        fail_msg("%s = %s: %s", name, value, segmo_error_message(error));
}

static void load(segmo_config *config, const char *text)
{
    segmo_error *error = NULL;

    if (segmo_config_load(config, file_with(text), &error) != SEGMO_OK)
        fail_msg("%s: %s", text, segmo_error_message(error));
}

static void assert_value(const segmo_config *config, const char *name, const char *expected)
{
    const char *value = segmo__config_value(config, name);

    if (!value || !expected)
        assert_ptr_equal(value, expected);
    else
        assert_string_equal(value, expected);
}

/* The last step failed as `status`, about `field`, and its words contain `words`. */
static void assert_failed(int got, int status, segmo_error **error, const char *field,
                          const char *words)
{
    assert_int_equal(got, status);
    assert_int_equal(segmo_error_status(*error), status);
    assert_string_equal(segmo_error_field(*error), field);
    if (!strstr(segmo_error_message(*error), words))
        fail_msg("\"%s\" says nothing of \"%s\"", segmo_error_message(*error), words);
    segmo_error_free(*error);
    *error = NULL;
}

static void assert_set_refused(const char *name, const char *value, const char *words)
{
    segmo_config *config = fresh();
    segmo_error *error = NULL;

    assert_failed(segmo_config_set(config, name, value, &error), SEGMO_ERR_OPTION, &error, name,
                  words);
    segmo_config_free(config);
}

static void assert_file_refused(const char *text, int status, const char *field, const char *words)
{
    segmo_config *config = fresh();
    segmo_error *error = NULL;

    load(config, "{\"source.id\":\"before\"}");
    assert_failed(segmo_config_load(config, file_with(text), &error), status, &error, field, words);
    assert_value(config, "source.id", "before");
    segmo_config_free(config);
}

static char *shown(const segmo_config *config)
{
    segmo_error *error = NULL;
    char *text;
    size_t len;

    if (segmo_config_json(config, &text, &len, &error) != SEGMO_OK)
        fail_msg("%s", segmo_error_message(error));
    assert_int_equal(len, strlen(text));
    assert_int_equal(segmo__json_check((segmo__slice){text, len}, NULL), SEGMO_OK);
    return text;
}

static void assert_shows(const segmo_config *config, const char *words)
{
    char *text = shown(config);

    if (!strstr(text, words))
        fail_msg("%s is not in %s", words, text);
    segmo_free(text);
}

/* ---- the table ------------------------------------------------------------------------------- */

/* A value that the option takes and that is not its default. */
static const char *sample(const segmo__option *opt)
{
    static char number[32];
    const char *last = opt->choices ? strrchr(opt->choices, '|') : NULL;

    switch (opt->type) {
    case SEGMO__OPTION_TEXT:
        return "value-1";
    case SEGMO__OPTION_SECRET:
        return "secret-value-1";
    case SEGMO__OPTION_FLAG:
        return opt->fallback && strcmp(opt->fallback, "false") == 0 ? "true" : "false";
    case SEGMO__OPTION_CHOICE:
        return last + 1;
    case SEGMO__OPTION_JSON:
        return "[{\"source.id\":\"a\"}]";
    default:
        snprintf(number, sizeof number, "%llu", (unsigned long long)opt->min + 1);
        return number;
    }
}

static void every_option_takes_a_value_and_gives_it_back(void **state)
{
    segmo_config *config = fresh();

    (void)state;
    for (size_t i = 0; i < SEGMO__OPTION_COUNT; i++) {
        const segmo__option *opt = &segmo__options[i];
        const char *value = sample(opt);

        if (opt->type == SEGMO__OPTION_JSON) {
            set(config, opt->name, "[{\"id\":\"a\"}]");
        } else {
            assert_true(!opt->fallback || strcmp(opt->fallback, value) != 0);
            set(config, opt->name, value);
        }
        assert_value(config, opt->name, value);
        set(config, opt->name, NULL);
        if (strcmp(opt->name, "spool.dir") != 0)
            assert_value(config, opt->name, opt->fallback);
    }
    segmo_config_free(config);
}

static void every_default_is_a_value_the_option_takes(void **state)
{
    segmo_config *config = fresh();

    (void)state;
    for (size_t i = 0; i < SEGMO__OPTION_COUNT; i++)
        if (segmo__options[i].fallback)
            set(config, segmo__options[i].name, segmo__options[i].fallback);
    segmo_config_free(config);
}

static void every_option_has_its_own_names(void **state)
{
    char one[SEGMO__OPTION_NAME_MAX + 8], other[SEGMO__OPTION_NAME_MAX + 8];

    (void)state;
    for (size_t i = 0; i < SEGMO__OPTION_COUNT; i++) {
        assert_true(strlen(segmo__options[i].name) < SEGMO__OPTION_NAME_MAX);
        segmo__option_env_name(&segmo__options[i], one);
        for (size_t j = 0; j < i; j++) {
            segmo__option_env_name(&segmo__options[j], other);
            assert_string_not_equal(one, other);
        }
    }
}

static void every_option_can_be_given_in_the_environment(void **state)
{
    char name[SEGMO__OPTION_NAME_MAX + 8];

    (void)state;
    for (size_t i = 0; i < SEGMO__OPTION_COUNT; i++) {
        const segmo__option *opt = &segmo__options[i];
        segmo_config *config = fresh();
        segmo_error *error = NULL;

        segmo__option_env_name(opt, name);
        setenv(name, opt->type == SEGMO__OPTION_JSON ? "[{\"id\":\"a\"}]" : sample(opt), 1);
        if (segmo_config_load_env(config, &error) != SEGMO_OK)
            fail_msg("%s: %s", name, segmo_error_message(error));
        assert_value(config, opt->name, sample(opt));
        unsetenv(name);
        segmo_config_free(config);
    }
}

static void every_option_is_described_for_users(void **state)
{
    char *text, name[SEGMO__OPTION_NAME_MAX + 16];
    size_t len;

    (void)state;
    assert_int_equal(segmo_options_json(&text, &len, NULL), SEGMO_OK);
    assert_int_equal(segmo__json_check((segmo__slice){text, len}, NULL), SEGMO_OK);
    for (size_t i = 0; i < SEGMO__OPTION_COUNT; i++) {
        const char *words = segmo__options[i].words;

        snprintf(name, sizeof name, "{\"name\":\"%s\"", segmo__options[i].name);
        assert_non_null(strstr(text, name));
        assert_true(strlen(words) > 20 && words[strlen(words) - 1] == '.');
    }
    assert_non_null(
        strstr(text, "{\"name\":\"spool.sync\",\"type\":\"choice\",\"default\":\"background\","
                     "\"secret\":false,\"env\":\"SEGMO_SPOOL_SYNC\",\"per_source\":false,"
                     "\"choices\":[\"background\",\"always\"],\"help\":\""));
    assert_non_null(strstr(
        text, "\"moengage.data_api_key\",\"type\":\"secret\",\"default\":null,"
              "\"secret\":true,\"env\":\"SEGMO_MOENGAGE_DATA_API_KEY\",\"per_source\":true"));
    segmo_free(text);
}

/* ---- values ------------------------------------------------------------------------------------
 */

static void sizes_have_units_of_1024(void **state)
{
    segmo_config *config = fresh();

    (void)state;
    assert_int_equal(segmo__config_number(config, "spool.max_bytes"), 1u << 30);
    set(config, "spool.max_bytes", "64MiB");
    assert_int_equal(segmo__config_number(config, "spool.max_bytes"), 64u << 20);
    set(config, "spool.max_bytes", "2048KiB");
    assert_int_equal(segmo__config_number(config, "spool.max_bytes"), 2u << 20);
    set(config, "spool.max_bytes", "1048576");
    assert_int_equal(segmo__config_number(config, "spool.max_bytes"), 1u << 20);
    segmo_config_free(config);
    assert_set_refused("spool.max_bytes", "64MB", "MiB");
    assert_set_refused("spool.max_bytes", "1.5GiB", "bytes");
    assert_set_refused("spool.max_bytes", "1000", "at least 1048576");
    assert_set_refused("spool.max_bytes", "18446744073709551616", "bytes");
    assert_set_refused("spool.max_bytes", "99999999999999GiB", "bytes");
}

static void times_are_milliseconds_or_have_a_unit(void **state)
{
    segmo_config *config = fresh();

    (void)state;
    assert_int_equal(segmo__config_number(config, "delivery.max_age_ms"), 7 * 86400000);
    set(config, "delivery.max_age_ms", "36h");
    assert_int_equal(segmo__config_number(config, "delivery.max_age_ms"), 36 * 3600000);
    set(config, "delivery.timeout_ms", "2500");
    assert_int_equal(segmo__config_number(config, "delivery.timeout_ms"), 2500);
    set(config, "delivery.timeout_ms", "30s");
    assert_int_equal(segmo__config_number(config, "delivery.timeout_ms"), 30000);
    segmo_config_free(config);
    assert_set_refused("delivery.timeout_ms", "soon", "milliseconds");
    assert_set_refused("delivery.timeout_ms", "-1", "milliseconds");
    assert_set_refused("delivery.timeout_ms", "0", "at least 1");
    assert_set_refused("spool.sync_ms", "2m", "at most 60000");
}

static void counts_are_whole_numbers_in_their_range(void **state)
{
    (void)state;
    assert_set_refused("delivery.lanes", "many", "whole number");
    assert_set_refused("delivery.lanes", "1e3", "whole number");
    assert_set_refused("delivery.lanes", "4KiB", "whole number");
    assert_set_refused("delivery.lanes", "0", "at least 1");
    assert_set_refused("delivery.gzip_level", "12", "at most 9");
}

static void flags_and_choices_take_their_words_only(void **state)
{
    segmo_config *config = fresh();

    (void)state;
    set(config, "debug", "True");
    assert_true(segmo__config_flag(config, "debug"));
    set(config, "debug", "false");
    assert_false(segmo__config_flag(config, "debug"));
    set(config, "segment.region", "EU");
    assert_value(config, "segment.region", "eu");
    segmo_config_free(config);
    assert_set_refused("debug", "yes", "true|false");
    assert_set_refused("spool.when_full", "explode", "refuse|block|drop_oldest");
    assert_set_refused("spool.when_full", "refuse|block", "refuse|block|drop_oldest");
}

static void texts_are_one_line_without_spaces_around(void **state)
{
    segmo_config *config = fresh();

    (void)state;
    set(config, "moengage.test_id_suffix", "");
    assert_value(config, "moengage.test_id_suffix", "");
    segmo_config_free(config);
    assert_set_refused("segment.write_key", "WK\r\nHost: evil", "one line");
    assert_set_refused("segment.write_key", "WK\n", "one line");
    assert_set_refused("segment.write_key", " WK", "space");
    assert_set_refused("segment.write_key", "WK ", "space");
    assert_set_refused("segment.write_key", "", "empty");
    assert_file_refused("{\"source\":{\"id\":\"a\\u0000b\"}}", SEGMO_ERR_OPTION, "source.id",
                        "one line");
}

static void an_unknown_name_is_refused_with_the_nearest_one(void **state)
{
    (void)state;
    assert_set_refused("segment.writeKey", "x", "segment.write_key");
    assert_set_refused("write_key", "x", "segment.write_key");
    assert_set_refused("moengage.appid", "x", "moengage.app_id");
    assert_set_refused("flush_at", "x", "delivery.flush_at");
    assert_set_refused("spool.directory", "x", "spool.dir");
    assert_set_refused("", "x", "nearest");
    assert_set_refused(
        "a.name.that.is.much.longer.than.any.option.could.ever.be.and.goes.on.and.on", "x",
        "nearest");
}

static void get_refuses_an_unknown_name_too(void **state)
{
    segmo_config *config = fresh();
    segmo_error *error = NULL;
    char *text;

    (void)state;
    assert_failed(segmo_config_get(config, "debugg", &text, &error), SEGMO_ERR_OPTION, &error,
                  "debugg", "debug");
    segmo_config_free(config);
}

/* ---- ways in --------------------------------------------------------------------------------- */

static void set_beats_environment_beats_file_whatever_the_order(void **state)
{
    segmo_config *config = fresh();

    (void)state;
    setenv("SEGMO_SOURCE_ID", "from-env", 1);
    set(config, "source.id", "from-set");
    assert_int_equal(segmo_config_load_env(config, NULL), SEGMO_OK);
    load(config, "{\"source.id\":\"from-file\"}");
    assert_value(config, "source.id", "from-set");
    assert_shows(config, "\"source.id\":{\"value\":\"from-set\",\"from\":\"set\"}");
    set(config, "source.id", NULL);
    assert_value(config, "source.id", "from-env");
    assert_shows(config, "\"source.id\":{\"value\":\"from-env\",\"from\":\"environment\"}");
    unsetenv("SEGMO_SOURCE_ID");
    assert_int_equal(segmo_config_load_env(config, NULL), SEGMO_OK);
    assert_value(config, "source.id", "from-file");
    assert_shows(config, "\"source.id\":{\"value\":\"from-file\",\"from\":\"file\"}");
    load(config, "{}");
    assert_value(config, "source.id", "default");
    assert_shows(config, "\"source.id\":{\"value\":\"default\",\"from\":\"default\"}");
    segmo_config_free(config);
}

static void a_misspelt_variable_is_refused_and_changes_nothing(void **state)
{
    segmo_config *config = fresh();
    segmo_error *error = NULL;

    (void)state;
    setenv("SEGMO_SOURCE_ID", "shop", 1);
    setenv("SEGMO_SEGMENT_WRITEKEY", "x", 1);
    assert_failed(segmo_config_load_env(config, &error), SEGMO_ERR_OPTION, &error,
                  "SEGMO_SEGMENT_WRITEKEY", "SEGMO_SEGMENT_WRITE_KEY");
    assert_value(config, "source.id", "default");
    unsetenv("SEGMO_SEGMENT_WRITEKEY");
    unsetenv("SEGMO_SOURCE_ID");
    segmo_config_free(config);
}

static void variables_of_the_program_and_the_packages_are_let_pass(void **state)
{
    static const char *const names[] = {"SEGMO_CONFIG", "SEGMO_LIB", "SEGMO_SYSTEM",
                                        "SEGMO_TEST_LIMIT_S"};
    segmo_config *config = fresh();

    (void)state;
    for (size_t i = 0; i < 4; i++)
        setenv(names[i], "something", 1);
    assert_int_equal(segmo_config_load_env(config, NULL), SEGMO_OK);
    for (size_t i = 0; i < 4; i++)
        unsetenv(names[i]);
    segmo_config_free(config);
}

static void a_file_may_be_nested_or_dotted(void **state)
{
    segmo_config *config = fresh();

    (void)state;
    load(config, "\n{\"segment\":{\"write_key\":\"WK1234567\"},\"delivery.lanes\":8,"
                 "\"delivery\":{\"gzip\":false,\"timeout_ms\":\"2s\",\"proxy\":null},\"moengage."
                 "app_id\":12345}\n");
    assert_value(config, "segment.write_key", "WK1234567");
    assert_int_equal(segmo__config_number(config, "delivery.lanes"), 8);
    assert_false(segmo__config_flag(config, "delivery.gzip"));
    assert_int_equal(segmo__config_number(config, "delivery.timeout_ms"), 2000);
    assert_value(config, "delivery.proxy", NULL);
    assert_value(config, "moengage.app_id", "12345");
    segmo_config_free(config);
}

static void a_bad_file_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    assert_file_refused("{\"segment\":{\"writekey\":\"x\"}}", SEGMO_ERR_OPTION, "segment.writekey",
                        "segment.write_key");
    assert_file_refused("{\"segmnt\":{\"write_key\":\"x\"}}", SEGMO_ERR_OPTION, "segmnt",
                        "nearest");
    assert_file_refused("{\"segment\":\"x\"}", SEGMO_ERR_OPTION, "segment", "nearest");
    assert_file_refused("{\"delivery\":{\"lanes\":8},\"delivery.lanes\":9}", SEGMO_ERR_OPTION,
                        "delivery.lanes", "twice");
    assert_file_refused("{\"delivery.lanes\":[8]}", SEGMO_ERR_OPTION, "delivery.lanes",
                        "single value");
    assert_file_refused("{\"delivery.lanes\":8.5}", SEGMO_ERR_OPTION, "delivery.lanes",
                        "whole number");
    assert_file_refused("{\"source.id\":true}", SEGMO_ERR_OPTION, "source.id", "text");
    assert_file_refused("{\"source.id\":{\"env\":\"HOME\"}}", SEGMO_ERR_OPTION, "source.id",
                        "text");
    assert_file_refused("[]", SEGMO_ERR_JSON, "", "one JSON object");
    assert_file_refused("{\"debug\":true,}", SEGMO_ERR_JSON, "", "options.json");
    assert_file_refused("{\"debug\":true,\"debug\":true}", SEGMO_ERR_JSON, "/debug",
                        "options.json");
    assert_file_refused("", SEGMO_ERR_JSON, "", "options.json");
}

static void a_missing_file_is_an_error_with_its_path(void **state)
{
    segmo_config *config = fresh();
    segmo_error *error = NULL;

    (void)state;
    assert_failed(segmo_config_load(config, "/nowhere/segmo.json", &error), SEGMO_ERR_IO, &error,
                  "", "/nowhere/segmo.json");
    assert_null(segmo__config_file(config));
    segmo_config_free(config);
}

static void a_file_can_be_read_again(void **state)
{
    segmo_config *config = fresh();

    (void)state;
    assert_int_equal(segmo__config_reload(config, NULL), SEGMO_OK);
    load(config, "{\"source.id\":\"one\",\"debug\":true}");
    assert_non_null(strstr(segmo__config_file(config), "options.json"));
    file_with("{\"source.id\":\"two\"}");
    assert_int_equal(segmo__config_reload(config, NULL), SEGMO_OK);
    assert_value(config, "source.id", "two");
    assert_false(segmo__config_flag(config, "debug"));
    file_with("{broken");
    assert_int_equal(segmo__config_reload(config, NULL), SEGMO_ERR_JSON);
    assert_value(config, "source.id", "two");
    segmo_config_free(config);
}

static void a_copy_lives_by_itself(void **state)
{
    segmo_config *config = fresh(), *copy = NULL;

    (void)state;
    load(config, "{\"source.id\":\"one\"}");
    set(config, "debug", "true");
    assert_int_equal(segmo__config_copy(&copy, config, NULL), SEGMO_OK);
    set(config, "debug", "false");
    segmo_config_free(config);
    assert_value(copy, "source.id", "one");
    assert_true(segmo__config_flag(copy, "debug"));
    assert_int_equal(segmo__config_reload(copy, NULL), SEGMO_OK);
    segmo_config_free(copy);
}

/* ---- secrets
 * ------------------------------------------------------------------------------------- */

static void assert_masked(const char *secret, const char *expected)
{
    segmo_config *config = fresh();
    char *text;

    set(config, "segment.write_key", secret);
    assert_int_equal(segmo_config_get(config, "segment.write_key", &text, NULL), SEGMO_OK);
    assert_string_equal(text, expected);
    segmo_free(text);
    text = shown(config);
    assert_null(strstr(text, secret));
    segmo_free(text);
    segmo_config_free(config);
}

static void assert_address(const char *name, const char *address, const char *expected)
{
    segmo_config *config = NULL;
    char *shown = NULL, *all = NULL;

    assert_int_equal(segmo_config_new(&config, NULL), SEGMO_OK);
    assert_int_equal(segmo_config_set(config, name, address, NULL), SEGMO_OK);
    assert_int_equal(segmo_config_get(config, name, &shown, NULL), SEGMO_OK);
    assert_string_equal(shown, expected);
    if (segmo_config_json(config, &all, NULL, NULL) == SEGMO_OK)
        assert_non_null(strstr(all, expected));
    segmo_free(shown);
    segmo_free(all);
    segmo_config_free(config);
}

static void passwords_in_addresses_are_shown_masked(void **state)
{
    (void)state;
    assert_address("delivery.proxy", "http://ann:sesame@proxy:3128", "http://ann:***@proxy:3128");
    assert_address("delivery.proxy", "http://ann:se@s:ame@proxy:3128", "http://ann:***@proxy:3128");
    assert_address("delivery.proxy", "ann:sesame@proxy", "ann:***@proxy");
    assert_address("delivery.proxy", "http://sesame@proxy:3128", "http://***@proxy:3128");
    assert_address("delivery.proxy", "http://proxy:3128", "http://proxy:3128");
    assert_address("delivery.proxy", "", "");
    assert_address("segment.host", "https://ann:sesame@a.example", "https://ann:***@a.example");
    assert_address("moengage.url", "https://ann:sesame@a.example", "https://ann:***@a.example");
}

static void passwords_in_sources_are_shown_masked(void **state)
{
    segmo_config *config = NULL;
    char *shown = NULL;

    (void)state;
    assert_int_equal(segmo_config_new(&config, NULL), SEGMO_OK);
    assert_int_equal(segmo_config_set(config, "sources",
                                      "[{\"id\":\"a\",\"segment.host\":\"sesame@a.example\"}]",
                                      NULL),
                     SEGMO_OK);
    assert_int_equal(segmo_config_get(config, "sources", &shown, NULL), SEGMO_OK);
    assert_string_equal(shown, "[{\"segment.host\":\"***@a.example\",\"id\":\"a\"}]");
    segmo_free(shown);
    segmo_config_free(config);
}

static void secrets_are_shown_masked(void **state)
{
    (void)state;
    assert_masked("WK123456789", "WK1***");
    assert_masked("12345678", "123***");
    assert_masked("1234567", "***");
    assert_masked("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", "***");
}

static void other_values_are_shown_as_they_are(void **state)
{
    segmo_config *config = fresh();
    char *text;

    (void)state;
    assert_int_equal(segmo_config_get(config, "delivery.max_age_ms", &text, NULL), SEGMO_OK);
    assert_string_equal(text, "7d");
    segmo_free(text);
    assert_int_equal(segmo_config_get(config, "segment.host", &text, NULL), SEGMO_OK);
    assert_null(text);
    assert_shows(config, "\"delivery.lanes\":{\"value\":32,\"from\":\"default\"}");
    assert_shows(config, "\"delivery.gzip\":{\"value\":true,\"from\":\"default\"}");
    assert_shows(config, "\"segment.host\":{\"value\":null,\"from\":\"default\"}");
    segmo_config_free(config);
}

static void secrets_may_lie_in_the_environment_or_a_file(void **state)
{
    segmo_config *config = fresh();
    char path[128], text[512];
    FILE *file;

    (void)state;
    snprintf(path, sizeof path, "%s/key", directory);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("key-in-a-file\n", file);
    fclose(file);
    setenv("MY_WRITE_KEY", "key-in-env", 1);
    snprintf(text, sizeof text,
             "{\"segment\":{\"write_key\":{\"env\":\"MY_WRITE_KEY\"}},\"moengage.data_api_key\":{"
             "\"file\":\"%s\"}}",
             path);
    load(config, text);
    assert_value(config, "segment.write_key", "key-in-env");
    assert_value(config, "moengage.data_api_key", "key-in-a-file");
    unsetenv("MY_WRITE_KEY");
    segmo_config_free(config);
}

static void a_secret_that_is_not_there_names_its_option(void **state)
{
    (void)state;
    assert_file_refused("{\"segment.write_key\":{\"env\":\"NOT_SET_ANYWHERE\"}}", SEGMO_ERR_OPTION,
                        "segment.write_key", "NOT_SET_ANYWHERE");
    assert_file_refused("{\"segment.write_key\":{\"file\":\"/nowhere/key\"}}", SEGMO_ERR_OPTION,
                        "segment.write_key", "/nowhere/key");
    assert_file_refused("{\"segment.write_key\":{\"vault\":\"x\"}}", SEGMO_ERR_OPTION,
                        "segment.write_key", "{\"env\": \"NAME\"}");
    assert_file_refused("{\"segment.write_key\":{\"env\":7}}", SEGMO_ERR_OPTION,
                        "segment.write_key", "{\"env\": \"NAME\"}");
}

/* ---- several sources ---------------------------------------------------------------------------
 */

static void sources_come_in_one_spelling(void **state)
{
    segmo_config *config = fresh();

    (void)state;
    setenv("MY_WRITE_KEY", "key-in-env", 1);
    load(
        config,
        "{\"sources\":[{\"id\":\"web\",\"type\":\"javascript\",\"segment\":{\"write_key\":"
        "{\"env\":\"MY_WRITE_KEY\"}}},{\"id\":\"app\",\"bundled\":true,\"moengage.pages\":true}]}");
    assert_value(
        config, "sources",
        "[{\"segment.write_key\":\"key-in-env\",\"source.id\":\"web\",\"source.type\":"
        "\"javascript\"},"
        "{\"source.id\":\"app\",\"source.bundled\":\"true\",\"moengage.pages\":\"true\"}]");
    unsetenv("MY_WRITE_KEY");
    segmo_config_free(config);
}

static void sources_are_shown_masked(void **state)
{
    segmo_config *config = fresh();
    char *text;

    (void)state;
    set(config, "sources",
        " [ {\"id\":\"web\",\n\"segment.write_key\":\"WK123456789\"}, {\"id\":\"b\"} ] ");
    assert_int_equal(segmo_config_get(config, "sources", &text, NULL), SEGMO_OK);
    assert_string_equal(text, "[{\"segment.write_key\":\"WK1***\",\"id\":\"web\"},{\"id\":\"b\"}]");
    segmo_free(text);
    assert_shows(config,
                 "\"sources\":{\"value\":[{\"segment.write_key\":\"WK1***\",\"id\":\"web\"}");
    segmo_config_free(config);
}

static void assert_sources_refused(const char *sources, const char *field, const char *words)
{
    segmo_config *config = fresh();
    segmo_error *error = NULL;

    assert_failed(segmo_config_set(config, "sources", sources, &error), SEGMO_ERR_OPTION, &error,
                  field, words);
    assert_value(config, "sources", NULL);
    segmo_config_free(config);
}

static void bad_sources_name_the_entry(void **state)
{
    (void)state;
    assert_sources_refused("{", "sources", "JSON");
    assert_sources_refused("{}", "sources", "array");
    assert_sources_refused("[]", "sources", "array");
    assert_sources_refused("[{\"id\":\"a\"},7]", "sources", "sources[1]");
    assert_sources_refused("[{\"id\":\"a\"},{\"id\":\"b\",\"typ\":\"ios\"}]", "sources[1].typ",
                           "type");
    assert_sources_refused("[{\"type\":\"toaster\"}]", "sources[0].type", "javascript");
    assert_sources_refused("[{\"delivery.lanes\":1}]", "sources[0].delivery.lanes", "one source");
    assert_sources_refused("[{\"sources\":[]}]", "sources[0].sources", "one source");
}

/* ---- together ----------------------------------------------------------------------------------
 */

static void assert_contradiction(const char *one, const char *value, const char *two,
                                 const char *second, const char *field, const char *words)
{
    segmo_config *config = fresh();
    segmo_error *error = NULL;
    char *text;
    size_t len;

    set(config, one, value);
    set(config, two, second);
    assert_failed(segmo__config_check(config, &error), SEGMO_ERR_OPTION, &error, field, words);
    assert_failed(segmo_config_json(config, &text, &len, &error), SEGMO_ERR_OPTION, &error, field,
                  words);
    segmo_config_free(config);
}

static void options_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    assert_contradiction("spool.memory_only", "true", "spool.dir", "/tmp/x", "spool.memory_only",
                         "spool.dir");
    assert_contradiction("spool.memory_only", "true", "spool.sync", "always", "spool.sync",
                         "memory_only");
    assert_contradiction("delivery.backoff_base_ms", "5000", "delivery.backoff_cap_ms", "1000",
                         "delivery.backoff_base_ms", "lower");
    assert_contradiction("moengage.app_id", "A", "moengage.debug", "true",
                         "moengage.test_data_api_key", "TEST");
}

static void assert_spool_dir(const char *state_home, const char *home, const char *expected)
{
    segmo_config *config;

    unsetenv("XDG_STATE_HOME");
    unsetenv("HOME");
    if (state_home)
        setenv("XDG_STATE_HOME", state_home, 1);
    if (home)
        setenv("HOME", home, 1);
    config = fresh();
    assert_value(config, "spool.dir", expected);
    segmo_config_free(config);
}

static void the_spool_has_a_directory_by_default(void **state)
{
    char *home = segmo__strdup(getenv("HOME"));

    (void)state;
    assert_spool_dir("/state", "/home/a", "/state/segmo");
    assert_spool_dir("not/absolute", "/home/a", "/home/a/.local/state/segmo");
    assert_spool_dir(NULL, "/home/a", "/home/a/.local/state/segmo");
    assert_spool_dir(NULL, NULL, geteuid() == 0 ? "/var/lib/segmo" : NULL);
    if (home)
        setenv("HOME", home, 1);
    segmo__free(home);
}

/* ---- memory ------------------------------------------------------------------------------------
 */

static int build_everything(void)
{
    segmo_config *config = NULL, *copy = NULL;
    char *text = NULL;
    size_t len;
    int status = segmo_config_new(&config, NULL);

    if (status == SEGMO_OK)
        status = segmo_config_load(
            config, file_with("{\"sources\":[{\"id\":\"a\",\"segment.write_key\":\"WK1\"}]}"),
            NULL);
    if (status == SEGMO_OK)
        status = segmo_config_set(config, "moengage.project", "Concerts", NULL);
    if (status == SEGMO_OK)
        status = segmo__config_copy(&copy, config, NULL);
    if (status == SEGMO_OK)
        status = segmo_config_json(copy, &text, &len, NULL);
    segmo_free(text);
    segmo_config_free(copy);
    segmo_config_free(config);
    return status;
}

static void every_failing_allocation_is_reported_and_nothing_leaks(void **state)
{
    long total;

    (void)state;
    segmo__mem_fail(-1, 0);
    assert_int_equal(build_everything(), SEGMO_OK);
    total = segmo__mem_count();
    assert_true(total > 10);
    for (long i = 0; i < total; i++) {
        segmo__mem_fail(i, 1);
        assert_int_equal(build_everything(), SEGMO_ERR_MEMORY);
    }
    segmo__mem_fail(-1, 0);
}

static int make_directory(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/segmo-options-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    char path[128];

    (void)state;
    snprintf(path, sizeof path, "%s/options.json", directory);
    unlink(path);
    snprintf(path, sizeof path, "%s/key", directory);
    unlink(path);
    return rmdir(directory);
}

static void null_is_refused_by_name(void **state)
{
    segmo_config *config = NULL;
    segmo_error *error = NULL;
    char *out = NULL;

    (void)state;
    assert_int_equal(segmo_config_new(&config, NULL), SEGMO_OK);
    assert_int_equal(segmo_config_new(NULL, NULL), SEGMO_ERR_INVALID);
    assert_int_equal(segmo_config_set(NULL, "spool.dir", "x", NULL), SEGMO_ERR_INVALID);
    assert_int_equal(segmo_config_set(config, NULL, "x", &error), SEGMO_ERR_INVALID);
    assert_string_equal(segmo_error_field(error), "name");
    segmo_error_free(error);
    assert_int_equal(segmo_config_get(NULL, "spool.dir", &out, NULL), SEGMO_ERR_INVALID);
    assert_int_equal(segmo_config_get(config, NULL, &out, NULL), SEGMO_ERR_INVALID);
    assert_int_equal(segmo_config_get(config, "spool.dir", NULL, NULL), SEGMO_ERR_INVALID);
    assert_int_equal(segmo_config_load(NULL, "x", NULL), SEGMO_ERR_INVALID);
    assert_int_equal(segmo_config_load(config, NULL, NULL), SEGMO_ERR_INVALID);
    assert_int_equal(segmo_config_load_env(NULL, NULL), SEGMO_ERR_INVALID);
    assert_int_equal(segmo_config_json(NULL, &out, NULL, NULL), SEGMO_ERR_INVALID);
    assert_int_equal(segmo_config_json(config, NULL, NULL, NULL), SEGMO_ERR_INVALID);
    assert_int_equal(segmo_options_json(NULL, NULL, NULL), SEGMO_ERR_INVALID);
    assert_null(out);
    segmo_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_is_refused_by_name),
        cmocka_unit_test(every_option_takes_a_value_and_gives_it_back),
        cmocka_unit_test(every_default_is_a_value_the_option_takes),
        cmocka_unit_test(every_option_has_its_own_names),
        cmocka_unit_test(every_option_can_be_given_in_the_environment),
        cmocka_unit_test(every_option_is_described_for_users),
        cmocka_unit_test(sizes_have_units_of_1024),
        cmocka_unit_test(times_are_milliseconds_or_have_a_unit),
        cmocka_unit_test(counts_are_whole_numbers_in_their_range),
        cmocka_unit_test(flags_and_choices_take_their_words_only),
        cmocka_unit_test(texts_are_one_line_without_spaces_around),
        cmocka_unit_test(an_unknown_name_is_refused_with_the_nearest_one),
        cmocka_unit_test(get_refuses_an_unknown_name_too),
        cmocka_unit_test(set_beats_environment_beats_file_whatever_the_order),
        cmocka_unit_test(a_misspelt_variable_is_refused_and_changes_nothing),
        cmocka_unit_test(variables_of_the_program_and_the_packages_are_let_pass),
        cmocka_unit_test(a_file_may_be_nested_or_dotted),
        cmocka_unit_test(a_bad_file_is_refused_and_changes_nothing),
        cmocka_unit_test(a_missing_file_is_an_error_with_its_path),
        cmocka_unit_test(a_file_can_be_read_again),
        cmocka_unit_test(a_copy_lives_by_itself),
        cmocka_unit_test(passwords_in_addresses_are_shown_masked),
        cmocka_unit_test(passwords_in_sources_are_shown_masked),
        cmocka_unit_test(secrets_are_shown_masked),
        cmocka_unit_test(other_values_are_shown_as_they_are),
        cmocka_unit_test(secrets_may_lie_in_the_environment_or_a_file),
        cmocka_unit_test(a_secret_that_is_not_there_names_its_option),
        cmocka_unit_test(sources_come_in_one_spelling),
        cmocka_unit_test(sources_are_shown_masked),
        cmocka_unit_test(bad_sources_name_the_entry),
        cmocka_unit_test(options_that_contradict_each_other_are_refused),
        cmocka_unit_test(the_spool_has_a_directory_by_default),
        cmocka_unit_test(every_failing_allocation_is_reported_and_nothing_leaks),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
