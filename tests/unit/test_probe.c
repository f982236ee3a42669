/* Probing: what segmo_probe() asks and answers, against a scripted server on real sockets. */
#include "base/json.h"
#include "scripted_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LONG_MS  60000
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const scripted_answer taken[] = {
    {"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 2\r\n\r\n{}",
     SCRIPTED_KEEP, 0}};
static const scripted_answer silence[] = {{NULL, SCRIPTED_SILENT, 0}};

static void set(segmo_config *config, const char *name, const char *value)
{
    assert_int_equal(segmo_config_set(config, name, value, NULL), SEGMO_OK);
}

static segmo_config *new_config(void)
{
    segmo_config *config = NULL;

    assert_int_equal(segmo_config_new(&config, NULL), SEGMO_OK);
    return config;
}

static segmo_config *config_to(const scripted_server *server)
{
    segmo_config *config = new_config();

    set(config, "moengage.app_id", "APP1");
    set(config, "moengage.data_api_key", "KEY1");
    set(config, "moengage.url", scripted_server_url(server)); /* its /v1/batch is part of it */
    return config;
}

/* The answer as a tree; its text must hold no key. */
static segmo__json *probe(const segmo_config *config, uint32_t timeout_ms)
{
    segmo__json *tree = NULL;
    char *text = NULL;
    size_t len = 0;

    assert_int_equal(segmo_probe(config, NULL, timeout_ms, &text, &len, NULL), SEGMO_OK);
    assert_int_equal(segmo__json_parse(&tree, (segmo__slice){text, len}, NULL), SEGMO_OK);
    assert_null(strstr(text, "KEY1"));
    segmo_free(text);
    return tree;
}

static const char *text_in(const segmo__json *answer, const char *name)
{
    return segmo__json_string(segmo__json_get(answer, name));
}

static void an_answer_tells_status_credentials_and_clock(void **state)
{
    scripted_server *server = scripted_server_start(taken, COUNT(taken));
    segmo_config *config = config_to(server);
    segmo__json *answers = probe(config, LONG_MS);
    const segmo__json *answer = segmo__json_first(answers);

    (void)state;
    assert_int_equal(segmo__json_count(answers), 1);
    assert_string_equal(text_in(answer, "destination"), "moengage");
    assert_int_equal(segmo__json_number(segmo__json_get(answer, "status"), -1), 200);
    assert_int_equal(segmo__json_bool(segmo__json_get(answer, "authenticated"), -1), 1);
    assert_int_equal(segmo__json_tree_kind(segmo__json_get(answer, "tls")), SEGMO__JSON_NULL);
    assert_string_equal(text_in(answer, "cause"), "");
    assert_string_equal(text_in(answer, "error"), "");
    assert_true(segmo__json_number(segmo__json_get(answer, "server_date_ms"), 0) == 784111777000.0);
    assert_int_equal(strncmp(scripted_server_head(server, 0), "GET ", 4), 0);
    segmo__json_free(answers);
    segmo_config_free(config);
    scripted_server_stop(server);
}

static void silence_is_an_answer_when_the_time_is_over(void **state)
{
    scripted_server *server = scripted_server_start(silence, COUNT(silence));
    segmo_config *config = config_to(server);
    const uint32_t timeouts_ms[] = {0, 50};

    (void)state;
    for (size_t i = 0; i < COUNT(timeouts_ms); i++) {
        segmo__json *answers = probe(config, timeouts_ms[i]);
        const segmo__json *answer = segmo__json_first(answers);

        assert_int_equal(segmo__json_number(segmo__json_get(answer, "status"), -1), 0);
        assert_int_equal(segmo__json_bool(segmo__json_get(answer, "authenticated"), -1), -1);
        assert_string_equal(text_in(answer, "cause"), "timeout");
        assert_true(strlen(text_in(answer, "error")) > 0);
        segmo__json_free(answers);
    }
    segmo_config_free(config);
    scripted_server_stop(server);
}

static void without_a_destination_nobody_is_asked(void **state)
{
    segmo_config *config = new_config();
    segmo__json *answers = probe(config, LONG_MS);

    (void)state;
    assert_int_equal(segmo__json_count(answers), 0);
    segmo__json_free(answers);
    segmo_config_free(config);
}

static void what_cannot_be_asked_fails_and_hands_out_nothing(void **state)
{
    segmo_config *config = new_config();
    char *text = NULL;
    size_t len = 0;

    (void)state;
    assert_int_equal(segmo_probe(NULL, NULL, 0, &text, &len, NULL), SEGMO_ERR_INVALID);
    assert_int_equal(segmo_probe(config, "nobody", 0, &text, &len, NULL), SEGMO_ERR_NOT_FOUND);
    set(config, "segment.enabled", "true");
    assert_int_equal(segmo_probe(config, NULL, 0, &text, &len, NULL), SEGMO_ERR_OPTION);
    assert_null(text);
    segmo_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_tells_status_credentials_and_clock),
        cmocka_unit_test(silence_is_an_answer_when_the_time_is_over),
        cmocka_unit_test(without_a_destination_nobody_is_asked),
        cmocka_unit_test(what_cannot_be_asked_fails_and_hands_out_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
