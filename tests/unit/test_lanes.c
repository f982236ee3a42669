/* Lanes: by example. See test_lanes_model.c for random actions. */
#include "deliver/lanes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NEVER   INT64_MAX
#define BATCH   10
#define NO_WAIT INT64_MAX /* as arrived_before_ms: everything has waited long enough */

/* ---- help ---- */

static segmo__lane_item item_of(uint32_t user, uint32_t number)
{
    return (segmo__lane_item){.user = user, .place = {number}};
}

static void add_one(segmo__lanes *lanes, uint32_t user, uint32_t number)
{
    segmo__lane_item item = item_of(user, number);

    assert_int_equal(segmo__lanes_add(lanes, &item, 1, BATCH), 1);
}

static void add_many(segmo__lanes *lanes, uint32_t user, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        add_one(lanes, user, first + i);
}

static int ready(segmo__lanes *lanes, int64_t now_ms)
{
    int64_t next_ms = NEVER;

    return segmo__lanes_ready(lanes, now_ms, NO_WAIT, BATCH, &next_ms);
}

/* Sends up to `most` items of a lane; how many they were. */
static uint32_t send(segmo__lanes *lanes, int lane, uint32_t most)
{
    uint32_t count = most;

    assert_non_null(segmo__lanes_batch(lanes, lane, &count));
    segmo__lanes_sent(lanes, lane, count);
    return count;
}

static void assert_batch(segmo__lanes *lanes, int lane, uint32_t first, uint32_t count)
{
    uint32_t found = 1000;
    const segmo__lane_item *item = segmo__lanes_batch(lanes, lane, &found);

    assert_int_equal(found, count);
    for (uint32_t i = 0; i < count; i++, item = segmo__lane_next(lanes, item))
        assert_int_equal(item->place[0], first + i);
}

static segmo__lanes *some_lanes(uint32_t count, uint32_t max_items)
{
    segmo__lanes *lanes = segmo__lanes_new(count, max_items);

    assert_non_null(lanes);
    assert_int_equal(segmo__lanes_count(lanes), count);
    return lanes;
}

/* ---- by example ---- */

static void a_batch_is_handed_out_in_order_and_leaves_when_done(void **state)
{
    segmo__lanes *lanes = some_lanes(4, 100);

    (void)state;
    add_many(lanes, 7, 0, 12);
    assert_int_equal(ready(lanes, 0), 0);
    assert_int_equal(send(lanes, 0, BATCH), 10);
    assert_int_equal(segmo__lanes_in_flight(lanes, 0), 10);
    assert_batch(lanes, 0, 0, 10);
    assert_int_equal(ready(lanes, 0), -1);
    segmo__lanes_done(lanes, 0);
    assert_int_equal(segmo__lanes_waiting(lanes), 2);
    assert_batch(lanes, 0, 10, 2);
    segmo__lanes_free(lanes);
}

static void a_lane_waits_for_a_full_batch_or_for_its_oldest_item(void **state)
{
    segmo__lanes *lanes = some_lanes(2, 100);
    segmo__lane_item item = {.user = 1, .arrived_ms = 1000};
    int64_t next_ms = NEVER;

    (void)state;
    assert_int_equal(segmo__lanes_add(lanes, &item, 1, BATCH), 1);
    assert_int_equal(segmo__lanes_ready(lanes, 1100, 600, BATCH, &next_ms), -1);
    assert_int_equal(next_ms, 1500);
    assert_int_equal(segmo__lanes_ready(lanes, 1499, 999, BATCH, &next_ms), -1);
    assert_int_equal(segmo__lanes_ready(lanes, 1500, 1000, BATCH, &next_ms), 0);
    add_many(lanes, 1, 1, BATCH - 1);
    assert_int_equal(segmo__lanes_ready(lanes, 1100, 600, BATCH, &next_ms), 0);
    segmo__lanes_free(lanes);
}

