/* Traits and properties as MoEngage attributes: named by the rules, settled where names collide,
 * objects flattened where they must be, values copied byte for byte.
 */
#ifndef SEGMO_WIRE_ATTRIBUTES_H
#define SEGMO_WIRE_ATTRIBUTES_H

#include "wire/moengage_limits.h"

typedef struct segmo__attributes_rules {
    segmo__naming naming;
    segmo__objects objects;
    int data_api; /* null members left out, reserved names too */
    int of_user;  /* traits: MoEngage's own names for standard ones, and its reserved ones */
    int geo, created_time; /* as in segmo__moengage_settings */
    int allow_reserved;
    const char *prefix;     /* in front of every name, parted by "_", or NULL */
    const char *extra_name; /* one more attribute, which wins over a member of that name, or NULL */
    segmo__slice extra_json; /* its value: JSON of the message, */
    segmo__slice extra_text; /* or text */
} segmo__attributes_rules;

/* Appends a JSON object made of the members of `object` (a span of the message; an empty slice has
 * none). Works in buffers of the calling thread, so that no memory is taken once they are warm.
 * Answers SEGMO_ERR_INVALID when the names alone are more than any request takes, and
 * SEGMO_ERR_MEMORY. */
int segmo__attributes_put(segmo__buf *out, segmo__slice object,
                          const segmo__attributes_rules *rules, segmo__remarks *remarks);

#endif
