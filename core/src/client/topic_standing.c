#include "client/topic_standing.h"

#include "base/clock.h"
#include "base/json.h"
#include "client/kafka_settings.h"
#include "client/options.h"

static void put_number(segmo__buf *out, const char *name, int is_known, int64_t number)
{
    if (is_known)
        segmo__buf_addf(out, ",\"%s\":%lld", name, (long long)number);
    else
        segmo__buf_addf(out, ",\"%s\":null", name);
}

static void put_group(segmo__buf *out, segmo__destination destination, const char *group,
                      const segmo__kafka_standing *standing)
{
    int64_t age_ms = segmo__clock_wall_ms() - standing->oldest_at_ms;

    segmo__buf_addf(out,
                    "{\"destination\":\"%s\",\"group\":", segmo__destination_name(destination));
    segmo__json_put_text(out, group);
    put_number(out, "lag", 1, standing->lag);
    put_number(out, "oldest_ms", standing->lag == 0 || standing->oldest_at_ms > 0,
               standing->lag == 0 || age_ms < 0 ? 0 : age_ms);
    put_number(out, "assigned", standing->is_group_known, standing->assigned);
    put_number(out, "workers", standing->is_group_known, standing->members);
    segmo__buf_add_char(out, '}');
}

struct look {
    const segmo_config *config;
    const segmo__kafka_settings *settings;
    int64_t until_ms;
    uint32_t partitions;
    segmo__buf *out;
};

static int look_at(struct look *look, segmo__destination destination, segmo_error **err)
{
    segmo__kafka_options options = {.settings = look->settings->row,
                                    .setting_count = look->settings->count};
    int64_t left_ms = look->until_ms - segmo__clock_mono_ms();
    segmo__kafka_standing standing = {0};
    segmo__buf group;
    int status;

    segmo__buf_init(&group, 1024);
    segmo__kafka_put_group(&group, look->config, segmo__destination_name(destination));
    segmo__buf_add_char(&group, '\0');
    status = group.failed
                 ? segmo__fail_memory(err)
                 : segmo__kafka_stand(&standing, &options,
                                      segmo__config_value(look->config, "kafka.topic"), group.data,
                                      (uint32_t)(left_ms > 0 ? left_ms : 0), err);
    if (status == SEGMO_OK) {
        look->partitions = standing.partitions;
        put_group(look->out, destination, group.data, &standing);
    }
    segmo__buf_free(&group);
    return status;
}

/* Where no source is configured both groups may be at work. */
static int look_at_groups(struct look *look, segmo_error **err)
{
    segmo__settings *sources = NULL;
    int status = segmo__config_settings(&sources, look->config, err), is_first = 1;

    for (unsigned d = 0; d < SEGMO__DESTINATION_SERVICES && status == SEGMO_OK; d++) {
        if (segmo__settings_has_destination(sources) &&
            !segmo__settings_sends_to(sources, (segmo__destination)d))
            continue;
        if (!is_first)
            segmo__buf_add_char(look->out, ',');
        is_first = 0;
        status = look_at(look, (segmo__destination)d, err);
    }
    segmo__settings_release(sources);
    return status;
}

int segmo__topic_json(const segmo_config *config, uint32_t timeout_ms, segmo__buf *out,
                      segmo_error **err)
{
    segmo__kafka_settings settings;
    struct look look = {.config = config,
                        .settings = &settings,
                        .until_ms = segmo__clock_mono_ms() + timeout_ms,
                        .out = out};
    int status;

    if (!segmo__config_value(config, "kafka.bootstrap.servers"))
        return segmo__fail(err, SEGMO_ERR_OPTION, "kafka.bootstrap.servers",
                           "kafka.bootstrap.servers is missing; name the brokers to begin with");
    status = segmo__kafka_settings_make(&settings, config, SEGMO__KAFKA_READER, err);
    segmo__buf_add_lit(out, "{\"topic\":");
    segmo__json_put_text(out, segmo__config_value(config, "kafka.topic"));
    segmo__buf_add_lit(out, ",\"groups\":[");
    if (status == SEGMO_OK)
        status = look_at_groups(&look, err);
    segmo__buf_addf(out, "],\"partitions\":%u}", look.partitions);
    segmo__kafka_settings_free(&settings);
    return status;
}
