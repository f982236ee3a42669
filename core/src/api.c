/* The public functions: argument, fork and closed checks, then the call. */
#include "base/clock.h"
#include "base/json.h"
#include "base/json_bytes.h"
#include "base/mem.h"
#include "client/client.h"
#include "client/pipeline.h"
#include "client/probe.h"
#include "client/storage.h"
#include "client/topic_standing.h"
#include "deliver/compress.h"
#include "deliver/http.h"

#include <stdio.h>

#define RESULT_MAX (64u << 20)

const char *segmo_version(void)
{
    return SEGMO_VERSION;
}

int segmo_abi_version(void)
{
    return SEGMO_ABI_VERSION;
}

const char *segmo_features(void)
{
    static char text[256];
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

    pthread_mutex_lock(&lock);
    if (!text[0]) {
        segmo__buf out = {.data = text, .cap = sizeof text, .max = sizeof text};

        segmo__buf_addf(&out, "{\"version\":\"%s\",\"abi\":%d,\"gzip\":\"%s\",\"curl\":\"%s\"}",
                        SEGMO_VERSION, SEGMO_ABI_VERSION, segmo__gzip_name(), segmo__http_name());
        segmo__buf_add_char(&out, '\0');
    }
    pthread_mutex_unlock(&lock);
    return text;
}

void segmo_free(void *memory)
{
    segmo__free(memory);
}

/* ---- small helpers ----------------------------------------------------------------------- */

/* Hands a finished buffer to the caller, or frees it when the call failed. */
static int hand_out(int status, segmo__buf *buf, char **out, size_t *out_len, segmo_error **err)
{
    if (status >= SEGMO_OK && !out)
        status = segmo__need(out, "out", err);
    if (status < SEGMO_OK || !out) {
        segmo__buf_free(buf);
        return status;
    }
    if (out_len)
        *out_len = buf->len;
    *out = segmo__buf_detach(buf);
    return *out ? status : segmo__fail_memory(err);
}

static int64_t deadline(uint32_t timeout_ms)
{
    return segmo__clock_mono_ms() + timeout_ms;
}

/* ---- client ------------------------------------------------------------------------------ */

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
    segmo__buf_init(&answer, RESULT_MAX);
    status = segmo__pipeline_source_json(client, source, &answer, err);
    status = hand_out(status, &answer, out, out_len, err);
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
    segmo__buf_init(&result, RESULT_MAX);
    status = segmo__need(json, "json", err);
    if (status == SEGMO_OK)
        status = segmo__need(out, "out", err);
    if (status == SEGMO_OK)
        status = accept(client, source, (segmo__slice){json, json_len}, &result, err);
    status = hand_out(status, &result, out, out_len, err);
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
        segmo__buf_init(&stats, RESULT_MAX);
        if (entered == SEGMO_OK)
            segmo__client_stats(client, &stats);
        else
            segmo__client_last_stats(client, &stats);
        status =
            hand_out(stats.failed ? segmo__fail_memory(err) : SEGMO_OK, &stats, out, out_len, err);
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
    segmo__buf_init(&answer, RESULT_MAX);
    rules = segmo__client_rules(client);
    status = segmo__need(json, "json", err);
    if (status == SEGMO_OK)
        status =
            segmo__pipeline_explain(rules, source, (segmo__slice){json, json_len}, &answer, err);
    segmo__rules_release(rules);
    status = hand_out(status, &answer, out, out_len, err);
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

/* ---- the six calls ----------------------------------------------------------------------- */

/* Collects a message's members; what the caller gives as JSON is checked with the whole message. */
struct call {
    segmo__buf json;
    const char *garbled; /* the member whose text is no UTF-8, or NULL */
    char room[4096];
};

static void begin_call(struct call *call, const char *type)
{
    segmo__buf_init(&call->json, 8 * SEGMO__MESSAGE_STORED_MAX);
    call->garbled = NULL;
    segmo__buf_addf(&call->json, "{\"type\":\"%s\"", type);
}

static int is_utf8(const char *text)
{
    const char *end = text + strlen(text);
    int len = 1;

    for (; text < end && len > 0; text += len)
        len = segmo__json_utf8_len(text, end);
    return len > 0;
}

static void add_text(struct call *call, const char *name, const char *text)
{
    if (!text)
        return;
    if (!is_utf8(text))
        call->garbled = name; /* mended, it could be another user's */
    segmo__buf_addf(&call->json, ",\"%s\":", name);
    segmo__json_put_text(&call->json, text);
}

