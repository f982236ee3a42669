/* librdkafka's mock cluster as a program of its own, led by lines on stdin; each is answered by one
 * line or more on stdout, the last of them "done" or "refused: WORDS".
 *
 *     mock_kafka BROKERS                 says "brokers HOST:PORT,..." when it is up
 *
 *     topic NAME PARTITIONS REPLICAS
 *     down BROKER / up BROKER            brokers are numbered from 1
 *     leader TOPIC PARTITION BROKER
 *     rtt BROKER MILLISECONDS
 *     errors API COUNT CODE              the next COUNT requests of a kind are answered with CODE
 *     put TOPIC KEY SOURCE VALUE         one record with the header segmo-source
 *     read TOPIC PARTITIONS              every record there, a JSON line each
 */
#include <librdkafka/rdkafka.h>

#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rd_kafka_mock_cluster_t *cluster;

static rd_kafka_t *open_handle(rd_kafka_type_t type)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char words[256];
    rd_kafka_t *handle;

    rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
    if (cluster)
        rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster),
                          NULL, 0);
    rd_kafka_conf_set(conf, "enable.partition.eof", "true", NULL, 0);
    rd_kafka_conf_set(conf, "group.id", "mock-reader", NULL, 0);
    handle = rd_kafka_new(type, conf, words, sizeof words);
    if (!handle) {
        fprintf(stderr, "mock_kafka: %s\n", words);
        exit(1);
    }
    return handle;
}

static void put_quoted(const char *bytes, size_t len)
{
    putchar('"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void put_headers(const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    const void *value;
    const char *name;
    size_t len;

    putchar('{');
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
        for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &len); i++) {
            printf("%s\"%s\":", i > 0 ? "," : "", name);
            put_quoted(value, len);
        }
    putchar('}');
}

static void put_record(const rd_kafka_message_t *message)
{
    printf("{\"partition\":%d,\"offset\":%lld,\"time\":%lld,\"key\":", message->partition,
           (long long)message->offset, (long long)rd_kafka_message_timestamp(message, NULL));
    put_quoted(message->key, message->key_len);
    printf(",\"headers\":");
    put_headers(message);
    printf(",\"value\":");
    put_quoted(message->payload, message->len);
    puts("}");
}

static void read_topic(const char *topic, int partitions)
{
    rd_kafka_t *reader = open_handle(RD_KAFKA_CONSUMER);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    int left = partitions;

    for (int i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    while (left > 0) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 10000);

        if (!message)
            break;
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            left--;
        else if (!message->err)
            put_record(message);
        rd_kafka_message_destroy(message);
    }
    rd_kafka_destroy_flags(reader, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

static void push_errors(int api, int count, int code)
{
    rd_kafka_resp_err_t *errors = calloc((size_t)count, sizeof *errors);

    for (int i = 0; i < count; i++)
        errors[i] = (rd_kafka_resp_err_t)code;
    rd_kafka_mock_push_request_errors_array(cluster, (int16_t)api, (size_t)count, errors);
    free(errors);
}

/* Waits until it stands. */
static int put_one(const char *topic, const char *key, const char *source, const char *value)
{
    rd_kafka_t *writer = open_handle(RD_KAFKA_PRODUCER);
    rd_kafka_resp_err_t code =
        rd_kafka_producev(writer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(key, strlen(key)),
                          RD_KAFKA_V_VALUE((void *)(uintptr_t)value, strcspn(value, "\n")),
                          RD_KAFKA_V_HEADER("segmo-source", source, -1), RD_KAFKA_V_END);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = rd_kafka_flush(writer, 10000);
    rd_kafka_destroy(writer);
    return code;
}

static int obey(const char *line)
{
    char verb[16] = "", topic[256] = "";
    char key[256] = "", source[256] = "";
    int one = 0, two = 0, three = 0, at = 0;

    if (sscanf(line, "put %255s %255s %255s %n", topic, key, source, &at) == 3)
        return put_one(topic, key, source, line + at);
    if (sscanf(line, "topic %255s %d %d", topic, &one, &two) == 3)
        return rd_kafka_mock_topic_create(cluster, topic, one, two);
    if (sscanf(line, "leader %255s %d %d", topic, &one, &two) == 3)
        return rd_kafka_mock_partition_set_leader(cluster, topic, one, two);
    if (sscanf(line, "read %255s %d", topic, &one) == 2) {
        read_topic(topic, one);
        return 0;
    }
    if (sscanf(line, "%15s %d %d %d", verb, &one, &two, &three) < 2)
        return -1;
    if (strcmp(verb, "down") == 0)
        return rd_kafka_mock_broker_set_down(cluster, one);
    if (strcmp(verb, "up") == 0)
        return rd_kafka_mock_broker_set_up(cluster, one);
    if (strcmp(verb, "rtt") == 0)
        return rd_kafka_mock_broker_set_rtt(cluster, one, two);
    if (strcmp(verb, "errors") != 0)
        return -1;
    push_errors(one, two, three);
    return 0;
}

int main(int argc, char **argv)
{
    rd_kafka_t *owner = open_handle(RD_KAFKA_PRODUCER);
    char line[4096];

    cluster = rd_kafka_mock_cluster_new(owner, argc > 1 ? (int)strtol(argv[1], NULL, 10) : 3);
    printf("brokers %s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        int code = obey(line);

        if (code == 0)
            puts("done");
        else
            printf("refused: %d for %s", code, line);
        fflush(stdout);
    }
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(owner);
    return 0;
}
