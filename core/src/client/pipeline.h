/* The pipeline: the only place that knows the order of the stages.
 *
 *     accept   JSON -> scan, complete, validate -> quota -> spool           (caller's thread)
 *     leave    stored message -> route -> transform -> batch body           (worker's thread)
 */
#ifndef SEGMO_CLIENT_PIPELINE_H
#define SEGMO_CLIENT_PIPELINE_H

#include "client/client_parts.h"
#include "model/message.h"
#include "model/streams.h"
#include "route/route.h"
#include "wire/moengage.h"

/* Accepts one message; `call` is a segmo__call when "type" may be absent, else -1. */
int segmo__pipeline_accept(segmo_client *client, const char *source, segmo__slice json, int call,
                           segmo_error **err);
/* Accepts a batch body; `out` receives the result object. */
int segmo__pipeline_accept_batch(segmo_client *client, const char *source, segmo__slice body,
                                 segmo__buf *out, segmo_error **err);
/* Accepts what a Streams payload becomes; `out` receives the result object. */
int segmo__pipeline_accept_streams(segmo_client *client, const char *source, segmo__slice payload,
                                   segmo__buf *out, segmo_error **err);

/* A batch body that grows message by message. */
typedef struct segmo__body {
    segmo__destination destination;
    const segmo__source *source;
    segmo__buf *bytes;
    uint32_t max_bytes;
    uint32_t count; /* messages in it */
    uint32_t users;
    uint32_t events;
    segmo__moengage_endpoint endpoint;
    size_t elements_at; /* where the first element starts */
} segmo__body;

typedef enum segmo__added {
    SEGMO__ADDED,     /* it is in the body */
    SEGMO__ADD_FULL,  /* no room, or another endpoint: send the body first */
    SEGMO__ADD_SKIP,  /* settled as skipped: `*reason` */
    SEGMO__ADD_LATER, /* memory ran out: try again */
    SEGMO__ADD_DEAD   /* can never be sent: `*reason`, `err` says why */
} segmo__added;

/* `bytes` must have room for a whole body; `max_bytes` bounds it. */
void segmo__body_begin(segmo__body *body, segmo__destination destination,
                       const segmo__source *source, segmo__buf *bytes, uint32_t max_bytes);
segmo__added segmo__body_add(segmo__body *body, const segmo__message *message, int64_t now_ms,
                             segmo__note_fn note, void *ctx, const char **reason,
                             segmo_error **err);
/* Closes the body and appends the URL it goes to. */
void segmo__body_end(segmo__body *body, segmo__buf *url, int64_t now_ms);

/* Pure calls: the JSON answers of segmo_transform(), segmo_explain() and segmo_convert_streams().
 */
int segmo__pipeline_transform(const segmo__rules *rules, const char *source,
                              const char *destination, segmo__slice json, segmo__buf *out,
                              segmo_error **err);
int segmo__pipeline_explain(const segmo__rules *rules, const char *source, segmo__slice json,
                            segmo__buf *out, segmo_error **err);
int segmo__pipeline_convert_streams(const segmo_config *config, segmo__slice payload,
                                    segmo__buf *out, segmo_error **err);

/* Room for a message that is being completed: on the stack, as a rule. */
typedef struct segmo__stored_room {
    segmo__buf buf;
    char stack[8192];
} segmo__stored_room;
static inline void segmo__stored_begin(segmo__stored_room *room, segmo__slice json)
{
    /* what a message grows by, at most: its index, ids, times, the library's name */
    int fits = json.len + SEGMO__MESSAGE_INDEX_SIZE + 1024 <= sizeof room->stack;

    segmo__buf_init(&room->buf, SEGMO__MESSAGE_STORED_MAX);
    if (fits)
        room->buf =
            (segmo__buf){.data = room->stack, .cap = sizeof room->stack, .max = sizeof room->stack};
}
static inline void segmo__stored_end(segmo__stored_room *room)
{
    if (room->buf.data != room->stack)
        segmo__buf_free(&room->buf);
}

/* What both halves ask the rules for. NULL and SEGMO_ERR_NOT_FOUND when there is no such source. */
const segmo__source *segmo__pipeline_source(const segmo__rules *rules, const char *name,
                                            segmo_error **err);
int segmo__pipeline_source_json(segmo_client *client, const char *name, segmo__buf *out,
                                segmo_error **err);
segmo__message_rules segmo__pipeline_completion(const segmo__rules *rules,
                                                const segmo__source *source, int call);
segmo__streams_rules segmo__pipeline_streams_rules(const segmo_config *config);

/* A dead letter's line for a message; `answer` and `reason` are words. */
void segmo__dead_letter_put(segmo__buf *out, const segmo__message *message, const char *source,
                            segmo__destination destination, const char *reason, int status,
                            segmo__slice answer, uint32_t attempts, int64_t now_ms);
void segmo__pipeline_report_dead(segmo_client *client, const segmo__message *message,
                                 const char *source, segmo__destination destination,
                                 const char *reason, int status, segmo__slice letter);
/* Writes it to the dead letters and reports it; 1 when the letter stands on disk. */
int segmo__pipeline_bury(segmo_client *client, const segmo__message *message, const char *source,
                         segmo__destination destination, const char *reason, int status,
                         segmo__slice answer, uint32_t attempts);

#endif
