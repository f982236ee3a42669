/* The first pass over an object: its members are named, standard traits get MoEngage's names, inner
 * objects are flattened where they must be, and all of it is entered into a table that settles
 * collisions. */
#ifndef SEGMO_WIRE_COLLECT_H
#define SEGMO_WIRE_COLLECT_H

#include "wire/attributes.h"
#include "wire/members.h"

/* One object that is being written: the attributes themselves (depth 0) or one inside that is kept.
 */
typedef struct segmo__writer {
    segmo__members table;
    const segmo__attributes_rules *rules;
    uint16_t lists; /* of objects, met so far */
    int depth;
} segmo__writer;

void segmo__collect_object(segmo__writer *writer, segmo__slice object);
void segmo__collect_extra(segmo__writer *writer); /* the rules' extra attribute */

/* 1 and the number's span when an object has such a member and it is a number. */
int segmo__number_of(segmo__slice object, const char *key, segmo__slice *number);

#endif