static void the_moment_of_readiness_is_only_lowered(void **state)
{
    segmo__lanes *lanes = some_lanes(1, 10);
    int64_t next_ms = 5;

    (void)state;
    add_one(lanes, 1, 0);
    segmo__lanes_delay_all(lanes, 9);
    assert_int_equal(segmo__lanes_ready(lanes, 1, NO_WAIT, BATCH, &next_ms), -1);
    assert_int_equal(next_ms, 5);
    segmo__lanes_free(lanes);
}

static void no_more_than_max_items_are_held(void **state)
{
    segmo__lanes *lanes = some_lanes(3, 5);
    segmo__lane_item item = item_of(1, 5);

    (void)state;
    add_many(lanes, 1, 0, 5);
    assert_true(segmo__lanes_full(lanes));
    assert_int_equal(segmo__lanes_add(lanes, &item, 1, BATCH), 0);
    send(lanes, 0, 1);
    segmo__lanes_done(lanes, 0);
    assert_false(segmo__lanes_full(lanes));
    assert_int_equal(segmo__lanes_add(lanes, &item, 1, BATCH), 1);
    assert_batch(lanes, 0, 1, 5);
    segmo__lanes_free(lanes);
}

static void a_small_backlog_shares_one_lane_and_a_large_one_uses_all(void **state)
{
    segmo__lanes *lanes = some_lanes(8, 10000);
    uint32_t used[8] = {0};
    uint32_t count;

    (void)state;
    for (uint32_t i = 0; i < 100; i++) {
        segmo__lane_item item = item_of(i * 0x9E3779B1u, i);

        assert_int_equal(segmo__lanes_add(lanes, &item, BATCH, BATCH), 1);
    }
    count = 1000;
    segmo__lanes_batch(lanes, 0, &count);
    assert_int_equal(count, 100);
    for (uint32_t i = 100; i < 1000; i++) {
        segmo__lane_item item = item_of(i * 0x9E3779B1u, i);

        assert_int_equal(segmo__lanes_add(lanes, &item, 1000000, BATCH), 1);
    }
    for (int lane = 0; lane < 8; lane++) {
        used[lane] = 10000;
        segmo__lanes_batch(lanes, lane, &used[lane]);
        assert_true(used[lane] > 50);
    }
    segmo__lanes_free(lanes);
}

static void later_items_of_a_user_follow_into_its_lane(void **state)
{
    segmo__lanes *lanes = some_lanes(4, 100);
    uint32_t count = 10;

    (void)state;
    add_one(lanes, 1, 0);
    send(lanes, 0, 1);
    add_one(lanes, 2, 1); /* lane 0 is busy: goes to another */
    add_one(lanes, 1, 2); /* has an item in lane 0 */
    segmo__lanes_done(lanes, 0);
    assert_batch(lanes, 0, 2, 1);
    assert_int_equal(segmo__lanes_batch(lanes, 1, &count)->place[0], 1);
    segmo__lanes_free(lanes);
}

static void a_lane_in_trouble_holds_no_user_that_has_nothing_in_it(void **state)
{
    segmo__lanes *lanes = some_lanes(2, 100);

    (void)state;
    add_one(lanes, 1, 0);
    send(lanes, 0, 1);
    segmo__lanes_retry(lanes, 0, 1000, 1);
    for (uint32_t user = 2; user < 20; user++)
        add_one(lanes, user, user);
    assert_batch(lanes, 0, 0, 1);
    assert_int_equal(ready(lanes, 0), 1);
    assert_batch(lanes, 1, 2, 18);
    segmo__lanes_free(lanes);
}

static void when_all_lanes_are_in_trouble_new_users_are_spread_by_hash(void **state)
{
    segmo__lanes *lanes = some_lanes(2, 100);
    segmo__lane_item low = item_of(5, 10), high = item_of(UINT32_MAX - 5, 11);

    (void)state;
    for (int lane = 0; lane < 2; lane++) {
        add_one(lanes, (uint32_t)lane + 1, (uint32_t)lane);
        send(lanes, lane, 1);
        segmo__lanes_retry(lanes, lane, 1000, 1);
    }
    assert_int_equal(segmo__lanes_add(lanes, &low, 1000, BATCH), 1);
    assert_int_equal(segmo__lanes_add(lanes, &high, 1000, BATCH), 1);
    for (int lane = 0; lane < 2; lane++) {
        assert_int_equal(ready(lanes, 1000), lane);
        send(lanes, lane, BATCH);
        segmo__lanes_done(lanes, lane);
        assert_batch(lanes, lane, 10 + (uint32_t)lane, 1);
    }
    segmo__lanes_free(lanes);
}

