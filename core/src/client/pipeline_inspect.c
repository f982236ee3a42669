/* The pipeline without a spool: what would become of a message. */
#include "base/clock.h"
#include "base/json.h"
#include "client/pipeline.h"
#include "model/streams.h"
#include "wire/segment.h"

#define ANSWER_MAX    (4u << 20)
#define CONVERTED_MAX (48u << 20) /* an export grows: short events get ids, times and a context */
#define GROWTH        2048 /* what a message gains on its way, as a rule: so that it need not grow */

const segmo__source *segmo__pipeline_source(const segmo__rules *rules, const char *name,
                                            segmo_error **err)
{
    const segmo__source *source = segmo__settings_source(rules->settings, name);

    if (!source)
        segmo__fail(err, SEGMO_ERR_NOT_FOUND, "source",
                    name ? "no source has this id or write key; see option sources"
                         : "there are several sources; name one");
    return source;
}

static void put_source(segmo__buf *out, const segmo__source *source, const char *name)
{
    static const char *const types[] = {"server", "javascript", "android", "ios", "http"};
    const segmo__moengage_settings *moengage = &source->moengage;
    int by_key = name && source->write_key &&
                 segmo__same_secret(segmo__slice_of(source->write_key), segmo__slice_of(name));

    segmo__buf_add_lit(out, "{\"id\":");
    segmo__json_put_text(out, source->id);
    segmo__buf_addf(out, ",\"by_key\":%s", by_key ? "true" : "false");
    segmo__buf_addf(out,
                    ",\"type\":\"%s\",\"mode\":\"%s\",\"bundled\":%s,\"device_sends\":%s,"
                    "\"segment\":%s,\"allowed_origins\":",
                    types[source->type], source->mode == SEGMO__MODE_DEVICE ? "device" : "cloud",
                    source->bundled ? "true" : "false", source->device_sends ? "true" : "false",
                    source->segment.enabled ? "true" : "false");
    if (source->allowed_origins)
        segmo__json_put_text(out, source->allowed_origins);
    else
        segmo__buf_add_lit(out, "null");
    segmo__buf_add_lit(out, ",\"moengage\":");
    if (!moengage->enabled) {
        segmo__buf_add_lit(out, "null}");
        return;
    }
    segmo__buf_add_lit(out, "{\"app_id\":");
    segmo__json_put_text(out, moengage->app_id);
    segmo__buf_addf(out, ",\"test\":%s,\"forwards\":%s}}", moengage->test ? "true" : "false",
                    moengage->forward ? "true" : "false");
}

int segmo__pipeline_source_json(segmo_client *client, const char *name, segmo__buf *out,
                                segmo_error **err)
{
    segmo__rules *rules = segmo__client_rules(client);
    const segmo__source *source = segmo__pipeline_source(rules, name, err);

    if (source)
        put_source(out, source, name);
    segmo__rules_release(rules);
    return source ? SEGMO_OK : SEGMO_ERR_NOT_FOUND;
}

segmo__message_rules segmo__pipeline_completion(const segmo__rules *rules,
                                                const segmo__source *source, int call)
{
    return (segmo__message_rules){.source = source->hash,
                                  .library = {rules->limits.library, rules->limits.library_len},
                                  .call = call};
}

segmo__streams_rules segmo__pipeline_streams_rules(const segmo_config *config)
{
    return (segmo__streams_rules){
        .derived_attributes = segmo__config_flag(config, "streams.derived_attributes"),
        .recipients = segmo__config_flag(config, "streams.recipients"),
        .campaign_context = segmo__config_flag(config, "streams.campaign_context"),
        .user_actions = segmo__config_flag(config, "streams.user_actions"),
        .library_version = SEGMO_VERSION};
}

/* ---- pure calls -------------------------------------------------------------------------- */

/* Completes a message for inspection; `stored` keeps the bytes that `message` points into. */
static int read_in(const segmo__rules *rules, const segmo__source *source, segmo__slice json,
                   segmo__buf *stored, segmo__message *message, segmo_error **err)
{
    segmo__message_rules fill = segmo__pipeline_completion(rules, source, -1);
    int status = segmo__message_complete(stored, json, &fill, err);

    return status == SEGMO_OK ? segmo__message_read(message, segmo__buf_slice(stored), err)
                              : status;
}

struct notes {
    segmo__buf json;
    int count;
};

