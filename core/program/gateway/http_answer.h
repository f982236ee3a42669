/* An answer as bytes. */
#ifndef SEGMO_GATEWAY_HTTP_ANSWER_H
#define SEGMO_GATEWAY_HTTP_ANSWER_H

#include "http_server.h"

void http_answer_begin(http_answer *answer); /* reusable: keeps its memory */
void http_answer_free(http_answer *answer);
/* Appends status line, fields and, unless `without_body`, the body. */
void http_answer_put(segmo__buf *out, const http_answer *answer, int keep_alive, int without_body);

#endif
