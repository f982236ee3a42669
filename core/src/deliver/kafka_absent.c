/* A build on a machine without librdkafka's header: everything is there but Kafka. */
#include "deliver/kafka.h"

#include "deliver/kafka_library.h"

#ifndef SEGMO__KAFKA_BUILT

static int fail_absent(segmo_error **err)
{
    return segmo__fail(err, SEGMO_ERR_UNSUPPORTED, "kafka.bootstrap.servers",
                       "this segmo was built without Kafka; build it again where librdkafka-dev is "
                       "installed, or leave out kafka.bootstrap.servers");
}

const char *segmo__kafka_name(void)
{
    return "";
}

int segmo__kafka_open_producer(segmo__kafka **out, const segmo__kafka_options *options,
                               segmo_error **err)
{
    (void)out;
    (void)options;
    return fail_absent(err);
}

int segmo__kafka_open_consumer(segmo__kafka **out, const segmo__kafka_options *options,
                               const char *topic, segmo_error **err)
{
    (void)out;
    (void)options;
    (void)topic;
    return fail_absent(err);
}

int segmo__kafka_check(const segmo__kafka_setting *settings, size_t count, segmo_error **err)
{
    (void)settings;
    (void)count;
    return fail_absent(err);
}

int segmo__kafka_stand(segmo__kafka_standing *out, const segmo__kafka_options *options,
                       const char *topic, const char *group, uint32_t timeout_ms, segmo_error **err)
{
    (void)out;
    (void)options;
    (void)topic;
    (void)group;
    (void)timeout_ms;
    return fail_absent(err);
}

/* No handle exists, so nothing below is ever called with one. */

void segmo__kafka_close(segmo__kafka *kafka)
{
    (void)kafka;
}

int segmo__kafka_next(segmo__kafka *kafka, segmo__kafka_event *event)
{
    (void)kafka;
    (void)event;
    return 0;
}

int segmo__kafka_send(segmo__kafka *kafka, const segmo__kafka_record *record, uint64_t tag,
                      segmo__kafka_trouble *trouble)
{
    (void)kafka;
    (void)record;
    (void)tag;
    *trouble = SEGMO__KAFKA_SETTINGS;
    return 0;
}

void segmo__kafka_take(segmo__kafka *kafka)
{
    (void)kafka;
}

void segmo__kafka_release(segmo__kafka *kafka)
{
    (void)kafka;
}

int segmo__kafka_commit(segmo__kafka *kafka, const segmo__kafka_place *places, size_t count,
                        int waits)
{
    (void)kafka;
    (void)places;
    (void)count;
    (void)waits;
    return 0;
}

void segmo__kafka_pause(segmo__kafka *kafka, const int32_t *partitions, size_t count, int pause)
{
    (void)kafka;
    (void)partitions;
    (void)count;
    (void)pause;
}

int64_t segmo__kafka_end(segmo__kafka *kafka, int32_t partition)
{
    (void)kafka;
    (void)partition;
    return -1;
}

int segmo__kafka_committed(segmo__kafka *kafka, segmo__kafka_place *places, size_t count,
                           uint32_t timeout_ms)
{
    (void)kafka;
    (void)places;
    (void)count;
    (void)timeout_ms;
    return 0;
}

void segmo__kafka_leave(segmo__kafka *kafka)
{
    (void)kafka;
}

int segmo__kafka_has_left(segmo__kafka *kafka)
{
    (void)kafka;
    return 1;
}
#endif
