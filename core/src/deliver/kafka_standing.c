/* How a topic stands: what is not done in it, since when, and who works on it. */
#include "deliver/kafka_handle.h"

#ifdef SEGMO__KAFKA_BUILT
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

#define STEP_MS 5

struct look {
    segmo__kafka *kafka;
    const char *topic;
    int64_t until_ms;
    segmo__kafka_standing *out;
    rd_kafka_topic_partition_list_t *open; /* partitions with something to do, from where */
};

static int left_ms(const struct look *look)
{
    int64_t left = look->until_ms - segmo__clock_mono_ms();

    return left > 1 ? (int)left : 1;
}

/* ---- what is not done ---- */

static rd_kafka_resp_err_t count_partitions(struct look *look, int *count)
{
    const struct segmo__kafka_library *of = look->kafka->of;
    rd_kafka_topic_t *topic = of->topic_new(look->kafka->handle, look->topic, NULL);
    const struct rd_kafka_metadata *found = NULL;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;

    *count = 0;
    if (!topic)
        return code;
    code = of->metadata(look->kafka->handle, 0, topic, &found, left_ms(look));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && found->topic_cnt == 1) {
        code = found->topics[0].err;
        *count = found->topics[0].partition_cnt;
    }
    if (found)
        of->metadata_destroy(found);
    of->topic_destroy(topic);
    return code;
}

/* What nobody has committed is to be done from the first record on. */
static rd_kafka_resp_err_t look_at(struct look *look, const rd_kafka_topic_partition_t *place)
{
    int64_t low = 0, high = 0, from;
    rd_kafka_resp_err_t code = look->kafka->of->query_watermark_offsets(
        look->kafka->handle, look->topic, place->partition, &low, &high, left_ms(look));

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return code;
    from = place->offset > low ? place->offset : low;
    if (from >= high)
        return code;
    look->out->lag += high - from;
    look->kafka->of->list_add(look->open, look->topic, place->partition)->offset = from;
    return code;
}

static rd_kafka_resp_err_t look_at_all(struct look *look)
{
    const struct segmo__kafka_library *of = look->kafka->of;
    rd_kafka_topic_partition_list_t *places;
    int count;
    rd_kafka_resp_err_t code = count_partitions(look, &count);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return code;
    places = of->list_new(count);
    for (int i = 0; i < count; i++)
        of->list_add(places, look->topic, i);
    code = of->committed(look->kafka->handle, places, left_ms(look));
    for (int i = 0; i < count && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
        code = look_at(look, &places->elems[i]);
    of->list_destroy(places);
    look->out->partitions = (uint32_t)count;
    return code;
}

/* ---- since when ---- */

/* The first open record of each partition; those that do not come in time are left out. */
static void find_oldest(struct look *look)
{
    const struct segmo__kafka_library *of = look->kafka->of;
    int awaited = look->open->cnt;
    segmo__kafka_event event;

    if (awaited == 0 || of->assign(look->kafka->handle, look->open) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    while (awaited > 0 && segmo__clock_mono_ms() < look->until_ms) {
        rd_kafka_topic_partition_t *place;

        if (!segmo__kafka_next(look->kafka, &event)) {
            segmo__sleep_ms(STEP_MS);
            continue;
        }
        if (event.kind != SEGMO__KAFKA_RECORD)
            continue;
        place = of->list_find(look->open, look->topic, event.record.partition);
        if (!place || place->offset < 0)
            continue;
        place->offset = -1; /* seen */
        awaited--;
        if (look->out->oldest_at_ms == 0 || event.record.timestamp_ms < look->out->oldest_at_ms)
            look->out->oldest_at_ms = event.record.timestamp_ms;
    }
}

/* ---- who works on it ---- */

static uint32_t number_at(const unsigned char *bytes, size_t len)
{
    uint32_t number = 0;

    for (size_t i = 0; i < len; i++)
        number = number << 8 | bytes[i];
    return number;
}

/* A member's assignment, as consumers write it: version, then for each topic its name and its
 * partitions, all numbers big-endian. */
static uint32_t count_assigned(const unsigned char *at, size_t len, const char *topic)
{
    uint32_t assigned = 0, topics;

    if (len < 6)
        return 0;
    topics = number_at(at + 2, 4);
    at += 6, len -= 6;
    for (uint32_t i = 0; i < topics && len >= 2; i++) {
        size_t name_len = number_at(at, 2), count;
        int is_ours;

        if (len < 2 + name_len + 4)
            break;
        is_ours = strlen(topic) == name_len && memcmp(at + 2, topic, name_len) == 0;
        at += 2 + name_len, len -= 2 + name_len;
        count = number_at(at, 4);
        at += 4, len -= 4;
        if (count > len / 4)
            break;
        assigned += is_ours ? (uint32_t)count : 0;
        at += 4 * count, len -= 4 * count;
    }
    return assigned;
}

static void count_members(struct look *look, const char *group)
{
    const struct segmo__kafka_library *of = look->kafka->of;
    const struct rd_kafka_group_list *found = NULL;

    if (of->list_groups(look->kafka->handle, group, &found, left_ms(look)) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    look->out->is_group_known = 1;
    for (int i = 0; i < found->group_cnt; i++)
        for (int k = 0; k < found->groups[i].member_cnt; k++) {
            const struct rd_kafka_group_member_info *member = &found->groups[i].members[k];

            look->out->members++;
            look->out->assigned += count_assigned(
                member->member_assignment, (size_t)member->member_assignment_size, look->topic);
        }
    of->group_list_destroy(found);
}

/* ---- all of it ---- */

static int fail_look(const struct look *look, rd_kafka_resp_err_t code, segmo_error **err)
{
    const char *reason, *remedy;

    segmo__kafka_judge(look->kafka->of, look->kafka->handle, code, &reason, &remedy);
    return segmo__fail(err, SEGMO_ERR_TIMEOUT, "kafka.bootstrap.servers",
                       "the brokers did not tell how %s stands (%s); %s", look->topic, reason,
                       *remedy ? remedy : "check that they run and can be reached");
}

int segmo__kafka_stand(segmo__kafka_standing *out, const segmo__kafka_options *options,
                       const char *topic, const char *group, uint32_t timeout_ms, segmo_error **err)
{
    const segmo__kafka_setting own[] = {
        {"group.id", group, 0}, {"enable.auto.commit", "false", 0}, {"log.queue", "true", 0}};
    struct look look = {
        .topic = topic, .until_ms = segmo__clock_mono_ms() + timeout_ms, .out = out};
    rd_kafka_resp_err_t code;
    int status = segmo__kafka_open_handle(&look.kafka, RD_KAFKA_CONSUMER, options, own,
                                          sizeof own / sizeof own[0], err);

    memset(out, 0, sizeof *out);
    if (status != SEGMO_OK)
        return status;
    look.kafka->topic = segmo__strdup(topic); /* as every consumer's: says how it is closed */
    look.kafka->of->poll_set_consumer(look.kafka->handle);
    segmo__kafka_listen_to(look.kafka, look.kafka->of->queue_get_consumer(look.kafka->handle),
                           options);
    look.open = look.kafka->of->list_new(8);
    code = look_at_all(&look);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        find_oldest(&look);
        count_members(&look, group);
    } else {
        status = fail_look(&look, code, err);
    }
    look.kafka->of->list_destroy(look.open);
    segmo__kafka_close(look.kafka);
    return status;
}
#endif
