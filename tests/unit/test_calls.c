/* The six calls of segmo.h, on a client that sends nothing and keeps all in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "segmo.h"

#include <string.h>

static int open_client(void **state)
{
    static const char *const options[][2] = {
        {"segment.write_key", "WK1"}, {"spool.memory_only", "true"}, {"delivery.enabled", "false"}};
    segmo_config *config = NULL;
    segmo_client *client = NULL;

    assert_int_equal(segmo_config_new(&config, NULL), SEGMO_OK);
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        assert_int_equal(segmo_config_set(config, options[i][0], options[i][1], NULL), SEGMO_OK);
    assert_int_equal(segmo_client_open(&client, config, NULL), SEGMO_OK);
    segmo_config_free(config);
    *state = client;
    return 0;
}

static int close_client(void **state)
{
    segmo_client_free(*state);
    return 0;
}

static void refused(int status, segmo_error *error, const char *field)
{
    assert_int_equal(status, SEGMO_ERR_INVALID);
    assert_string_equal(segmo_error_field(error), field);
    assert_non_null(strstr(segmo_error_message(error), "UTF-8"));
    segmo_error_free(error);
}

static void text_that_is_no_utf8_is_refused_and_never_mended(void **state)
{
    segmo_client *client = *state;
    segmo_error *error = NULL;
    char *stats = NULL;
    int status;

    status = segmo_track(client, "user-\xff", "Lamp Lit", NULL, NULL, &error);
    refused(status, error, "/userId");
    error = NULL;
    status = segmo_track(client, "user-1", "Lamp \xc3", NULL, NULL, &error);
    refused(status, error, "/event");
    error = NULL;
    status = segmo_alias(client, "\xed\xa0\x80", "user-1", NULL, &error);
    refused(status, error, "/previousId");
    assert_int_equal(segmo_identify(client, "usér-\xf0\x9f\x98\x80\"\\\n", NULL, NULL, NULL),
                     SEGMO_OK);
    assert_int_equal(segmo_client_stats_json(client, &stats, NULL, NULL), SEGMO_OK);
    assert_non_null(strstr(stats, "{\"accepted\":1,"));
    segmo_free(stats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(text_that_is_no_utf8_is_refused_and_never_mended,
                                        open_client, close_client),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
