/* librdkafka as it was loaded: a pointer for each function that is used, of the type its header
 * gives. Private to the kafka files; empty where the header is not installed. */
#ifndef SEGMO_DELIVER_KAFKA_LIBRARY_H
#define SEGMO_DELIVER_KAFKA_LIBRARY_H

#if __has_include(<librdkafka/rdkafka.h>)
#define SEGMO__KAFKA_BUILT 1
#include "base/error.h"
#include "deliver/kafka.h"

#include <librdkafka/rdkafka.h>

/* clang-format off */
#define SEGMO__KAFKA_FUNCTIONS(each) \
    each(version_str) each(conf_new) each(conf_set) each(conf_destroy) \
    each(conf_set_events) each(new) each(destroy_flags) each(queue_get_main) \
    each(queue_get_consumer) each(queue_destroy) each(queue_poll) \
    each(queue_cb_event_enable) each(set_log_queue) each(poll_set_consumer) \
    each(event_type) each(event_destroy) each(event_message_next) each(event_error) \
    each(event_error_is_fatal) each(event_topic_partition_list) each(produceva) \
    each(error_code) each(error_destroy) each(err2name) each(err2str) each(fatal_error) \
    each(purge) each(topic_name) each(message_headers) each(header_get_all) \
    each(message_timestamp) each(subscribe) each(assign) each(incremental_assign) \
    each(incremental_unassign) each(rebalance_protocol) each(assignment_lost) each(commit) \
    each(pause_partitions) each(resume_partitions) each(get_watermark_offsets) \
    each(committed) each(consumer_close_queue) each(consumer_closed) each(topic_new) \
    each(topic_destroy) each(metadata) each(metadata_destroy) each(query_watermark_offsets) \
    each(list_groups) each(group_list_destroy) each(sasl_set_credentials)
/* clang-format on */

struct segmo__kafka_library {
#define SEGMO__KAFKA_POINTER(name) __typeof__(rd_kafka_##name) *(name);
    SEGMO__KAFKA_FUNCTIONS(SEGMO__KAFKA_POINTER)
#undef SEGMO__KAFKA_POINTER
    __typeof__(rd_kafka_topic_partition_list_new) *list_new;
    __typeof__(rd_kafka_topic_partition_list_add) *list_add;
    __typeof__(rd_kafka_topic_partition_list_destroy) *list_destroy;
    __typeof__(rd_kafka_topic_partition_list_find) *list_find;
};

/* Loads it once for the process. SEGMO_ERR_UNSUPPORTED. */
int segmo__kafka_load(const struct segmo__kafka_library **out, segmo_error **err);

/* What an error of librdkafka means. When the handle broke because it could not go on without a
 * gap, that is what the error behind it means. */
segmo__kafka_trouble segmo__kafka_judge(const struct segmo__kafka_library *library,
                                        rd_kafka_t *handle, rd_kafka_resp_err_t code,
                                        const char **reason, const char **remedy);
#endif
#endif
