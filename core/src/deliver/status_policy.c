/* One table per service, read from the top: the first row that holds the status is the verdict.
 *
 * What is configuration (wrong key, wrong workspace, wrong host) never kills a message: it pauses.
 */
#include "deliver/status_policy.h"

#include "base/json.h"

#include <strings.h>

#define KEYS_MOENGAGE                                                                              \
    "check moengage.app_id, moengage.data_api_key and moengage.data_center against the "           \
    "workspace's settings in MoEngage"
#define KEY_SEGMENT "check segment.write_key against the source's settings in Segment"
#define HOST        "check the destination's host: another service seems to answer there"
#define ELSEWHERE                                                                                  \
    "the address redirects, which is not followed: set the destination's host to where the "       \
    "service itself answers, with https"
#define ASK_VENDOR "the workspace is blocked; ask MoEngage's support to open it again"

typedef struct row {
    int first;
    int last;
    segmo__verdict verdict;
    const char *reason;
    const char *remedy;
} row;

static const row segment_rows[] = {
    {100, 199, SEGMO__VERDICT_RETRY, "http_1xx", ""},
    {200, 299, SEGMO__VERDICT_DELIVERED, "delivered", ""},
    {300, 399, SEGMO__VERDICT_PAUSE, "redirect", ELSEWHERE}, /* never followed: it has the key */
    {400, 400, SEGMO__VERDICT_BISECT, "refused", ""},
    {401, 401, SEGMO__VERDICT_PAUSE, "invalid_credentials", KEY_SEGMENT},
    {403, 403, SEGMO__VERDICT_PAUSE, "forbidden", KEY_SEGMENT},
    {404, 404, SEGMO__VERDICT_PAUSE, "not_found", HOST},
    {405, 405, SEGMO__VERDICT_PAUSE, "method_not_allowed", HOST},
    {407, 407, SEGMO__VERDICT_PAUSE, "proxy_authentication", "check the proxy's user and password"},
    {408, 408, SEGMO__VERDICT_RETRY, "http_408", ""},
    {409, 409, SEGMO__VERDICT_PAUSE, "conflict", KEY_SEGMENT},
    {410, 410, SEGMO__VERDICT_RETRY, "http_410", ""},
    {413, 413, SEGMO__VERDICT_SPLIT, "too_large", ""},
    {415, 415, SEGMO__VERDICT_PAUSE, "unsupported_media_type", HOST},
    {422, 422, SEGMO__VERDICT_DEAD, "http_422", ""},
    {429, 429, SEGMO__VERDICT_SLOW, "rate_limited", ""},
    {460, 460, SEGMO__VERDICT_RETRY, "http_460", ""}, /* load balancer: the client went away */
    {400, 499, SEGMO__VERDICT_DEAD, "http_4xx", ""},
    {500, 500, SEGMO__VERDICT_RETRY, "http_500", ""},
    {501, 501, SEGMO__VERDICT_DEAD, "http_501", ""},
    {502, 502, SEGMO__VERDICT_RETRY, "http_502", ""},
    {503, 503, SEGMO__VERDICT_RETRY, "http_503", ""},
    {504, 504, SEGMO__VERDICT_RETRY, "http_504", ""},
    {505, 505, SEGMO__VERDICT_DEAD, "http_505", ""},
    {511, 511, SEGMO__VERDICT_PAUSE, "network_authentication",
     "log in to the network this machine is in"},
    {500, 599, SEGMO__VERDICT_RETRY, "http_5xx", ""},
};

/* Only where MoEngage differs; the rest is read from Segment's table. */
static const row moengage_rows[] = {
    {401, 401, SEGMO__VERDICT_PAUSE, "invalid_credentials", KEYS_MOENGAGE},
    {403, 403, SEGMO__VERDICT_PAUSE, "forbidden", KEYS_MOENGAGE},
    {404, 404, SEGMO__VERDICT_PAUSE, "not_found", "check moengage.data_center and the host"},
    {409, 409, SEGMO__VERDICT_PAUSE, "conflict", KEYS_MOENGAGE},
    {423, 423, SEGMO__VERDICT_RETRY, "http_423", ""}, /* its Segment endpoint: locked for now */
};

/* Error types with which MoEngage answers 400 although the settings are at fault: the first that
 * the type begins with, in any case of letters. */
static const struct {
    const char *type;
    const char *reason;
    const char *remedy;
} moengage_400_settings[] = {
    {"InvalidParams", "invalid_params", KEYS_MOENGAGE},
    {"ParamsRequired", "params_required", KEYS_MOENGAGE},
    {"Auth", "invalid_credentials", KEYS_MOENGAGE}, /* Authentication..., Authorization... */
    {"Unauthorized", "invalid_credentials", KEYS_MOENGAGE},
    {"Blacklisted", "blacklisted", ASK_VENDOR},
    {"BlockedClient", "blacklisted", ASK_VENDOR},
    {"Account", "account_suspended", ASK_VENDOR}, /* ... Suspended, ... Temporarily Suspended */
};

static const row no_status = {0, 0, SEGMO__VERDICT_RETRY, "no_http_status", ""};

static const char *const verdict_names[] = {"delivered", "retry", "slow", "split",
                                            "bisect",    "dead",  "pause"};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static const row *find(const row *rows, size_t count, int status)
{
    for (size_t i = 0; i < count; i++)
        if (status >= rows[i].first && status <= rows[i].last)
            return &rows[i];
    return NULL;
}

