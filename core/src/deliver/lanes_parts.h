/* The inside of lanes, shared by lanes.c and lanes_level.c. */
#ifndef SEGMO_DELIVER_LANES_PARTS_H
#define SEGMO_DELIVER_LANES_PARTS_H

#include "deliver/lanes.h"

#define NONE UINT32_MAX

typedef struct node {
    segmo__lane_item item; /* first, so that an item's pointer is its node's */
    uint32_t next;         /* in the lane, or in the list of free nodes */
    uint32_t next_anchor;  /* in the bucket; meaningful for anchors only */
} node;

_Static_assert(sizeof(node) <= 48, "with at most two bucket words an item takes 56 bytes");

typedef struct lane {
    uint32_t first; /* oldest item */
    uint32_t last;
    uint32_t last_held;  /* where the held ones end; NONE: nothing is held */
    uint32_t waiting;    /* all items of the lane */
    uint32_t held;       /* at the head: refused, and it is open whether they are at fault */
    uint32_t in_flight;  /* behind the held ones */
    uint32_t back;       /* items of a batch that came back, held ones excluded; > 0: in trouble */
    uint32_t cut;        /* most items of the next piece; 0: not cut */
    uint32_t suspects;   /* items to send next of which at least one will be refused */
    int cut_grows;       /* after a refusal, not after "too large" */
    int some_settled;    /* an item of the batch that was cut has been settled */
    uint32_t level_from; /* levelling found nothing to move: not again below so many waiting */
    int64_t not_before_ms;
} lane;

struct segmo__lanes {
    node *pool;
    uint32_t *buckets;
    uint32_t bucket_mask;
    uint32_t max_items;
    uint32_t touched; /* pool nodes that were ever used */
    uint32_t free_nodes;
    uint32_t waiting;
    uint32_t count;
    uint32_t turn;     /* lane to be asked first */
    uint32_t levelled; /* times; varies which users move */
    int64_t not_before_ms;
    lane lane[];
};

static inline int64_t max_i64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline int in_trouble(const lane *of)
{
    return of->back > 0 || of->held > 0;
}

/* How good a lane is for a user without items: idle, busy, in trouble. */
static inline int rank_of(const lane *of)
{
    return in_trouble(of) ? 2 : of->in_flight > 0 ? 1 : 0;
}

void segmo__lane_link_last(segmo__lanes *lanes, lane *to, uint32_t index);

#endif
