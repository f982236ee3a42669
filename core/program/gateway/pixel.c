/* Messages in an image's address, for mails and pages without scripts. */
#include "base/json.h"
#include "gateway_parts.h"
#include "query.h"
#include "support/base64.h"

#define JSON_MAX    40960
#define NESTING_MAX 8
#define PARTS_MAX   64

static const unsigned char gif[] = {
    0x47, 0x49, 0x46, 0x38, 0x39, 0x61, 1,    0, 1, 0, 0x80, 0,    0, 0,
    0,    0,    0xff, 0xff, 0xff, 0x21, 0xf9, 4, 1, 0, 0,    0,    0, 0x2c,
    0,    0,    0,    0,    1,    0,    1,    0, 0, 2, 1,    0x44, 0, 0x3b};

/* ---- plain parameters: dots nest, all values are strings ---- */

struct path {
    segmo__slice part[NESTING_MAX];
    size_t count;
};

static struct path split(segmo__slice name)
{
    struct path path = {.count = 0};

    while (path.count < NESTING_MAX) {
        const char *dot = name.len > 0 ? memchr(name.at, '.', name.len) : NULL;
        segmo__slice part = name;

        if (dot && path.count < NESTING_MAX - 1)
            part.len = (size_t)(dot - name.at);
        path.part[path.count++] = part;
        if (part.len == name.len)
            break;
        name.at += part.len + 1;
        name.len -= part.len + 1;
    }
    return path;
}

static int is_same(segmo__slice a, segmo__slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static int begins_alike(const struct path *a, const struct path *b, size_t depth)
{
    for (size_t i = 0; i < depth; i++)
        if (i >= a->count || i >= b->count || !is_same(a->part[i], b->part[i]))
            return 0;
    return 1;
}

static void put_unescaped(segmo__buf *out, segmo__slice text, segmo__buf *scratch)
{
    segmo__buf_clear(scratch);
    query_unescape(scratch, text, 1);
    segmo__json_put_string(out, scratch->data ? scratch->data : "", scratch->len);
}

/* The object of all parameters that agree with `like` in their first `depth` parts. */
static void put_object(segmo__buf *out, const query_pair *pairs, const struct path *paths,
                       size_t count, const struct path *like, size_t depth, segmo__buf *scratch)
{
    int first = 1;

    segmo__buf_add_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        int is_new = paths[i].count > depth && (!like || begins_alike(&paths[i], like, depth));

        for (size_t j = 0; is_new && j < i; j++)
            if (begins_alike(&paths[j], &paths[i], depth + 1))
                is_new = 0;
        if (!is_new)
            continue;
        if (!first)
            segmo__buf_add_char(out, ',');
        first = 0;
        put_unescaped(out, paths[i].part[depth], scratch);
        segmo__buf_add_char(out, ':');
        if (paths[i].count == depth + 1)
            put_unescaped(out, pairs[i].value, scratch);
        else
            put_object(out, pairs, paths, count, &paths[i], depth + 1, scratch);
    }
    segmo__buf_add_char(out, '}');
}

static void from_parameters(segmo__buf *out, segmo__slice query)
{
    query_pair pairs[PARTS_MAX];
    struct path paths[PARTS_MAX];
    segmo__buf scratch;
    size_t count = 0;

    while (count < PARTS_MAX && query_next(&query, &pairs[count])) {
        paths[count] = split(pairs[count].name);
        count += pairs[count].name.len > 0;
    }
    segmo__buf_init(&scratch, JSON_MAX);
    put_object(out, pairs, paths, count, NULL, 0, &scratch);
    segmo__buf_free(&scratch);
}

static void from_data(segmo__buf *out, segmo__slice data)
{
    segmo__buf text;

    segmo__buf_init(&text, JSON_MAX);
    query_unescape(&text, data, 0);
    if (text.len > 0)
        base64_decode(out, segmo__buf_slice(&text)); /* what is no base64 is no JSON either */
    segmo__buf_free(&text);
}

/* Whatever becomes of the message, a page must not show a broken image. */
void pixel_serve(struct gateway *gateway, const http_request *request, const char *type,
                 http_answer *answer)
{
    intake in = {
        .gateway = gateway, .request = request, .type = type, .from_browser = 1, .key = {"", 0}};
    segmo__slice data;
    segmo__buf json;

    segmo__buf_init(&json, JSON_MAX);
    if (query_find(request->head->query, "data", &data))
        from_data(&json, data);
    else
        from_parameters(&json, request->head->query);
    if (json.len > 0 && !json.failed)
        intake_body(&in, segmo__buf_slice(&json));
    segmo__buf_free(&json);
    answer->after_sync = in.wants_sync;
    answer->type = "image/gif";
    segmo__buf_add(&answer->body, gif, sizeof gif);
    segmo__buf_add_lit(&answer->fields, "Cache-Control: no-store\r\n");
}
