/* Segment's rules, read from its documentation: the HTTP API page, the Spec's calls, the documented
 * limits, and the discard reasons of its delivery overview, which are the codes in the answers
 * here.
 *
 * The real service answers 200 to nearly everything and drops bad messages later. This one refuses
 * them at once, unless it is told to be lenient: a test wants to see its mistakes.
 */
#include "segment.h"

#include "auth.h"
#include "base/clock.h"
#include "fields.h"

#include <stdio.h>

#define BODY_MAX       512000
#define MESSAGE_MAX    32768
#define BATCH_MAX      2500
#define MESSAGE_ID_MAX 100

/* ---- paths ---- */

typedef enum endpoint_kind { NO_ENDPOINT, SINGLE_ENDPOINT, BATCH_ENDPOINT } endpoint_kind;

static const struct {
    const char *path;
    endpoint_kind kind;
    sandbox_call call;
} endpoints[] = {
    {"batch", BATCH_ENDPOINT, 0},
    {"import", BATCH_ENDPOINT, 0},
    {"b", BATCH_ENDPOINT, 0},
    {"identify", SINGLE_ENDPOINT, SANDBOX_IDENTIFY},
    {"track", SINGLE_ENDPOINT, SANDBOX_TRACK},
    {"page", SINGLE_ENDPOINT, SANDBOX_PAGE},
    {"screen", SINGLE_ENDPOINT, SANDBOX_SCREEN},
    {"group", SINGLE_ENDPOINT, SANDBOX_GROUP},
    {"alias", SINGLE_ENDPOINT, SANDBOX_ALIAS},
    {"i", SINGLE_ENDPOINT, SANDBOX_IDENTIFY},
    {"t", SINGLE_ENDPOINT, SANDBOX_TRACK},
    {"p", SINGLE_ENDPOINT, SANDBOX_PAGE},
    {"s", SINGLE_ENDPOINT, SANDBOX_SCREEN},
    {"g", SINGLE_ENDPOINT, SANDBOX_GROUP},
    {"a", SINGLE_ENDPOINT, SANDBOX_ALIAS},
};

static endpoint_kind find_endpoint(const char *path, sandbox_call *call)
{
    static const char root[] = "/v1/";
    size_t len;

    if (strncmp(path, root, sizeof root - 1) != 0)
        return NO_ENDPOINT;
    path += sizeof root - 1;
    len = strlen(path);
    if (len > 0 && path[len - 1] == '/')
        len--;
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        if (strlen(endpoints[i].path) == len && memcmp(endpoints[i].path, path, len) == 0) {
            *call = endpoints[i].call;
            return endpoints[i].kind;
        }
    }
    return NO_ENDPOINT;
}

int sandbox_segment_owns(const char *path)
{
    sandbox_call call;

    return find_endpoint(path, &call) != NO_ENDPOINT;
}

/* ---- one message ---- */

enum {
    TYPE,
    MESSAGE_ID,
    USER_ID,
    ANONYMOUS_ID,
    EVENT,
    NAME,
    CATEGORY,
    GROUP_ID,
    PREVIOUS_ID,
    PROPERTIES,
    TRAITS,
    CONTEXT,
    INTEGRATIONS,
    TIMESTAMP,
    FIELDS
};

static const segmo__slice field_names[FIELDS] = {
    [TYPE] = SANDBOX_NAME("type"),
    [MESSAGE_ID] = SANDBOX_NAME("messageId"),
    [USER_ID] = SANDBOX_NAME("userId"),
    [ANONYMOUS_ID] = SANDBOX_NAME("anonymousId"),
    [EVENT] = SANDBOX_NAME("event"),
    [NAME] = SANDBOX_NAME("name"),
    [CATEGORY] = SANDBOX_NAME("category"),
    [GROUP_ID] = SANDBOX_NAME("groupId"),
    [PREVIOUS_ID] = SANDBOX_NAME("previousId"),
    [PROPERTIES] = SANDBOX_NAME("properties"),
    [TRAITS] = SANDBOX_NAME("traits"),
    [CONTEXT] = SANDBOX_NAME("context"),
    [INTEGRATIONS] = SANDBOX_NAME("integrations"),
    [TIMESTAMP] = SANDBOX_NAME("timestamp"),
};

