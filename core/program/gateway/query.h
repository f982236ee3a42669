/* The parameters behind a path. */
#ifndef SEGMO_GATEWAY_QUERY_H
#define SEGMO_GATEWAY_QUERY_H

#include "base/buf.h"

typedef struct query_pair {
    segmo__slice name, value; /* still escaped */
} query_pair;

/* Cuts the next one off; 0 at the end. */
int query_next(segmo__slice *query, query_pair *out);
/* The first value of this name, still escaped; 0: there is none. */
int query_find(segmo__slice query, const char *name, segmo__slice *value);
/* Appends the text without its percent signs. `plus_is_space`: as forms write it; base64 has a plus
 * of its own. */
void query_unescape(segmo__buf *out, segmo__slice text, int plus_is_space);

#endif
