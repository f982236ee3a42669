/* A small HTTP server inside a test, on a real socket of 127.0.0.1. It answers request number n,
 * counted over all connections, with the n-th scripted answer (the last one again and again), byte
 * for byte. */
#ifndef SEGMO_TESTS_SCRIPTED_SERVER_H
#define SEGMO_TESTS_SCRIPTED_SERVER_H

#include <stddef.h>
#include <stdint.h>

typedef enum scripted_end {
    SCRIPTED_KEEP,  /* the connection stays open */
    SCRIPTED_CLOSE, /* closed after the answer */
    SCRIPTED_RESET, /* cut with RST after the answer's bytes */
    SCRIPTED_SILENT /* nothing more is ever sent */
} scripted_end;

typedef struct scripted_answer {
    const char *bytes; /* as they go on the wire; NULL: none */
    scripted_end end;
    size_t padding; /* so many 'x' behind the bytes */
} scripted_answer;

typedef struct scripted_server scripted_server;

scripted_server *scripted_server_start(const scripted_answer *answers, size_t count);
void scripted_server_stop(scripted_server *server); /* closes and frees all */
/* Answers beyond the first `count` are held back until allowed; SIZE_MAX: all, as at the start. */
void scripted_server_allow(scripted_server *server, size_t count);

uint16_t scripted_server_port(const scripted_server *server);
const char *scripted_server_url(const scripted_server *server); /* http://127.0.0.1:port/v1/batch */
size_t scripted_server_requests(scripted_server *server);
size_t scripted_server_connections(scripted_server *server); /* ever accepted */
size_t scripted_server_most_at_once(scripted_server *server);

/* Request number `index`: head with its blank line, NUL terminated, and body. Valid until stopped.
 */
const char *scripted_server_head(scripted_server *server, size_t index);
const char *scripted_server_body(scripted_server *server, size_t index, size_t *len);

#endif
