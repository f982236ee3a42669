/* Requests to MoEngage: where they go, who sends them, what they may weigh. The elements inside are
 * judged in moengage_elements.c.
 *
 * A bulk request with one bad element is refused as a whole and takes nothing: the service does not
 * say which element it was, so a sender has to find out.
 */
#include "moengage.h"

#include "auth.h"
#include "base/clock.h"
#include "fields.h"
#include "moengage_elements.h"

#define SINGLE_MAX 128000
#define BULK_MAX   100000
#define PAIRS_MAX  50

typedef enum endpoint_kind {
    NO_ENDPOINT,
    ELEMENT_ENDPOINT,
    BULK_ENDPOINT,
    MERGE_ENDPOINT,
    SEGMENT_ENDPOINT,
    SEGMENT_AUTH_ENDPOINT
} endpoint_kind;

typedef struct moengage_judgement {
    sandbox_verdict *verdict;
    const sandbox_request *request;
    const sandbox_moengage_rules *rules;
    endpoint_kind kind;
    sandbox_call element; /* of an ELEMENT_ENDPOINT */
    const char *app_id;   /* in the path or the query; NULL: in neither */
} moengage_judgement;

static struct {
    int64_t began_ms;
    int64_t used;
} window;

void sandbox_moengage_reset(void)
{
    window.used = 0;
    window.began_ms = segmo__clock_mono_ms();
}

/* ---- paths ---- */

static const struct {
    const char *path; /* ends in a slash when the app id follows */
    endpoint_kind kind;
    sandbox_call element;
} endpoints[] = {
    {"/v1/customer/merge", MERGE_ENDPOINT, SANDBOX_CALLS},
    {"/v1/customer/", ELEMENT_ENDPOINT, SANDBOX_CUSTOMER},
    {"/v1/event/", ELEMENT_ENDPOINT, SANDBOX_EVENT},
    {"/v1/device/", ELEMENT_ENDPOINT, SANDBOX_DEVICE},
    {"/v1/transition/", BULK_ENDPOINT, SANDBOX_CALLS},
    {"/v1/integrations/segment", SEGMENT_ENDPOINT, SANDBOX_CALLS},
    {"/v1/integrations/segment/auth", SEGMENT_AUTH_ENDPOINT, SANDBOX_CALLS},
};

static int path_fits(const char *path, const char *pattern)
{
    size_t len = strlen(pattern);

    if (pattern[len - 1] != '/')
        return strcmp(path, pattern) == 0;
    return strncmp(path, pattern, len) == 0 && !strchr(path + len, '/');
}

static endpoint_kind find_endpoint(moengage_judgement *judgement, const char *path)
{
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        if (!path_fits(path, endpoints[i].path))
            continue;
        judgement->element = endpoints[i].element;
        if (strchr(endpoints[i].path, '\0')[-1] == '/')
            judgement->app_id = path + strlen(endpoints[i].path);
        return endpoints[i].kind;
    }
    return NO_ENDPOINT;
}

int sandbox_moengage_owns(const char *path)
{
    moengage_judgement judgement = {0};

    return find_endpoint(&judgement, path) != NO_ENDPOINT;
}

/* ---- who ---- */

static int refuse(moengage_judgement *judgement, int status, const char *type,
                  const char *attribute, const char *words)
{
    sandbox_refuse_moengage(judgement->verdict, status, type, attribute, words);
    return 0;
}

static int check_method(moengage_judgement *judgement)
{
    const char *method = judgement->kind == SEGMENT_AUTH_ENDPOINT ? "GET" : "POST";

    if (strcmp(judgement->request->method, method) == 0)
        return 1;
    refuse(judgement, 405, "MethodNotAllowed", NULL, "the method is not allowed here");
    judgement->verdict->allow = method;
    return 0;
}

static int check_app_id(moengage_judgement *judgement, const char *user)
{
    int in_path = judgement->app_id != NULL;

    if (!in_path)
        judgement->app_id = judgement->request->app_id;
    if (!judgement->app_id || !judgement->app_id[0])
        return refuse(judgement, 400, "ParamsRequired", "app_id", "app_id is required");
    if (strcmp(judgement->app_id, user) == 0)
        return 1;
    if (in_path)
        return refuse(judgement, 400, "InvalidParams", "app_id", "Given app_id is invalid.");
    return refuse(judgement, 409, "Conflict", "app_id",
                  "app_id differs from the authenticated one");
}

