/* Trees, for what is small and read once. The only file that knows cJSON: it is handed checked text
 * only, and asked only by its case-sensitive calls. */
#include "base/json.h"

#include <cjson/cJSON.h>

static const cJSON *node_of(const segmo__json *tree)
{
    return (const cJSON *)tree;
}

/* cJSON keeps strings as C strings, so one with a NUL inside would come out cut. */
static int has_nul_escape(segmo__slice text)
{
    const char *at = text.at, *end = at + text.len;

    while (at < end && (at = memchr(at, '\\', (size_t)(end - at))) != NULL) {
        if (end - at >= 6 && memcmp(at, "\\u0000", 6) == 0)
            return 1;
        at += 2;
    }
    return 0;
}

int segmo__json_parse(segmo__json **out, segmo__slice text, segmo_error **err)
{
    int status = segmo__json_check(text, err);
    cJSON *tree;

    if (status != SEGMO_OK)
        return status;
    if (has_nul_escape(text))
        return segmo__fail(err, SEGMO_ERR_JSON, NULL,
                           "\\u0000 cannot stand in a string here; remove it");
    tree = cJSON_ParseWithLengthOpts(text.at, text.len, NULL, 0);
    if (!tree)
        return segmo__fail_memory(err);
    *out = (segmo__json *)tree;
    return SEGMO_OK;
}

void segmo__json_free(segmo__json *tree)
{
    cJSON_Delete((cJSON *)tree);
}

segmo__json_kind segmo__json_tree_kind(const segmo__json *tree)
{
    const cJSON *node = node_of(tree);

    if (cJSON_IsObject(node))
        return SEGMO__JSON_OBJECT;
    if (cJSON_IsArray(node))
        return SEGMO__JSON_ARRAY;
    if (cJSON_IsString(node))
        return SEGMO__JSON_STRING;
    if (cJSON_IsNumber(node))
        return SEGMO__JSON_NUMBER;
    if (cJSON_IsBool(node))
        return cJSON_IsTrue(node) ? SEGMO__JSON_TRUE : SEGMO__JSON_FALSE;
    return SEGMO__JSON_NULL;
}

const segmo__json *segmo__json_get(const segmo__json *object, const char *key)
{
    return (const segmo__json *)cJSON_GetObjectItemCaseSensitive(node_of(object), key);
}

const segmo__json *segmo__json_first(const segmo__json *container)
{
    return container ? (const segmo__json *)node_of(container)->child : NULL;
}

const segmo__json *segmo__json_after(const segmo__json *node)
{
    return node ? (const segmo__json *)node_of(node)->next : NULL;
}

const char *segmo__json_name(const segmo__json *node)
{
    return node ? node_of(node)->string : NULL;
}

const char *segmo__json_string(const segmo__json *node)
{
    return cJSON_GetStringValue((cJSON *)node);
}

double segmo__json_number(const segmo__json *node, double fallback)
{
    return cJSON_IsNumber(node_of(node)) ? node_of(node)->valuedouble : fallback;
}

int segmo__json_bool(const segmo__json *node, int fallback)
{
    return cJSON_IsBool(node_of(node)) ? cJSON_IsTrue(node_of(node)) : fallback;
}

size_t segmo__json_count(const segmo__json *container)
{
    return (size_t)cJSON_GetArraySize(node_of(container));
}
