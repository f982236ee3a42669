/* What is kept of an answer's headers: waits that it asks for, and the server's clock. No I/O.
 *
 * libcurl's own CURLINFO_RETRY_AFTER is not used: it is negative for a past date and takes "1.5"
 * for 1 and an overflow for 0. */
#ifndef SEGMO_DELIVER_ANSWER_HEAD_H
#define SEGMO_DELIVER_ANSWER_HEAD_H

#include "base/buf.h"

#include <stdint.h>

#define SEGMO__RETRY_AFTER_MAX_MS 86400000
#define SEGMO__RATE_RESET_MAX_MS  60000 /* the limits' window is a minute */

typedef struct segmo__header_value {
    char text[64];
    size_t len;
} segmo__header_value;

typedef struct segmo__answer_head {
    int whole; /* the empty line behind the headers came; libcurl does not insist on it */
    segmo__header_value retry_after;
    segmo__header_value rate_reset;
    segmo__header_value date;
} segmo__answer_head;

void segmo__answer_head_clear(segmo__answer_head *head);
/* Takes a line with its end. A status line begins anew (after 100 Continue); of two equal headers
 * the last wins. */
void segmo__answer_head_line(segmo__answer_head *head, segmo__slice line);

int64_t segmo__answer_head_date_ms(const segmo__answer_head *head); /* 0: none */
int64_t segmo__answer_head_retry_after_ms(const segmo__answer_head *head, int64_t now_ms);
int64_t segmo__answer_head_rate_reset_ms(const segmo__answer_head *head, int64_t now_ms);

/* Milliseconds that a Retry-After asks for: seconds or an HTTP date (a past one is 0), at most
 * SEGMO__RETRY_AFTER_MAX_MS; -1 for anything else. `date_ms`: the answer's Date, by which a date is
 * measured, 0 if none. */
int64_t segmo__answer_retry_after(segmo__slice value, int64_t date_ms, int64_t now_ms);
/* Milliseconds to x-ratelimit-reset: below 1,000,000 seconds to go, else an epoch in seconds; at
 * most SEGMO__RATE_RESET_MAX_MS; -1 for anything else. */
int64_t segmo__answer_rate_reset(segmo__slice value, int64_t now_ms);

#endif
