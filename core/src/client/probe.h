/* Asking the destinations of a source a harmless question: can they be reached, and do they take
 * the credentials? */
#ifndef SEGMO_CLIENT_PROBE_H
#define SEGMO_CLIENT_PROBE_H

#include "client/options.h"
#include "model/destination.h"

/* Appends the JSON array that segmo_probe() hands out. Blocks until the monotonic `deadline_ms` at
 * most; a destination without an answer by then is an entry too. */
int segmo__probe(const segmo_config *config, const segmo__source *source, int64_t deadline_ms,
                 segmo__buf *out, segmo_error **err);

#endif
