/* A message: one Segment call as it waits in the spool.
 *
 * A stored message (the spool's payload) is a fixed head, the index, and behind it the completed
 * JSON in its original bytes. The index is what the strict scan found: the type, hashes and the
 * spans of the members that later stages ask for, so that nobody scans the JSON again.
 *
 *     +-------------------+----------------------------------------------------------+
 *     | index (128 bytes) | {"type":"track","userId":"u-7", ... ,"messageId":"..."} |
 *     +-------------------+----------------------------------------------------------+
 */
#ifndef SEGMO_MODEL_MESSAGE_H
#define SEGMO_MODEL_MESSAGE_H

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

#define SEGMO__MESSAGE_MAX        32768 /* bytes of JSON as handed in: Segment's own limit */
#define SEGMO__MESSAGE_STORED_MAX 40960 /* index, JSON and what completion adds */
#define SEGMO__MESSAGE_INDEX_SIZE 128

typedef enum segmo__call {
    SEGMO__CALL_IDENTIFY,
    SEGMO__CALL_TRACK,
    SEGMO__CALL_PAGE,
    SEGMO__CALL_SCREEN,
    SEGMO__CALL_GROUP,
    SEGMO__CALL_ALIAS
} segmo__call;

/* Members whose spans are kept. A string's span includes its quotes; absent: length 0. */
typedef enum segmo__part {
    SEGMO__PART_MESSAGE_ID,
    SEGMO__PART_USER_ID,
    SEGMO__PART_ANONYMOUS_ID,
    SEGMO__PART_GROUP_ID,
    SEGMO__PART_PREVIOUS_ID,
    SEGMO__PART_EVENT,
    SEGMO__PART_NAME,
    SEGMO__PART_CATEGORY,
    SEGMO__PART_PROPERTIES,
    SEGMO__PART_TRAITS,
    SEGMO__PART_CONTEXT,
    SEGMO__PART_INTEGRATIONS,
    SEGMO__PART_METADATA,
    SEGMO__PART_TIMESTAMP,
    SEGMO__PART_COUNT
} segmo__part;

/* What `integrations` says of a destination (see segmo__message.wants). */
typedef enum segmo__wish {
    SEGMO__WISH_UNSAID = 0,
    SEGMO__WISH_NO = 1,
    SEGMO__WISH_YES = 2
} segmo__wish;

typedef enum segmo__integration {
    SEGMO__INTEGRATION_ALL,              /* All, all, ALL */
    SEGMO__INTEGRATION_SEGMENT,          /* Segment.io */
    SEGMO__INTEGRATION_MOENGAGE,         /* MoEngage (classic) */
    SEGMO__INTEGRATION_MOENGAGE_ACTIONS, /* Moengage (Actions) */
    SEGMO__INTEGRATION_COUNT
} segmo__integration;

#define SEGMO__MESSAGE_BUNDLED_MOENGAGE 1u /* by _metadata.bundled its device sent it to MoEngage */
#define SEGMO__MESSAGE_TIMESTAMP_GIVEN  2u /* the caller said when; otherwise completion did */

typedef struct segmo__message {
    const char *json; /* completed, not NUL terminated */
    uint32_t json_len;
    uint8_t call;                            /* segmo__call */
    uint8_t flags;                           /* SEGMO__MESSAGE_... */
    uint8_t wants[SEGMO__INTEGRATION_COUNT]; /* segmo__wish */
    uint64_t source;      /* hash of the source's id (segmo__message_source_hash) */
    uint64_t user;        /* hash of userId, else of anonymousId: the key that order is kept for */
    uint64_t id_hash;     /* hash of the messageId's text */
    int64_t accepted_ms;  /* wall clock when accepted */
    int64_t timestamp_ms; /* `timestamp` as a moment */
    struct {
        uint16_t at, len; /* within `json` */
    } part[SEGMO__PART_COUNT];
} segmo__message;

/* What completion fills in. */
typedef struct segmo__message_rules {
    uint64_t source;
    segmo__slice library; /* for context.library when the message has none: a JSON object */
    int call;             /* segmo__call when "type" may be absent (a route decides), or -1 */
    int is_stored;        /* it was completed before, and may be as large as that has made it */
} segmo__message_rules;

/* Checks one message (strict scan, all rules of its call), completes it (messageId, timestamp,
 * context.library; `type` when the rules give one) and appends its stored form to `stored`, whose
 * earlier content stays. The members keep their order and bytes; what is added stands at the end of
 * its object.
 *
 * Fails, leaving `stored` as it was, with SEGMO_ERR_JSON, SEGMO_ERR_TOO_LARGE or SEGMO_ERR_INVALID;
 * the field is a JSON pointer, the message gives reason and remedy. */
int segmo__message_complete(segmo__buf *stored, segmo__slice json,
                            const segmo__message_rules *rules, segmo_error **err);

/* Reads a stored message; the result points into `stored`. Fails with SEGMO_ERR_INVALID when the
 * index does not fit the bytes (written by an unknown release). */
int segmo__message_read(segmo__message *out, segmo__slice stored, segmo_error **err);

static inline segmo__slice segmo__message_part(const segmo__message *message, segmo__part part)
{
    return (segmo__slice){message->json + message->part[part].at, message->part[part].len};
}

/* The JSON object that names a library. */
void segmo__message_put_library(segmo__buf *out, const char *name, const char *version);

uint64_t segmo__message_source_hash(const char *source_id);
const char *segmo__call_name(segmo__call call); /* "track" */
int segmo__call_parse(segmo__slice name);       /* segmo__call, or -1 */

#endif