/* Why a message is refused; all static. */
typedef struct segment_complaint {
    const char *code;
    const char *member;
    const char *words;
} segment_complaint;

static int wrong(segment_complaint *why, const char *code, int field, const char *words)
{
    *why = (segment_complaint){code, field_names[field].at, words};
    return 0;
}

static int check_type(segmo__slice type, endpoint_kind kind, sandbox_call *call,
                      segment_complaint *why)
{
    if (sandbox_is_absent(type) && kind == SINGLE_ENDPOINT)
        return 1;
    for (int known = SANDBOX_IDENTIFY; known <= SANDBOX_ALIAS; known++) {
        if (!sandbox_is_text(type) ||
            !segmo__slice_is(sandbox_unquoted(type), sandbox_call_names[known]))
            continue;
        if (kind == SINGLE_ENDPOINT && (int)*call != known)
            return wrong(why, "bad_request", TYPE, "differs from the path");
        *call = (sandbox_call)known;
        return 1;
    }
    return wrong(why, "bad_request", TYPE, "must be identify, track, page, screen, group or alias");
}

static int check_message_id(segmo__slice id, segment_complaint *why)
{
    if (!sandbox_is_text(id))
        return wrong(why, "bad_request", MESSAGE_ID, "must be a string that is not empty");
    if (id.len - 2 > MESSAGE_ID_MAX && segmo__json_code_points(id) > MESSAGE_ID_MAX)
        return wrong(why, "bad_request", MESSAGE_ID, "must have at most 100 characters");
    return 1;
}

static int check_id(const segmo__slice *fields, int field, segment_complaint *why)
{
    if (sandbox_is_absent(fields[field]) || sandbox_is_text(fields[field]))
        return 1;
    return wrong(why, "id_not_string", field, "must be a string that is not empty");
}

static int check_ids(const segmo__slice *fields, sandbox_call call, segment_complaint *why)
{
    if (!check_id(fields, USER_ID, why) || !check_id(fields, ANONYMOUS_ID, why))
        return 0;
    if (sandbox_is_absent(fields[USER_ID]) && sandbox_is_absent(fields[ANONYMOUS_ID]))
        return wrong(why, "no_user_anon_id", USER_ID, "or anonymousId must be given");
    if (call == SANDBOX_GROUP && sandbox_is_absent(fields[GROUP_ID]))
        return wrong(why, "id_required", GROUP_ID, "must be given");
    if (call == SANDBOX_GROUP && !check_id(fields, GROUP_ID, why))
        return 0;
    if (call == SANDBOX_ALIAS && sandbox_is_absent(fields[PREVIOUS_ID]))
        return wrong(why, "id_required", PREVIOUS_ID, "must be given");
    if (call == SANDBOX_ALIAS && sandbox_is_absent(fields[USER_ID]))
        return wrong(why, "id_required", USER_ID, "must be given");
    return call != SANDBOX_ALIAS || check_id(fields, PREVIOUS_ID, why);
}

static int check_event(segmo__slice event, segment_complaint *why)
{
    if (sandbox_is_absent(event))
        return wrong(why, "event_not_defined", EVENT, "must be given");
    if (!sandbox_is_text(event))
        return wrong(why, "event_not_string", EVENT, "must be a string that is not empty");
    return 1;
}

static int check_title(const segmo__slice *fields, segment_complaint *why)
{
    if (!sandbox_is_absent(fields[NAME]) && !sandbox_is_text(fields[NAME]))
        return wrong(why, "name_not_string", NAME, "must be a string that is not empty");
    if (!sandbox_is_absent(fields[CATEGORY]) &&
        !sandbox_is_kind(fields[CATEGORY], SEGMO__JSON_STRING))
        return wrong(why, "category_not_string", CATEGORY, "must be a string");
    return 1;
}

