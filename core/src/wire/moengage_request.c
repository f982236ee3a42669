/* The request around elements: its address and envelope. */
#include "wire/moengage.h"

static void put_url_part(segmo__buf *url, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text, small = c | 0x20;

        if ((small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') || strchr("-._~", c)) {
            segmo__buf_add(url, text, 1);
        } else {
            char escape[3] = {'%', hex[c >> 4], hex[c & 15]};

            segmo__buf_add(url, escape, sizeof escape);
        }
    }
}

void segmo__moengage_path(segmo__buf *url, const segmo__source *source,
                          segmo__moengage_endpoint endpoint, const char *single)
{
    const segmo__moengage_settings *settings = &source->moengage;

    segmo__buf_add_str(url, settings->host);
    if (endpoint == SEGMO__MOENGAGE_SEGMENT) {
        segmo__buf_add_lit(url, "/v1/integrations/segment?appId=");
        put_url_part(url, settings->app_id);
        return;
    }
    if (endpoint == SEGMO__MOENGAGE_MERGE) {
        segmo__buf_add_lit(url, "/v1/customer/merge?app_id=");
        put_url_part(url, settings->app_id);
        return;
    }
    segmo__buf_add_lit(url, "/v1/");
    segmo__buf_add_str(url, single ? single : "transition");
    segmo__buf_add_lit(url, "/");
    put_url_part(url, settings->app_id);
    if (settings->project) {
        segmo__buf_add_lit(url, "?project_code=");
        put_url_part(url, settings->project);
    }
}

void segmo__moengage_auth_path(segmo__buf *url, const segmo__source *source)
{
    segmo__buf_add_str(url, source->moengage.host);
    segmo__buf_add_lit(url, "/v1/integrations/segment/auth?appId=");
    put_url_part(url, source->moengage.app_id);
}

void segmo__moengage_begin(segmo__buf *body, segmo__moengage_endpoint endpoint, const char *single)
{
    if (endpoint == SEGMO__MOENGAGE_MERGE)
        segmo__buf_add_lit(body, "{\"merge_data\":[");
    else if (endpoint == SEGMO__MOENGAGE_TRANSITION && !single)
        segmo__buf_add_lit(body, "{\"type\":\"transition\",\"elements\":[");
}

void segmo__moengage_end(segmo__buf *body, segmo__moengage_endpoint endpoint, const char *single)
{
    if (endpoint == SEGMO__MOENGAGE_MERGE || (endpoint == SEGMO__MOENGAGE_TRANSITION && !single))
        segmo__buf_add_lit(body, "]}");
}

const char *segmo__moengage_type(segmo__slice elements)
{
    static const char *const types[] = {"customer", "event", "device"};
    static const char lead[] = "{\"type\":\"";

    if (elements.len < sizeof lead + 8 || memcmp(elements.at, lead, sizeof lead - 1) != 0)
        return NULL;
    for (size_t i = 0; i < 3; i++)
        if (memcmp(elements.at + sizeof lead - 1, types[i], strlen(types[i])) == 0)
            return types[i];
    return NULL;
}
