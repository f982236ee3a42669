/* Who sends: credentials of a request, and the source they mean. */
#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "gateway_parts.h"
#include "support/base64.h"

#define CREDENTIALS_MAX 4096
#define NAME_MAX_LEN    1024

/* ---- credentials ---- */

static segmo__slice after_scheme(const http_head *head, const char *scheme)
{
    segmo__slice value = head->field[HTTP_AUTHORIZATION], name = value;
    size_t len = strlen(scheme);

    name.len = len;
    if (!value.at || value.len <= len || value.at[len] != ' ' || !http_means(name, scheme))
        return (segmo__slice){"", 0};
    value.at += len;
    value.len -= len;
    while (value.len > 0 && *value.at == ' ')
        value.at++, value.len--;
    return value;
}

segmo__slice callers_bearer(const http_head *head)
{
    return after_scheme(head, "bearer");
}

/* "user:password" decoded; length 0: none. */
static segmo__slice decode_basic(struct gateway *gateway, const http_head *head)
{
    segmo__slice text = after_scheme(head, "basic");

    segmo__buf_clear(&gateway->credentials);
    if (text.len == 0 || text.len > CREDENTIALS_MAX || !base64_decode(&gateway->credentials, text))
        return (segmo__slice){"", 0};
    return segmo__buf_slice(&gateway->credentials);
}

static const char *colon_in(segmo__slice pair)
{
    return pair.len > 0 ? memchr(pair.at, ':', pair.len) : NULL;
}

segmo__slice callers_basic_user(struct gateway *gateway, const http_head *head)
{
    segmo__slice pair = decode_basic(gateway, head);
    const char *colon = colon_in(pair);

    if (colon)
        pair.len = (size_t)(colon - pair.at);
    return pair;
}

segmo__slice callers_basic_password(struct gateway *gateway, const http_head *head)
{
    segmo__slice pair = decode_basic(gateway, head);
    const char *colon = colon_in(pair);

    if (!colon)
        return (segmo__slice){"", 0};
    return (segmo__slice){colon + 1, (size_t)(pair.at + pair.len - colon - 1)};
}

/* ---- sources ---- */

static void free_source(gateway_source *source)
{
    segmo__free(source->key);
    segmo__free(source->id);
    segmo__free(source->type);
    segmo__free(source->allowed_origins);
    segmo__free(source->moengage_app_id);
    segmo__free(source);
}

static char *copy(const segmo__json *tree, const char *name)
{
    const char *text = segmo__json_string(segmo__json_get(tree, name));

    return text ? segmo__strdup(text) : NULL;
}

static int read_source(gateway_source *source, const segmo__json *tree)
{
    const segmo__json *moengage = segmo__json_get(tree, "moengage");
    const char *mode = segmo__json_string(segmo__json_get(tree, "mode"));

    source->id = copy(tree, "id");
    source->type = copy(tree, "type");
    source->allowed_origins = copy(tree, "allowed_origins");
    source->moengage_app_id = copy(moengage, "app_id");
    source->moengage_test = segmo__json_bool(segmo__json_get(moengage, "test"), 0);
    source->to_segment = segmo__json_bool(segmo__json_get(tree, "segment"), 0);
    source->to_moengage = segmo__json_bool(segmo__json_get(moengage, "forwards"), 0);
    source->by_key = segmo__json_bool(segmo__json_get(tree, "by_key"), 0);
    source->on_device = mode && strcmp(mode, "device") == 0;
    source->is_browser_or_app =
        source->type && strcmp(source->type, "server") != 0 && strcmp(source->type, "http") != 0;
    if (!source->id || !source->type)
        return 0;
    source->hash = segmo__id_hash(source->id, strlen(source->id), 0);
    return 1;
}

static gateway_source *ask_for(struct gateway *gateway, const char *name)
{
    gateway_source *source = NULL;
    segmo__json *tree = NULL;
    segmo__slice json;
    char *text = NULL;

    if (segmo_client_source_json(gateway->client, name, &text, &json.len, NULL) != SEGMO_OK)
        return NULL;
    json.at = text;
    if (segmo__json_parse(&tree, json, NULL) == SEGMO_OK)
        source = segmo__zalloc(sizeof *source);
    if (source) {
        source->key = segmo__strdup(name);
        if (read_source(source, tree))
            source->counts = counts_of(&gateway->counts, source->id);
        if (!source->key || !source->counts) {
            free_source(source);
            source = NULL;
        }
    }
    segmo__json_free(tree);
    segmo_free(text);
    return source;
}

gateway_source *callers_find(struct gateway *gateway, segmo__slice name)
{
    char text[NAME_MAX_LEN + 1];
    gateway_source *source;

    if (name.len == 0 || name.len > NAME_MAX_LEN || memchr(name.at, '\0', name.len))
        return NULL;
    for (source = gateway->sources; source; source = source->next)
        if (segmo__same_secret(segmo__slice_of(source->key), name))
            return source;
    memcpy(text, name.at, name.len);
    text[name.len] = '\0';
    source = ask_for(gateway, text);
    if (!source)
        return NULL;
    source->next = gateway->sources;
    gateway->sources = source;
    return source;
}

gateway_source *callers_by_key(struct gateway *gateway, segmo__slice key)
{
    gateway_source *source = callers_find(gateway, key);

    return source && source->by_key ? source : NULL;
}

void callers_forget(struct gateway *gateway)
{
    gateway_source *next;

    for (gateway_source *source = gateway->sources; source; source = next) {
        next = source->next;
        free_source(source);
    }
    gateway->sources = NULL;
}

/* ---- origins ---- */

int callers_origin_allowed(const gateway_source *source, const http_head *head)
{
    const char *at = source->allowed_origins;
    segmo__slice origin = head->field[HTTP_ORIGIN];

    if (!at || !origin.at)
        return 1;
    while (*at) {
        size_t len = strcspn(at, " ,");

        if (len > 0 && len == origin.len && memcmp(at, origin.at, len) == 0)
            return 1;
        at += len + (at[len] != '\0');
    }
    return 0;
}