static void a_retried_batch_is_the_same_and_is_not_mixed_with_later_items(void **state)
{
    segmo__lanes *lanes = some_lanes(2, 100);
    uint32_t count = 100;
    const segmo__lane_item *item;

    (void)state;
    add_many(lanes, 1, 0, 3);
    send(lanes, 0, BATCH);
    add_many(lanes, 1, 3, 5);
    segmo__lanes_retry(lanes, 0, 500, 1);
    assert_int_equal(ready(lanes, 499), -1);
    assert_int_equal(ready(lanes, 500), 0);
    assert_batch(lanes, 0, 0, 3);
    send(lanes, 0, BATCH);
    segmo__lanes_retry(lanes, 0, 900, 0);
    item = segmo__lanes_batch(lanes, 0, &count);
    assert_int_equal(count, 3);
    assert_int_equal(item->attempts, 2);
    assert_int_equal(item->failures, 1);
    send(lanes, 0, BATCH);
    segmo__lanes_done(lanes, 0);
    assert_batch(lanes, 0, 3, 5);
    segmo__lanes_free(lanes);
}

static void attempts_stop_counting_and_do_not_wrap(void **state)
{
    segmo__lanes *lanes = some_lanes(1, 1);
    uint32_t count = 1;

    (void)state;
    add_one(lanes, 1, 0);
    for (int i = 0; i < SEGMO__LANE_TRIES_MAX + 5; i++) {
        send(lanes, 0, 1);
        segmo__lanes_retry(lanes, 0, 0, 1);
    }
    assert_int_equal(segmo__lanes_batch(lanes, 0, &count)->attempts, SEGMO__LANE_TRIES_MAX);
    assert_int_equal(segmo__lanes_batch(lanes, 0, &count)->failures, SEGMO__LANE_TRIES_MAX);
    segmo__lanes_free(lanes);
}

static void items_that_come_back_go_at_once_although_no_batch_is_full(void **state)
{
    segmo__lanes *lanes = some_lanes(1, 100);
    int64_t next_ms = NEVER;

    (void)state;
    add_many(lanes, 1, 0, 4);
    send(lanes, 0, BATCH);
    segmo__lanes_halve(lanes, 0, 1);
    assert_int_equal(segmo__lanes_ready(lanes, 0, -1000, BATCH, &next_ms), 0);
    assert_batch(lanes, 0, 0, 2);
    segmo__lanes_free(lanes);
}

/* Sends what a service would refuse: every piece that holds `bad`. Counts requests until all left.
 */
static uint32_t requests_to_isolate(uint32_t size, uint32_t bad, uint32_t *dead)
{
    segmo__lanes *lanes = some_lanes(1, size);
    uint32_t requests = 0;

    *dead = 0;
    add_many(lanes, 1, 0, size);
    while (segmo__lanes_waiting(lanes) > 0) {
        uint32_t count = size;
        const segmo__lane_item *first = segmo__lanes_batch(lanes, 0, &count);
        int refused = bad >= first->place[0] && bad < first->place[0] + count;

        segmo__lanes_sent(lanes, 0, count);
        requests++;
        if (refused && count > 1) {
            segmo__lanes_halve(lanes, 0, 1);
            continue;
        }
        if (refused && segmo__lanes_refused(lanes, 0) == SEGMO__BLAME_OPEN)
            continue;
        *dead += (uint32_t)refused;
        segmo__lanes_done(lanes, 0);
        if (segmo__lanes_held(lanes, 0, &count)) {
            *dead += count;
            segmo__lanes_drop_held(lanes, 0);
        }
    }
    segmo__lanes_free(lanes);
    return requests;
}

