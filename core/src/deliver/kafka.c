/* Handles of librdkafka, and what they tell. */
#include "deliver/kafka.h"

#include "deliver/kafka_handle.h"

#ifdef SEGMO__KAFKA_BUILT
#include "base/mem.h"

#define PARTITIONS_MAX 4096
#define RECORD_EVENTS                                                                              \
    (RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT)
#define ALWAYS_EVENTS (RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG)

/* ---- opening ---- */

static int refuse_setting(const segmo__kafka_setting *setting, const char *words, segmo_error **err)
{
    char field[96] = "kafka.";
    segmo__buf name = {.data = field, .len = 6, .cap = sizeof field, .max = sizeof field};

    segmo__buf_add_str(&name, setting->name);
    segmo__buf_add_char(&name, '\0');
    return segmo__fail(err, SEGMO_ERR_OPTION, field, "%s is refused by librdkafka: %s", field,
                       setting->is_secret ? "its value has not the form it needs" : words);
}

static int apply(const struct segmo__kafka_library *of, rd_kafka_conf_t *conf,
                 const segmo__kafka_setting *settings, size_t count, segmo_error **err)
{
    char words[256] = "";

    for (size_t i = 0; i < count; i++)
        if (of->conf_set(conf, settings[i].name, settings[i].value, words, sizeof words) !=
            RD_KAFKA_CONF_OK)
            return refuse_setting(&settings[i], words, err);
    return SEGMO_OK;
}

/* 0: librdkafka is older than 2.2 and cannot be told to. */
static int look_often_when_full(const struct segmo__kafka_library *of, rd_kafka_conf_t *conf)
{
    return of->conf_set(conf, "fetch.queue.backoff.ms", "10", NULL, 0) == RD_KAFKA_CONF_OK;
}

static void wake_owner(rd_kafka_t *handle, void *ctx)
{
    const segmo__kafka *kafka = ctx;

    (void)handle;
    kafka->wake(kafka->ctx);
}

static char *copy_setting(const segmo__kafka_options *options, const char *name)
{
    const char *value = "";

    for (size_t i = 0; i < options->setting_count; i++)
        if (strcmp(options->settings[i].name, name) == 0)
            value = options->settings[i].value;
    return segmo__strdup(value);
}

static int remember_credentials(segmo__kafka *kafka, const segmo__kafka_options *options)
{
    kafka->user = copy_setting(options, "sasl.username");
    kafka->password = copy_setting(options, "sasl.password");
    return kafka->user && kafka->password;
}

/* librdkafka takes the configuration over when it makes a handle, and only then. */
int segmo__kafka_open_handle(segmo__kafka **out, rd_kafka_type_t type,
                             const segmo__kafka_options *options, const segmo__kafka_setting *own,
                             size_t own_count, segmo_error **err)
{
    segmo__kafka *kafka = segmo__zalloc(sizeof *kafka);
    rd_kafka_conf_t *conf = NULL;
    char words[256] = "";
    int status;

    if (!kafka)
        return segmo__fail_memory(err);
    status = segmo__kafka_load(&kafka->of, err);
    if (status != SEGMO_OK)
        goto fail;
    conf = kafka->of->conf_new();
    kafka->sleeps_on_full = type == RD_KAFKA_CONSUMER && !look_often_when_full(kafka->of, conf);
    status = remember_credentials(kafka, options)
                 ? apply(kafka->of, conf, options->settings, options->setting_count, err)
                 : segmo__fail_memory(err);
    if (status == SEGMO_OK)
        status = apply(kafka->of, conf, own, own_count, err);
    if (status != SEGMO_OK)
        goto fail;
    kafka->of->conf_set_events(
        conf, ALWAYS_EVENTS | (type == RD_KAFKA_PRODUCER ? RD_KAFKA_EVENT_DR : RECORD_EVENTS));
    kafka->handle = kafka->of->new (type, conf, words, sizeof words);
    if (!kafka->handle) {
        status = segmo__fail(err, SEGMO_ERR_OPTION, "kafka.bootstrap.servers",
                             "librdkafka refuses the settings under kafka.: %s", words);
        goto fail;
    }
    kafka->of->set_log_queue(kafka->handle, NULL);
    *out = kafka;
    return SEGMO_OK;
fail:
    if (conf)
        kafka->of->conf_destroy(conf);
    segmo__free(kafka->user);
    segmo__free(kafka->password);
    segmo__free(kafka);
    return status;
}

