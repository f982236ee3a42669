/* All items live in one pool and are linked by index: each lane is a list in order of arrival, free
 * items are a list, and the newest item of every user (its anchor) hangs in a hash bucket. A user's
 * items leave oldest first, so while its anchor is there the user has items, and in the anchor's
 * lane. */
#include "base/mem.h"
#include "deliver/lanes_parts.h"

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* ---- birth and death ---- */

static uint32_t power_of_two_from(uint32_t least)
{
    uint32_t power = 1;

    while (power < least)
        power *= 2;
    return power;
}

segmo__lanes *segmo__lanes_new(uint32_t count, uint32_t max_items)
{
    segmo__lanes *lanes = segmo__zalloc(sizeof *lanes + count * sizeof(lane));
    uint32_t buckets = power_of_two_from(max_items);

    if (!lanes)
        return NULL;
    lanes->pool = segmo__zalloc((size_t)max_items * sizeof(node));
    lanes->buckets = segmo__alloc(buckets * sizeof(uint32_t));
    if (!lanes->pool || !lanes->buckets) {
        segmo__lanes_free(lanes);
        return NULL;
    }
    lanes->bucket_mask = buckets - 1;
    lanes->max_items = max_items;
    lanes->free_nodes = NONE;
    lanes->count = count;
    for (uint32_t i = 0; i < buckets; i++)
        lanes->buckets[i] = NONE;
    for (uint32_t i = 0; i < count; i++)
        lanes->lane[i].first = lanes->lane[i].last = lanes->lane[i].last_held = NONE;
    return lanes;
}

void segmo__lanes_free(segmo__lanes *lanes)
{
    if (!lanes)
        return;
    segmo__free(lanes->pool);
    segmo__free(lanes->buckets);
    segmo__free(lanes);
}

static uint32_t index_of(const segmo__lanes *lanes, const segmo__lane_item *item)
{
    return (uint32_t)((const node *)item - lanes->pool);
}

static uint32_t take_node(segmo__lanes *lanes)
{
    uint32_t taken = lanes->free_nodes;

    if (taken == NONE)
        return lanes->touched++;
    lanes->free_nodes = lanes->pool[taken].next;
    return taken;
}

static void give_node_back(segmo__lanes *lanes, uint32_t index)
{
    lanes->pool[index].next = lanes->free_nodes;
    lanes->free_nodes = index;
}

/* ---- anchors: where a user's newest item is ---- */

/* The place that holds the index of the user's anchor, or the NONE at the end of its bucket. */
static uint32_t *anchor_link(segmo__lanes *lanes, uint32_t user)
{
    uint32_t *link = &lanes->buckets[user & lanes->bucket_mask];

    while (*link != NONE && lanes->pool[*link].item.user != user)
        link = &lanes->pool[*link].next_anchor;
    return link;
}

static void put_anchor(segmo__lanes *lanes, uint32_t *link, uint32_t index)
{
    lanes->pool[index].next_anchor = *link == NONE ? NONE : lanes->pool[*link].next_anchor;
    *link = index;
}

/* The user's newest item among those before `index` in the lane. Only an item dropped from the
 * middle of a batch, or leaving while older ones are held, has a walk: at most a batch long. */
static uint32_t older_of_same_user(const segmo__lanes *lanes, const lane *of, uint32_t index)
{
    uint32_t user = lanes->pool[index].item.user;
    uint32_t found = NONE;

    for (uint32_t at = of->first; at != index; at = lanes->pool[at].next)
        if (lanes->pool[at].item.user == user)
            found = at;
    return found;
}

/* To be called while the item is still linked in its lane. */
static void move_anchor_off(segmo__lanes *lanes, const lane *of, uint32_t index)
{
    uint32_t *link = anchor_link(lanes, lanes->pool[index].item.user);
    uint32_t older;

    if (*link != index)
        return;
    older = older_of_same_user(lanes, of, index);
    if (older == NONE)
        *link = lanes->pool[index].next_anchor;
    else
        put_anchor(lanes, link, older);
}

/* ---- adding ---- */

static uint32_t lanes_deserved(const segmo__lanes *lanes, uint64_t backlog, uint32_t batch)
{
    uint64_t deserved = batch > 0 ? backlog / batch : backlog;

    if (deserved < 1)
        return 1;
    return deserved < lanes->count ? (uint32_t)deserved : lanes->count;
}

/* The shortest of the first `width` idle lanes, else of the busy ones, else of those in trouble.
 * New users thus never wait for another user's retry or slow answer while a lane is free, and lanes
 * stay of one length: users that never fall silent stay where they came first. */
static uint32_t lane_for_new_user(const segmo__lanes *lanes, uint32_t width)
{
    uint32_t best = 0, idle = 0;

    for (uint32_t at = 0; at < lanes->count; at++) {
        const lane *of = &lanes->lane[at], *than = &lanes->lane[best];

        if (rank_of(of) == 0 && idle++ >= width)
            break;
        if (rank_of(of) < rank_of(than) ||
            (rank_of(of) == rank_of(than) && of->waiting < than->waiting))
            best = at;
    }
    return best;
}