static void one_bad_item_is_isolated_in_logarithmic_requests_wherever_it_is(void **state)
{
    (void)state;
    for (uint32_t bad = 0; bad < 100; bad++) {
        uint32_t dead;

        assert_in_range(requests_to_isolate(100, bad, &dead), 8, 15);
        assert_int_equal(dead, 1);
    }
}

static void a_batch_that_was_too_large_goes_in_halves_of_one_size(void **state)
{
    segmo__lanes *lanes = some_lanes(1, 100);

    (void)state;
    add_many(lanes, 1, 0, 100);
    send(lanes, 0, 100);
    segmo__lanes_halve(lanes, 0, 0);
    assert_int_equal(send(lanes, 0, 100), 50);
    segmo__lanes_halve(lanes, 0, 0);
    for (int piece = 0; piece < 4; piece++) {
        assert_int_equal(send(lanes, 0, 100), 25);
        segmo__lanes_done(lanes, 0);
    }
    assert_int_equal(segmo__lanes_waiting(lanes), 0);
    segmo__lanes_free(lanes);
}

static void only_a_lane_that_could_send_more_starves(void **state)
{
    segmo__lanes *lanes = some_lanes(1, 100);

    (void)state;
    assert_true(segmo__lanes_starving(lanes, 0, BATCH));
    add_many(lanes, 1, 0, BATCH - 1);
    assert_true(segmo__lanes_starving(lanes, 0, BATCH));
    add_one(lanes, 1, 0);
    assert_false(segmo__lanes_starving(lanes, 0, BATCH));
    send(lanes, 0, 5);
    assert_false(segmo__lanes_starving(lanes, 0, BATCH));
    segmo__lanes_retry(lanes, 0, 100, 1);
    assert_false(segmo__lanes_starving(lanes, 1000, BATCH));
    send(lanes, 0, 5);
    segmo__lanes_done(lanes, 0);
    assert_true(segmo__lanes_starving(lanes, 1000, BATCH));
    segmo__lanes_delay_all(lanes, 2000);
    assert_false(segmo__lanes_starving(lanes, 1999, BATCH));
    segmo__lanes_free(lanes);
}

static void after_the_last_item_of_a_cut_batch_left_batches_are_full_again(void **state)
{
    segmo__lanes *lanes = some_lanes(1, 100);

    (void)state;
    add_many(lanes, 1, 0, 4);
    send(lanes, 0, BATCH);
    add_many(lanes, 1, 4, 20);
    segmo__lanes_halve(lanes, 0, 0);
    assert_int_equal(send(lanes, 0, BATCH), 2);
    segmo__lanes_done(lanes, 0);
    assert_int_equal(send(lanes, 0, BATCH), 2); /* never mixed with the items behind */
    segmo__lanes_done(lanes, 0);
    assert_int_equal(send(lanes, 0, BATCH), 10);
    segmo__lanes_free(lanes);
}

static void halving_counts_no_attempt(void **state)
{
    segmo__lanes *lanes = some_lanes(1, 100);
    uint32_t count = 1;

    (void)state;
    add_many(lanes, 1, 0, 8);
    send(lanes, 0, BATCH);
    segmo__lanes_halve(lanes, 0, 1);
    assert_int_equal(segmo__lanes_batch(lanes, 0, &count)->attempts, 0);
    segmo__lanes_free(lanes);
}

static void a_batch_ends_where_the_number_of_attempts_changes(void **state)
{
    segmo__lanes *lanes = some_lanes(1, 100);
    uint32_t count = 100;

    (void)state;
    add_many(lanes, 1, 0, 8);
    send(lanes, 0, 8);
    segmo__lanes_halve(lanes, 0, 1);
    send(lanes, 0, 3);
    segmo__lanes_retry(lanes, 0, 0, 1);
    assert_int_equal(segmo__lanes_batch(lanes, 0, &count)->attempts, 1);
    assert_int_equal(count, 3); /* the fourth of the half was not sent yet */
    segmo__lanes_free(lanes);
}

