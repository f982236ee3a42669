/* Connection mode: the whole table, written down a second time as the documentation has it. */
#include "route/connection_mode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define REFUSED (-1)
#define CLOUD   ((int)SEGMO__MODE_CLOUD)
#define DEVICE  ((int)SEGMO__MODE_DEVICE)

/* Per source type: what unset, device and cloud lead to, not bundled and bundled. */
static const struct {
    segmo__source_type type;
    int unset[2], device[2], cloud[2];
} classic[] = {
    {SEGMO__SOURCE_SERVER, {CLOUD, CLOUD}, {REFUSED, REFUSED}, {CLOUD, CLOUD}},
    {SEGMO__SOURCE_HTTP, {CLOUD, CLOUD}, {REFUSED, REFUSED}, {CLOUD, CLOUD}},
    {SEGMO__SOURCE_JAVASCRIPT, {DEVICE, DEVICE}, {DEVICE, DEVICE}, {CLOUD, CLOUD}},
    {SEGMO__SOURCE_ANDROID, {CLOUD, DEVICE}, {CLOUD, DEVICE}, {CLOUD, CLOUD}},
    {SEGMO__SOURCE_IOS, {CLOUD, DEVICE}, {CLOUD, DEVICE}, {CLOUD, CLOUD}},
};

static void assert_mode(segmo__source_type type, segmo__mode_setting setting, int bundled,
                        segmo__moengage_kind kind, int expected)
{
    segmo_error *error = NULL;
    const char *reason = NULL;
    segmo__mode mode;
    int status = segmo__connection_mode(type, setting, bundled, kind, &mode, &reason, &error);

    if (expected == REFUSED) {
        assert_int_equal(status, SEGMO_ERR_OPTION);
        assert_string_equal(segmo_error_field(error), "connection_mode");
        assert_non_null(strstr(segmo_error_message(error), "set connection_mode = cloud"));
        segmo_error_free(error);
        return;
    }
    assert_int_equal(status, SEGMO_OK);
    assert_int_equal(mode, expected);
    assert_true(strlen(reason) > 10);
}

static void classic_follows_the_documented_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof classic / sizeof classic[0]; i++) {
        for (int bundled = 0; bundled < 2; bundled++) {
            segmo__source_type type = classic[i].type;

            assert_mode(type, SEGMO__MODE_UNSET, bundled, SEGMO__MOENGAGE_CLASSIC,
                        classic[i].unset[bundled]);
            assert_mode(type, SEGMO__MODE_WANT_DEVICE, bundled, SEGMO__MOENGAGE_CLASSIC,
                        classic[i].device[bundled]);
            assert_mode(type, SEGMO__MODE_WANT_CLOUD, bundled, SEGMO__MOENGAGE_CLASSIC,
                        classic[i].cloud[bundled]);
        }
    }
}

static void actions_is_cloud_or_refused(void **state)
{
    (void)state;
    for (int type = SEGMO__SOURCE_SERVER; type <= SEGMO__SOURCE_HTTP; type++) {
        for (int bundled = 0; bundled < 2; bundled++) {
            assert_mode((segmo__source_type)type, SEGMO__MODE_UNSET, bundled,
                        SEGMO__MOENGAGE_ACTIONS, CLOUD);
            assert_mode((segmo__source_type)type, SEGMO__MODE_WANT_CLOUD, bundled,
                        SEGMO__MOENGAGE_ACTIONS, CLOUD);
            assert_mode((segmo__source_type)type, SEGMO__MODE_WANT_DEVICE, bundled,
                        SEGMO__MOENGAGE_ACTIONS, REFUSED);
        }
    }
}

static void the_reason_names_what_decided(void **state)
{
    const char *reason;
    segmo__mode mode;

    (void)state;
    segmo__connection_mode(SEGMO__SOURCE_IOS, SEGMO__MODE_WANT_DEVICE, 0, SEGMO__MOENGAGE_CLASSIC,
                           &mode, &reason, NULL);
    assert_non_null(strstr(reason, "not bundled"));
    segmo__connection_mode(SEGMO__SOURCE_IOS, SEGMO__MODE_WANT_CLOUD, 1, SEGMO__MOENGAGE_CLASSIC,
                           &mode, &reason, NULL);
    assert_non_null(strstr(reason, "set to cloud"));
    segmo__connection_mode(SEGMO__SOURCE_ANDROID, SEGMO__MODE_UNSET, 2, SEGMO__MOENGAGE_CLASSIC,
                           &mode, &reason, NULL);
    assert_int_equal(mode, SEGMO__MODE_DEVICE);
}

static const segmo__capability *capability(const char *name)
{
    const segmo__capability *at = segmo__capabilities();

    while (at->name && strcmp(at->name, name) != 0)
        at++;
    if (!at->name)
        fail_msg("no capability %s", name);
    return at;
}

static void capabilities_say_what_each_mode_can_do(void **state)
{
    (void)state;
    assert_string_equal(capability("real-time triggers")->device, "yes");
    assert_string_equal(capability("real-time triggers")->cloud, "no");
    assert_string_equal(capability("smart in-app messages")->cloud, "no");
    assert_string_equal(capability("on-site messages")->actions, "no");
    assert_string_equal(capability("anonymous users")->actions, "yes");
    assert_non_null(strstr(capability("anonymous users")->cloud, "userId"));
    assert_non_null(strstr(capability("push")->cloud, "SDK"));
    assert_string_equal(capability("data from servers")->device, "no");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classic_follows_the_documented_table),
        cmocka_unit_test(actions_is_cloud_or_refused),
        cmocka_unit_test(the_reason_names_what_decided),
        cmocka_unit_test(capabilities_say_what_each_mode_can_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
