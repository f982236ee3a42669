/* What a client tells of itself, to be looked into. */
#ifndef SEGMO_SERVICE_CLIENT_STATS_H
#define SEGMO_SERVICE_CLIENT_STATS_H

#include "base/json.h"
#include "segmo.h"

/* segmo_client_stats_json() as a tree, to free with segmo__json_free(); NULL: there is no client,
 * or memory ran out. */
segmo__json *client_stats(segmo_client *client);

#endif
