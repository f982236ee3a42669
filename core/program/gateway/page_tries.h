/* The last requests to destinations with their answers, and the dead letters that came of them: a
 * ring beside the messages, since one request carries many. */
#ifndef SEGMO_GATEWAY_PAGE_TRIES_H
#define SEGMO_GATEWAY_PAGE_TRIES_H

#include <stdint.h>

#define PAGE_TRIES   2048
#define PAGE_REASONS 64

typedef struct page_try {
    int64_t at_ms;
    int64_t latency_us;
    int64_t retry_in_ms; /* negative: not told */
    int status;          /* 0: no answer */
    uint32_t number;     /* of the attempt */
    uint32_t messages;   /* in the request */
    uint8_t outcome;     /* by reasons */
    char code[40], answer[240];
    char letter[37]; /* the id of a dead letter; then nothing above is set */
} page_try;

/* Words for reasons, each kept once; number 0 is none. */
typedef struct page_reasons {
    char words[PAGE_REASONS][32];
    uint8_t count;
} page_reasons;

typedef struct page_tries {
    page_try kept[PAGE_TRIES];
    uint32_t end; /* numbers count from 1 */
} page_tries;

uint8_t page_reason(page_reasons *reasons, const char *at, unsigned long len);
/* A cleared place and its number. */
page_try *page_tries_add(page_tries *tries, uint32_t *number);
const page_try *page_tries_get(const page_tries *tries, uint32_t number); /* NULL: not kept */

#endif
