/* Settings: sources and destinations as they are in force, an immutable snapshot that is swapped whole. */
#ifndef SEGMO_ROUTE_SETTINGS_H
#define SEGMO_ROUTE_SETTINGS_H

#include "base/buf.h"
#include "base/error.h"
#include "model/destination.h"

typedef struct segmo__settings {
    segmo__source *sources;
    size_t source_count;
    int refs; /* atomic, private */
    void *arena; /* private: the strings */
} segmo__settings;

/* How settings ask for an option's value by its dotted name; NULL when it has none (not even a default). */
typedef const char *(*segmo__option_fn)(void *ctx, const char *name);

/* Builds and checks a snapshot from option values. Option `sources` (a JSON array of objects) describes
 * several sources, each inheriting and overriding segment.* and moengage.*; without it the options describe
 * one. Fails with SEGMO_ERR_OPTION: the field is the option, the words name cause and remedy. */
int segmo__settings_build(segmo__settings **out, segmo__option_fn get, void *ctx, segmo_error **err);
segmo__settings *segmo__settings_retain(segmo__settings *settings);
void segmo__settings_release(segmo__settings *settings);

/* By id or write key; NULL takes the only source. NULL when there is none (or more than one). */
const segmo__source *segmo__settings_source(const segmo__settings *settings, const char *name);
const segmo__source *segmo__settings_source_by_hash(const segmo__settings *settings, uint64_t hash);

/* Base URLs. Segment: US, EU or a host in any of its spellings; MoEngage: a data centre in any of its
 * spellings ("1", "01", "DC_01", "dc-101", "EU", ...) or a base URL. `out` receives the URL without a trailing
 * slash or /v1. SEGMO_ERR_OPTION for an unknown one. */
int segmo__segment_host(segmo__buf *out, const char *region_or_host, segmo_error **err);
int segmo__moengage_host(segmo__buf *out, const char *data_center_or_url, segmo_error **err);

#endif