static void add_json(struct call *call, const char *name, const char *json)
{
    if (json)
        segmo__buf_addf(&call->json, ",\"%s\":%s", name, json);
}

/* The members of `extra` follow the others; its braces fall away. */
static int add_extra(struct call *call, const char *extra, segmo_error **err)
{
    segmo__slice object = segmo__json_trim(segmo__slice_of(extra ? extra : "{}"));
    segmo__slice inside;

    if (object.len < 2 || object.at[0] != '{' || object.at[object.len - 1] != '}')
        return segmo__fail(err, SEGMO_ERR_JSON, "extra", "must be a JSON object");
    inside = segmo__json_trim((segmo__slice){object.at + 1, object.len - 2});
    if (inside.len > 0) {
        segmo__buf_add_char(&call->json, ',');
        segmo__buf_add_slice(&call->json, inside);
    }
    return SEGMO_OK;
}

static int fail_garbled(const char *name, segmo_error **err)
{
    char pointer[32];

    snprintf(pointer, sizeof pointer, "/%s", name);
    return segmo__fail(err, SEGMO_ERR_INVALID, pointer,
                       "%s is not valid UTF-8; encode the text as UTF-8", name);
}

static int finish_call(struct call *call, segmo_client *client, const char *extra,
                       segmo_error **err)
{
    int status = add_extra(call, extra, err);

    segmo__buf_add_char(&call->json, '}');
    if (status == SEGMO_OK && call->garbled)
        status = fail_garbled(call->garbled, err);
    if (status == SEGMO_OK && call->json.failed)
        status = segmo__fail(err, SEGMO_ERR_TOO_LARGE, NULL, "a message may have %d bytes of JSON",
                             SEGMO__MESSAGE_MAX);
    if (status == SEGMO_OK)
        status = segmo_client_enqueue(client, SEGMO_SOURCE_DEFAULT, call->json.data, call->json.len,
                                      err);
    segmo__buf_free(&call->json);
    return status;
}

int segmo_identify(segmo_client *client, const char *user_id, const char *traits, const char *extra,
                   segmo_error **err)
{
    struct call call;

    begin_call(&call, "identify");
    add_text(&call, "userId", user_id);
    add_json(&call, "traits", traits);
    return finish_call(&call, client, extra, err);
}

int segmo_track(segmo_client *client, const char *user_id, const char *event,
                const char *properties, const char *extra, segmo_error **err)
{
    struct call call;

    begin_call(&call, "track");
    add_text(&call, "userId", user_id);
    add_text(&call, "event", event);
    add_json(&call, "properties", properties);
    return finish_call(&call, client, extra, err);
}

static int view(const char *type, segmo_client *client, const char *user_id, const char *name,
                const char *properties, const char *extra, segmo_error **err)
{
    struct call call;

    begin_call(&call, type);
    add_text(&call, "userId", user_id);
    add_text(&call, "name", name);
    add_json(&call, "properties", properties);
    return finish_call(&call, client, extra, err);
}

int segmo_page(segmo_client *client, const char *user_id, const char *name, const char *properties,
               const char *extra, segmo_error **err)
{
    return view("page", client, user_id, name, properties, extra, err);
}

int segmo_screen(segmo_client *client, const char *user_id, const char *name,
                 const char *properties, const char *extra, segmo_error **err)
{
    return view("screen", client, user_id, name, properties, extra, err);
}

int segmo_group(segmo_client *client, const char *user_id, const char *group_id, const char *traits,
                const char *extra, segmo_error **err)
{
    struct call call;

    begin_call(&call, "group");
    add_text(&call, "userId", user_id);
    add_text(&call, "groupId", group_id);
    add_json(&call, "traits", traits);
    return finish_call(&call, client, extra, err);
}

int segmo_alias(segmo_client *client, const char *previous_id, const char *user_id,
                const char *extra, segmo_error **err)
{
    struct call call;

    begin_call(&call, "alias");
    add_text(&call, "previousId", previous_id);
    add_text(&call, "userId", user_id);
    return finish_call(&call, client, extra, err);
}

/* ---- without a client -------------------------------------------------------------------- */

