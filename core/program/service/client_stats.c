#include "client_stats.h"

segmo__json *client_stats(segmo_client *client)
{
    segmo__json *tree = NULL;
    segmo__slice json;
    char *text = NULL;

    if (!client || segmo_client_stats_json(client, &text, &json.len, NULL) != SEGMO_OK)
        return NULL;
    json.at = text;
    if (segmo__json_parse(&tree, json, NULL) != SEGMO_OK)
        tree = NULL;
    segmo_free(text);
    return tree;
}