static void put_note(void *ctx, const segmo__note *note)
{
    struct notes *notes = ctx;

    if (notes->count++)
        segmo__buf_add_char(&notes->json, ',');
    segmo__buf_add_lit(&notes->json, "{\"field\":");
    segmo__json_put_text(&notes->json, note->field);
    segmo__buf_add_lit(&notes->json, ",\"code\":");
    segmo__json_put_text(&notes->json, note->code);
    segmo__buf_add_lit(&notes->json, ",\"message\":");
    segmo__json_put_text(&notes->json, note->words);
    segmo__buf_add_char(&notes->json, '}');
}

static int destination_named(const char *name, segmo__destination *destination, segmo_error **err)
{
    for (unsigned d = 0; name && d < SEGMO__DESTINATION_SERVICES; d++) {
        if (strcmp(name, segmo__destination_name((segmo__destination)d)) == 0) {
            *destination = (segmo__destination)d;
            return SEGMO_OK;
        }
    }
    return segmo__fail(err, SEGMO_ERR_INVALID, "destination",
                       "must be \"segment\" or \"moengage\"");
}

/* What stands in front of the body that was made in `out`, and behind it. */
static void wrap_request(segmo__buf *out, segmo__body *body)
{
    char url_room[1024], head_room[2048];
    segmo__buf url = {.data = url_room, .cap = sizeof url_room, .max = sizeof url_room};
    segmo__buf head = {.data = head_room, .cap = sizeof head_room, .max = sizeof head_room};

    segmo__body_end(body, &url, segmo__clock_wall_ms());
    segmo__buf_add_lit(&head, "{\"requests\":[{\"method\":\"POST\",\"url\":");
    segmo__json_put_string(&head, url.data, url.len);
    segmo__buf_add_lit(&head, ",\"body\":");
    segmo__buf_put_before(out, segmo__buf_slice(&head));
    segmo__buf_add_char(out, '}');
    out->failed |= url.failed | head.failed;
}

static void put_transformed(segmo__buf *out, segmo__body *body, segmo__added added,
                            const char *reason, const struct notes *notes)
{
    if (added == SEGMO__ADDED) {
        wrap_request(out, body);
        segmo__buf_add_lit(out, "],\"skipped\":null");
    } else {
        segmo__buf_clear(out);
        segmo__buf_add_lit(out, "{\"requests\":[],\"skipped\":");
        segmo__json_put_text(out, reason);
    }
    segmo__buf_add_lit(out, ",\"notes\":[");
    segmo__buf_add_slice(out, segmo__buf_slice(&notes->json));
    segmo__buf_add_lit(out, "]}");
}

int segmo__pipeline_transform(const segmo__rules *rules, const char *source_name,
                              const char *destination_name, segmo__slice json, segmo__buf *out,
                              segmo_error **err)
{
    const segmo__source *source = segmo__pipeline_source(rules, source_name, err);
    segmo__destination destination = SEGMO__DESTINATION_SEGMENT;
    segmo__message message;
    segmo__stored_room stored;
    struct notes notes = {.count = 0};
    segmo__body body;
    segmo__added added;
    const char *reason = NULL;
    int status;

    segmo__stored_begin(&stored, json);
    segmo__buf_init(&notes.json, ANSWER_MAX);
    segmo__buf_reserve(out, json.len + GROWTH);
    status = source ? destination_named(destination_name, &destination, err) : SEGMO_ERR_NOT_FOUND;
    if (status == SEGMO_OK)
        status = read_in(rules, source, json, &stored.buf, &message, err);
    if (status != SEGMO_OK)
        goto done;
    segmo__body_begin(&body, destination, source, out, SEGMO__SEGMENT_BODY_MAX);
    added =
        segmo__body_add(&body, &message, segmo__clock_wall_ms(), put_note, &notes, &reason, err);
    if (added == SEGMO__ADD_DEAD || added == SEGMO__ADD_LATER) {
        status = added == SEGMO__ADD_DEAD ? SEGMO_ERR_INVALID : SEGMO_ERR_MEMORY;
        goto done;
    }
    put_transformed(out, &body, added, reason, &notes);
    if (out->failed || notes.json.failed)
        status = segmo__fail_memory(err);
done:
    segmo__buf_free(&notes.json);
    segmo__stored_end(&stored);
    return status;
}

/* What only a look into the message tells, in words. */
static const segmo__decision late_refusals[] = {
    {0, "no_user_id",
     "the userId is blank, and MoEngage takes known users only here; give a userId"},
    {0, "refused_user_id",
     "MoEngage refuses ids such as guest, unknown, null or 1, and those of one character; give the "
     "user's own id"},
    {0, "same_user_id", "both ids of the alias are the same, so there is nothing to merge"},
};