void segmo__kafka_listen_to(segmo__kafka *kafka, rd_kafka_queue_t *queue,
                            const segmo__kafka_options *options)
{
    kafka->queue = queue;
    kafka->wake = options->wake;
    kafka->ctx = options->ctx;
    if (options->wake)
        kafka->of->queue_cb_event_enable(queue, wake_owner, kafka);
}

int segmo__kafka_check(const segmo__kafka_setting *settings, size_t count, segmo_error **err)
{
    const struct segmo__kafka_library *of;
    int status = segmo__kafka_load(&of, err);
    rd_kafka_conf_t *conf;

    if (status != SEGMO_OK)
        return status;
    conf = of->conf_new();
    status = apply(of, conf, settings, count, err);
    of->conf_destroy(conf);
    return status;
}

int segmo__kafka_open_producer(segmo__kafka **out, const segmo__kafka_options *options,
                               segmo_error **err)
{
    static const segmo__kafka_setting own[] = {
        {"enable.idempotence", "true", 0},
        {"enable.gapless.guarantee", "true", 0}, /* what is behind a failure does not overtake it */
        {"acks", "all", 0},
        {"partitioner", "murmur2_random", 0}, /* as the Java client's */
        {"message.timeout.ms", "0", 0},       /* the spool decides how long a message is tried */
        {"log.queue", "true", 0},
    };
    int status = segmo__kafka_open_handle(out, RD_KAFKA_PRODUCER, options, own,
                                          sizeof own / sizeof own[0], err);

    if (status == SEGMO_OK)
        segmo__kafka_listen_to(*out, (*out)->of->queue_get_main((*out)->handle), options);
    return status;
}

static int subscribe(segmo__kafka *kafka, segmo_error **err)
{
    rd_kafka_topic_partition_list_t *topics = kafka->of->list_new(1);
    rd_kafka_resp_err_t code;

    kafka->of->list_add(topics, kafka->topic, RD_KAFKA_PARTITION_UA);
    code = kafka->of->subscribe(kafka->handle, topics);
    kafka->of->list_destroy(topics);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? SEGMO_OK
               : segmo__fail(err, SEGMO_ERR_OPTION, "kafka.topic",
                             "the topic cannot be subscribed to (%s); mend its name",
                             kafka->of->err2name(code));
}

int segmo__kafka_open_consumer(segmo__kafka **out, const segmo__kafka_options *options,
                               const char *topic, segmo_error **err)
{
    static const segmo__kafka_setting own[] = {
        {"enable.auto.commit", "false", 0},
        {"enable.auto.offset.store", "false", 0},
        {"enable.partition.eof", "false", 0},
        {"log.queue", "true", 0},
    };
    segmo__kafka *kafka = NULL;
    int status = segmo__kafka_open_handle(&kafka, RD_KAFKA_CONSUMER, options, own,
                                          sizeof own / sizeof own[0], err);

    if (!kafka)
        return status;
    kafka->topic = segmo__strdup(topic);
    kafka->partitions = segmo__alloc(PARTITIONS_MAX * sizeof *kafka->partitions);
    kafka->of->poll_set_consumer(kafka->handle);
    segmo__kafka_listen_to(kafka, kafka->of->queue_get_consumer(kafka->handle), options);
    status = kafka->topic && kafka->partitions ? subscribe(kafka, err) : segmo__fail_memory(err);
    if (status != SEGMO_OK)
        segmo__kafka_close(kafka);
    else
        *out = kafka;
    return status;
}