static const row *row_of(segmo__service service, int status)
{
    const row *found = NULL;

    if (service == SEGMO__SERVICE_MOENGAGE)
        found = find(moengage_rows, COUNT(moengage_rows), status);
    if (!found)
        found = find(segment_rows, COUNT(segment_rows), status);
    return found ? found : &no_status;
}

static int begins_with(const segmo__buf *text, const char *start)
{
    size_t len = strlen(start);

    if (text->len < len)
        return 0;
    for (size_t i = 0; i < len; i++)
        if ((text->data[i] | 0x20) != (start[i] | 0x20))
            return 0;
    return 1;
}

/* 1 when a 400 of MoEngage is about the settings. */
static int blames_settings(segmo__slice body, const char **reason, const char **remedy)
{
    segmo__buf type, text;
    int found = 0;

    segmo__buf_init(&type, SEGMO__STATUS_TEXT_MAX);
    segmo__buf_init(&text, SEGMO__STATUS_TEXT_MAX);
    segmo__status_error_text(body, &type, &text);
    for (size_t i = 0; i < COUNT(moengage_400_settings) && !found; i++) {
        found = begins_with(&type, moengage_400_settings[i].type);
        if (found) {
            *reason = moengage_400_settings[i].reason;
            *remedy = moengage_400_settings[i].remedy;
        }
    }
    segmo__buf_free(&type);
    segmo__buf_free(&text);
    return found;
}

segmo__verdict segmo__status_policy(segmo__service service, int status, segmo__slice body,
                                    const char **reason, const char **remedy)
{
    const row *found = row_of(service, status);

    *reason = found->reason;
    *remedy = found->remedy;
    if (service == SEGMO__SERVICE_MOENGAGE && status == 400 &&
        blames_settings(body, reason, remedy))
        return SEGMO__VERDICT_PAUSE;
    return found->verdict;
}

const char *segmo__verdict_name(segmo__verdict verdict)
{
    return verdict_names[verdict];
}

/* ---- what the service said ---- */

/* Length of the UTF-8 sequence at `at`, 0 when the bytes are none (overlong and surrogates too). */
static size_t sequence_len(const unsigned char *at, size_t left)
{
    size_t len = at[0] < 0x80 ? 1 : at[0] < 0xC2 ? 0 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;

    if (len == 0 || at[0] > 0xF4 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    if ((at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xED && at[1] > 0x9F) ||
        (at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] > 0x8F))
        return 0;
    return len;
}

/* At most SEGMO__STATUS_TEXT_MAX bytes; what is not printable text becomes a space or '?'. */
static void put_words(segmo__buf *out, segmo__slice words)
{
    const unsigned char *at = (const unsigned char *)words.at;
    size_t done = 0;

    for (size_t i = 0; i < words.len;) {
        size_t len = sequence_len(at + i, words.len - i);
        int control = at[i] < 0x20 || at[i] == 0x7F;

        if (done + (len > 0 ? len : 1) > SEGMO__STATUS_TEXT_MAX)
            return;
        if (len == 0 || control)
            segmo__buf_add_char(out, control ? ' ' : '?');
        else
            segmo__buf_add(out, at + i, len);
        i += len > 0 ? len : 1;
        done += len > 0 ? len : 1;
    }
}

/* Appends the first of `keys` (ended by NULL) that is a string with something in it; 0 if none. */
static int put_member(segmo__buf *out, segmo__slice object, const char *const *keys)
{
    segmo__buf scratch;
    segmo__slice value, words = {NULL, 0};

    segmo__buf_init(&scratch, object.len + 1);
    for (; *keys && words.len == 0; keys++)
        if (segmo__json_member(object, *keys, &value) &&
            segmo__json_kind_of(value) == SEGMO__JSON_STRING)
            words = segmo__json_text(value, &scratch);
    put_words(out, words);
    segmo__buf_free(&scratch);
    return words.len > 0;
}

/* {"error": {"type", "message"}} of MoEngage, {"code", "message"} of Segment, {"title",
 * "description"} of MoEngage's older calls, {"error": "words"} of others. 0: no text found. */
static int put_from_object(segmo__slice object, segmo__buf *type, segmo__buf *text)
{
    static const char *const type_keys[] = {"type", "code", "title", NULL};
    static const char *const text_keys[] = {"message", "description", "error", NULL};
    segmo__slice error;
    int has_error = segmo__json_member(object, "error", &error) &&
                    segmo__json_kind_of(error) == SEGMO__JSON_OBJECT;

    if (!has_error || !put_member(type, error, type_keys))
        put_member(type, object, type_keys);
    return (has_error && put_member(text, error, text_keys)) || put_member(text, object, text_keys);
}

void segmo__status_error_text(segmo__slice body, segmo__buf *type, segmo__buf *text)
{
    segmo__slice trimmed;
    int found = 0;

    if (body.len > 0 && segmo__json_check(body, NULL) == SEGMO_OK) {
        trimmed = segmo__json_trim(body);
        if (segmo__json_kind_of(trimmed) == SEGMO__JSON_OBJECT)
            found = put_from_object(trimmed, type, text);
    }
    if (!found)
        put_words(text, body);
}