void segmo__lane_link_last(segmo__lanes *lanes, lane *to, uint32_t index)
{
    lanes->pool[index].next = NONE;
    if (to->last == NONE)
        to->first = index;
    else
        lanes->pool[to->last].next = index;
    to->last = index;
    to->waiting++;
    lanes->waiting++;
}

int segmo__lanes_add(segmo__lanes *lanes, const segmo__lane_item *item, uint64_t backlog,
                     uint32_t batch)
{
    uint32_t *link;
    uint32_t index, to;

    if (segmo__lanes_full(lanes))
        return 0;
    link = anchor_link(lanes, item->user);
    to = *link != NONE ? lanes->pool[*link].item.lane
                       : lane_for_new_user(lanes, lanes_deserved(lanes, backlog, batch));
    index = take_node(lanes);
    lanes->pool[index].item = *item;
    lanes->pool[index].item.lane = to & (SEGMO__LANES_MAX - 1);
    put_anchor(lanes, link, index);
    segmo__lane_link_last(lanes, &lanes->lane[to], index);
    return 1;
}

size_t segmo__lanes_waiting(const segmo__lanes *lanes)
{
    return lanes->waiting;
}

int segmo__lanes_full(const segmo__lanes *lanes)
{
    return lanes->waiting >= lanes->max_items;
}

uint32_t segmo__lanes_count(const segmo__lanes *lanes)
{
    return lanes->count;
}

/* ---- what to send ---- */

static uint32_t first_to_send(const segmo__lanes *lanes, const lane *of)
{
    return of->last_held == NONE ? of->first : lanes->pool[of->last_held].next;
}

static uint32_t to_send(const lane *of)
{
    return of->waiting - of->held;
}

/* When the lane may send if nothing is added; INT64_MAX: not by itself. */
static int64_t ready_at(const segmo__lanes *lanes, const lane *of, int64_t now_ms,
                        int64_t arrived_before_ms, uint32_t batch)
{
    int64_t at = max_i64(of->not_before_ms, lanes->not_before_ms);
    int64_t arrived_ms;

    if (of->in_flight > 0 || to_send(of) == 0)
        return INT64_MAX;
    arrived_ms = lanes->pool[first_to_send(lanes, of)].item.arrived_ms;
    if (of->back > 0 || to_send(of) >= batch || arrived_ms <= arrived_before_ms)
        return at;
    return max_i64(at, now_ms + (arrived_ms - arrived_before_ms));
}

int segmo__lanes_starving(const segmo__lanes *lanes, int64_t now_ms, uint32_t batch)
{
    for (uint32_t at = 0; at < lanes->count; at++) {
        const lane *of = &lanes->lane[at];

        if (of->in_flight == 0 && !in_trouble(of) && to_send(of) < batch &&
            max_i64(of->not_before_ms, lanes->not_before_ms) <= now_ms)
            return 1;
    }
    return 0;
}

int segmo__lanes_ready(segmo__lanes *lanes, int64_t now_ms, int64_t arrived_before_ms,
                       uint32_t batch, int64_t *next_ms)
{
    for (uint32_t step = 0; step < lanes->count; step++) {
        uint32_t at = (lanes->turn + step) % lanes->count;
        int64_t ready_ms = ready_at(lanes, &lanes->lane[at], now_ms, arrived_before_ms, batch);

        if (ready_ms <= now_ms) {
            lanes->turn = (at + 1) % lanes->count;
            return (int)at;
        }
        if (ready_ms < *next_ms)
            *next_ms = ready_ms;
    }
    return -1;
}

static uint32_t batch_limit(const lane *of, uint32_t wanted)
{
    uint32_t limit = min_u32(wanted, to_send(of));

    if (of->in_flight > 0)
        return of->in_flight;
    if (of->back > 0)
        limit = min_u32(limit, of->back);
    if (of->suspects > 0)
        return min_u32(limit, of->suspects > 1 ? of->suspects / 2 : 1);
    return of->cut > 0 ? min_u32(limit, of->cut) : limit;
}

const segmo__lane_item *segmo__lanes_batch(const segmo__lanes *lanes, int lane_no, uint32_t *count)
{
    const lane *of = &lanes->lane[lane_no];
    uint32_t limit = batch_limit(of, *count);
    uint32_t first = first_to_send(lanes, of);
    uint32_t at = first;

    *count = 0;
    while (*count < limit && lanes->pool[at].item.attempts == lanes->pool[first].item.attempts) {
        at = lanes->pool[at].next;
        ++*count;
    }
    return *count > 0 ? &lanes->pool[first].item : NULL;
}

const segmo__lane_item *segmo__lane_next(const segmo__lanes *lanes, const segmo__lane_item *item)
{
    uint32_t next = ((const node *)item)->next;

    return next == NONE ? NULL : &lanes->pool[next].item;
}

uint32_t segmo__lanes_in_flight(const segmo__lanes *lanes, int lane_no)
{
    return lanes->lane[lane_no].in_flight;
}

/* ---- leaving ---- */

