/* URLs: which ones requests may go to. Read by libcurl's own parser, so that what is judged here
 * and what is connected to later cannot be two things. */
#ifndef SEGMO_DELIVER_HTTP_URL_H
#define SEGMO_DELIVER_HTTP_URL_H

#include "base/error.h"

#include <stdint.h>
#include <sys/socket.h>

typedef struct segmo__http_url {
    int is_https;
    int is_loopback;    /* localhost, 127.x.x.x or ::1, by its text */
    uint64_t authority; /* hash of scheme, host and port */
} segmo__http_url;

/* https to anywhere, http to this machine (to others when `allow_plain_http`); no user, password,
 * white space or control character. SEGMO_ERR_OPTION or SEGMO_ERR_MEMORY. Any thread. */
int segmo__http_url_read(segmo__http_url *out, const char *url, int allow_plain_http,
                         segmo_error **err);

int segmo__http_url_is_loopback_address(const struct sockaddr *address);

#endif