static int check_sender(moengage_judgement *judgement)
{
    static const char type[] = "Authentication required";
    const sandbox_moengage_rules *rules = judgement->rules;
    const char *app_key = judgement->request->app_key;
    sandbox_credentials who;

    if (!sandbox_basic_read(&who, judgement->request->authorization) || !who.has_colon)
        return refuse(judgement, 401, type, NULL,
                      "the Authorization header is missing or cannot be decoded");
    if (!who.user[0] || !who.password[0])
        return refuse(judgement, 401, type, NULL, "the workspace id or the API key is missing");
    if ((rules->app_id && strcmp(rules->app_id, who.user) != 0) ||
        (rules->api_key && strcmp(rules->api_key, who.password) != 0))
        return refuse(judgement, 401, type, NULL, "the workspace id or the API key is wrong");
    if (app_key && strcmp(app_key, who.user) != 0)
        return refuse(judgement, 401, type, NULL,
                      "the header MOE-APPKEY differs from the authenticated app");
    return check_app_id(judgement, who.user);
}

/* ---- what it weighs and whether it is JSON ---- */

static int is_json_type(const char *content_type)
{
    static const char json[] = "application/json";
    size_t i = 0;

    while (json[i] && (content_type[i] | 0x20) == json[i])
        i++;
    return !json[i] &&
           (content_type[i] == '\0' || content_type[i] == ';' || content_type[i] == ' ');
}

static int check_body(moengage_judgement *judgement)
{
    const sandbox_request *request = judgement->request;
    int is_bulk = judgement->kind == BULK_ENDPOINT;
    segmo_error *error = NULL;

    if (!request->content_type)
        return refuse(judgement, 400, "Missing header value", "Content-Type",
                      "Content-Type is missing");
    if (!is_json_type(request->content_type))
        return refuse(judgement, 415, "MediaTypeError", "Content-Type",
                      "Content-Type must be application/json");
    if (request->content_encoding)
        return refuse(judgement, 415, "MediaTypeError", "Content-Encoding",
                      "bodies are taken uncompressed only");
    if (request->body_state == SANDBOX_BODY_OVERSIZED ||
        request->body.len > (is_bulk ? BULK_MAX : SINGLE_MAX))
        return refuse(judgement, 413, "PayloadTooLarge", NULL,
                      is_bulk ? "payload can not exceed 100KB" : "payload can not exceed 128KB");
    if (request->body.len == 0)
        return refuse(judgement, 400, "Empty request body", NULL, "the request has no body");
    if (segmo__json_check_body(request->body, &error) != SEGMO_OK) {
        refuse(judgement, 400, "Malformed JSON", NULL, segmo_error_message(error));
        segmo_error_free(error);
        return 0;
    }
    if (segmo__json_kind_of(segmo__json_trim(request->body)) != SEGMO__JSON_OBJECT)
        return refuse(judgement, 400, "Body type is not JSON", NULL, "the body must be an object");
    return 1;
}

/* ---- what it carries ---- */

static int object_to(moengage_judgement *judgement, const sandbox_objection *why)
{
    return refuse(judgement, 400, why->type, why->attribute, why->words);
}

static int check_body_type(moengage_judgement *judgement, segmo__slice body, const char *expected)
{
    segmo__slice type;

    if (!segmo__json_member(body, "type", &type) || sandbox_is_absent(type))
        return refuse(judgement, 400, "MissingAttributeError", "type",
                      "type is not found in the payload");
    if (!sandbox_is_kind(type, SEGMO__JSON_STRING))
        return refuse(judgement, 400, "TypeError", "type", "expected string");
    if (!segmo__slice_is(sandbox_unquoted(type), expected))
        return refuse(judgement, 400, "AttributeError", "type",
                      "differs from what this path takes");
    return 1;
}

static int find_array(moengage_judgement *judgement, segmo__slice body, const char *name,
                      segmo__slice *array)
{
    if (!segmo__json_member(body, name, array) || sandbox_is_absent(*array))
        return refuse(judgement, 400, "MissingAttributeError", name, "is not found in the payload");
    if (!sandbox_is_kind(*array, SEGMO__JSON_ARRAY))
        return refuse(judgement, 400, "TypeError", name, "expected array");
    if (segmo__json_is_empty(*array))
        return refuse(judgement, 400, "MissingAttributeError", name, "is empty");
    return 1;
}

