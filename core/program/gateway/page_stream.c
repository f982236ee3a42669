/* Server-sent events: what a page that is open is told, as far as it keeps up.
 *
 * A viewer has no queue. It has a place in the ring and a bit in each message that it was told of;
 * when its connection has taken everything so far, the next piece is made of what is there now. One
 * that is slow, or a gateway that is faster than a page can be, leaves messages out and says how
 * many. */
#include "base/clock.h"
#include "base/json.h"
#include "page_parts.h"

#define ROWS_AT_FIRST 2000 /* of what was there before, at a time */
#define ROWS_A_TURN   250
#define STATES_A_TURN 2500
#define LOOKED_A_TURN 4000 /* messages that a text is looked for in */
#define PIECE_BYTES   ((size_t)256 * 1024)
#define QUIET_MS      15000

page_viewer *page_viewer_open(struct page *page, segmo__slice text)
{
    page_viewer *viewer = page->viewers, *end = viewer + PAGE_VIEWERS;

    while (viewer < end && viewer->is_open)
        viewer++;
    if (viewer == end)
        return NULL;
    *viewer = (page_viewer){.page = page,
                            .is_open = 1,
                            .bit = (uint8_t)(1u << (viewer - page->viewers)),
                            .next = page_ring_first(page->ring),
                            .begun_at = page_ring_end(page->ring),
                            .second = segmo__clock_wall_ms() / 1000 - PAGE_SECONDS + 1};
    if (text.len >= sizeof viewer->text)
        text.len = sizeof viewer->text - 1;
    for (size_t i = 0; i < text.len; i++)
        viewer->text[i] = segmo__ascii_lower(text.at[i]);
    return viewer;
}

void page_stream_end(struct page *page, void *stream)
{
    page_viewer *viewer = stream;

    for (uint64_t seq = page_ring_first(page->ring); seq < page_ring_end(page->ring); seq++) {
        page_entry *entry = page_ring_get(page->ring, seq);

        entry->known &= (uint8_t)~viewer->bit;
        entry->changed &= (uint8_t)~viewer->bit;
    }
    viewer->is_open = 0;
}

/* ---- what it looks for ---- */

static int holds(segmo__slice text, const char *wanted)
{
    size_t len = strlen(wanted);
    const char *at = text.at, *end = text.at + text.len;

    for (; (size_t)(end - at) >= len; at++) {
        size_t i = 0;

        while (i < len && segmo__ascii_lower(at[i]) == wanted[i])
            i++;
        if (i == len)
            return 1;
    }
    return 0;
}

static int is_wanted(const page_viewer *viewer, const page_entry *entry)
{
    page_ring *ring = viewer->page->ring;

    return !viewer->text[0] || holds(page_ring_message(ring, entry), viewer->text) ||
           holds(page_ring_words(ring, entry), viewer->text) ||
           (entry->source && holds(segmo__slice_of(entry->source), viewer->text));
}

/* ---- pieces ---- */

static void begin_event(segmo__buf *out, const char *name)
{
    segmo__buf_addf(out, "event: %s\ndata: ", name);
}

static void end_event(segmo__buf *out)
{
    segmo__buf_add_lit(out, "\n\n");
}

static void tell_hello(page_viewer *viewer, segmo__buf *out)
{
    const struct page *page = viewer->page;

    begin_event(out, "hello");
    segmo__buf_addf(out,
                    "{\"version\":\"%s\",\"capacity\":%u,\"seconds\":%d,\"now\":%lld,"
                    "\"started\":%lld}",
                    segmo_version(), page->capacity, PAGE_SECONDS,
                    (long long)segmo__clock_wall_ms(), (long long)page->started_ms);
    end_event(out);
}

/* Live ones that come faster than a page takes them are left out, the oldest first. */
static void skip_what_is_too_much(page_viewer *viewer)
{
    page_ring *ring = viewer->page->ring;
    uint64_t from = page_ring_first(ring), end = page_ring_end(ring);
    uint64_t live = viewer->next > viewer->begun_at ? viewer->next : viewer->begun_at;

    if (!viewer->text[0] && viewer->next == live && end > viewer->next + ROWS_A_TURN &&
        end - ROWS_A_TURN > from)
        from = end - ROWS_A_TURN;
    if (from <= viewer->next)
        return;
    viewer->missed += from > live ? from - live : 0;
    viewer->next = from;
}

