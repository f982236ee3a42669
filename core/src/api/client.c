/* The functions of a client: argument, fork and closed checks, then the call. */
#include "client/client.h"

#include "api/hand_out.h"
#include "base/clock.h"
#include "client/pipeline.h"
#include "client/storage.h"

static int64_t deadline(uint32_t timeout_ms)
{
    return segmo__clock_mono_ms() + timeout_ms;
}

int segmo_client_open(segmo_client **out, const segmo_config *config, segmo_error **err)
{
    int status = segmo__need(out, "out", err);

    if (status == SEGMO_OK)
        status = segmo__need(config, "config", err);
    return status == SEGMO_OK ? segmo__client_new(out, config, err) : status;
}

int segmo_client_set(segmo_client *client, const char *name, const char *value, segmo_error **err)
{
    int status = segmo__client_enter(client, err);

    if (status != SEGMO_OK)
        return status;
    status = segmo__need(name, "name", err);
    if (status == SEGMO_OK)
        status = segmo__client_set(client, name, value, err);
    segmo__client_leave(client);
    return status;
}

int segmo_client_reload(segmo_client *client, segmo_error **err)
{
    int status = segmo__client_enter(client, err);

    if (status != SEGMO_OK)
        return status;
    status = segmo__client_reload(client, err);
    segmo__client_leave(client);
    return status;
}

int segmo_client_source_json(segmo_client *client, const char *source, char **out, size_t *out_len,
                             segmo_error **err)
{
    segmo__buf answer;
    int status = segmo__client_enter(client, err);

    if (status != SEGMO_OK)
        return status;
    segmo__buf_init(&answer, SEGMO__ANSWER_MAX);
    status = segmo__pipeline_source_json(client, source, &answer, err);
    status = segmo__hand_out(status, &answer, out, out_len, err);
    segmo__client_leave(client);
    return status;
}

int segmo_client_enqueue(segmo_client *client, const char *source, const char *json,
                         size_t json_len, segmo_error **err)
{
    int status = segmo__client_enter(client, err);

    if (status != SEGMO_OK)
        return status;
    status = segmo__need(json, "json", err);
    if (status == SEGMO_OK)
        status = segmo__pipeline_accept(client, source, (segmo__slice){json, json_len}, -1, err);
    segmo__client_leave(client);
    return status;
}

typedef int (*accept_fn)(segmo_client *client, const char *source, segmo__slice json,
                         segmo__buf *out, segmo_error **err);

static int accept_many(accept_fn accept, segmo_client *client, const char *source, const char *json,
                       size_t json_len, char **out, size_t *out_len, segmo_error **err)
{
    segmo__buf result;
    int status = segmo__client_enter(client, err);

    if (status != SEGMO_OK)
        return status;
    segmo__buf_init(&result, SEGMO__ANSWER_MAX);
    status = segmo__need(json, "json", err);
    if (status == SEGMO_OK)
        status = segmo__need(out, "out", err);
    if (status == SEGMO_OK)
        status = accept(client, source, (segmo__slice){json, json_len}, &result, err);
    status = segmo__hand_out(status, &result, out, out_len, err);
    segmo__client_leave(client);
    return status;
}

int segmo_client_enqueue_batch(segmo_client *client, const char *source, const char *json,
                               size_t json_len, char **out, size_t *out_len, segmo_error **err)
{
    return accept_many(segmo__pipeline_accept_batch, client, source, json, json_len, out, out_len,
                       err);
}

int segmo_client_import_streams(segmo_client *client, const char *source, const char *json,
                                size_t json_len, char **out, size_t *out_len, segmo_error **err)
{
    return accept_many(segmo__pipeline_accept_streams, client, source, json, json_len, out, out_len,
                       err);
}

int segmo_client_sync(segmo_client *client, uint32_t timeout_ms, segmo_error **err)
{
    int status = segmo__client_enter(client, err);

    if (status != SEGMO_OK)
        return status;
    status = segmo__spool_sync(client->spool, timeout_ms, err);
    if (status == SEGMO_OK) /* what a full destination could not take is a dead letter at once */
        status = segmo__dead_letters_sync(client->letters, err);
    segmo__client_leave(client);
    return status;
}

int segmo_client_wait_room(segmo_client *client, uint32_t timeout_ms, segmo_error **err)
{
    int status = segmo__client_enter(client, err);

    if (status != SEGMO_OK)
        return status;
    status = segmo__spool_wait_room(client->spool, timeout_ms, err);
    segmo__client_leave(client);
    return status;
}