static segmo__decision explain_skip(const char *reason)
{
    for (size_t i = 0; i < sizeof late_refusals / sizeof late_refusals[0]; i++)
        if (strcmp(late_refusals[i].reason, reason) == 0)
            return late_refusals[i];
    return (segmo__decision){0, reason, NULL};
}

/* By making the request: rules of MoEngage may refuse what routing lets pass. `why` is freed after
 * the decision was used. */
static segmo__decision decide_moengage(const segmo__source *source, const segmo__message *message,
                                       segmo_error **why)
{
    segmo__decision decision = segmo__route(source, message, SEGMO__DESTINATION_MOENGAGE);
    const char *reason = NULL;
    segmo__buf bytes;
    segmo__body body;

    if (!decision.send)
        return decision;
    segmo__buf_init(&bytes, ANSWER_MAX);
    segmo__body_begin(&body, SEGMO__DESTINATION_MOENGAGE, source, &bytes, SEGMO__SEGMENT_BODY_MAX);
    switch (segmo__body_add(&body, message, segmo__clock_wall_ms(), NULL, NULL, &reason, why)) {
    case SEGMO__ADD_SKIP:
        decision = explain_skip(reason);
        break;
    case SEGMO__ADD_DEAD:
        decision = (segmo__decision){0, reason, segmo_error_message(*why)};
        break;
    default:
        break;
    }
    segmo__buf_free(&bytes);
    return decision;
}

int segmo__pipeline_explain(const segmo__rules *rules, const char *source_name, segmo__slice json,
                            segmo__buf *out, segmo_error **err)
{
    const segmo__source *source = segmo__pipeline_source(rules, source_name, err);
    segmo__decision moengage;
    segmo_error *why = NULL;
    segmo__message message;
    segmo__buf stored;
    int status;

    segmo__buf_init(&stored, SEGMO__MESSAGE_STORED_MAX);
    status = source ? read_in(rules, source, json, &stored, &message, err) : SEGMO_ERR_NOT_FOUND;
    if (status == SEGMO_OK) {
        moengage = decide_moengage(source, &message, &why);
        segmo__route_explain(out, source, &message, &moengage);
    }
    segmo_error_free(why);
    segmo__buf_free(&stored);
    if (status == SEGMO_OK && out->failed)
        status = segmo__fail_memory(err);
    return status;
}

struct conversion {
    segmo__buf messages;
    segmo__buf rejected;
    segmo__reasons skipped;
};

static void put_comma(segmo__buf *list)
{
    if (list->len > 0)
        segmo__buf_add_char(list, ',');
}

static int convert_item(void *ctx, const segmo__streams_item *item)
{
    struct conversion *conversion = ctx;

    switch (item->result) {
    case SEGMO__STREAMS_MESSAGE:
        put_comma(&conversion->messages);
        segmo__buf_add_slice(&conversion->messages, item->message);
        break;
    case SEGMO__STREAMS_SKIPPED:
        segmo__reasons_add(&conversion->skipped, item->reason, 1);
        break;
    case SEGMO__STREAMS_REJECTED:
        put_comma(&conversion->rejected);
        segmo__buf_addf(&conversion->rejected, "{\"index\":%zu,\"field\":", item->index);
        segmo__json_put_text(&conversion->rejected, item->field);
        segmo__buf_add_lit(&conversion->rejected, ",\"reason\":");
        segmo__json_put_text(&conversion->rejected, item->reason);
        segmo__buf_add_char(&conversion->rejected, '}');
        break;
    }
    return 0;
}

int segmo__pipeline_convert_streams(const segmo_config *config, segmo__slice payload,
                                    segmo__buf *out, segmo_error **err)
{
    segmo__streams_rules rules = segmo__pipeline_streams_rules(config);
    struct conversion conversion = {.messages = {.max = CONVERTED_MAX},
                                    .rejected = {.max = ANSWER_MAX}};
    int status = segmo__streams_each(payload, &rules, convert_item, &conversion, err);

    if (status == SEGMO_OK) {
        segmo__buf_add_lit(out, "{\"messages\":[");
        segmo__buf_add_slice(out, segmo__buf_slice(&conversion.messages));
        segmo__buf_add_lit(out, "],\"skipped\":");
        segmo__reasons_put(&conversion.skipped, out);
        segmo__buf_add_lit(out, ",\"rejected\":[");
        segmo__buf_add_slice(out, segmo__buf_slice(&conversion.rejected));
        segmo__buf_add_lit(out, "]}");
        if (out->failed || conversion.messages.failed || conversion.rejected.failed)
            status = segmo__fail_memory(err);
    }
    segmo__buf_free(&conversion.messages);
    segmo__buf_free(&conversion.rejected);
    return status;
}
