/* What the files of the page share. */
#ifndef SEGMO_GATEWAY_PAGE_PARTS_H
#define SEGMO_GATEWAY_PAGE_PARTS_H

#include "gateway_parts.h"
#include "page.h"
#include "page_guard.h"
#include "page_ring.h"
#include "page_series.h"

#define PAGE_VIEWERS 8 /* one bit each in page_entry */
#define PAGE_PAUSES  16

/* Somebody who watches: an open stream. */
typedef struct page_viewer {
    struct page *page;
    int is_open, has_begun;
    uint8_t bit;
    uint64_t next;     /* the message to look at next */
    uint64_t begun_at; /* the first one that was not there yet when the stream began */
    uint64_t missed;   /* not told of yet */
    uint64_t changes;  /* told of */
    int64_t second;    /* the next one to tell of */
    int64_t spoke_ms;
    char text[128]; /* only messages that hold it, in lower case; "": all */
} page_viewer;

/* A destination that stands still for a source until somebody mends the settings. */
typedef struct page_pause {
    const char *source;
    uint8_t destination, reason;
    int status;
    char remedy[160];
} page_pause;

struct page {
    struct gateway *gateway;
    page_ring *ring;
    page_tries tries;
    page_series series;
    page_reasons reasons;
    page_guard guard;
    page_viewer viewers[PAGE_VIEWERS];
    page_pause pauses[PAGE_PAUSES];
    size_t pause_count;
    struct page_clerk *clerk;
    uint32_t capacity;
    uint64_t changes; /* of messages that somebody was told of */
    int64_t started_ms, sampled_s;
    int64_t noted_s; /* refusals that name no source are not noted more often than is readable */
    unsigned noted;
};

extern const char *const page_destinations[COUNTS_DESTINATIONS];

/* ---- page_show.c: what is told, as JSON ---- */
void page_put_row(segmo__buf *out, struct page *page, const page_entry *entry);
void page_put_states(segmo__buf *out, const struct page *page, const page_entry *entry);
void page_put_detail(segmo__buf *out, struct page *page, const page_entry *entry);
void page_put_overview(segmo__buf *out, struct page *page);
void page_put_pauses(segmo__buf *out, const struct page *page);
void page_mask(const struct page *page, segmo__buf *out, size_t from); /* write keys, from there */

/* ---- page_stream.c ---- */
/* NULL: as many as there may be are open. `text` is what a message must hold. */
page_viewer *page_viewer_open(struct page *page, segmo__slice text);

/* ---- page_clerk.c: dead letters lie in files that take time to read, so a thread does it ---- */
struct page_clerk *page_clerk_start(const struct args *args); /* NULL: it could not start */
void page_clerk_stop(struct page_clerk *clerk);
/* 1, or 0 when it is busy with another one. `query` is for segmo_dead_retry(). */
int page_clerk_retry(struct page_clerk *clerk, const char *query);
/* What it knows, and it begins to look again: {"at", "busy", "letters": [...], "retried", "error"}
 */
void page_clerk_put(segmo__buf *out, struct page_clerk *clerk);

/* ---- page_files.c ---- */
/* The file behind a path, or NULL. */
const char *page_file(segmo__slice path, const char **type, size_t *len);

#endif