static void a_single_refused_item_is_at_fault_itself(void **state)
{
    segmo__lanes *lanes = some_lanes(1, 10);

    (void)state;
    add_one(lanes, 1, 0);
    send(lanes, 0, 1);
    assert_int_equal(segmo__lanes_refused(lanes, 0), SEGMO__BLAME_MESSAGE);
    segmo__lanes_done(lanes, 0);
    assert_int_equal(segmo__lanes_waiting(lanes), 0);
    segmo__lanes_free(lanes);
}

static void a_refused_item_is_held_until_a_neighbour_is_taken(void **state)
{
    segmo__lanes *lanes = some_lanes(1, 10);
    uint32_t count;

    (void)state;
    add_many(lanes, 1, 0, 3);
    send(lanes, 0, 3);
    segmo__lanes_halve(lanes, 0, 1);
    send(lanes, 0, 3);
    assert_int_equal(segmo__lanes_refused(lanes, 0), SEGMO__BLAME_OPEN);
    assert_int_equal(segmo__lanes_held(lanes, 0, &count)->place[0], 0);
    assert_int_equal(count, 1);
    assert_batch(lanes, 0, 1, 1);
    send(lanes, 0, 3);
    segmo__lanes_done(lanes, 0);
    assert_int_equal(segmo__lanes_held(lanes, 0, &count)->place[0], 0);
    segmo__lanes_drop_held(lanes, 0);
    assert_null(segmo__lanes_held(lanes, 0, &count));
    send(lanes, 0, 3);
    assert_int_equal(segmo__lanes_refused(lanes, 0), SEGMO__BLAME_MESSAGE);
    segmo__lanes_done(lanes, 0);
    assert_int_equal(segmo__lanes_waiting(lanes), 0);
    segmo__lanes_free(lanes);
}

static void when_every_item_is_refused_the_settings_are_at_fault_and_all_come_back(void **state)
{
    segmo__lanes *lanes = some_lanes(1, 100);
    segmo__blame blame = SEGMO__BLAME_OPEN;
    uint32_t requests = 0;

    (void)state;
    add_many(lanes, 1, 0, 100);
    while (blame == SEGMO__BLAME_OPEN) {
        requests++;
        if (send(lanes, 0, 100) > 1)
            segmo__lanes_halve(lanes, 0, 1);
        else
            blame = segmo__lanes_refused(lanes, 0);
    }
    assert_int_equal(blame, SEGMO__BLAME_SETTINGS);
    assert_in_range(requests, 100, 107);
    assert_batch(lanes, 0, 0, 100);
    assert_int_equal(segmo__lanes_waiting(lanes), 100);
    segmo__lanes_free(lanes);
}

static void the_question_is_asked_again_when_the_last_neighbour_is_dropped_unsent(void **state)
{
    segmo__lanes *lanes = some_lanes(1, 10);
    uint32_t count;

    (void)state;
    add_many(lanes, 1, 0, 2);
    send(lanes, 0, 2);
    segmo__lanes_halve(lanes, 0, 1);
    send(lanes, 0, 2);
    assert_int_equal(segmo__lanes_refused(lanes, 0), SEGMO__BLAME_OPEN);
    segmo__lanes_drop(lanes, 0, NULL);
    assert_null(segmo__lanes_held(lanes, 0, &count));
    assert_batch(lanes, 0, 0, 1);
    send(lanes, 0, 2);
    assert_int_equal(segmo__lanes_refused(lanes, 0), SEGMO__BLAME_MESSAGE);
    segmo__lanes_free(lanes);
}

static void a_user_stays_in_its_lane_when_its_newest_item_is_dropped(void **state)
{
    segmo__lanes *lanes = some_lanes(2, 10);
    uint32_t count = 10;

    (void)state;
    add_many(lanes, 1, 0, 2);
    segmo__lanes_drop(lanes, 0, segmo__lanes_batch(lanes, 0, &count));
    assert_batch(lanes, 0, 0, 1);
    send(lanes, 0, 1);
    add_one(lanes, 1, 2); /* lane 0 is busy, yet the user has item 0 there */
    segmo__lanes_done(lanes, 0);
    assert_batch(lanes, 0, 2, 1);
    segmo__lanes_free(lanes);
}