static int take_element(moengage_judgement *judgement, segmo__slice body)
{
    sandbox_objection why;

    if (!check_body_type(judgement, body, sandbox_call_names[judgement->element]))
        return 0;
    return sandbox_element_take(judgement->verdict, body, judgement->element, &why) ||
           object_to(judgement, &why);
}

static int take_bulk(moengage_judgement *judgement, segmo__slice body)
{
    segmo__json_walk walk;
    segmo__slice key, element;
    sandbox_objection why;

    if (!check_body_type(judgement, body, "transition") ||
        !find_array(judgement, body, "elements", &element))
        return 0;
    segmo__json_walk_begin(&walk, element);
    while (segmo__json_next(&walk, &key, &element))
        if (!sandbox_element_take(judgement->verdict, element, sandbox_element_type(element), &why))
            return object_to(judgement, &why);
    return 1;
}

static int take_merge(moengage_judgement *judgement, segmo__slice body)
{
    segmo__json_walk walk;
    segmo__slice key, pair;
    sandbox_objection why;
    int count = 0;

    if (!find_array(judgement, body, "merge_data", &pair))
        return 0;
    segmo__json_walk_begin(&walk, pair);
    while (segmo__json_next(&walk, &key, &pair)) {
        if (++count > PAIRS_MAX)
            return refuse(judgement, 400, "InvalidParams", "merge_data",
                          "at most 50 pairs are taken");
        if (!sandbox_merge_pair_take(judgement->verdict, pair, &why))
            return object_to(judgement, &why);
    }
    return 1;
}

static int take_body(moengage_judgement *judgement)
{
    segmo__slice body = segmo__json_trim(judgement->request->body);
    sandbox_objection why;

    switch (judgement->kind) {
    case ELEMENT_ENDPOINT:
        return take_element(judgement, body);
    case BULK_ENDPOINT:
        return take_bulk(judgement, body);
    case MERGE_ENDPOINT:
        return take_merge(judgement, body);
    default:
        return sandbox_segment_call_take(judgement->verdict, body, &why) ||
               object_to(judgement, &why);
    }
}

/* ---- how fast ---- */

static void check_rate(moengage_judgement *judgement)
{
    const sandbox_moengage_rules *rules = judgement->rules;
    sandbox_verdict *verdict = judgement->verdict;
    int64_t window_ms = rules->rate_window_s * 1000, now_ms = segmo__clock_mono_ms();
    int64_t wanted = (int64_t)sandbox_verdict_message_count(verdict);

    if (rules->rate_limit == 0)
        return;
    if (now_ms - window.began_ms >= window_ms)
        sandbox_moengage_reset();
    if (window.used + wanted > rules->rate_limit)
        refuse(judgement, 429, "RateLimitError", NULL, "Rate Limit Exceeded");
    else
        window.used += wanted;
    verdict->rate_limit = rules->rate_limit;
    verdict->rate_remaining = rules->rate_limit - window.used;
    verdict->rate_reset_s = (window_ms - (now_ms - window.began_ms) + 999) / 1000;
}

static void put_success(moengage_judgement *judgement)
{
    static uint64_t requests;
    segmo__buf *answer = &judgement->verdict->answer;

    if (judgement->kind == MERGE_ENDPOINT)
        segmo__buf_add_lit(answer, "{\"status\":\"success\",\"operation\":\"created\"}");
    else
        segmo__buf_addf(
            answer,
            "{\"status\":\"success\",\"message\":\"Your request has been accepted and will be "
            "processed soon.\",\"request_id\":\"req-%llu\"}",
            (unsigned long long)++requests);
}

void sandbox_moengage_judge(sandbox_verdict *verdict, const sandbox_request *request,
                            const sandbox_moengage_rules *rules)
{
    moengage_judgement judgement = {.verdict = verdict, .request = request, .rules = rules};

    judgement.kind = find_endpoint(&judgement, request->path);
    if (!check_method(&judgement) || !check_sender(&judgement))
        return;
    if (judgement.kind != SEGMENT_AUTH_ENDPOINT &&
        (!check_body(&judgement) || !take_body(&judgement)))
        return;
    check_rate(&judgement);
    if (!verdict->reason)
        put_success(&judgement);
}