/* Takes out the item behind `previous` (NONE: the first of the lane). */
static void leave(segmo__lanes *lanes, lane *of, uint32_t previous)
{
    uint32_t *link = previous == NONE ? &of->first : &lanes->pool[previous].next;
    uint32_t index = *link;

    move_anchor_off(lanes, of, index);
    *link = lanes->pool[index].next;
    if (of->last == index)
        of->last = previous;
    of->waiting--;
    lanes->waiting--;
    give_node_back(lanes, index);
}

static void make_whole(lane *of)
{
    of->cut = of->suspects = 0;
    of->cut_grows = of->some_settled = 0;
}

/* `count` items of the batch that came back have left it. */
static void forget_back(lane *of, uint32_t count)
{
    if (of->back > 0)
        of->level_from = 0; /* fewer users are pinned now */
    of->back -= min_u32(of->back, count);
    of->suspects -= min_u32(of->suspects, count);
    if (of->back == 0)
        make_whole(of);
}

/* The held items come back, whole. */
static void release_held(lane *of)
{
    of->back += of->held;
    of->held = 0;
    of->last_held = NONE;
    make_whole(of);
}

void segmo__lanes_drop(segmo__lanes *lanes, int lane_no, const segmo__lane_item *previous)
{
    lane *of = &lanes->lane[lane_no];

    leave(lanes, of, previous ? index_of(lanes, previous) : of->last_held);
    forget_back(of, 1);
    if (of->back == 0)
        release_held(of); /* nobody is left to tell whose fault it was: ask again */
}

void segmo__lanes_sent(segmo__lanes *lanes, int lane_no, uint32_t count)
{
    lanes->lane[lane_no].in_flight = count;
}

static void grow_cut(lane *of)
{
    if (of->cut_grows && of->suspects == 0)
        of->cut = of->cut > UINT32_MAX / 2 ? UINT32_MAX : of->cut * 2;
}

void segmo__lanes_done(segmo__lanes *lanes, int lane_no)
{
    lane *of = &lanes->lane[lane_no];
    uint32_t left = of->in_flight;

    for (uint32_t i = 0; i < left; i++)
        leave(lanes, of, of->last_held);
    of->in_flight = 0;
    of->some_settled = 1;
    forget_back(of, left);
    grow_cut(of);
}

/* ---- coming back ---- */

static void bring_back(lane *of)
{
    if (of->back < of->in_flight)
        of->back = of->in_flight;
    of->in_flight = 0;
}

static void count_attempt(segmo__lane_item *item, int counts)
{
    if (item->attempts < SEGMO__LANE_TRIES_MAX)
        item->attempts++;
    if (counts && item->failures < SEGMO__LANE_TRIES_MAX)
        item->failures++;
}

void segmo__lanes_retry(segmo__lanes *lanes, int lane_no, int64_t not_before_ms, int counts)
{
    lane *of = &lanes->lane[lane_no];
    uint32_t at = first_to_send(lanes, of);

    for (uint32_t i = 0; i < of->in_flight; i++) {
        count_attempt(&lanes->pool[at].item, counts);
        at = lanes->pool[at].next;
    }
    bring_back(of);
    of->not_before_ms = not_before_ms;
}

void segmo__lanes_halve(segmo__lanes *lanes, int lane_no, int one_is_refused)
{
    lane *of = &lanes->lane[lane_no];

    of->cut = of->in_flight > 1 ? of->in_flight / 2 : 1;
    of->suspects = one_is_refused ? of->in_flight : 0;
    of->cut_grows = one_is_refused;
    bring_back(of);
}

/* ---- blame ---- */

segmo__blame segmo__lanes_refused(segmo__lanes *lanes, int lane_no)
{
    lane *of = &lanes->lane[lane_no];

    if (of->cut == 0 || of->some_settled)
        return SEGMO__BLAME_MESSAGE;
    of->last_held = first_to_send(lanes, of);
    of->held++;
    of->in_flight = 0;
    of->back--;
    of->suspects = 0; /* it was this one */
    if (of->back > 0)
        return SEGMO__BLAME_OPEN;
    release_held(of);
    return SEGMO__BLAME_SETTINGS;
}

const segmo__lane_item *segmo__lanes_held(const segmo__lanes *lanes, int lane_no, uint32_t *count)
{
    const lane *of = &lanes->lane[lane_no];

    *count = of->held;
    return of->held > 0 ? &lanes->pool[of->first].item : NULL;
}

void segmo__lanes_drop_held(segmo__lanes *lanes, int lane_no)
{
    lane *of = &lanes->lane[lane_no];

    while (of->held > 0) {
        leave(lanes, of, NONE);
        of->held--;
    }
    of->last_held = NONE;
}

/* ---- delays ---- */

void segmo__lanes_delay_all(segmo__lanes *lanes, int64_t not_before_ms)
{
    lanes->not_before_ms = max_i64(lanes->not_before_ms, not_before_ms);
}

void segmo__lanes_hurry(segmo__lanes *lanes)
{
    lanes->not_before_ms = 0;
    for (uint32_t i = 0; i < lanes->count; i++)
        lanes->lane[i].not_before_ms = 0;
}
