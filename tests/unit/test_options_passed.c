/* kafka.NAME: what is handed on to librdkafka, by every way in, with secrets masked. */
#include "base/buf.h"
#include "client/option_passed.h"
#include "client/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static segmo_config *fresh(void)
{
    segmo_config *config = NULL;

    assert_int_equal(segmo_config_new(&config, NULL), SEGMO_OK);
    return config;
}

static void assert_shown(const segmo_config *config, const char *name, const char *expected)
{
    char *value = NULL;

    assert_int_equal(segmo_config_get(config, name, &value, NULL), SEGMO_OK);
    if (expected)
        assert_string_equal(value, expected);
    else
        assert_null(value);
    segmo_free(value);
}

static void assert_refused(const char *name, const char *value, const char *words)
{
    segmo_config *config = fresh();
    segmo_error *error = NULL;

    assert_int_equal(segmo_config_set(config, name, value, &error), SEGMO_ERR_OPTION);
    assert_string_equal(segmo_error_field(error), name);
    assert_non_null(strstr(segmo_error_message(error), words));
    segmo_error_free(error);
    segmo_config_free(config);
}

static void a_setting_is_kept_and_taken_back(void **state)
{
    segmo_config *config = fresh();

    (void)state;
    assert_shown(config, "kafka.linger.ms", NULL);
    assert_int_equal(segmo_config_set(config, "kafka.linger.ms", "5", NULL), SEGMO_OK);
    assert_int_equal(segmo_config_set(config, "kafka.client.id", "a \"b\"", NULL), SEGMO_OK);
    assert_int_equal(segmo_config_set(config, "kafka.linger.ms", "7", NULL), SEGMO_OK);
    assert_shown(config, "kafka.linger.ms", "7");
    assert_shown(config, "kafka.client.id", "a \"b\"");
    assert_int_equal(segmo_config_set(config, "kafka.linger.ms", NULL, NULL), SEGMO_OK);
    assert_shown(config, "kafka.linger.ms", NULL);
    assert_shown(config, "kafka.client.id", "a \"b\"");
    segmo_config_free(config);
}

static void secrets_are_masked(void **state)
{
    static const char *const secrets[] = {"kafka.sasl.password", "kafka.ssl.key.password",
                                          "kafka.ssl.key.pem",
                                          "kafka.sasl.oauthbearer.client.secret"};
    segmo_config *config = fresh();
    char *text = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        assert_int_equal(segmo_config_set(config, secrets[i], "open-sesame", NULL), SEGMO_OK);
        assert_shown(config, secrets[i], "ope***");
    }
    assert_int_equal(segmo_config_set(config, "kafka.sasl.username", "ali", NULL), SEGMO_OK);
    assert_int_equal(segmo_config_json(config, &text, NULL, NULL), SEGMO_OK);
    assert_null(strstr(text, "sesame"));
    assert_non_null(strstr(text, "\"kafka.sasl.username\":{\"value\":\"ali\",\"from\":\"set\"}"));
    segmo_free(text);
    segmo_config_free(config);
}

static void what_delivery_depends_on_cannot_be_set(void **state)
{
    (void)state;
    assert_refused("kafka.enable.idempotence", "false", "set by segmo itself");
    assert_refused("kafka.enable.auto.commit", "true", "set by segmo itself");
    assert_refused("kafka.group.id", "x", "set by segmo itself");
    assert_refused("kafka.sasl.username", "a\nb", "one line");
}

static void a_misspelt_option_of_ours_is_offered_the_right_one(void **state)
{
    (void)state;
    assert_refused("kafka.topics", "x", "kafka.topic");
    assert_refused("kafka.Linger.ms", "x", "nearest");
}

static void code_beats_environment_beats_file(void **state)
{
    char path[] = "/tmp/segmo-passed-XXXXXX";
    int fd = mkstemp(path);
    segmo_config *config = fresh();
    segmo_error *error = NULL;
    static const char text[] =
        "{\"kafka\":{\"bootstrap.servers\":\"a:1\",\"linger.ms\":1,\"sasl\":{\"username\":\"file\","
        "\"password\":{\"env\":\"PASSED_TEST_WORD\"}},\"socket.keepalive.enable\":true}}";

    (void)state;
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    setenv("PASSED_TEST_WORD", "from-elsewhere", 1);
    setenv("SEGMO_KAFKA_SASL_USERNAME", "env", 1);
    if (segmo_config_load(config, path, &error) != SEGMO_OK)
        fail_msg("%s", segmo_error_message(error));
    assert_int_equal(segmo_config_load_env(config, NULL), SEGMO_OK);
    assert_shown(config, "kafka.bootstrap.servers", "a:1");
    assert_shown(config, "kafka.linger.ms", "1");
    assert_shown(config, "kafka.socket.keepalive.enable", "true");
    assert_shown(config, "kafka.sasl.username", "env");
    assert_shown(config, "kafka.sasl.password", "fro***");
    assert_int_equal(segmo_config_set(config, "kafka.sasl.username", "code", NULL), SEGMO_OK);
    assert_shown(config, "kafka.sasl.username", "code");
    unsetenv("PASSED_TEST_WORD");
    unsetenv("SEGMO_KAFKA_SASL_USERNAME");
    unlink(path);
    segmo_config_free(config);
}

static void brokers_are_needed(void **state)
{
    segmo_config *config = fresh();
    segmo_error *error = NULL;
    char *text;

    (void)state;
    assert_int_equal(segmo_config_set(config, "kafka.enabled", "true", NULL), SEGMO_OK);
    assert_int_equal(segmo_config_json(config, &text, NULL, &error), SEGMO_ERR_OPTION);
    assert_string_equal(segmo_error_field(error), "kafka.bootstrap.servers");
    segmo_error_free(error);
    segmo_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_setting_is_kept_and_taken_back),
        cmocka_unit_test(secrets_are_masked),
        cmocka_unit_test(what_delivery_depends_on_cannot_be_set),
        cmocka_unit_test(a_misspelt_option_of_ours_is_offered_the_right_one),
        cmocka_unit_test(code_beats_environment_beats_file),
        cmocka_unit_test(brokers_are_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
