/* An outlet: one destination of one source. It reads the spool with a cursor of its own, keeps
 * order per user in lanes, and gives every message one outcome.
 *
 *     cursor -> route -> lanes -> body -> request
 *     answer -> settled | again | halves | dead letter | pause
 *
 * Outlets know nothing of each other, so wrong credentials or an outage of one stop no other.
 */
#ifndef SEGMO_CLIENT_OUTLET_H
#define SEGMO_CLIENT_OUTLET_H

#include "client/client_parts.h"
#include "client/intake.h"
#include "deliver/compress.h"
#include "deliver/http.h"
#include "deliver/packer.h"

typedef struct segmo__outlet segmo__outlet;
typedef struct segmo__flight segmo__flight; /* one request on its way: the tag of its answer */

/* Warnings about the body that is being made. */
typedef struct segmo__notes {
    segmo__buf kept; /* members of reports, a NUL behind each */
    uint32_t kept_count;
    uint32_t count; /* with those that are too many to be told */
} segmo__notes;

/* What the outlets of one worker share. */
typedef struct segmo__outlet_shop {
    segmo_client *client;
    segmo__http *http;
    segmo__intake *intake; /* of a worker: where messages come from; NULL: from the spool */
    segmo__packer *packer;
    segmo__gzip *gzip; /* for what the packer is too busy for */
    segmo__buf raw;    /* a body before compression */
    segmo__notes notes;
    uint32_t in_flight; /* requests of all outlets */
    segmo__outlet *outlets;
} segmo__outlet_shop;

segmo__outlet *segmo__outlet_new(segmo__outlet_shop *shop, segmo__destination destination,
                                 uint64_t source_hash);
void segmo__outlet_free(segmo__outlet *outlet);

/* Reads and sends what can be sent now; `hurry` does not wait for full batches. Lowers `*next_ms`
 * to the moment when something may have become ready. */
void segmo__outlet_pump(segmo__outlet *outlet, const segmo__rules *rules, int64_t now_ms, int hurry,
                        int64_t *next_ms);
/* Starts the requests whose bodies the packer has finished. */
void segmo__outlets_start_packed(segmo__outlet_shop *shop, const segmo__rules *rules,
                                 int64_t now_ms);
/* Gives the messages of a flight their outcome, or another try. */
void segmo__outlet_answer(segmo__flight *flight, const segmo__rules *rules,
                          const segmo__http_answer *answer, int64_t now_ms);
void segmo__outlet_settings_changed(segmo__outlet *outlet, const segmo__rules *rules,
                                    int64_t now_ms);

/* After how many more messages it makes sense to pump again; 0: not because of messages. */
uint32_t segmo__outlet_wanted(const segmo__outlet *outlet, const segmo__rules *rules,
                              int64_t now_ms);

/* How many messages are in requests on their way. Their places are written to `places`, if given,
 * as file << 32 | offset. */
size_t segmo__outlet_away(const segmo__outlet *outlet, uint64_t *places);

segmo__destination segmo__outlet_destination(const segmo__outlet *outlet);
uint64_t segmo__outlet_source(const segmo__outlet *outlet);

#endif
