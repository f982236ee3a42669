/* Routing by bits: decisions, the mark on Segment's copy, and explain as a whole. */
#include "base/json.h"
#include "route/connection_mode.h"
#include "route/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const segmo__source both = {
    .id = "shop",
    .mode_reason = "because",
    .segment = {1, "https://api.segment.io", "WK1"},
    .moengage = {.enabled = 1,
                 .forward = 1,
                 .host = "https://api-01.moengage.com",
                 .app_id = "APP1"},
};

static const char known_user[] = "\"u-7\"";

static segmo__message message_by(segmo__call call, const char *user_id)
{
    segmo__message message = {.json = user_id, .call = (uint8_t)call};

    message.part[SEGMO__PART_USER_ID].len = (uint16_t)strlen(user_id);
    return message;
}

static segmo__message known_track(void)
{
    return message_by(SEGMO__CALL_TRACK, known_user);
}

static void assert_moengage(const segmo__source *source, const segmo__message *message,
                            const char *reason)
{
    segmo__decision decision = segmo__route(source, message, SEGMO__DESTINATION_MOENGAGE);

    assert_int_equal(decision.send, reason == NULL);
    if (!reason) {
        assert_null(decision.reason);
        return;
    }
    assert_string_equal(decision.reason, reason);
    assert_true(strlen(decision.words) > 20);
}

static void both_destinations_get_a_known_users_event(void **state)
{
    segmo__message message = known_track();

    (void)state;
    assert_true(segmo__route(&both, &message, SEGMO__DESTINATION_SEGMENT).send);
    assert_moengage(&both, &message, NULL);
}

static void an_id_that_names_nobody_is_none(void **state)
{
    static const char *const nobody[] = {"", "null", "\"\""};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        segmo__message message = message_by(SEGMO__CALL_TRACK, nobody[i]);

        assert_moengage(&both, &message, "no_user_id");
        assert_true(segmo__route(&both, &message, SEGMO__DESTINATION_SEGMENT).send);
    }
}

static void device_mode_and_actions_take_anonymous_users_but_no_alias(void **state)
{
    segmo__source device = both, actions = both;
    segmo__message track = message_by(SEGMO__CALL_TRACK, ""),
                   alias = message_by(SEGMO__CALL_ALIAS, "");

    (void)state;
    device.mode = SEGMO__MODE_DEVICE;
    device.moengage.alias_merge = 1;
    actions.moengage.kind = SEGMO__MOENGAGE_ACTIONS;
    assert_moengage(&device, &track, NULL);
    assert_moengage(&actions, &track, NULL);
    assert_moengage(&device, &alias, "no_user_id");
}

static void each_unsupported_call_has_its_own_option(void **state)
{
    segmo__source source = both;

    (void)state;
    for (int call = SEGMO__CALL_PAGE; call <= SEGMO__CALL_ALIAS; call++) {
        segmo__message message = message_by((segmo__call)call, known_user);

        source.moengage.pages = source.moengage.groups = source.moengage.alias_merge = 1;
        assert_moengage(&source, &message, NULL);
        if (call == SEGMO__CALL_GROUP)
            source.moengage.groups = 0;
        else if (call == SEGMO__CALL_ALIAS)
            source.moengage.alias_merge = 0;
        else
            source.moengage.pages = 0;
        assert_moengage(&source, &message, "unsupported_call");
    }
}

static void a_device_that_has_sent_is_not_repeated(void **state)
{
    segmo__source gateway = both;
    segmo__message message = known_track();

    (void)state;
    message.flags = SEGMO__MESSAGE_BUNDLED_MOENGAGE;
    assert_moengage(&both, &message, "sent_by_device");
    message.flags = 0;
    gateway.device_sends = 1;
    assert_moengage(&gateway, &message, "sent_by_device");
}

static void who_forwards_comes_before_what_the_message_says(void **state)
{
    segmo__source source = both;
    segmo__message message = known_track();

    (void)state;
    message.wants[SEGMO__INTEGRATION_MOENGAGE] = SEGMO__WISH_NO;
    source.moengage.forward = 0;
    assert_moengage(&source, &message, "forwarded_by_segment");
    source.moengage.enabled = 0;
    assert_moengage(&source, &message, "not_configured");
}

/* Every combination of what `integrations` may say, against the rule in other words. */
static void integrations_decide_by_own_name_then_sister_then_all(void **state)
{
    segmo__source actions = both;

    (void)state;
    actions.moengage.kind = SEGMO__MOENGAGE_ACTIONS;
    for (unsigned bits = 0; bits < 27; bits++) {
        uint8_t all = bits % 3, classic_name = bits / 3 % 3, actions_name = (uint8_t)(bits / 9);
        uint8_t last = all == SEGMO__WISH_NO ? SEGMO__WISH_NO : SEGMO__WISH_YES;
        uint8_t of_classic = classic_name ? classic_name : actions_name ? actions_name : last;
        uint8_t of_actions = actions_name ? actions_name : classic_name ? classic_name : last;
        segmo__message message = known_track();

        message.wants[SEGMO__INTEGRATION_ALL] = all;
        message.wants[SEGMO__INTEGRATION_MOENGAGE] = classic_name;
        message.wants[SEGMO__INTEGRATION_MOENGAGE_ACTIONS] = actions_name;
        assert_moengage(&both, &message, of_classic == SEGMO__WISH_NO ? "integrations" : NULL);
        assert_moengage(&actions, &message, of_actions == SEGMO__WISH_NO ? "integrations" : NULL);
        assert_true(segmo__route(&both, &message, SEGMO__DESTINATION_SEGMENT).send);
    }
}

