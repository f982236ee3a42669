/* From a request's body to messages on disk.
 *
 * The body's grammar is checked once; each message is then copied with its stamps into one batch
 * for the client, which checks it by every rule. What came before within the window is left out. A
 * bad message never costs its neighbours. */
#include "base/id.h"
#include "base/json.h"
#include "base/json_cursor.h"
#include "envelope.h"
#include "gateway_parts.h"
#include "stamp.h"
#include "support/inflate.h"

#include <stdarg.h>
#include <stdio.h>

#define SINGLE_MAX    32768
#define BODY_MAX      512000
#define CHUNK_MAX     (BODY_MAX - 2048) /* of what is handed to the client at once */
#define STAMPS_MAX    256               /* what stamps add to a message, at most */
#define RETRY_AFTER_S 5

struct placed {
    size_t at, len;  /* within gateway->written */
    segmo__slice id; /* as JSON in the request's body; length 0: none */
    int has_made_id;
    duplicates_mark *mark;
};

/* What a request comes to. */
struct tray {
    intake *in;
    struct stamp stamp;
    char peer[HTTP_PEER_LEN]; /* of whom the stamp tells */
    const struct envelope *envelope;
    struct placed placed[ENVELOPE_MESSAGES_MAX];
    size_t count;
    uint64_t accepted, discarded;
    int is_full, has_failed;
    int is_unreadable; /* the last one that was refused is not the JSON that is accepted */
    char words[256];   /* of the first message that was refused */
};

/* ---- verdicts ---- */

