/* Why a request got no answer: libcurl's codes and words in ours. */
#ifndef SEGMO_DELIVER_HTTP_FAILURE_H
#define SEGMO_DELIVER_HTTP_FAILURE_H

#include "deliver/http.h"

#include <curl/curl.h>

/* Fills cause, config_error and error of an answer. `words` is libcurl's error buffer, which must
 * live as long as the answer; `address_refused`: plain http was about to leave this machine. */
void segmo__http_failure_tell(segmo__http_answer *answer, CURL *easy, CURLcode code,
                              const char *words, int address_refused);

#endif
