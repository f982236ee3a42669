/* The second half of the pipeline: from stored messages to a request's body, or to a dead letter.
 */
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "client/pipeline.h"
#include "wire/segment.h"

/* ---- leaving ----------------------------------------------------------------------------- */

void segmo__body_begin(segmo__body *body, segmo__destination destination,
                       const segmo__source *source, segmo__buf *bytes, uint32_t max_bytes)
{
    *body = (segmo__body){
        .destination = destination, .source = source, .bytes = bytes, .max_bytes = max_bytes};
    segmo__buf_clear(bytes);
    if (destination == SEGMO__DESTINATION_SEGMENT)
        segmo__segment_begin(bytes);
}

static segmo__added add_for_segment(segmo__body *body, const segmo__message *message)
{
    if (body->count > 0 &&
        body->bytes->len + segmo__segment_size(message) + SEGMO__SEGMENT_TAIL > body->max_bytes)
        return SEGMO__ADD_FULL;
    segmo__segment_add(body->bytes, message, segmo__route_marks_segment_copy(body->source, message),
                       body->source->mode);
    return SEGMO__ADDED;
}

/* Elements are written behind the ones before them and taken back when they do not fit there. */
static segmo__added add_for_moengage(segmo__body *body, const segmo__message *message,
                                     int64_t now_ms, segmo__note_fn note, void *ctx,
                                     const char **reason, segmo_error **err)
{
    size_t before = body->bytes->len;
    segmo__moengage_element element;
    int status;

    if (body->count > 0)
        segmo__buf_add_char(body->bytes, ',');
    status = segmo__moengage_transform(body->bytes, &element, body->source, message, now_ms, note,
                                       ctx, err);
    if (status != SEGMO_OK) {
        body->bytes->len = before;
        *reason = "refused_before_sending";
        return status == SEGMO_ERR_MEMORY ? SEGMO__ADD_LATER : SEGMO__ADD_DEAD;
    }
    if (element.skip) {
        body->bytes->len = before;
        *reason = element.skip;
        return SEGMO__ADD_SKIP;
    }
    if (body->count > 0 &&
        (element.endpoint != body->endpoint || element.endpoint == SEGMO__MOENGAGE_SEGMENT ||
         body->bytes->len + SEGMO__MOENGAGE_ENVELOPE > SEGMO__MOENGAGE_BULK_MAX ||
         body->bytes->len > body->max_bytes)) {
        body->bytes->len = before;
        return SEGMO__ADD_FULL;
    }
    body->endpoint = element.endpoint;
    body->users += element.users;
    body->events += element.events;
    return SEGMO__ADDED;
}

segmo__added segmo__body_add(segmo__body *body, const segmo__message *message, int64_t now_ms,
                             segmo__note_fn note, void *ctx, const char **reason, segmo_error **err)
{
    segmo__decision decision = segmo__route(body->source, message, body->destination);
    segmo__added added;

    if (!decision.send) {
        *reason = decision.reason;
        return SEGMO__ADD_SKIP;
    }
    added = body->destination == SEGMO__DESTINATION_SEGMENT
                ? add_for_segment(body, message)
                : add_for_moengage(body, message, now_ms, note, ctx, reason, err);
    if (added == SEGMO__ADDED)
        body->count++;
    return added;
}

/* MoEngage's envelope depends on how many elements there are, so it is put around them at the end.
 */
static void wrap_moengage(segmo__body *body, segmo__buf *url)
{
    segmo__buf *bytes = body->bytes;
    const char *single =
        body->users + body->events == 1 ? segmo__moengage_type(segmo__buf_slice(bytes)) : NULL;
    char head[SEGMO__MOENGAGE_ENVELOPE];
    segmo__buf envelope = {.data = head, .cap = sizeof head, .max = sizeof head};

    segmo__moengage_path(url, body->source, body->endpoint, single);
    segmo__moengage_begin(&envelope, body->endpoint, single);
    segmo__buf_put_before(bytes, segmo__buf_slice(&envelope));
    segmo__moengage_end(bytes, body->endpoint, single);
}

