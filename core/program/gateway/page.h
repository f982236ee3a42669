/* The debugger page at /debug: what passes, kept for a while, and shown to whoever has the token.
 * Everything here accepts a page that is NULL, which means that nobody asked for one. */
#ifndef SEGMO_GATEWAY_PAGE_H
#define SEGMO_GATEWAY_PAGE_H

#include "service/http_server.h"

struct gateway;
struct gateway_source;
struct page;

int page_start(struct gateway *gateway); /* EXIT_DONE, or another code after having said why */
void page_stop(struct page *page);
void page_turn(struct page *page); /* between turns of the server */

/* ---- what passes; everything is borrowed for the call ---- */
/* `id` is the messageId as JSON, with its quotes. */
void page_note_accepted(struct page *page, const struct gateway_source *source, int64_t received_ms,
                        segmo__slice message, segmo__slice id);
void page_note_duplicate(struct page *page, const struct gateway_source *source,
                         int64_t received_ms, segmo__slice message);
/* `source` NULL: nobody knows it. `message` may be empty: there is none to show. */
void page_note_refused(struct page *page, const struct gateway_source *source, segmo__slice message,
                       const char *reason, const char *field, const char *words);
void page_note_report(struct page *page, int kind, segmo__slice report);

/* ---- its paths ---- */
int page_owns(const struct page *page, segmo__slice path);
void page_serve(struct page *page, const http_request *request, http_answer *answer);
void page_put_fields(http_answer *answer); /* what a browser has to keep to on all its paths */
void page_stream_more(struct page *page, void *stream, segmo__buf *out);
void page_stream_end(struct page *page, void *stream);

#endif
