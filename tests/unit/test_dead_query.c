/* Which dead letters a query means: one that cannot be read means none, never all. */
#include "scratch_dir.h"
#include "segmo.h"
#include "spool/dead_letters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LETTERS  3
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const char *spool_dir;
static segmo_config *config;

static int write_letters(void **state)
{
    segmo__dead_letters *letters = NULL;

    (void)state;
    spool_dir = scratch_dir_make();
    assert_int_equal(
        segmo__dead_letters_open(&letters, scratch_path(spool_dir, "dead"), 1 << 20, NULL),
        SEGMO_OK);
    for (int i = 0; i < LETTERS; i++) {
        char line[256];

        snprintf(line, sizeof line,
                 "{\"id\":\"00000000-0000-4000-8000-00000000000%d\",\"destination\":\"segment\","
                 "\"reason\":\"refused\",\"message\":{}}",
                 i);
        assert_int_equal(segmo__dead_letters_add(letters, segmo__slice_of(line), NULL), SEGMO_OK);
    }
    segmo__dead_letters_free(letters);
    assert_int_equal(segmo_config_new(&config, NULL), SEGMO_OK);
    assert_int_equal(segmo_config_set(config, "spool.dir", spool_dir, NULL), SEGMO_OK);
    return 0;
}

static int remove_letters(void **state)
{
    (void)state;
    segmo_config_free(config);
    scratch_dir_remove(spool_dir);
    return 0;
}

static uint64_t dropped_by(const char *query)
{
    uint64_t count = 0;

    assert_int_equal(segmo_dead_drop(config, query, &count, NULL), SEGMO_OK);
    return count;
}

/* ---- tests ---- */

static void a_query_of_another_form_touches_no_letter(void **state)
{
    static const char *const queries[] = {"{\"destination\":[\"moengage\"]}",
                                          "{\"destination\":\"moengag\"}",
                                          "{\"destination\":null}",
                                          "{\"reason\":5}",
                                          "{\"id\":\"00000000-0000-4000-8000-000000000000\"}",
                                          "{\"limit\":-1}",
                                          "{\"limit\":1e300}",
                                          "{\"limit\":\"1\"}",
                                          "{\"from\":\"kafk\"}",
                                          "{\"from\":1}",
                                          "{\"destinations\":\"moengage\"}",
                                          "[]"};

    (void)state;
    for (size_t i = 0; i < COUNT(queries); i++) {
        segmo_error *error = NULL;
        uint64_t count = 0;
        char *list = NULL;

        assert_int_equal(segmo_dead_drop(config, queries[i], &count, &error), SEGMO_ERR_INVALID);
        assert_string_equal(segmo_error_field(error), "query");
        assert_int_equal(count, 0);
        segmo_error_free(error);
        assert_int_equal(segmo_dead_retry(config, queries[i], &count, NULL), SEGMO_ERR_INVALID);
        assert_int_equal(segmo_dead_list(config, queries[i], &list, NULL, NULL), SEGMO_ERR_INVALID);
    }
    assert_int_equal(dropped_by(NULL), LETTERS);
}

static void what_a_query_leaves_open_it_does_not_ask_for(void **state)
{
    (void)state;
    assert_int_equal(dropped_by("{\"destination\":\"moengage\"}"), 0);
    assert_int_equal(dropped_by("{\"reason\":\"other\"}"), 0);
    assert_int_equal(dropped_by("{\"limit\":0}"), 0);
    assert_int_equal(dropped_by("{\"id\":[\"00000000-0000-4000-8000-000000000001\",5]}"), 1);
    assert_int_equal(dropped_by("{\"destination\":\"segment\",\"limit\":1}"), 1);
    assert_int_equal(dropped_by("{}"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_query_of_another_form_touches_no_letter, write_letters,
                                        remove_letters),
        cmocka_unit_test_setup_teardown(what_a_query_leaves_open_it_does_not_ask_for, write_letters,
                                        remove_letters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