void segmo__body_end(segmo__body *body, segmo__buf *url, int64_t now_ms)
{
    if (body->destination == SEGMO__DESTINATION_SEGMENT) {
        segmo__segment_end(body->bytes, &body->source->segment, now_ms);
        segmo__segment_path(url, &body->source->segment);
    } else {
        wrap_moengage(body, url);
    }
}

/* ---- dead letters ------------------------------------------------------------------------ */

static void put_member(segmo__buf *out, const char *name, const char *text)
{
    segmo__buf_addf(out, ",\"%s\":", name);
    segmo__json_put_text(out, text);
}

void segmo__dead_letter_put(segmo__buf *out, const segmo__message *message, const char *source,
                            segmo__destination destination, const char *reason, int status,
                            segmo__slice answer, uint32_t attempts, int64_t now_ms)
{
    char id[SEGMO__UUID_LEN + 1], accepted[SEGMO__ISO_LEN + 1], died[SEGMO__ISO_LEN + 1];

    segmo__id_uuid(id);
    segmo__clock_iso(accepted, message->accepted_ms);
    segmo__clock_iso(died, now_ms);
    segmo__buf_addf(out, "{\"id\":\"%s\"", id);
    put_member(out, "destination", segmo__destination_name(destination));
    put_member(out, "reason", reason);
    segmo__buf_addf(out, ",\"status\":%d,\"attempts\":%u,\"answer\":", status, attempts);
    segmo__json_put_string(out, answer.at, answer.len);
    put_member(out, "accepted_at", accepted);
    put_member(out, "died_at", died);
    put_member(out, "source", source);
    segmo__buf_add_lit(out, ",\"message\":");
    segmo__json_put_compact(out, (segmo__slice){message->json, message->json_len});
    segmo__buf_add_char(out, '}');
}

static int reports_letters(segmo_client *client)
{
    segmo__rules *rules = segmo__client_rules(client);
    int whole = rules->limits.report_letters;

    segmo__rules_release(rules);
    return whole;
}

void segmo__pipeline_report_dead(segmo_client *client, const segmo__message *message,
                                 const char *source, segmo__destination destination,
                                 const char *reason, int status, segmo__slice letter)
{
    segmo__slice id = segmo__message_part(message, SEGMO__PART_MESSAGE_ID);
    segmo__buf members;

    segmo__buf_init(&members, 4096 + letter.len);
    segmo__buf_addf(&members, "\"destination\":\"%s\",\"reason\":\"%s\",\"status\":%d,\"source\":",
                    segmo__destination_name(destination), reason, status);
    segmo__json_put_text(&members, source);
    segmo__buf_add_lit(&members, ",\"messageId\":");
    segmo__buf_add_slice(&members, id);
    if (reports_letters(client)) {
        segmo__buf_add_lit(&members, ",\"letter\":");
        segmo__buf_add_slice(&members, letter);
    }
    segmo__reports_add(client->reports, SEGMO_REPORT_DEAD, segmo__buf_slice(&members));
    segmo__buf_free(&members);
}

int segmo__pipeline_bury(segmo_client *client, const segmo__message *message, const char *source,
                         segmo__destination destination, const char *reason, int status,
                         segmo__slice answer, uint32_t attempts)
{
    segmo_error *error = NULL;
    segmo__buf line;
    int stands;

    segmo__buf_init(&line, 4 * SEGMO__MESSAGE_STORED_MAX);
    segmo__dead_letter_put(&line, message, source, destination, reason, status, answer, attempts,
                           segmo__clock_wall_ms());
    stands = !line.failed &&
             segmo__dead_letters_add(client->letters, segmo__buf_slice(&line), &error) == SEGMO_OK;
    if (stands)
        segmo__pipeline_report_dead(client, message, source, destination, reason, status,
                                    segmo__buf_slice(&line));
    else
        segmo__reports_tell(client->reports, SEGMO_REPORT_SPOOL,
                            "\"code\":\"dead_letter_not_written\"");
    segmo_error_free(error);
    segmo__buf_free(&line);
    return stands;
}
