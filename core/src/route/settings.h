/* Settings: sources and destinations as they are in force, an immutable snapshot that is swapped
 * whole. */
#ifndef SEGMO_ROUTE_SETTINGS_H
#define SEGMO_ROUTE_SETTINGS_H

#include "base/buf.h"
#include "base/error.h"
#include "model/destination.h"

typedef struct segmo__settings {
    segmo__source *sources;
    size_t source_count;
    int refs;    /* atomic, private */
    void *arena; /* private: the strings, chained */
} segmo__settings;

/* How settings ask for an option's value by its dotted name: a checked value, given or default;
 * NULL when it has neither. */
typedef const char *(*segmo__option_fn)(void *ctx, const char *name);

/* Builds and checks a snapshot from option values. Option `sources` describes several sources, each
 * inheriting and overriding what it does not say itself; it comes as a JSON array of flat objects
 * of texts,
 * [{"source.id":"web","segment.write_key":"..."}]. Without it the options describe one source.
 * Fails with SEGMO_ERR_OPTION: the field is the option, the words name cause and remedy. */
int segmo__settings_build(segmo__settings **out, segmo__option_fn get, void *ctx,
                          segmo_error **err);
segmo__settings *segmo__settings_retain(segmo__settings *settings);
void segmo__settings_release(segmo__settings *settings);

/* 1 when at least one source sends to the service by this library; to any of them. */
int segmo__settings_sends_to(const segmo__settings *settings, segmo__destination destination);
int segmo__settings_has_destination(const segmo__settings *settings);

/* By id or write key; NULL takes the only source. NULL when there is none (or more than one). */
const segmo__source *segmo__settings_source(const segmo__settings *settings, const char *name);
const segmo__source *segmo__settings_source_by_hash(const segmo__settings *settings, uint64_t hash);

#endif
