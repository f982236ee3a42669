/* bare_kafka EVENTS SERVERS TOPIC COUNT: what librdkafka alone takes for the records that segmo
 * writes, with the same settings: the floor under the producer's figure. Prints one JSON line. */
#include "bench.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USERS     5000
#define POLL_EACH 1000 /* records between looks at what the broker has */

static rd_kafka_t *open_producer(const char *servers)
{
    static const char *const settings[][2] = {
        {"enable.idempotence", "true"},         {"acks", "all"},
        {"partitioner", "murmur2_random"},      {"message.timeout.ms", "0"},
        {"compression.codec", "lz4"},           {"linger.ms", "20"},
        {"queue.buffering.max.kbytes", "8192"}, {"log_level", "0"}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char words[256];
    rd_kafka_t *producer;

    rd_kafka_conf_set(conf, "bootstrap.servers", servers, NULL, 0);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        rd_kafka_conf_set(conf, settings[i][0], settings[i][1], NULL, 0);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
    producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, words, sizeof words);
    if (!producer) {
        fprintf(stderr, "bare_kafka: %s\n", words);
        exit(1);
    }
    return producer;
}

/* 0: the queue is full. */
static int put(rd_kafka_t *producer, const char *topic, const bench_events *events, size_t number)
{
    const char *value = events->event[number % events->count].at;
    size_t len = events->event[number % events->count].len;
    char key[32], id[64];
    int key_len = snprintf(key, sizeof key, "user-%zu", number % USERS);

    snprintf(id, sizeof id, "00000000-0000-4000-8000-%012zu", number);
    return rd_kafka_producev(
               producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_VALUE((void *)(uintptr_t)value, len),
               RD_KAFKA_V_KEY(key, (size_t)key_len), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
               RD_KAFKA_V_HEADER("segmo-message-id", id, -1),
               RD_KAFKA_V_HEADER("segmo-source", "default", -1),
               RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static size_t take_reports(rd_kafka_queue_t *queue, int wait_ms)
{
    rd_kafka_event_t *event;
    size_t count = 0;

    while ((event = rd_kafka_queue_poll(queue, wait_ms)) != NULL) {
        count += rd_kafka_event_message_count(event);
        rd_kafka_event_destroy(event);
        wait_ms = 0;
    }
    return count;
}

int main(int argc, char **argv)
{
    bench_events events;
    rd_kafka_queue_t *queue;
    rd_kafka_t *producer;
    size_t count, sent = 0, acknowledged = 0;
    double cpu_s;

    if (argc != 5) {
        fprintf(stderr, "usage: bare_kafka EVENTS SERVERS TOPIC COUNT\n");
        return 2;
    }
    events = bench_read_events(argv[1]);
    count = strtoul(argv[4], NULL, 10);
    producer = open_producer(argv[2]);
    queue = rd_kafka_queue_get_main(producer);
    cpu_s = bench_cpu_s();
    while (acknowledged < count) {
        int is_taken = sent < count && put(producer, argv[3], &events, sent);

        sent += (size_t)is_taken;
        if (!is_taken || sent % POLL_EACH == 0)
            acknowledged += take_reports(queue, is_taken ? 0 : 10);
    }
    printf("{\"cpu_s_per_100k\":%.4f}\n", (bench_cpu_s() - cpu_s) * 100000 / (double)count);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(producer);
    return 0;
}
