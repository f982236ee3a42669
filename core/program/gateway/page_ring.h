/* The last messages that came, with what became of each: a ring of fixed size in memory.
 *
 * Their bytes lie in one block; the oldest messages go when it or the table is full. Adding one
 * copies its bytes and allocates nothing. */
#ifndef SEGMO_GATEWAY_PAGE_RING_H
#define SEGMO_GATEWAY_PAGE_RING_H

#include "base/buf.h"
#include "counts.h"

#define PAGE_TRIES_KEPT    8     /* of a message and destination; the last ones */
#define PAGE_MESSAGE_BYTES 65536 /* a longer message is kept without its text */
#define PAGE_WORDS_MAX     512

typedef enum page_intake { PAGE_ACCEPTED, PAGE_DUPLICATE, PAGE_REFUSED } page_intake;

typedef enum page_state {
    PAGE_NOT_SENT, /* the source has no such destination */
    PAGE_QUEUED,
    PAGE_IN_FLIGHT,
    PAGE_DELIVERED,
    PAGE_RETRYING,
    PAGE_DEAD,
    PAGE_SKIPPED
} page_state;

/* A message's way to one destination. */
typedef struct page_leg {
    uint8_t state;                  /* page_state */
    uint8_t reason;                 /* by page_reasons, of a dead or skipped one */
    uint16_t tries;                 /* in all */
    uint32_t letter;                /* the dead letter, by page_tries; 0: none */
    uint32_t kept[PAGE_TRIES_KEPT]; /* by page_tries, at `tries` modulo their number */
    int64_t next_ms;                /* when it is sent again, wall clock; 0: not known */
} page_leg;

typedef struct page_entry {
    uint64_t seq; /* counts from 1 */
    int64_t received_ms;
    const char *source; /* its id, which lives as long as the process; NULL: unknown */
    uint64_t id_hash;
    uint32_t at, len; /* within the block; first the message, then field and words of a refusal */
    uint16_t field_len, words_len;
    uint32_t next; /* with the same place in the index: position + 1 */
    uint8_t intake, reason;
    uint8_t known, changed; /* one bit for each viewer */
    page_leg legs[COUNTS_DESTINATIONS];
} page_entry;

/* What is added: borrowed for the call. */
typedef struct page_item {
    int64_t received_ms;
    const char *source;
    page_intake intake;
    uint8_t reason;
    uint8_t goes_to; /* a bit for each destination */
    segmo__slice message, id, field, words;
} page_item;

typedef struct page_ring page_ring;

page_ring *page_ring_new(uint32_t entries, size_t bytes); /* NULL: no memory */
void page_ring_free(page_ring *ring);
void page_ring_add(page_ring *ring, const page_item *item);

/* The numbers of the oldest one kept and of the next one to come: equal when there is none. */
uint64_t page_ring_first(const page_ring *ring);
uint64_t page_ring_end(const page_ring *ring);
/* NULL: not kept any more. Valid until the next one is added. */
page_entry *page_ring_get(page_ring *ring, uint64_t seq);
/* The latest accepted message with this id (a JSON string with its quotes), or NULL. */
page_entry *page_ring_find(page_ring *ring, segmo__slice id);
segmo__slice page_ring_message(const page_ring *ring, const page_entry *entry);
segmo__slice page_ring_field(const page_ring *ring, const page_entry *entry);
segmo__slice page_ring_words(const page_ring *ring, const page_entry *entry);

#endif