static int check_object(const segmo__slice *fields, int field, const char *code,
                        segment_complaint *why)
{
    if (sandbox_is_absent(fields[field]) || sandbox_is_kind(fields[field], SEGMO__JSON_OBJECT))
        return 1;
    return wrong(why, code, field, "must be an object");
}

static int is_moment(segmo__slice value)
{
    int64_t unix_ms;

    return sandbox_is_text(value) && segmo__clock_parse_iso(sandbox_unquoted(value), &unix_ms);
}

static int check_common(const segmo__slice *fields, segment_complaint *why)
{
    if (!check_object(fields, PROPERTIES, "properties_not_object", why) ||
        !check_object(fields, TRAITS, "traits_not_object", why) ||
        !check_object(fields, CONTEXT, "bad_request", why) ||
        !check_object(fields, INTEGRATIONS, "bad_request", why))
        return 0;
    if (!sandbox_is_absent(fields[TIMESTAMP]) && !is_moment(fields[TIMESTAMP]))
        return wrong(why, "bad_request", TIMESTAMP, "must be an ISO 8601 date");
    return 1;
}

static int check_call(const segmo__slice *fields, sandbox_call call, segment_complaint *why)
{
    if (call == SANDBOX_TRACK)
        return check_event(fields[EVENT], why);
    if (call == SANDBOX_PAGE || call == SANDBOX_SCREEN)
        return check_title(fields, why);
    return 1;
}

static void describe(sandbox_message *message, const segmo__slice *fields, sandbox_call call)
{
    static segmo__buf scratch = {.max = MESSAGE_MAX};
    segmo__slice user = fields[sandbox_is_absent(fields[USER_ID]) ? ANONYMOUS_ID : USER_ID];

    message->call = call;
    message->user = sandbox_unquoted(user);
    message->user_hash = sandbox_hash_of(user, &scratch);
    message->id_hash = sandbox_hash_of(fields[MESSAGE_ID], &scratch);
    message->seq = sandbox_seq_of(fields[PROPERTIES]);
    if (message->seq < 0)
        message->seq = sandbox_seq_of(fields[TRAITS]);
    if (message->seq < 0)
        message->seq = sandbox_seq_of(fields[CONTEXT]);
}

static int judge_message(sandbox_message *message, segmo__slice text, endpoint_kind kind,
                         sandbox_call call, segment_complaint *why)
{
    segmo__slice fields[FIELDS];

    if (!sandbox_is_kind(text, SEGMO__JSON_OBJECT)) {
        *why = (segment_complaint){"bad_request", NULL, "each message must be an object"};
        return 0;
    }
    if (text.len > MESSAGE_MAX) {
        *why = (segment_complaint){"message_too_large", NULL,
                                   "a message may have at most 32768 bytes"};
        return 0;
    }
    sandbox_fields_read(text, field_names, FIELDS, fields);
    if (!check_type(fields[TYPE], kind, &call, why) || !check_message_id(fields[MESSAGE_ID], why) ||
        !check_ids(fields, call, why) || !check_call(fields, call, why) ||
        !check_common(fields, why))
        return 0;
    *message = (sandbox_message){.text = text};
    describe(message, fields, call);
    return 1;
}

/* ---- a request ---- */

typedef struct segment_judgement {
    sandbox_verdict *verdict;
    const sandbox_segment_rules *rules;
    endpoint_kind kind;
    sandbox_call call;
} segment_judgement;

static void name_spot(char *out, size_t out_size, int index, const char *member)
{
    char item[32] = "";

    if (index >= 0)
        snprintf(item, sizeof item, "/batch/%d", index);
    snprintf(out, out_size, "%s%s%s", item, member ? "/" : "", member ? member : "");
}

