/* A message as a record of the topic, and back.
 *
 *     key      userId, else anonymousId, as plain text
 *     value    the completed message, JSON
 *     headers  segmo-message-id, segmo-source (the source's id); segmo-for: the only destination
 *              that is to get it (a dead letter that is sent again)
 *     time     when the message was accepted
 */
#ifndef SEGMO_CLIENT_KAFKA_RECORD_H
#define SEGMO_CLIENT_KAFKA_RECORD_H

#include "deliver/kafka.h"
#include "model/message.h"

#define SEGMO__KAFKA_SOURCE "segmo-source"
#define SEGMO__KAFKA_ID     "segmo-message-id"
#define SEGMO__KAFKA_FOR    "segmo-for"

/* Unescaped texts, where the JSON has escapes. */
typedef struct segmo__kafka_texts {
    segmo__buf key;
    segmo__buf id;
} segmo__kafka_texts;

void segmo__kafka_texts_init(segmo__kafka_texts *texts);
void segmo__kafka_texts_free(segmo__kafka_texts *texts);

/* `source` is the id of its source. The record points into the message and `texts`. 0: no memory.
 */
int segmo__kafka_record_of(segmo__kafka_record *record, const segmo__message *message,
                           const char *source, const char *topic, segmo__kafka_texts *texts);
/* The value of a header; length 0 when there is none. */
segmo__slice segmo__kafka_record_header(const segmo__kafka_record *record, const char *name);

#endif
