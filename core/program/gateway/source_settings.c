/* What web and mobile libraries ask for when they start: the destinations of their source. */
#include "base/json.h"
#include "gateway_parts.h"

#define PREFIX (sizeof "/v1/projects/" - 1)
#define SUFFIX (sizeof "/settings" - 1)

static segmo__slice key_in(segmo__slice path)
{
    if (path.at[path.len - 1] == '/')
        path.len--;
    return (segmo__slice){path.at + PREFIX, path.len - PREFIX - SUFFIX};
}

/* A device that has MoEngage's code bundled starts it by these; other sources run in the cloud. */
static void put_moengage(segmo__buf *out, const gateway_source *source)
{
    segmo__buf_add_lit(out, ",\"MoEngage\":{\"apiKey\":");
    segmo__json_put_text(out, source->moengage_app_id);
    segmo__buf_addf(out,
                    ",\"debugMode\":%s,\"type\":\"browser\",\"bundlingStatus\":\"%s\","
                    "\"versionSettings\":{\"componentTypes\":[%s\"server\"]}}",
                    source->moengage_test ? "true" : "false",
                    source->on_device ? "bundled" : "unbundled",
                    source->on_device ? "\"browser\",\"ios\",\"android\"," : "");
}

void source_settings_serve(struct gateway *gateway, const http_request *request,
                           http_answer *answer)
{
    segmo__slice key = key_in(request->head->path), host = request->head->field[HTTP_HOST];
    const gateway_source *source = callers_by_key(gateway, key);
    segmo__buf *out = &answer->body;

    if (!source) {
        http_answer_refuse(answer, 404, "unknown_source", "no source has this write key");
        return;
    }
    segmo__buf_add_lit(out, "{\"integrations\":{\"Segment.io\":{\"apiKey\":");
    segmo__json_put_string(out, key.at, key.len);
    segmo__buf_add_lit(out, ",\"apiHost\":\"");
    segmo__buf_add_slice(out, host); /* letters, digits and marks that JSON needs no escapes for */
    segmo__buf_addf(out, "/v1\",\"addBundledMetadata\":true,\"unbundledIntegrations\":[%s]}",
                    source->moengage_app_id && !source->on_device ? "\"MoEngage\"" : "");
    if (source->moengage_app_id)
        put_moengage(out, source);
    segmo__buf_add_lit(out, "},\"plan\":{\"track\":{\"__default\":{\"enabled\":true}},"
                            "\"identify\":{\"__default\":{\"enabled\":true}},"
                            "\"group\":{\"__default\":{\"enabled\":true}}}}");
    segmo__buf_add_lit(&answer->fields, "Cache-Control: public, max-age=60\r\n");
}