static void lanes_take_turns(void **state)
{
    segmo__lanes *lanes = some_lanes(3, 100);

    (void)state;
    for (uint32_t lane = 0; lane < 3; lane++) {
        add_many(lanes, lane + 1, 0, 10);
        assert_int_equal(ready(lanes, 0), lane);
        send(lanes, (int)lane, 1);
    }
    for (int lane = 0; lane < 3; lane++)
        segmo__lanes_done(lanes, lane);
    for (int turn = 0; turn < 9; turn++) {
        assert_int_equal(ready(lanes, 0), turn % 3);
        send(lanes, turn % 3, 1);
        segmo__lanes_done(lanes, turn % 3);
    }
    segmo__lanes_free(lanes);
}

static void a_delay_of_all_is_never_shortened_and_hurry_clears_it(void **state)
{
    segmo__lanes *lanes = some_lanes(2, 100);
    int64_t next_ms = NEVER;

    (void)state;
    add_one(lanes, 1, 0);
    send(lanes, 0, 1);
    segmo__lanes_retry(lanes, 0, 50, 1);
    add_one(lanes, 2, 1);
    segmo__lanes_delay_all(lanes, 900);
    segmo__lanes_delay_all(lanes, 100);
    assert_int_equal(segmo__lanes_ready(lanes, 899, NO_WAIT, BATCH, &next_ms), -1);
    assert_int_equal(next_ms, 900);
    segmo__lanes_hurry(lanes);
    assert_int_equal(ready(lanes, 0), 0);
    segmo__lanes_free(lanes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_handed_out_in_order_and_leaves_when_done),
        cmocka_unit_test(a_lane_waits_for_a_full_batch_or_for_its_oldest_item),
        cmocka_unit_test(the_moment_of_readiness_is_only_lowered),
        cmocka_unit_test(no_more_than_max_items_are_held),
        cmocka_unit_test(a_small_backlog_shares_one_lane_and_a_large_one_uses_all),
        cmocka_unit_test(later_items_of_a_user_follow_into_its_lane),
        cmocka_unit_test(a_lane_in_trouble_holds_no_user_that_has_nothing_in_it),
        cmocka_unit_test(when_all_lanes_are_in_trouble_new_users_are_spread_by_hash),
        cmocka_unit_test(a_retried_batch_is_the_same_and_is_not_mixed_with_later_items),
        cmocka_unit_test(attempts_stop_counting_and_do_not_wrap),
        cmocka_unit_test(items_that_come_back_go_at_once_although_no_batch_is_full),
        cmocka_unit_test(one_bad_item_is_isolated_in_logarithmic_requests_wherever_it_is),
        cmocka_unit_test(a_batch_that_was_too_large_goes_in_halves_of_one_size),
        cmocka_unit_test(only_a_lane_that_could_send_more_starves),
        cmocka_unit_test(after_the_last_item_of_a_cut_batch_left_batches_are_full_again),
        cmocka_unit_test(halving_counts_no_attempt),
        cmocka_unit_test(a_batch_ends_where_the_number_of_attempts_changes),
        cmocka_unit_test(a_single_refused_item_is_at_fault_itself),
        cmocka_unit_test(a_refused_item_is_held_until_a_neighbour_is_taken),
        cmocka_unit_test(when_every_item_is_refused_the_settings_are_at_fault_and_all_come_back),
        cmocka_unit_test(the_question_is_asked_again_when_the_last_neighbour_is_dropped_unsent),
        cmocka_unit_test(a_user_stays_in_its_lane_when_its_newest_item_is_dropped),
        cmocka_unit_test(lanes_take_turns),
        cmocka_unit_test(a_delay_of_all_is_never_shortened_and_hurry_clears_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