void segmo__kafka_close(segmo__kafka *kafka)
{
    if (!kafka)
        return;
    if (kafka->queue) {
        kafka->of->queue_cb_event_enable(kafka->queue, NULL, NULL);
        kafka->of->queue_destroy(kafka->queue);
    }
    if (kafka->event)
        kafka->of->event_destroy(kafka->event);
    if (kafka->rebalance)
        kafka->of->event_destroy(kafka->rebalance);
    if (!kafka->topic)
        kafka->of->purge(kafka->handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                            RD_KAFKA_PURGE_F_NON_BLOCKING);
    kafka->of->destroy_flags(kafka->handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    segmo__free(kafka->topic);
    segmo__free(kafka->user);
    segmo__free(kafka->password);
    segmo__free(kafka->partitions);
    segmo__free(kafka);
}

/* ---- events ---- */

static void tell_trouble(const segmo__kafka *kafka, segmo__kafka_event *event,
                         rd_kafka_resp_err_t code)
{
    event->trouble =
        segmo__kafka_judge(kafka->of, kafka->handle, code, &event->reason, &event->remedy);
}

/* The next message of the event at hand; 0: there is no further one. */
static int next_sent(segmo__kafka *kafka, segmo__kafka_event *event)
{
    const rd_kafka_message_t *message = kafka->of->event_message_next(kafka->event);

    if (!message)
        return 0;
    event->kind = message->err ? SEGMO__KAFKA_FAILED : SEGMO__KAFKA_SENT;
    event->tag = (uint64_t)(uintptr_t)message->_private;
    if (message->err)
        tell_trouble(kafka, event, message->err);
    return 1;
}

static void read_headers(const segmo__kafka *kafka, const rd_kafka_message_t *message,
                         segmo__kafka_record *record)
{
    rd_kafka_headers_t *headers;
    const void *value;
    const char *name;
    size_t len;

    if (kafka->of->message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    for (size_t i = 0; i < SEGMO__KAFKA_HEADERS_MAX; i++) {
        if (kafka->of->header_get_all(headers, i, &name, &value, &len) !=
            RD_KAFKA_RESP_ERR_NO_ERROR)
            return;
        record->headers[record->header_count++] =
            (segmo__kafka_header){name, {value, value ? len : 0}};
    }
}

static int next_read(segmo__kafka *kafka, segmo__kafka_event *event)
{
    const rd_kafka_message_t *message = kafka->of->event_message_next(kafka->event);
    segmo__kafka_record *record = &event->record;
    rd_kafka_timestamp_type_t type;

    if (!message)
        return 0;
    if (message->err) {
        event->kind = SEGMO__KAFKA_TROUBLE;
        tell_trouble(kafka, event, message->err);
        return 1;
    }
    kafka->took_records = 1;
    event->kind = SEGMO__KAFKA_RECORD;
    record->topic = kafka->topic;
    record->key = (segmo__slice){message->key, message->key ? message->key_len : 0};
    record->value = (segmo__slice){message->payload, message->payload ? message->len : 0};
    record->partition = message->partition;
    record->offset = message->offset;
    record->timestamp_ms = kafka->of->message_timestamp(message, &type);
    read_headers(kafka, message, record);
    return 1;
}

static int read_rebalance(segmo__kafka *kafka, segmo__kafka_event *event)
{
    rd_kafka_topic_partition_list_t *list = kafka->of->event_topic_partition_list(kafka->event);
    rd_kafka_resp_err_t code = kafka->of->event_error(kafka->event);

    if (kafka->rebalance)
        kafka->of->event_destroy(kafka->rebalance);
    kafka->rebalance = kafka->event;
    kafka->event = NULL;
    kafka->is_revoke = code != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    event->kind = kafka->is_revoke ? SEGMO__KAFKA_REVOKED : SEGMO__KAFKA_ASSIGNED;
    event->lost = kafka->is_revoke && kafka->of->assignment_lost(kafka->handle);
    event->partitions = kafka->partitions;
    for (int i = 0; list && i < list->cnt && i < PARTITIONS_MAX; i++)
        kafka->partitions[event->partition_count++] = list->elems[i].partition;
    return 1;
}

static int read_event(segmo__kafka *kafka, segmo__kafka_event *event)
{
    rd_kafka_resp_err_t code;

    switch (kafka->of->event_type(kafka->event)) {
    case RD_KAFKA_EVENT_DR:
        return next_sent(kafka, event);
    case RD_KAFKA_EVENT_FETCH:
        return next_read(kafka, event);
    case RD_KAFKA_EVENT_REBALANCE:
        return read_rebalance(kafka, event);
    case RD_KAFKA_EVENT_OFFSET_COMMIT:
    case RD_KAFKA_EVENT_ERROR:
        code = kafka->of->event_error(kafka->event);
        event->kind = kafka->of->event_type(kafka->event) == RD_KAFKA_EVENT_ERROR
                          ? SEGMO__KAFKA_TROUBLE
                          : SEGMO__KAFKA_COMMITTED;
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            tell_trouble(kafka, event, code);
        if (event->kind == SEGMO__KAFKA_TROUBLE && kafka->of->event_error_is_fatal(kafka->event))
            event->is_broken = 1;
        kafka->of->event_destroy(kafka->event);
        kafka->event = NULL;
        return 1;
    default: /* log lines: whom they tell something hears it by an error too */
        return 0;
    }
}

/* Before 2.2, librdkafka's threads that found their queue full sleep for up to a second, however
 * fast it is emptied. Of what it offers, only telling it the credentials again wakes them. */
static void go_on_fetching(segmo__kafka *kafka)
{
    rd_kafka_error_t *error;

    if (!kafka->sleeps_on_full || !kafka->took_records)
        return;
    kafka->took_records = 0;
    error = kafka->of->sasl_set_credentials(kafka->handle, kafka->user, kafka->password);
    if (error)
        kafka->of->error_destroy(error);
}

int segmo__kafka_next(segmo__kafka *kafka, segmo__kafka_event *event)
{
    for (;;) {
        *event = (segmo__kafka_event){.reason = "", .remedy = ""};
        if (kafka->event && read_event(kafka, event))
            return 1;
        if (kafka->event)
            kafka->of->event_destroy(kafka->event);
        kafka->event = kafka->of->queue_poll(kafka->queue, 0);
        if (!kafka->event) {
            go_on_fetching(kafka);
            return 0;
        }
    }
}

/* ---- producers ---- */

static rd_kafka_resp_err_t produce(segmo__kafka *kafka, const segmo__kafka_record *record,
                                   uint64_t tag)
{
    rd_kafka_vu_t parts[6 + SEGMO__KAFKA_HEADERS_MAX];
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_error_t *error;
    size_t count = 0;

    parts[count].vtype = RD_KAFKA_VTYPE_TOPIC;
    parts[count++].u.cstr = record->topic;
    parts[count].vtype = RD_KAFKA_VTYPE_VALUE;
    parts[count].u.mem.ptr = (void *)(uintptr_t)record->value.at;
    parts[count++].u.mem.size = record->value.len;
    parts[count].vtype = RD_KAFKA_VTYPE_KEY;
    parts[count].u.mem.ptr = record->key.len > 0 ? (void *)(uintptr_t)record->key.at : NULL;
    parts[count++].u.mem.size = record->key.len;
    parts[count].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    parts[count++].u.i = RD_KAFKA_MSG_F_COPY;
    parts[count].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
    parts[count++].u.i64 = record->timestamp_ms;
    parts[count].vtype = RD_KAFKA_VTYPE_OPAQUE;
    parts[count++].u.ptr = (void *)(uintptr_t)tag;
    for (size_t i = 0; i < record->header_count; i++) {
        parts[count].vtype = RD_KAFKA_VTYPE_HEADER;
        parts[count].u.header.name = record->headers[i].name;
        parts[count].u.header.val = record->headers[i].value.at;
        parts[count++].u.header.size = (ssize_t)record->headers[i].value.len;
    }
    error = kafka->of->produceva(kafka->handle, parts, count);
    if (error) {
        code = kafka->of->error_code(error);
        kafka->of->error_destroy(error);
    }
    return code;
}

int segmo__kafka_send(segmo__kafka *kafka, const segmo__kafka_record *record, uint64_t tag,
                      segmo__kafka_trouble *trouble)
{
    rd_kafka_resp_err_t code = produce(kafka, record, tag);
    const char *reason, *remedy;

    *trouble = SEGMO__KAFKA_FINE;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return 1;
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        *trouble = segmo__kafka_judge(kafka->of, kafka->handle, code, &reason, &remedy);
    return 0;
}

/* ---- consumers ---- */

static int is_cooperative(const segmo__kafka *kafka)
{
    const char *protocol = kafka->of->rebalance_protocol(kafka->handle);

    return protocol && strcmp(protocol, "COOPERATIVE") == 0;
}

static void answer_rebalance(segmo__kafka *kafka)
{
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_error_t *error = NULL;

    if (!kafka->rebalance)
        return;
    list = kafka->of->event_topic_partition_list(kafka->rebalance);
    if (is_cooperative(kafka))
        error = kafka->is_revoke ? kafka->of->incremental_unassign(kafka->handle, list)
                                 : kafka->of->incremental_assign(kafka->handle, list);
    else
        kafka->of->assign(kafka->handle, kafka->is_revoke ? NULL : list);
    if (error)
        kafka->of->error_destroy(error);
    kafka->of->event_destroy(kafka->rebalance);
    kafka->rebalance = NULL;
}

void segmo__kafka_take(segmo__kafka *kafka)
{
    answer_rebalance(kafka);
}

void segmo__kafka_release(segmo__kafka *kafka)
{
    answer_rebalance(kafka);
}

int segmo__kafka_commit(segmo__kafka *kafka, const segmo__kafka_place *places, size_t count,
                        int waits)
{
    rd_kafka_topic_partition_list_t *list = kafka->of->list_new((int)count);
    rd_kafka_resp_err_t code;

    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_t *place =
            kafka->of->list_add(list, kafka->topic, places[i].partition);

        place->offset = places[i].offset;
        if (places[i].note && *places[i].note) {
            place->metadata = (void *)(uintptr_t)places[i].note;
            place->metadata_size = strlen(places[i].note);
        }
    }
    code = kafka->of->commit(kafka->handle, list, !waits);
    for (size_t i = 0; i < count; i++) {
        list->elems[i].metadata = NULL; /* the caller's */
        list->elems[i].metadata_size = 0;
    }
    kafka->of->list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

void segmo__kafka_pause(segmo__kafka *kafka, const int32_t *partitions, size_t count, int pause)
{
    rd_kafka_topic_partition_list_t *list = kafka->of->list_new((int)count);

    for (size_t i = 0; i < count; i++)
        kafka->of->list_add(list, kafka->topic, partitions[i]);
    if (pause)
        kafka->of->pause_partitions(kafka->handle, list);
    else
        kafka->of->resume_partitions(kafka->handle, list);
    kafka->of->list_destroy(list);
}

int64_t segmo__kafka_end(segmo__kafka *kafka, int32_t partition)
{
    int64_t low, high;

    if (kafka->of->get_watermark_offsets(kafka->handle, kafka->topic, partition, &low, &high) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
        return -1;
    return high >= 0 ? high : -1;
}

int segmo__kafka_committed(segmo__kafka *kafka, segmo__kafka_place *places, size_t count,
                           uint32_t timeout_ms)
{
    rd_kafka_topic_partition_list_t *list = kafka->of->list_new((int)count);
    rd_kafka_resp_err_t code;

    for (size_t i = 0; i < count; i++)
        kafka->of->list_add(list, kafka->topic, places[i].partition);
    code = kafka->of->committed(kafka->handle, list, (int)timeout_ms);
    for (size_t i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < count; i++) {
        places[i].offset = list->elems[i].offset >= 0 ? list->elems[i].offset : -1;
        places[i].note = list->elems[i].metadata_size > 0
                             ? segmo__strndup(list->elems[i].metadata, list->elems[i].metadata_size)
                             : NULL;
    }
    kafka->of->list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

void segmo__kafka_leave(segmo__kafka *kafka)
{
    rd_kafka_error_t *error = kafka->of->consumer_close_queue(kafka->handle, kafka->queue);

    if (error)
        kafka->of->error_destroy(error);
}

int segmo__kafka_has_left(segmo__kafka *kafka)
{
    return kafka->of->consumer_closed(kafka->handle);
}
#endif
