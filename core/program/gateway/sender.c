/* From where a request comes. */
#include "gateway_parts.h"

#include <arpa/inet.h>

int sender_is_proxy(const struct gateway *gateway, const char *peer)
{
    const char *at = gateway->settings.proxies;
    size_t peer_len = strlen(peer);

    while (at && *at) {
        size_t len = strcspn(at, " ,");

        if (len == peer_len && memcmp(at, peer, len) == 0)
            return 1;
        at += len + (at[len] != '\0');
    }
    return 0;
}

static int is_address(const char *text)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* The last entry is the one that the proxy itself has seen. */
void sender_address(const struct gateway *gateway, const http_request *request,
                    char out[HTTP_PEER_LEN])
{
    segmo__slice list = request->head->field[HTTP_FORWARDED_FOR];
    size_t start = list.len;
    char text[HTTP_PEER_LEN];

    memcpy(out, request->peer, HTTP_PEER_LEN);
    if (list.len == 0 || !sender_is_proxy(gateway, request->peer))
        return;
    while (start > 0 && list.at[start - 1] != ',' && list.at[start - 1] != ' ')
        start--;
    if (list.len - start >= sizeof text)
        return;
    memcpy(text, list.at + start, list.len - start);
    text[list.len - start] = '\0';
    if (is_address(text))
        memcpy(out, text, sizeof text);
}
