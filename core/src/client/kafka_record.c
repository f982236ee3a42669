#include "client/kafka_record.h"

#include "base/json.h"

void segmo__kafka_texts_init(segmo__kafka_texts *texts)
{
    segmo__buf_init(&texts->key, SEGMO__MESSAGE_STORED_MAX);
    segmo__buf_init(&texts->id, SEGMO__MESSAGE_STORED_MAX);
}

void segmo__kafka_texts_free(segmo__kafka_texts *texts)
{
    segmo__buf_free(&texts->key);
    segmo__buf_free(&texts->id);
}

static segmo__slice text_of(const segmo__message *message, segmo__part part, segmo__buf *scratch)
{
    return segmo__json_text(segmo__message_part(message, part), scratch);
}

int segmo__kafka_record_of(segmo__kafka_record *record, const segmo__message *message,
                           const char *source, const char *topic, segmo__kafka_texts *texts)
{
    segmo__slice user = segmo__message_part(message, SEGMO__PART_USER_ID);
    segmo__part part = user.len > 2 ? SEGMO__PART_USER_ID : SEGMO__PART_ANONYMOUS_ID;

    texts->key.failed = texts->id.failed = 0;
    *record = (segmo__kafka_record){
        .topic = topic,
        .key = text_of(message, part, &texts->key),
        .value = {message->json, message->json_len},
        .headers = {{SEGMO__KAFKA_ID, text_of(message, SEGMO__PART_MESSAGE_ID, &texts->id)},
                    {SEGMO__KAFKA_SOURCE, segmo__slice_of(source)}},
        .header_count = 2,
        .timestamp_ms = message->accepted_ms,
    };
    return !texts->key.failed && !texts->id.failed;
}

segmo__slice segmo__kafka_record_header(const segmo__kafka_record *record, const char *name)
{
    for (size_t i = 0; i < record->header_count; i++)
        if (strcmp(record->headers[i].name, name) == 0)
            return record->headers[i].value;
    return (segmo__slice){"", 0};
}
