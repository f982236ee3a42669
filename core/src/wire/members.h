/* The members of one object on their way to MoEngage: a table that settles which of two equal names
 * stays.
 *
 * Tables are stacked in buffers of the calling thread, so that an inner object can have its own
 * while the outer one is written, and no memory is taken once the buffers are warm. Indexes are
 * kept instead of pointers, since the buffers may move when they grow.
 */
#ifndef SEGMO_WIRE_MEMBERS_H
#define SEGMO_WIRE_MEMBERS_H

#include "base/json.h"
#include "wire/moengage_limits.h"

/* Which of two equal names wins: the higher rank, else the first in the document. */
typedef enum segmo__member_rank {
    SEGMO__RANK_RENAMED,     /* phone as mobile, from another spelling of phone */
    SEGMO__RANK_RENAMED_OWN, /* phone as mobile */
    SEGMO__RANK_CONVERTED,
    SEGMO__RANK_OWN_INSIDE, /* flattened, every key on the way in its own form */
    SEGMO__RANK_OWN,        /* the key was in converted form already */
    SEGMO__RANK_EXTRA       /* ours */
} segmo__member_rank;

typedef enum segmo__member_form {
    SEGMO__FORM_COPIED, /* the value as it is, names inside converted */
    SEGMO__FORM_QUOTED, /* a number as a string */
    SEGMO__FORM_TEXT,   /* its JSON as a string */
    SEGMO__FORM_PLAIN,  /* text of ours, not JSON yet */
    SEGMO__FORM_GEO     /* a location as "latitude longitude" */
} segmo__member_form;

typedef struct segmo__member {
    segmo__slice value;
    uint32_t name, name_len; /* JSON string text in the room's names */
    uint32_t hash;
    uint16_t list; /* which list of objects it comes from, from 1; 0: none. Written as a list */
    uint16_t item; /* which of that list's objects */
    uint16_t next, last; /* of a list: the next value and the last one, as index + 1; 0: none */
    uint8_t kind;        /* segmo__json_kind */
    uint8_t form, rank;
    uint8_t hidden; /* lost its name to another, or stands in a list behind its first value */
} segmo__member;

/* What a thread works in. */
typedef struct segmo__room {
    segmo__buf names, members, slots; /* stacks of tables: bytes, segmo__member, uint16_t */
    segmo__buf path;                  /* what stands in front of a flattened object's names */
    segmo__buf key, json, text;       /* scratch */
} segmo__room;

typedef struct segmo__members {
    segmo__room *room;
    segmo__remarks *remarks;
    size_t names, first, slots; /* where its part of each stack starts */
    size_t slot_count;
    uint32_t count; /* members */
    uint32_t shown; /* those that will be written */
} segmo__members;

segmo__room *segmo__room_enter(void); /* the thread's room, emptied */
/* SEGMO_OK, SEGMO_ERR_INVALID (names for more than any request) or SEGMO_ERR_MEMORY. */
int segmo__room_status(const segmo__room *room);

/* 0 when there is no room. `table->room` and `table->remarks` are set. */
int segmo__members_begin(segmo__members *table);
void segmo__members_end(segmo__members *table);
/* Enters a member whose name ends the room's names, or settles who of two equal names stays; the
 * loser is remarked on. */
void segmo__members_add(segmo__members *table, segmo__member *member);

static inline segmo__member *segmo__members_at(const segmo__members *table, size_t index)
{
    return (segmo__member *)(void *)table->room->members.data + table->first + index;
}

static inline segmo__slice segmo__members_name(const segmo__members *table,
                                               const segmo__member *member)
{
    return (segmo__slice){table->room->names.data + member->name, member->name_len};
}

#endif
