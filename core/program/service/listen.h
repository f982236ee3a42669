/* Sockets to listen on: from systemd, or our own; and what systemd wants to be told. */
#ifndef SEGMO_SERVICE_LISTEN_H
#define SEGMO_SERVICE_LISTEN_H

#include "http_server.h"

/* Listens on the sockets that were handed over, or else on `address` ("127.0.0.1:8080",
 * "[::]:8080"), which `option` says. EXIT_DONE, or another exit code after having said why. */
int listen_all(http_server *server, const char *option, const char *address);
void listen_announce(const char *state); /* "READY=1"; nothing happens without systemd */

#endif
