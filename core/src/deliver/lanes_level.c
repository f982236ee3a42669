/* Levelling: users go from long lanes, and from lanes in trouble, to free ones. A user's lane is
 * chosen when the user comes; one that never falls silent would stay there for ever. */
#include "deliver/lanes_parts.h"

#define MARK_BITS 4096

static uint32_t mark_of(uint32_t user)
{
    return (user * 2654435761u) >> 20; /* the upper 12 bits */
}

/* Items at the head of a lane that must stay: held, in flight, or of a batch that came back. */
static uint32_t pinned(const lane *of)
{
    return of->held + (of->in_flight > of->back ? of->in_flight : of->back);
}

/* Everything moves out of a lane in trouble, half of the users out of a long one. */
static int is_chosen(const segmo__lanes *lanes, const lane *from, uint32_t user)
{
    return in_trouble(from) || (user * 2246822519u >> lanes->levelled % 32 & 1);
}

/* All items of a user move or none, in their order, and none of a user with a pinned item. (Two
 * users that share a mark stay together: that costs nothing but the move.) */
static uint32_t move_users(segmo__lanes *lanes, lane *from, uint32_t to)
{
    uint64_t marks[MARK_BITS / 64] = {0};
    uint32_t at = from->first, before = NONE, moved = 0, next;

    for (uint32_t i = pinned(from); i > 0; i--) {
        uint32_t mark = mark_of(lanes->pool[at].item.user);

        marks[mark / 64] |= (uint64_t)1 << mark % 64;
        before = at;
        at = lanes->pool[at].next;
    }
    for (; at != NONE; at = next) {
        uint32_t user = lanes->pool[at].item.user, mark = mark_of(user);

        next = lanes->pool[at].next;
        if ((marks[mark / 64] >> mark % 64 & 1) || !is_chosen(lanes, from, user)) {
            before = at;
            continue;
        }
        *(before == NONE ? &from->first : &lanes->pool[before].next) = next;
        if (from->last == at)
            from->last = before;
        from->waiting--;
        lanes->waiting--;
        lanes->pool[at].item.lane = to & (SEGMO__LANES_MAX - 1);
        segmo__lane_link_last(lanes, &lanes->lane[to], at);
        moved++;
    }
    return moved;
}

static int is_free(const segmo__lanes *lanes, const lane *of, int64_t now_ms)
{
    return rank_of(of) == 0 && max_i64(of->not_before_ms, lanes->not_before_ms) <= now_ms;
}

static lane *lane_to_relieve(segmo__lanes *lanes, uint32_t batch)
{
    lane *longest = NULL;
    uint32_t most = 0;

    for (uint32_t at = 0; at < lanes->count; at++) {
        lane *of = &lanes->lane[at];
        uint32_t movable = of->waiting - pinned(of);

        if (rank_of(of) == 1) /* with a batch in flight most of its users cannot move */
            continue;
        if (movable < (in_trouble(of) ? 1 : 2 * batch))
            of->level_from = 0;
        else if (of->waiting >= of->level_from && movable > most) {
            most = movable;
            longest = of;
        }
    }
    return longest;
}

static uint32_t lane_to_fill(const segmo__lanes *lanes, int64_t now_ms, uint32_t batch)
{
    uint32_t best = NONE;

    for (uint32_t at = 0; at < lanes->count; at++) {
        const lane *of = &lanes->lane[at];

        if (is_free(lanes, of, now_ms) && of->waiting < batch &&
            (best == NONE || of->waiting < lanes->lane[best].waiting))
            best = at;
    }
    return best;
}

void segmo__lanes_level(segmo__lanes *lanes, int64_t now_ms, uint32_t batch)
{
    for (uint32_t i = 0; i < lanes->count; i++) {
        lane *from = lane_to_relieve(lanes, batch);
        uint32_t to = from ? lane_to_fill(lanes, now_ms, batch) : NONE;

        if (to == NONE)
            return;
        lanes->levelled++;
        if (move_users(lanes, from, to) == 0)
            from->level_from = 2 * from->waiting;
    }
}
