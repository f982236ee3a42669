/* Kafka: librdkafka, loaded when the first handle is opened. Knows keys and bytes, not messages.
 *
 * A handle is a producer or a consumer, and belongs to one thread. librdkafka's own threads do the
 * network; what they have to tell is taken with segmo__kafka_next(). Nothing is written to stderr,
 * and no function here waits, except where it says so.
 *
 * A producer is idempotent (acks=all, order kept for each partition) and never gives up on a record
 * for the time it took: who hands one in hears of it when the brokers have it, or when the handle
 * is of no more use. A consumer commits nothing by itself and keeps what it is told to keep. */
#ifndef SEGMO_DELIVER_KAFKA_H
#define SEGMO_DELIVER_KAFKA_H

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

#define SEGMO__KAFKA_HEADERS_MAX 8

typedef struct segmo__kafka segmo__kafka;

typedef struct segmo__kafka_setting {
    const char *name; /* as librdkafka calls it */
    const char *value;
    int is_secret; /* its value must not be repeated in an error */
} segmo__kafka_setting;

typedef struct segmo__kafka_options {
    const segmo__kafka_setting *settings; /* later ones beat earlier ones */
    size_t setting_count;
    void (*wake)(void *ctx); /* called from other threads when there is something to take */
    void *ctx;
} segmo__kafka_options;

/* What went wrong, as far as it leads to different remedies. */
typedef enum segmo__kafka_trouble {
    SEGMO__KAFKA_FINE,
    SEGMO__KAFKA_OUTAGE,  /* goes on by itself when the brokers are back */
    SEGMO__KAFKA_SETTINGS /* credentials, rights, a topic that is not there: somebody has to act */
} segmo__kafka_trouble;

typedef struct segmo__kafka_header {
    const char *name;
    segmo__slice value;
} segmo__kafka_header;

typedef struct segmo__kafka_record {
    const char *topic;
    segmo__slice key; /* length 0: none */
    segmo__slice value;
    segmo__kafka_header headers[SEGMO__KAFKA_HEADERS_MAX];
    size_t header_count;
    int64_t timestamp_ms;
    int32_t partition; /* of a record that was read */
    int64_t offset;    /* of a record that was read */
} segmo__kafka_record;

typedef enum segmo__kafka_kind {
    SEGMO__KAFKA_SENT,     /* the brokers have the record with this tag */
    SEGMO__KAFKA_FAILED,   /* they do not, and will not get it from this handle */
    SEGMO__KAFKA_RECORD,   /* one was read; valid until the next call */
    SEGMO__KAFKA_ASSIGNED, /* `partitions` are ours: answer with segmo__kafka_take() */
    SEGMO__KAFKA_REVOKED,  /* they go: answer with segmo__kafka_release(), when done with them */
    SEGMO__KAFKA_COMMITTED,
    SEGMO__KAFKA_TROUBLE
} segmo__kafka_kind;

typedef struct segmo__kafka_event {
    segmo__kafka_kind kind;
    uint64_t tag;
    segmo__kafka_trouble trouble; /* of FAILED and TROUBLE; of COMMITTED: FINE when it went well */
    int is_broken;                /* the handle is of no more use: close it, open another one */
    const char *reason;           /* static: "kafka_authentication", ... */
    const char *remedy;           /* static words, "" when there is none */
    segmo__kafka_record record;
    const int32_t *partitions; /* valid until they are taken or released */
    size_t partition_count;
    int lost; /* REVOKED: they have gone already, nothing can be committed */
} segmo__kafka_event;

/* "librdkafka/2.0.2"; "" while it was not loaded, or cannot be. */
const char *segmo__kafka_name(void);

/* SEGMO_ERR_UNSUPPORTED: built without Kafka, or librdkafka is not installed; SEGMO_ERR_OPTION: a
 * setting is refused; SEGMO_ERR_MEMORY. */
int segmo__kafka_open_producer(segmo__kafka **out, const segmo__kafka_options *options,
                               segmo_error **err);
/* Joins the group that the setting group.id names. */
int segmo__kafka_open_consumer(segmo__kafka **out, const segmo__kafka_options *options,
                               const char *topic, segmo_error **err);
/* Would the settings be taken? Starts nothing. Fails as opening does. */
int segmo__kafka_check(const segmo__kafka_setting *settings, size_t count, segmo_error **err);
/* How a topic stands for a group of consumers. */
typedef struct segmo__kafka_standing {
    uint32_t partitions;
    int64_t lag;          /* records that are not committed */
    int64_t oldest_at_ms; /* when the first of them was written; 0: there is none, or unknown */
    int is_group_known;   /* the brokers told who works on it: */
    uint32_t members;
    uint32_t assigned; /* partitions that the members have */
} segmo__kafka_standing;

/* Asks the brokers, joins nothing. Waits at most about `timeout_ms`; SEGMO_ERR_TIMEOUT: they did
 * not tell. Fails as opening does, too. */
int segmo__kafka_stand(segmo__kafka_standing *out, const segmo__kafka_options *options,
                       const char *topic, const char *group, uint32_t timeout_ms,
                       segmo_error **err);
/* Gives up what is not sent, or leaves the group without a word; waits for librdkafka's threads,
 * usually some milliseconds. Accepts NULL. */
void segmo__kafka_close(segmo__kafka *kafka);

/* The next thing to know; 0: nothing waits. */
int segmo__kafka_next(segmo__kafka *kafka, segmo__kafka_event *event);

/* ---- producers ---- */

/* Takes a copy of the record. 0: nothing was taken; FINE means that librdkafka's queue is full. */
int segmo__kafka_send(segmo__kafka *kafka, const segmo__kafka_record *record, uint64_t tag,
                      segmo__kafka_trouble *trouble);

/* ---- consumers ---- */

/* A place in the topic. The note comes back to whoever gets the partition next. */
typedef struct segmo__kafka_place {
    int32_t partition;
    int64_t offset; /* of the first record that is not done */
    const char *note;
} segmo__kafka_place;

void segmo__kafka_take(segmo__kafka *kafka);
void segmo__kafka_release(segmo__kafka *kafka);
/* Asks the brokers to keep the places; the answer comes as COMMITTED. `waits`: returns when they
 * have answered, at most a few seconds. 0: it could not be asked for, or (waits) went wrong. */
int segmo__kafka_commit(segmo__kafka *kafka, const segmo__kafka_place *places, size_t count,
                        int waits);
/* Stops or goes on fetching. What was fetched and not handed out comes again later. */
void segmo__kafka_pause(segmo__kafka *kafka, const int32_t *partitions, size_t count, int pause);
/* One past the last record of a partition, as far as heard; -1: not yet. */
int64_t segmo__kafka_end(segmo__kafka *kafka, int32_t partition);
/* What was committed with the place of a partition that was just assigned; NULL: nothing. Waits at
 * most `timeout_ms`. The offsets of `places` are filled in (-1: none), the notes are to be freed
 * with segmo__free(). 0: the brokers did not answer. */
int segmo__kafka_committed(segmo__kafka *kafka, segmo__kafka_place *places, size_t count,
                           uint32_t timeout_ms);
/* Begins to leave the group in order: a last REVOKED follows, as a rule; go on calling
 * segmo__kafka_next() until segmo__kafka_has_left(). */
void segmo__kafka_leave(segmo__kafka *kafka);
int segmo__kafka_has_left(segmo__kafka *kafka);

#endif