/* 0 when the request as a whole is refused for this message. `index` is -1 for a single message. */
static int take_message(segment_judgement *judgement, segmo__slice text, int index)
{
    sandbox_message message;
    segment_complaint why;
    char field[64];

    if (judge_message(&message, text, judgement->kind, judgement->call, &why)) {
        sandbox_verdict_add_message(judgement->verdict, &message);
        return 1;
    }
    if (judgement->rules->lenient) {
        sandbox_verdict_add_word(&judgement->verdict->discards, why.code);
        return 1;
    }
    name_spot(field, sizeof field, index, why.member);
    sandbox_refuse_segment(judgement->verdict, 400, why.code, field[0] ? field : NULL, why.words);
    return 0;
}

static void refuse_batch(segment_judgement *judgement, const char *code, const char *field,
                         const char *words)
{
    if (judgement->rules->lenient)
        sandbox_verdict_add_word(&judgement->verdict->discards, code);
    else
        sandbox_refuse_segment(judgement->verdict, 400, code, field, words);
}

static void take_batch(segment_judgement *judgement, segmo__slice batch)
{
    segmo__json_walk walk;
    segmo__slice key, text;
    size_t count = 0;

    if (segmo__json_is_empty(batch)) {
        refuse_batch(judgement, "empty_batch", "/batch", "must have at least one message");
        return;
    }
    segmo__json_walk_begin(&walk, batch);
    while (segmo__json_next(&walk, &key, &text)) {
        if (count == BATCH_MAX) {
            segmo__buf_clear(&judgement->verdict->messages);
            refuse_batch(judgement, "bad_request", "/batch", "may have at most 2500 messages");
            return;
        }
        if (!take_message(judgement, text, (int)count++))
            return;
    }
}

enum {
    ENVELOPE_BATCH,
    ENVELOPE_WRITE_KEY,
    ENVELOPE_SENT_AT,
    ENVELOPE_CONTEXT,
    ENVELOPE_INTEGRATIONS,
    ENVELOPE_FIELDS
};

static const segmo__slice envelope_names[ENVELOPE_FIELDS] = {
    [ENVELOPE_BATCH] = SANDBOX_NAME("batch"),
    [ENVELOPE_WRITE_KEY] = SANDBOX_NAME("writeKey"),
    [ENVELOPE_SENT_AT] = SANDBOX_NAME("sentAt"),
    [ENVELOPE_CONTEXT] = SANDBOX_NAME("context"),
    [ENVELOPE_INTEGRATIONS] = SANDBOX_NAME("integrations"),
};

static int is_known_key(const sandbox_segment_rules *rules, const char *key, size_t len)
{
    if (!rules->write_key)
        return len > 0;
    return strlen(rules->write_key) == len && memcmp(rules->write_key, key, len) == 0;
}

/* The key in the header counts before the one in the body. A bearer's token cannot be checked here,
 * so the body's key must do. */
static int check_key(const segment_judgement *judgement, const sandbox_request *request,
                     segmo__slice body_key)
{
    sandbox_credentials credentials;
    segmo__slice key;

    if (sandbox_basic_read(&credentials, request->authorization))
        return is_known_key(judgement->rules, credentials.user, strlen(credentials.user));
    if (request->authorization && strncmp(request->authorization, "Bearer ", 7) != 0)
        return 0;
    if (!sandbox_is_text(body_key))
        return 0;
    key = sandbox_unquoted(body_key);
    return is_known_key(judgement->rules, key.at, key.len);
}

static int check_envelope(segment_judgement *judgement, const segmo__slice *envelope)
{
    static const int objects[] = {ENVELOPE_CONTEXT, ENVELOPE_INTEGRATIONS};

    if (!sandbox_is_absent(envelope[ENVELOPE_SENT_AT]) && !is_moment(envelope[ENVELOPE_SENT_AT])) {
        refuse_batch(judgement, "bad_request", "/sentAt", "must be an ISO 8601 date");
        return 0;
    }
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
        segmo__slice value = envelope[objects[i]];

        if (sandbox_is_absent(value) || sandbox_is_kind(value, SEGMO__JSON_OBJECT))
            continue;
        refuse_batch(judgement, "bad_request", envelope_names[objects[i]].at, "must be an object");
        return 0;
    }
    return 1;
}