static gateway_verdict verdict(int status, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static gateway_verdict verdict(int status, const char *code, const char *format, ...)
{
    gateway_verdict verdict = {.status = status, .code = code};
    va_list args;

    va_start(args, format);
    vsnprintf(verdict.words, sizeof verdict.words, format, args);
    va_end(args);
    if (status == 429 || status == 503)
        verdict.retry_after_s = RETRY_AFTER_S;
    return verdict;
}

static gateway_verdict done(void)
{
    return (gateway_verdict){.status = 200};
}

/* Segment answers 200 for what it will not use; strict mode says so instead. */
static gateway_verdict discard(intake *in, source_counts *counts, const char *reason, uint64_t by,
                               int strict_status, const char *words)
{
    counts_discard(counts, reason, by);
    in->is_told = 1;
    page_note_refused(in->gateway->page, in->source, (segmo__slice){"", 0}, reason, "", words);
    if (!in->gateway->settings.strict)
        return done();
    return verdict(strict_status, strict_status == 401 ? "invalid_write_key" : reason, "%s", words);
}

/* ---- one message ---- */

static segmo__slice text_of_placed(const struct tray *tray, const struct placed *placed)
{
    return (segmo__slice){tray->in->gateway->written.data + placed->at, placed->len};
}

static const char *sender(const intake *in, char peer[HTTP_PEER_LEN])
{
    sender_address(in->gateway, in->request, peer);
    return strcmp(peer, "unix") == 0 ? NULL : peer;
}

/* NULL and *is_new 0: it came before. */
static duplicates_mark *note(struct tray *tray, segmo__slice id, int *is_new)
{
    struct gateway *gateway = tray->in->gateway;
    duplicates_mark *mark;

    *is_new = 1;
    if (!gateway->seen || segmo__json_kind_of(id) != SEGMO__JSON_STRING || id.len <= 2)
        return NULL;
    id = segmo__json_text(id, &gateway->scratch);
    mark = duplicates_note(gateway->seen, tray->in->source->hash, id, tray->stamp.received_ms);
    *is_new = mark != NULL;
    return mark;
}

/* The page follows a message by its id: one that has none gets it here instead of in the client. */
static void make_id(segmo__buf *out, struct placed *placed)
{
    char uuid[SEGMO__UUID_LEN + 1];

    segmo__id_uuid(uuid);
    out->len--; /* the bracket */
    segmo__buf_addf(out, "%s\"messageId\":\"%s\"}", out->data[out->len - 1] == '{' ? "" : ",",
                    uuid);
    placed->has_made_id = 1;
}

/* Valid until the next message is written. */
static segmo__slice id_of(const struct tray *tray, const struct placed *placed)
{
    const segmo__buf *out = &tray->in->gateway->written;

    if (!placed->has_made_id)
        return placed->id;
    return (segmo__slice){out->data + placed->at + placed->len - SEGMO__UUID_LEN - 3,
                          SEGMO__UUID_LEN + 2};
}

static void stamp(struct tray *tray, segmo__slice message, const struct stamp *with,
                  struct placed *placed)
{
    segmo__buf *out = &tray->in->gateway->written;

    stamp_message(out, message, with, &placed->id);
    if (tray->in->gateway->page && placed->id.len == 0 && !out->failed)
        make_id(out, placed);
}

/* A message that its stamps would carry over the limit goes without them. */
static void put_message(struct tray *tray, segmo__slice message, struct placed *placed)
{
    segmo__buf *out = &tray->in->gateway->written;
    struct stamp bare = tray->stamp;

    stamp(tray, message, &tray->stamp, placed);
    if (out->len - placed->at <= SINGLE_MAX || message.len > SINGLE_MAX)
        return;
    out->len = placed->at;
    bare.received[0] = '\0';
    stamp(tray, message, &bare, placed);
}

/* Writes it into gateway->written. 0: it came before, and is left out. */
static int place(struct tray *tray, segmo__slice message, struct placed *placed)
{
    segmo__buf *out = &tray->in->gateway->written;
    int is_new = 1;

    *placed = (struct placed){.at = out->len};
    if (segmo__json_kind_of(message) == SEGMO__JSON_OBJECT) {
        put_message(tray, message, placed);
        placed->mark = note(tray, placed->id, &is_new);
    } else {
        segmo__buf_add_slice(out, message);
    }
    placed->len = out->len - placed->at;
    if (!is_new) {
        /* Whoever sends it again may not have been told that it is on the disk itself. */
        tray->in->wants_sync |= tray->in->gateway->settings.sync_always;
        tray->in->source->counts->duplicates++;
        page_note_duplicate(tray->in->gateway->page, tray->in->source, tray->stamp.received_ms,
                            text_of_placed(tray, placed));
    }
    return is_new;
}

static void note_accepted(struct tray *tray, const struct placed *placed)
{
    tray->accepted++;
    page_note_accepted(tray->in->gateway->page, tray->in->source, tray->stamp.received_ms,
                       text_of_placed(tray, placed), id_of(tray, placed));
}

static void refuse_placed(struct tray *tray, struct placed *placed, int status, const char *field,
                          const char *words)
{
    intake *in = tray->in;
    const char *reason;

    if (placed->mark)
        duplicates_forget(placed->mark);
    placed->mark = NULL;
    if (status == SEGMO_ERR_FULL) {
        tray->is_full = 1;
        return;
    }
    if (status == SEGMO_ERR_IO || status == SEGMO_ERR_MEMORY || status == SEGMO_ERR_CLOSED) {
        tray->has_failed = 1;
        return;
    }
    tray->is_unreadable = status == SEGMO_ERR_JSON;
    reason = discard_reason(status, field, words);
    counts_discard(in->source->counts, reason, 1);
    discard_log(in, reason, field, words);
    in->is_told = 1;
    page_note_refused(in->gateway->page, in->source, text_of_placed(tray, placed), reason, field,
                      words);
    if (tray->discarded++ == 0)
        snprintf(tray->words, sizeof tray->words, "%s", words);
}

/* ---- chunks ---- */

static void begin_chunk(struct tray *tray)
{
    segmo__buf *out = &tray->in->gateway->written;

    segmo__buf_clear(out);
    tray->count = 0;
    segmo__buf_add_char(out, '{');
    if (tray->envelope->context.len > 0) {
        segmo__buf_add_lit(out, "\"context\":");
        stamp_context(out, tray->envelope->context, &tray->stamp);
        segmo__buf_add_char(out, ',');
    }
    if (tray->envelope->integrations.len > 0) {
        segmo__buf_add_lit(out, "\"integrations\":");
        segmo__buf_add_slice(out, tray->envelope->integrations);
        segmo__buf_add_char(out, ',');
    }
    segmo__buf_add_lit(out, "\"batch\":[");
}

static const char *text_of(const segmo__json *node, const char *name)
{
    const char *text = segmo__json_string(segmo__json_get(node, name));

    return text ? text : "";
}

static void read_rejected(struct tray *tray, segmo__slice answer)
{
    segmo__json *tree = NULL;

    if (segmo__json_parse(&tree, answer, NULL) != SEGMO_OK) {
        tray->has_failed = 1; /* no memory */
        return;
    }
    for (const segmo__json *each = segmo__json_first(segmo__json_get(tree, "rejected")); each;
         each = segmo__json_after(each)) {
        size_t index = (size_t)segmo__json_number(segmo__json_get(each, "index"), 0);

        if (index < tray->count) {
            refuse_placed(tray, &tray->placed[index], discard_status(text_of(each, "status")),
                          text_of(each, "field"), text_of(each, "message"));
            tray->placed[index].len = 0;
        }
    }
    segmo__json_free(tree);
}

static void settle_chunk(struct tray *tray, int keep)
{
    for (size_t i = 0; i < tray->count; i++) {
        struct placed *placed = &tray->placed[i];

        if (placed->mark && keep)
            duplicates_confirm(placed->mark);
        else if (placed->mark)
            duplicates_forget(placed->mark);
        if (keep && placed->len > 0)
            note_accepted(tray, placed);
    }
}

/* SEGMO_OK, or the error of the chunk as a whole in `*err`. */
static int end_chunk(struct tray *tray, segmo_error **err)
{
    struct gateway *gateway = tray->in->gateway;
    segmo__buf *out = &gateway->written;
    static const char none_rejected[] = "{\"rejected\":[]";
    segmo__slice answer;
    char *text = NULL;
    int status;

    if (tray->count == 0)
        return SEGMO_OK;
    segmo__buf_add_lit(out, "]}");
    status = out->failed ? SEGMO_ERR_MEMORY
                         : segmo_client_enqueue_batch(gateway->client, tray->in->source->id,
                                                      out->data, out->len, &text, &answer.len, err);
    answer.at = text;
    if (status >= SEGMO_OK && (answer.len < sizeof none_rejected - 1 ||
                               memcmp(text, none_rejected, sizeof none_rejected - 1) != 0))
        read_rejected(tray, answer);
    tray->in->wants_sync |= status == SEGMO_SYNC_WANTED;
    settle_chunk(tray, status >= SEGMO_OK);
    segmo_free(text);
    return status >= SEGMO_OK ? SEGMO_OK : status;
}

/* What a message may need with its stamps, which repeat its timestamp. */
static size_t most_of(segmo__slice message)
{
    size_t stamped = 2 * message.len;

    return (stamped < SINGLE_MAX ? stamped : SINGLE_MAX) + STAMPS_MAX;
}

/* Handed on, it could make the whole chunk too large. */
static void refuse_large(struct tray *tray, segmo__slice message)
{
    segmo__buf *out = &tray->in->gateway->written;
    struct placed placed = {.at = out->len, .len = message.len};
    char words[128];

    snprintf(words, sizeof words, "the message has %zu bytes, the limit is %d; send less in it",
             message.len, SINGLE_MAX);
    segmo__buf_add_slice(out, message);
    refuse_placed(tray, &placed, SEGMO_ERR_TOO_LARGE, "", words);
    out->len = placed.at;
}

static int add_message(struct tray *tray, segmo__slice message, segmo_error **err)
{
    segmo__buf *out = &tray->in->gateway->written;
    int status = SEGMO_OK;
    size_t before;

    if (message.len > SINGLE_MAX) {
        refuse_large(tray, message);
        return SEGMO_OK;
    }
    if (tray->count == ENVELOPE_MESSAGES_MAX ||
        (tray->count > 0 && out->len + most_of(message) > CHUNK_MAX)) {
        status = end_chunk(tray, err);
        if (status != SEGMO_OK)
            return status;
        begin_chunk(tray);
    }
    before = out->len;
    if (tray->count > 0)
        segmo__buf_add_char(out, ',');
    if (place(tray, message, &tray->placed[tray->count]))
        tray->count++;
    else
        out->len = before;
    return SEGMO_OK;
}

/* ---- bodies ---- */

static gateway_verdict verdict_of_error(int status, segmo_error *error)
{
    const char *words = error ? segmo_error_message(error) : "memory ran out";
    gateway_verdict verdict_;

    if (status == SEGMO_ERR_JSON || status == SEGMO_ERR_INVALID)
        verdict_ = verdict(400, "invalid_json", "%s", words);
    else if (status == SEGMO_ERR_TOO_LARGE)
        verdict_ = verdict(400, "payload_too_large", "%s", words);
    else if (status == SEGMO_ERR_FULL)
        verdict_ = verdict(429, "queue_full", "the gateway's queue is full; try again later");
    else
        verdict_ = verdict(503, "unavailable", "the gateway cannot store messages now");
    segmo_error_free(error);
    return verdict_;
}

static gateway_verdict conclude(struct tray *tray)
{
    intake *in = tray->in;

    in->source->counts->accepted += tray->accepted;
    if (tray->is_full)
        return verdict_of_error(SEGMO_ERR_FULL, NULL);
    if (tray->has_failed)
        return verdict_of_error(SEGMO_ERR_IO, NULL);
    if (tray->discarded > 0 && in->gateway->settings.strict)
        return verdict(400, "invalid_message", "%llu refused, the others accepted; the first: %s",
                       (unsigned long long)tray->discarded, tray->words);
    return done();
}

/* A message by itself: no other has to be taken apart for it. */
static void take_message(struct tray *tray, segmo__slice message)
{
    struct gateway *gateway = tray->in->gateway;
    segmo__buf *out = &gateway->written;
    struct placed *placed = &tray->placed[0];
    segmo_error *error = NULL;
    int status;

    segmo__buf_clear(out);
    if (!place(tray, message, placed))
        return;
    status = out->failed ? SEGMO_ERR_MEMORY
                         : segmo_client_enqueue(gateway->client, tray->in->source->id, out->data,
                                                out->len, &error);
    tray->in->wants_sync |= status == SEGMO_SYNC_WANTED;
    if (status >= SEGMO_OK) {
        note_accepted(tray, placed);
        if (placed->mark)
            duplicates_confirm(placed->mark);
    } else {
        refuse_placed(tray, placed, status, segmo_error_field(error),
                      error ? segmo_error_message(error) : "");
    }
    segmo_error_free(error);
}

static int take_together(struct tray *tray, segmo_error **err)
{
    int status = SEGMO_OK;

    begin_chunk(tray);
    for (size_t i = 0; status == SEGMO_OK && i < tray->envelope->count; i++)
        status = add_message(tray, tray->envelope->messages[i], err);
    return status == SEGMO_OK ? end_chunk(tray, err) : status;
}

static gateway_verdict take_batch(intake *in, struct tray *tray)
{
    const struct envelope *envelope = tray->envelope;
    segmo_error *error = NULL;
    int status = SEGMO_OK;

    if (!envelope->has_batch)
        return verdict(400, "invalid_json", "batch must be an array of messages");
    in->source->counts->received += envelope->count;
    if (envelope->count == 0)
        return discard(in, in->source->counts, "empty_batch", 1, 400, "the batch has no message");
    if (envelope->count > ENVELOPE_MESSAGES_MAX)
        return discard(in, in->source->counts, "too_many_messages", envelope->count, 400,
                       "a batch may have 2,500 messages");
    if (envelope->context.len > 0 || envelope->integrations.len > 0)
        status = take_together(tray, &error);
    else
        for (size_t i = 0; i < envelope->count; i++)
            take_message(tray, envelope->messages[i]);
    if (status != SEGMO_OK) {
        in->source->counts->accepted += tray->accepted;
        return verdict_of_error(status, error);
    }
    return conclude(tray);
}

static gateway_verdict take_single(intake *in, segmo__slice body, struct tray *tray)
{
    in->source->counts->received++;
    take_message(tray, body);
    if (tray->is_unreadable)
        return verdict(400, "invalid_json", "%s", tray->words);
    return conclude(tray);
}

/* ---- the way in ---- */

static gateway_verdict too_large(const struct gateway *gateway, size_t limit)
{
    return verdict(gateway->settings.strict ? 413 : 400, "payload_too_large",
                   "the body is over the limit of %zu bytes; send less at once", limit);
}

int intake_decode(struct gateway *gateway, const http_request *request, segmo__slice *body,
                  gateway_verdict *refusal)
{
    segmo__slice encoding = request->head->field[HTTP_CONTENT_ENCODING];
    inflated how;

    if (!encoding.at || encoding.len == 0 || http_means(encoding, "identity"))
        return 1;
    how = inflate_gzip(*body, &gateway->inflated);
    if (how == INFLATED) {
        *body = segmo__buf_slice(&gateway->inflated);
        return 1;
    }
    *refusal = how == INFLATE_TOO_LARGE
                   ? too_large(gateway, gateway->inflated.max)
                   : verdict(400, "invalid_gzip", "the body is no whole gzip stream");
    return 0;
}

/* Named outside the body, or by its writeKey. */
static gateway_source *find_source(intake *in, const struct envelope *envelope)
{
    if (in->key.len > 0)
        return callers_by_key(in->gateway, in->key);
    if (segmo__json_kind_of(envelope->write_key) != SEGMO__JSON_STRING)
        return NULL;
    return callers_by_key(in->gateway,
                          segmo__json_text(envelope->write_key, &in->gateway->scratch));
}

static void begin_tray(struct tray *tray, intake *in, const struct envelope *envelope)
{
    tray->in = in;
    tray->envelope = envelope;
    tray->count = 0;
    tray->accepted = tray->discarded = 0;
    tray->is_full = tray->has_failed = tray->is_unreadable = 0;
    stamp_begin(&tray->stamp, segmo__clock_wall_ms(), envelope->sent_at);
    tray->stamp.type = in->type;
    tray->stamp.ip = sender(in, tray->peer);
    if (in->from_browser || in->source->is_browser_or_app)
        tray->stamp.address = STAMP_ADDRESS_ALWAYS;
}

static gateway_verdict take(intake *in, segmo__slice body, const struct envelope *envelope)
{
    static struct tray tray; /* 80 KiB; one thread */

    begin_tray(&tray, in, envelope);
    return in->type ? take_single(in, body, &tray) : take_batch(in, &tray);
}

/* Opened again for each request; 40 KiB, one thread. */
static struct envelope envelope;

static gateway_verdict read_body(intake *in, segmo__slice body)
{
    gateway_verdict refusal;
    segmo_error *error = NULL;

    if (!intake_decode(in->gateway, in->request, &body, &refusal))
        return refusal;
    if (!in->type && body.len > BODY_MAX)
        return too_large(in->gateway, BODY_MAX);
    if (in->type && body.len > SINGLE_MAX)
        return too_large(in->gateway, SINGLE_MAX);
    if (segmo__json_check_grammar(body, &error) != SEGMO_OK)
        return verdict_of_error(SEGMO_ERR_JSON, error);
    body = segmo__json_trim(body);
    if (segmo__json_kind_of(body) != SEGMO__JSON_OBJECT)
        return verdict(400, "invalid_json", "the body must be a JSON object");
    envelope_open(&envelope, body);
    in->source = find_source(in, &envelope);
    if (!in->source)
        return discard(in, &in->gateway->counts.unknown, "unknown_source", 1, 401,
                       "no source has this write key");
    if (!callers_origin_allowed(in->source, in->request->head))
        return verdict(403, "origin_not_allowed", "this web site may not send to this source");
    return take(in, body, &envelope);
}

gateway_verdict intake_body(intake *in, segmo__slice body)
{
    gateway_verdict verdict = read_body(in, body);

    if (verdict.status != 200 && !in->is_told)
        page_note_refused(in->gateway->page, in->source, (segmo__slice){"", 0}, verdict.code, "",
                          verdict.words);
    return verdict;
}

/* By ENVELOPE_MESSAGES_MAX at a time, since an export may hold more than a batch. */
gateway_verdict intake_messages(intake *in, segmo__slice messages)
{
    segmo__json_cursor cursor = {messages.at, messages.at + messages.len};
    gateway_verdict verdict = done();
    segmo__slice key;
    int more = 1;

    segmo__json_enter(&cursor);
    while (more && verdict.status == 200) {
        envelope_open(&envelope, segmo__slice_of("{}"));
        envelope.has_batch = 1;
        while (envelope.count < ENVELOPE_MESSAGES_MAX &&
               (more = segmo__json_advance(&cursor, 0, &key)))
            envelope.messages[envelope.count++] = segmo__json_take(&cursor);
        if (envelope.count > 0)
            verdict = take(in, messages, &envelope);
    }
    return verdict;
}