static void only_its_own_name_switches_segment_off(void **state)
{
    segmo__message message = known_track();

    (void)state;
    message.wants[SEGMO__INTEGRATION_SEGMENT] = SEGMO__WISH_NO;
    assert_string_equal(segmo__route(&both, &message, SEGMO__DESTINATION_SEGMENT).reason,
                        "integrations");
    assert_moengage(&both, &message, NULL);
    message.wants[SEGMO__INTEGRATION_SEGMENT] = SEGMO__WISH_YES;
    assert_true(segmo__route(&both, &message, SEGMO__DESTINATION_SEGMENT).send);
}

static void segments_copy_is_marked_when_forwarding_is_ours(void **state)
{
    segmo__source source = both;
    segmo__message message = known_track(), anonymous = message_by(SEGMO__CALL_PAGE, "");

    (void)state;
    assert_true(segmo__route_marks_segment_copy(&source, &message));
    assert_true(segmo__route_marks_segment_copy(&source, &anonymous));
    source.moengage.forward = 0;
    assert_false(segmo__route_marks_segment_copy(&source, &message));
}

static void a_copy_that_segment_would_not_forward_needs_no_mark(void **state)
{
    segmo__message message = known_track();

    (void)state;
    message.wants[SEGMO__INTEGRATION_MOENGAGE] = SEGMO__WISH_NO;
    assert_true(segmo__route_marks_segment_copy(&both, &message));
    message.wants[SEGMO__INTEGRATION_MOENGAGE_ACTIONS] = SEGMO__WISH_NO;
    assert_false(segmo__route_marks_segment_copy(&both, &message));
    message.wants[SEGMO__INTEGRATION_MOENGAGE] = SEGMO__WISH_UNSAID;
    message.wants[SEGMO__INTEGRATION_ALL] = SEGMO__WISH_NO;
    assert_false(segmo__route_marks_segment_copy(&both, &message));
    message.wants[SEGMO__INTEGRATION_MOENGAGE] = SEGMO__WISH_YES;
    assert_true(segmo__route_marks_segment_copy(&both, &message));
}

static segmo__slice explained(segmo__buf *out, const segmo__source *source,
                              const segmo__message *message, const char *part)
{
    segmo__slice value;

    segmo__buf_init(out, 1u << 20);
    segmo__route_explain(out, source, message, NULL);
    assert_int_equal(segmo__json_check(segmo__buf_slice(out), NULL), SEGMO_OK);
    assert_true(segmo__json_member(segmo__buf_slice(out), part, &value));
    return value;
}

static void explain_names_every_limit_of_the_mode_and_no_more(void **state)
{
    const segmo__capability *can = segmo__capabilities();
    segmo__message message = known_track();
    segmo__slice moengage, cannot, words;
    segmo__buf out;

    (void)state;
    moengage = explained(&out, &both, &message, "moengage");
    assert_true(segmo__json_member(moengage, "cannot", &cannot));
    for (; can->name; can++)
        assert_int_equal(segmo__json_member(cannot, can->name, &words),
                         strcmp(can->cloud, "yes") != 0);
    segmo__buf_free(&out);
}

static void explain_never_shows_a_secret(void **state)
{
    segmo__source source = both;
    segmo__message message = known_track();
    segmo__buf out;

    (void)state;
    source.write_key = source.segment.write_key = "WRITE-KEY-SECRET";
    source.moengage.api_key = "DATA-KEY-SECRET";
    explained(&out, &source, &message, "source");
    assert_null(memmem(out.data, out.len, "SECRET", 6));
    segmo__buf_free(&out);
}

static void explain_that_does_not_fit_fails_quietly(void **state)
{
    segmo__message message = known_track();
    segmo__buf out;

    (void)state;
    for (size_t room = 0; room < 2000; room += 7) {
        segmo__buf_init(&out, room);
        segmo__route_explain(&out, &both, &message, NULL);
        assert_true(out.failed || segmo__json_check(segmo__buf_slice(&out), NULL) == SEGMO_OK);
        segmo__buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_destinations_get_a_known_users_event),
        cmocka_unit_test(an_id_that_names_nobody_is_none),
        cmocka_unit_test(device_mode_and_actions_take_anonymous_users_but_no_alias),
        cmocka_unit_test(each_unsupported_call_has_its_own_option),
        cmocka_unit_test(a_device_that_has_sent_is_not_repeated),
        cmocka_unit_test(who_forwards_comes_before_what_the_message_says),
        cmocka_unit_test(integrations_decide_by_own_name_then_sister_then_all),
        cmocka_unit_test(only_its_own_name_switches_segment_off),
        cmocka_unit_test(segments_copy_is_marked_when_forwarding_is_ours),
        cmocka_unit_test(a_copy_that_segment_would_not_forward_needs_no_mark),
        cmocka_unit_test(explain_names_every_limit_of_the_mode_and_no_more),
        cmocka_unit_test(explain_never_shows_a_secret),
        cmocka_unit_test(explain_that_does_not_fit_fails_quietly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