static void tell_rows(page_viewer *viewer, segmo__buf *out)
{
    struct page *page = viewer->page;
    uint64_t end = page_ring_end(page->ring);
    size_t before = out->len, rows = 0, looked = 0, most;

    skip_what_is_too_much(viewer);
    most = viewer->next < viewer->begun_at ? ROWS_AT_FIRST : ROWS_A_TURN;
    begin_event(out, "rows");
    segmo__buf_add_char(out, '[');
    for (; viewer->next < end && rows < most && looked < LOOKED_A_TURN &&
           out->len - before < PIECE_BYTES;
         looked++) {
        page_entry *entry = page_ring_get(page->ring, viewer->next++);

        if (!is_wanted(viewer, entry))
            continue;
        if (rows++ > 0)
            segmo__buf_add_char(out, ',');
        page_put_row(out, page, entry);
        entry->known |= viewer->bit;
        entry->changed &= (uint8_t)~viewer->bit;
    }
    segmo__buf_add_char(out, ']');
    end_event(out);
    if (rows == 0)
        out->len = before;
}

static void tell_states(page_viewer *viewer, segmo__buf *out)
{
    struct page *page = viewer->page;
    size_t before = out->len, count = 0;

    if (viewer->changes == page->changes)
        return;
    begin_event(out, "states");
    segmo__buf_add_char(out, '[');
    for (uint64_t seq = page_ring_first(page->ring);
         seq < page_ring_end(page->ring) && count < STATES_A_TURN; seq++) {
        page_entry *entry = page_ring_get(page->ring, seq);

        if (!(entry->changed & viewer->bit))
            continue;
        if (count++ > 0)
            segmo__buf_add_char(out, ',');
        page_put_states(out, page, entry);
        entry->changed &= (uint8_t)~viewer->bit;
    }
    segmo__buf_add_char(out, ']');
    end_event(out);
    if (count == 0)
        out->len = before;
    if (count < STATES_A_TURN)
        viewer->changes = page->changes;
}

static void tell_missed(page_viewer *viewer, segmo__buf *out)
{
    if (viewer->missed == 0)
        return;
    begin_event(out, "missed");
    segmo__buf_addf(out, "%llu", (unsigned long long)viewer->missed);
    end_event(out);
    viewer->missed = 0;
}

/* Seconds that are over, and the sums of now. */
static void tell_seconds(page_viewer *viewer, segmo__buf *out)
{
    struct page *page = viewer->page;
    int64_t now = segmo__clock_wall_ms() / 1000;
    const char *comma = "";

    if (viewer->second >= now)
        return;
    begin_event(out, "seconds");
    segmo__buf_add_char(out, '[');
    for (; viewer->second < now; viewer->second++) {
        size_t before = out->len;

        segmo__buf_add_str(out, comma);
        if (page_series_put(out, &page->series, viewer->second, &page->reasons))
            comma = ",";
        else
            out->len = before;
    }
    segmo__buf_add_char(out, ']');
    end_event(out);
    begin_event(out, "now");
    page_put_overview(out, page);
    end_event(out);
}

void page_stream_more(struct page *page, void *stream, segmo__buf *out)
{
    page_viewer *viewer = stream;
    int64_t now = segmo__clock_mono_ms();
    size_t from = out->len;

    if (!viewer->has_begun)
        tell_hello(viewer, out);
    viewer->has_begun = 1;
    tell_seconds(viewer, out);
    tell_rows(viewer, out);
    tell_states(viewer, out);
    tell_missed(viewer, out);
    page_mask(page, out, from);
    if (out->len == from && now - viewer->spoke_ms > QUIET_MS)
        segmo__buf_add_lit(out, ": still here\n\n");
    if (out->len > from)
        viewer->spoke_ms = now;
}
