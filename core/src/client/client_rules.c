/* The rules in force, and how they change while a client runs: whole, or not at all. */
#include "base/json.h"
#include "client/client_parts.h"
#include "client/kafka_settings.h"

segmo__rules *segmo__client_rules(segmo_client *client)
{
    segmo__rules *rules;

    pthread_mutex_lock(&client->rules_lock);
    rules = client->rules;
    segmo__rules_retain(rules);
    pthread_mutex_unlock(&client->rules_lock);
    return rules;
}

static int need_work(const segmo__rules *rules, segmo_error **err)
{
    segmo__destination destination = (segmo__destination)rules->limits.work_for;

    if (segmo__settings_sends_to(rules->settings, destination))
        return SEGMO_OK;
    return segmo__fail(err, SEGMO_ERR_OPTION, "kafka.work_for",
                       "no source sends to %s; configure it there, or leave it to other workers",
                       segmo__destination_name(destination));
}

/* Without a destination every message would be accepted for nowhere. */
int segmo__client_need_destination(const segmo__rules *rules, segmo_error **err)
{
    if (rules->limits.work_for >= 0)
        return need_work(rules, err);
    if (!rules->limits.delivery_enabled || rules->limits.to_kafka ||
        segmo__settings_has_destination(rules->settings))
        return SEGMO_OK;
    return segmo__fail(
        err, SEGMO_ERR_OPTION, "segment.write_key",
        "no destination is configured; set segment.write_key, or moengage.app_id and "
        "moengage.data_api_key, or kafka.bootstrap.servers");
}

/* A worker and other clients have different parts. */
static int keep_part(const segmo__rules *fresh, const segmo__rules *old, segmo_error **err)
{
    if (fresh->limits.work_for == old->limits.work_for)
        return SEGMO_OK;
    return segmo__fail(err, SEGMO_ERR_OPTION, "kafka.work_for",
                       "kafka.work_for does not change while a client runs; open another client "
                       "with it");
}

static int check_fresh(segmo_client *client, const segmo__rules *fresh, const segmo_config *config,
                       segmo_error **err)
{
    int status = keep_part(fresh, client->rules, err);

    if (status == SEGMO_OK)
        status = segmo__client_need_destination(fresh, err);
    if (status == SEGMO_OK && fresh->limits.to_kafka)
        status = segmo__kafka_settings_check(config, err);
    return status;
}

/* Makes a configuration, which is taken over, and the rules it leads to those in force. */
static int put_in_force(segmo_client *client, segmo_config *config, segmo_error **err)
{
    segmo__rules *fresh = NULL, *old;
    int status = segmo__rules_new(&fresh, config, err);

    if (status == SEGMO_OK)
        status = check_fresh(client, fresh, config, err);
    if (status != SEGMO_OK) {
        segmo__rules_release(fresh);
        segmo_config_free(config);
        return status;
    }
    pthread_mutex_lock(&client->rules_lock);
    old = client->rules;
    client->rules = fresh;
    pthread_mutex_unlock(&client->rules_lock);
    segmo__rules_release(old);
    segmo_config_free(client->in_force);
    client->in_force = config;
    return SEGMO_OK;
}

typedef int (*change_fn)(segmo_config *config, const void *ctx, segmo_error **err);

/* Changes a copy of the configuration in force: what is refused changes nothing. */
static int change_settings(segmo_client *client, change_fn change, const void *ctx,
                           segmo_error **err)
{
    segmo_config *config = NULL;
    int status;

    pthread_mutex_lock(&client->change_lock);
    status = segmo__config_copy(&config, client->in_force, err);
    if (status == SEGMO_OK)
        status = change(config, ctx, err);
    if (status == SEGMO_OK)
        status = put_in_force(client, config, err);
    else
        segmo_config_free(config);
    pthread_mutex_unlock(&client->change_lock);
    return status;
}

static int read_file_again(segmo_config *config, const void *ctx, segmo_error **err)
{
    (void)ctx;
    return segmo__config_reload(config, err);
}

int segmo__client_reload(segmo_client *client, segmo_error **err)
{
    segmo_error *error = NULL;
    segmo__buf members;
    int status = change_settings(client, read_file_again, NULL, &error);

    segmo__buf_init(&members, 4096);
    if (status == SEGMO_OK) {
        segmo__buf_add_lit(&members, "\"code\":\"in_force\"");
    } else {
        segmo__buf_add_lit(&members, "\"code\":\"refused\",\"field\":");
        segmo__json_put_text(&members, segmo_error_field(error));
        segmo__buf_add_lit(&members, ",\"message\":");
        segmo__json_put_text(&members, segmo_error_message(error));
    }
    segmo__reports_add(client->reports, SEGMO_REPORT_SETTINGS, segmo__buf_slice(&members));
    segmo__buf_free(&members);
    if (error)
        segmo__error_pass(err, error);
    return status;
}

struct option_value {
    const char *name;
    const char *value;
};

static int set_option(segmo_config *config, const void *ctx, segmo_error **err)
{
    const struct option_value *option = ctx;

    return segmo_config_set(config, option->name, option->value, err);
}

int segmo__client_change(segmo_client *client, const char *name, const char *value,
                         segmo_error **err)
{
    const struct option_value option = {name, value};
    const segmo__option *opt = segmo__option_find(name);

    if (opt && !(opt->bits & SEGMO__OPTION_OF_SOURCE))
        return segmo__fail(err, SEGMO_ERR_OPTION, name,
                           "%s is no setting of a source, and only those change while a client "
                           "runs; open another client with it",
                           name);
    return change_settings(client, set_option, &option, err);
}