static int check_body(segment_judgement *judgement, const sandbox_request *request)
{
    int is_batch = judgement->kind == BATCH_ENDPOINT;
    size_t max = is_batch ? BODY_MAX : MESSAGE_MAX;

    if (request->body_state == SANDBOX_BODY_UNREADABLE) {
        sandbox_refuse_segment(judgement->verdict, 415, "unsupported_encoding", "Content-Encoding",
                               "gzip and identity are known");
        return 0;
    }
    if (request->body_state == SANDBOX_BODY_DAMAGED) {
        sandbox_refuse_segment(judgement->verdict, 400, "invalid_gzip", NULL,
                               "the body is no whole gzip stream");
        return 0;
    }
    if (request->body_state == SANDBOX_BODY_OVERSIZED || request->body.len > max) {
        sandbox_refuse_segment(judgement->verdict, 400, "payload_too_large", NULL,
                               is_batch ? "a batch may have at most 512000 bytes"
                                        : "a message may have at most 32768 bytes");
        return 0;
    }
    return 1;
}

static int check_json(segment_judgement *judgement, segmo__slice body)
{
    segmo_error *error = NULL;

    if (segmo__json_check_body(body, &error) != SEGMO_OK) {
        sandbox_refuse_segment(judgement->verdict, 400, "invalid_json", NULL,
                               segmo_error_message(error));
        segmo_error_free(error);
        return 0;
    }
    if (segmo__json_kind_of(segmo__json_trim(body)) != SEGMO__JSON_OBJECT) {
        sandbox_refuse_segment(judgement->verdict, 400, "invalid_json", NULL,
                               "the body must be an object");
        return 0;
    }
    return 1;
}

static void judge_body(segment_judgement *judgement, const sandbox_request *request)
{
    segmo__slice envelope[ENVELOPE_FIELDS];
    segmo__slice body = segmo__json_trim(request->body);

    sandbox_fields_read(body, envelope_names, ENVELOPE_FIELDS, envelope);
    if (!check_key(judgement, request, envelope[ENVELOPE_WRITE_KEY])) {
        if (judgement->rules->lenient)
            sandbox_verdict_add_word(&judgement->verdict->discards, "unknown_source");
        else
            sandbox_refuse_segment(
                judgement->verdict, 401, "invalid_write_key", NULL,
                "no write key was given, or it is not the one this sandbox was started with");
        return;
    }
    if (judgement->kind == BATCH_ENDPOINT &&
        !sandbox_is_kind(envelope[ENVELOPE_BATCH], SEGMO__JSON_ARRAY)) {
        sandbox_refuse_segment(judgement->verdict, 400, "invalid_json", "/batch",
                               "must be an array");
        return;
    }
    if (!check_envelope(judgement, envelope))
        return;
    if (judgement->kind == BATCH_ENDPOINT)
        take_batch(judgement, envelope[ENVELOPE_BATCH]);
    else
        take_message(judgement, body, -1);
}

void sandbox_segment_judge(sandbox_verdict *verdict, const sandbox_request *request,
                           const sandbox_segment_rules *rules)
{
    segment_judgement judgement = {.verdict = verdict, .rules = rules};

    judgement.kind = find_endpoint(request->path, &judgement.call);
    if (strcmp(request->method, "POST") != 0) {
        sandbox_refuse_segment(verdict, 405, "method_not_allowed", NULL, "use POST");
        verdict->allow = "POST";
        return;
    }
    if (!check_body(&judgement, request) || !check_json(&judgement, request->body))
        return;
    judge_body(&judgement, request);
    if (!verdict->reason)
        segmo__buf_add_lit(&verdict->answer, "{\"success\":true}");
}
