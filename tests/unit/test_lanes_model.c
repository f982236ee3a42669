/* Lanes: thousands of random actions against a plain model, which knows only what each user added,
 * in which order, and what became of it. */
#include "deliver/lanes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* The model of a user: the numbers of its items in order of arrival, and which of them left. */
#define USERS      40
#define PER_USER   4096
#define MAX_ITEMS  300
#define ITEM_COUNT 4000

typedef struct model {
    uint32_t added[USERS];          /* items of the user so far */
    uint32_t last_delivered[USERS]; /* 1 + sequence of the last delivered one */
    uint8_t outcome[USERS][PER_USER];
    uint32_t outcomes;
    uint32_t held_back; /* items that exist in lanes by the model's count */
} model;

static int ready(segmo__lanes *lanes, int64_t now_ms)
{
    int64_t next_ms = INT64_MAX;

    return segmo__lanes_ready(lanes, now_ms, INT64_MAX, 10, &next_ms);
}

static uint32_t random_below(uint64_t *seed, uint32_t limit)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33) % limit;
}

static void settle(model *of, const segmo__lane_item *item, int delivered)
{
    uint32_t user = item->place[0], sequence = item->place[1];

    assert_int_equal(of->outcome[user][sequence], 0); /* exactly one outcome each */
    of->outcome[user][sequence] = 1;
    of->outcomes++;
    of->held_back--;
    if (!delivered)
        return;
    assert_true(sequence >= of->last_delivered[user]); /* one order per user */
    of->last_delivered[user] = sequence + 1;
}

static void settle_batch(model *of, segmo__lanes *lanes, int lane, int delivered)
{
    uint32_t count = segmo__lanes_in_flight(lanes, lane);
    uint32_t left = count;
    const segmo__lane_item *item = segmo__lanes_batch(lanes, lane, &count);

    assert_int_equal(count, left);
    for (; left > 0; left--, item = segmo__lane_next(lanes, item))
        settle(of, item, delivered);
    segmo__lanes_done(lanes, lane);
    item = segmo__lanes_held(lanes, lane, &count);
    for (; count > 0; count--, item = segmo__lane_next(lanes, item))
        settle(of, item, 0);
    segmo__lanes_drop_held(lanes, lane);
}

static void model_add(model *of, segmo__lanes *lanes, uint64_t *seed, uint32_t max_items)
{
    /* a few users have most of the items */
    uint32_t user = random_below(seed, random_below(seed, 2) ? USERS : 3);
    segmo__lane_item item = {.user = user * 0x9E3779B1u, .place = {user, of->added[user]}};
    int added = segmo__lanes_add(lanes, &item, random_below(seed, 200), 1 + random_below(seed, 20));

    assert_int_equal(added, of->held_back < max_items);
    of->added[user] += (uint32_t)added;
    of->held_back += (uint32_t)added;
}

static void model_drop(model *of, segmo__lanes *lanes, uint64_t *seed, int lane)
{
    uint32_t count = 20;
    const segmo__lane_item *item = segmo__lanes_batch(lanes, lane, &count), *previous = NULL;

    for (uint32_t steps = random_below(seed, count); steps > 0; steps--) {
        previous = item;
        item = segmo__lane_next(lanes, item);
    }
    settle(of, item, 0);
    segmo__lanes_drop(lanes, lane, previous);
}

static void model_send(model *of, segmo__lanes *lanes, uint64_t *seed, int64_t now_ms)
{
    int lane = ready(lanes, now_ms);
    uint32_t count = 1 + random_below(seed, 20);

    if (lane < 0)
        return;
    assert_int_equal(segmo__lanes_in_flight(lanes, lane), 0);
    assert_non_null(segmo__lanes_batch(lanes, lane, &count));
    if (random_below(seed, 10) == 0)
        model_drop(of, lanes, seed, lane);
    else
        segmo__lanes_sent(lanes, lane, 1 + random_below(seed, count));
}

static void model_answer(model *of, segmo__lanes *lanes, uint64_t *seed, int64_t now_ms)
{
    int lane = (int)random_below(seed, segmo__lanes_count(lanes));
    uint32_t in_flight = segmo__lanes_in_flight(lanes, lane);

    if (in_flight == 0)
        return;
    switch (random_below(seed, 5)) {
    case 0:
        segmo__lanes_retry(lanes, lane, now_ms + random_below(seed, 50), 1);
        break;
    case 1:
        if (in_flight > 1)
            segmo__lanes_halve(lanes, lane, (int)random_below(seed, 2));
        else if (segmo__lanes_refused(lanes, lane) == SEGMO__BLAME_MESSAGE)
            settle_batch(of, lanes, lane, 0);
        break;
    case 2:
        settle_batch(of, lanes, lane, 0);
        break;
    default:
        settle_batch(of, lanes, lane, 1);
    }
}

static void drain(model *of, segmo__lanes *lanes)
{
    int lane;

    segmo__lanes_hurry(lanes);
    for (int i = 0; i < (int)segmo__lanes_count(lanes); i++)
        if (segmo__lanes_in_flight(lanes, i) > 0)
            settle_batch(of, lanes, i, 1);
    while ((lane = ready(lanes, 0)) >= 0) {
        uint32_t count = 50;

        assert_non_null(segmo__lanes_batch(lanes, lane, &count));
        segmo__lanes_sent(lanes, lane, count);
        settle_batch(of, lanes, lane, 1);
    }
}

static void run_model(uint64_t seed)
{
    static model of;
    uint32_t max_items = 1 + random_below(&seed, MAX_ITEMS), total = 0;
    segmo__lanes *lanes = segmo__lanes_new(1 + random_below(&seed, 8), max_items);

    memset(&of, 0, sizeof of);
    for (int64_t step = 0; step < ITEM_COUNT; step++) {
        if (random_below(&seed, 100) == 0)
            segmo__lanes_delay_all(lanes, step + 20);
        else if (random_below(&seed, 20) == 0)
            segmo__lanes_level(lanes, step, 1 + random_below(&seed, 10));
        else if (random_below(&seed, 2))
            model_add(&of, lanes, &seed, max_items);
        else if (random_below(&seed, 2))
            model_send(&of, lanes, &seed, step);
        else
            model_answer(&of, lanes, &seed, step);
        assert_int_equal(segmo__lanes_waiting(lanes), of.held_back);
    }
    drain(&of, lanes);
    for (uint32_t user = 0; user < USERS; user++)
        total += of.added[user];
    assert_int_equal(of.outcomes, total);
    assert_int_equal(segmo__lanes_waiting(lanes), 0);
    segmo__lanes_free(lanes);
}

static void any_sequence_keeps_the_order_of_users_and_gives_each_item_one_outcome(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++)
        run_model(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_sequence_keeps_the_order_of_users_and_gives_each_item_one_outcome),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