int segmo_transform(const segmo_config *config, const char *source, const char *destination,
                    const char *json, size_t json_len, char **out, size_t *out_len,
                    segmo_error **err)
{
    segmo__rules *rules = NULL;
    segmo__buf answer;
    int status = segmo__need(config, "config", err);

    segmo__buf_init(&answer, RESULT_MAX);
    if (status == SEGMO_OK)
        status = segmo__need(json, "json", err);
    if (status == SEGMO_OK)
        status = segmo__rules_of(&rules, config, err);
    if (status == SEGMO_OK)
        status = segmo__pipeline_transform(rules, source, destination,
                                           (segmo__slice){json, json_len}, &answer, err);
    return hand_out(status, &answer, out, out_len, err);
}

int segmo_explain(const segmo_config *config, const char *source, const char *json, size_t json_len,
                  char **out, size_t *out_len, segmo_error **err)
{
    segmo__rules *rules = NULL;
    segmo__buf answer;
    int status = segmo__need(config, "config", err);

    segmo__buf_init(&answer, RESULT_MAX);
    if (status == SEGMO_OK)
        status = segmo__need(json, "json", err);
    if (status == SEGMO_OK)
        status = segmo__rules_of(&rules, config, err);
    if (status == SEGMO_OK)
        status =
            segmo__pipeline_explain(rules, source, (segmo__slice){json, json_len}, &answer, err);
    return hand_out(status, &answer, out, out_len, err);
}

int segmo_probe(const segmo_config *config, const char *source, uint32_t timeout_ms, char **out,
                size_t *out_len, segmo_error **err)
{
    segmo__rules *rules = NULL;
    const segmo__source *asked;
    segmo__buf answer;
    int status = segmo__need(config, "config", err);

    segmo__buf_init(&answer, RESULT_MAX);
    if (status == SEGMO_OK)
        status = segmo__need(out, "out", err);
    if (status == SEGMO_OK)
        status = segmo__rules_of(&rules, config, err);
    if (status == SEGMO_OK) {
        asked = segmo__pipeline_source(rules, source, err);
        status = asked ? segmo__probe(config, asked, deadline(timeout_ms), &answer, err)
                       : SEGMO_ERR_NOT_FOUND;
    }
    return hand_out(status, &answer, out, out_len, err);
}

int segmo_convert_streams(const segmo_config *config, const char *json, size_t json_len, char **out,
                          size_t *out_len, segmo_error **err)
{
    segmo__buf answer;
    int status = segmo__need(config, "config", err);

    segmo__buf_init(&answer, RESULT_MAX);
    if (status == SEGMO_OK)
        status = segmo__need(json, "json", err);
    if (status == SEGMO_OK)
        status =
            segmo__pipeline_convert_streams(config, (segmo__slice){json, json_len}, &answer, err);
    return hand_out(status, &answer, out, out_len, err);
}

int segmo_spool_json(const segmo_config *config, char **out, size_t *out_len, segmo_error **err)
{
    segmo__buf answer;
    int status = segmo__need(config, "config", err);

    segmo__buf_init(&answer, RESULT_MAX);
    if (status == SEGMO_OK)
        status = segmo__storage_json(config, &answer, err);
    return hand_out(status, &answer, out, out_len, err);
}

int segmo_topic_json(const segmo_config *config, uint32_t timeout_ms, char **out, size_t *out_len,
                     segmo_error **err)
{
    segmo__buf answer;
    int status = segmo__need(config, "config", err);

    segmo__buf_init(&answer, RESULT_MAX);
    if (status == SEGMO_OK)
        status = segmo__topic_json(config, timeout_ms, &answer, err);
    return hand_out(status, &answer, out, out_len, err);
}

int segmo_dead_list(const segmo_config *config, const char *query, char **out, size_t *out_len,
                    segmo_error **err)
{
    segmo__buf answer;
    int status = segmo__need(config, "config", err);

    segmo__buf_init(&answer, (size_t)1 << 30);
    if (status == SEGMO_OK)
        status = segmo__dead_list_json(config, query, &answer, err);
    return hand_out(status, &answer, out, out_len, err);
}

int segmo_dead_retry(const segmo_config *config, const char *query, uint64_t *count,
                     segmo_error **err)
{
    int status = segmo__need(config, "config", err);

    return status == SEGMO_OK ? segmo__dead_put_back(config, query, count, err) : status;
}

int segmo_dead_drop(const segmo_config *config, const char *query, uint64_t *count,
                    segmo_error **err)
{
    int status = segmo__need(config, "config", err);

    return status == SEGMO_OK ? segmo__dead_delete(config, query, count, err) : status;
}