int segmo_client_flush(segmo_client *client, uint32_t timeout_ms, segmo_error **err)
{
    int status = segmo__client_enter(client, err);

    if (status != SEGMO_OK)
        return status;
    status = segmo__client_flush(client, segmo__client_mark(client), deadline(timeout_ms), err);
    segmo__client_leave(client);
    return status;
}

int segmo_client_mark(segmo_client *client, uint64_t *mark, segmo_error **err)
{
    int status = segmo__need(mark, "mark", err);
    segmo__spool_mark end;

    if (status == SEGMO_OK)
        status = segmo__client_enter(client, err);
    if (status != SEGMO_OK)
        return status;
    end = segmo__client_mark(client);
    *mark = (uint64_t)end.file << 32 | end.offset;
    segmo__client_leave(client);
    return SEGMO_OK;
}

int segmo_client_flush_to(segmo_client *client, uint64_t mark, uint32_t timeout_ms,
                          segmo_error **err)
{
    segmo__spool_mark end = {(uint32_t)(mark >> 32), (uint32_t)mark};
    int status = segmo__client_enter(client, err);

    if (status != SEGMO_OK)
        return status;
    status = segmo__client_flush(client, end, deadline(timeout_ms), err);
    segmo__client_leave(client);
    return status;
}

/* Reports and stats may be read after closing too, so only the argument is checked. */
int segmo_client_poll(segmo_client *client, segmo_report **out, uint32_t timeout_ms,
                      segmo_error **err)
{
    int status = segmo__need(client, "client", err);

    if (status == SEGMO_OK)
        status = segmo__need(out, "out", err);
    if (status != SEGMO_OK)
        return status;
    atomic_fetch_add(&client->calls, 1);
    *out = segmo__reports_take(client->reports, deadline(timeout_ms));
    segmo__client_leave(client);
    return SEGMO_OK;
}

int segmo_client_report_fd(segmo_client *client)
{
    return client ? segmo__reports_fd(client->reports) : -1;
}

int segmo_client_stats_json(segmo_client *client, char **out, size_t *out_len, segmo_error **err)
{
    int entered = segmo__client_enter(client, NULL);
    int status = segmo__need(client, "client", err);
    segmo__buf stats;

    if (status == SEGMO_OK)
        status = segmo__need(out, "out", err);
    if (status == SEGMO_OK) {
        segmo__buf_init(&stats, SEGMO__ANSWER_MAX);
        if (entered == SEGMO_OK)
            segmo__client_stats(client, &stats);
        else
            segmo__client_last_stats(client, &stats);
        status = segmo__hand_out(stats.failed ? segmo__fail_memory(err) : SEGMO_OK, &stats, out,
                                 out_len, err);
    }
    if (entered == SEGMO_OK)
        segmo__client_leave(client);
    return status;
}

int segmo_client_explain(segmo_client *client, const char *source, const char *json,
                         size_t json_len, char **out, size_t *out_len, segmo_error **err)
{
    segmo__buf answer;
    segmo__rules *rules;
    int status = segmo__client_enter(client, err);

    if (status != SEGMO_OK)
        return status;
    segmo__buf_init(&answer, SEGMO__ANSWER_MAX);
    rules = segmo__client_rules(client);
    status = segmo__need(json, "json", err);
    if (status == SEGMO_OK)
        status =
            segmo__pipeline_explain(rules, source, (segmo__slice){json, json_len}, &answer, err);
    segmo__rules_release(rules);
    status = segmo__hand_out(status, &answer, out, out_len, err);
    segmo__client_leave(client);
    return status;
}

int segmo_client_holds(segmo_client *client, const char *message_id, int *found, segmo_error **err)
{
    int status = segmo__client_enter(client, err);

    if (status != SEGMO_OK)
        return status;
    status = segmo__need(message_id, "message_id", err);
    if (status == SEGMO_OK)
        status = segmo__need(found, "found", err);
    if (status == SEGMO_OK)
        status = segmo__storage_holds(client->config, message_id, found, err);
    segmo__client_leave(client);
    return status;
}

int segmo_client_close(segmo_client *client, uint32_t timeout_ms, segmo_error **err)
{
    int status = segmo__need(client, "client", err);

    return status == SEGMO_OK ? segmo__client_stop(client, deadline(timeout_ms), err) : status;
}

void segmo_client_free(segmo_client *client)
{
    segmo__client_free(client);
}
