/* What options there are: the one table, and how names are found in it. */
#ifndef SEGMO_CLIENT_OPTION_TABLE_H
#define SEGMO_CLIENT_OPTION_TABLE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define SEGMO__OPTION_COUNT    105
#define SEGMO__OPTION_PASSED   SEGMO__OPTION_COUNT /* the slot of what is handed on to librdkafka */
#define SEGMO__OPTION_SLOTS    (SEGMO__OPTION_COUNT + 1)
#define SEGMO__OPTION_NAME_MAX 64

typedef enum segmo__option_type {
    SEGMO__OPTION_TEXT,
    SEGMO__OPTION_SECRET,
    SEGMO__OPTION_FLAG,
    SEGMO__OPTION_COUNTER,
    SEGMO__OPTION_SIZE, /* bytes */
    SEGMO__OPTION_TIME, /* milliseconds */
    SEGMO__OPTION_CHOICE,
    SEGMO__OPTION_JSON
} segmo__option_type;

#define SEGMO__OPTION_OF_SOURCE                                                                    \
    1u                             /* may differ from source to source: allowed inside `sources`   \
                                    */
#define SEGMO__OPTION_MAY_EMPTY 2u /* the empty text means something */
#define SEGMO__OPTION_ADDRESS   4u /* may be user:password@host: the password is not shown */

typedef struct segmo__option {
    const char *name;
    segmo__option_type type;
    unsigned bits;
    const char *fallback; /* the default; NULL: none, or computed as the words say */
    const char *choices;  /* "a|b|c" of a choice or flag */
    uint64_t min, max;    /* of a count, size or time */
    const char *words;    /* for users: what it does, the unit, why the default is what it is */
} segmo__option;

extern const segmo__option segmo__options[SEGMO__OPTION_COUNT];

static inline size_t segmo__option_index(const segmo__option *opt)
{
    return (size_t)(opt - segmo__options);
}

const segmo__option *segmo__option_find(const char *name);           /* NULL: there is none */
const segmo__option *segmo__option_find_in_source(const char *name); /* by its name there */
/* How an option is called inside an entry of `sources`: without a leading "source.". */
const char *segmo__option_name_in_source(const segmo__option *opt);
/* The option whose name, or last part of the name, is most like `name`. */
const segmo__option *segmo__option_nearest(const char *name, int in_source);
unsigned segmo__option_distance(const char *a, const char *b); /* `b` a name from the table */
/* "segment.write_key" -> "SEGMO_SEGMENT_WRITE_KEY" */
void segmo__option_env_name(const segmo__option *opt, char out[SEGMO__OPTION_NAME_MAX + 8]);

#endif
