/* An answer: its words, and as bytes. */
#ifndef SEGMO_SERVICE_HTTP_ANSWER_H
#define SEGMO_SERVICE_HTTP_ANSWER_H

#include "http_server.h"

void http_answer_begin(http_answer *answer); /* reusable: keeps its memory */
void http_answer_free(http_answer *answer);
/* {"success":false,"code":..,"message":..,"error":..}: the form that Segment's libraries know. */
void http_answer_refuse(http_answer *answer, int status, const char *code, const char *words);
/* The same for a request that was not served: broken, too large, too slow, too many. */
void http_answer_refuse_request(http_answer *answer, int status);
/* Appends status line, fields and, unless `without_body`, the body. */
void http_answer_put(segmo__buf *out, const http_answer *answer, int keep_alive, int without_body);

#endif
