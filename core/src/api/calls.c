/* The six calls: a message is put together from arguments, then accepted as any other. */
#include "base/json.h"
#include "base/json_bytes.h"
#include "client/client.h"
#include "client/pipeline.h"

#include <stdio.h>

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
