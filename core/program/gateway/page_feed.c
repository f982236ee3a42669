/* What passes, into the page's memory: messages on arrival, and what the client reports of them. */
#include "base/clock.h"
#include "base/json.h"
#include "page_parts.h"

#define UNNAMED_A_SECOND 20

/* ---- on arrival ---- */

static uint8_t goes_to(const gateway_source *source)
{
    return (uint8_t)((source->to_segment ? 1 << COUNTS_SEGMENT : 0) |
                     (source->to_moengage ? 1 << COUNTS_MOENGAGE : 0));
}

void page_note_accepted(struct page *page, const gateway_source *source, int64_t received_ms,
                        segmo__slice message, segmo__slice id)
{
    if (!page)
        return;
    page_ring_add(page->ring, &(page_item){.received_ms = received_ms,
                                           .source = source->counts->id,
                                           .intake = PAGE_ACCEPTED,
                                           .goes_to = goes_to(source),
                                           .message = message,
                                           .id = id});
    page_series_at(&page->series, received_ms)->accepted++;
}

void page_note_duplicate(struct page *page, const gateway_source *source, int64_t received_ms,
                         segmo__slice message)
{
    if (!page)
        return;
    page_ring_add(page->ring, &(page_item){.received_ms = received_ms,
                                           .source = source->counts->id,
                                           .intake = PAGE_DUPLICATE,
                                           .message = message});
    page_series_at(&page->series, received_ms)->duplicates++;
}

/* Whoever knows no write key could push everything else out of the ring. */
static int is_too_often(struct page *page, int64_t second)
{
    if (page->noted_s != second)
        page->noted = 0;
    page->noted_s = second;
    return page->noted++ >= UNNAMED_A_SECOND;
}

void page_note_refused(struct page *page, const gateway_source *source, segmo__slice message,
                       const char *reason, const char *field, const char *words)
{
    int64_t now = segmo__clock_wall_ms();
    page_second *second;
    uint8_t number;

    if (!page)
        return;
    second = page_series_at(&page->series, now);
    number = page_reason(&page->reasons, reason, strlen(reason));
    second->refused++;
    page_series_reason(second, number);
    if (!source && is_too_often(page, now / 1000))
        return;
    page_ring_add(page->ring, &(page_item){.received_ms = now,
                                           .source = source ? source->counts->id : NULL,
                                           .intake = PAGE_REFUSED,
                                           .reason = number,
                                           .message = message,
                                           .field = segmo__slice_of(field),
                                           .words = segmo__slice_of(words)});
}

/* ---- reports ---- */

struct told {
    segmo__slice destination, outcome, reason, source, code, answer, ids, id, letter, remedy;
    segmo__slice status, latency, number, retry;
};

static segmo__slice inside(segmo__slice string)
{
    if (string.len < 2 || *string.at != '"')
        return (segmo__slice){"", 0};
    return (segmo__slice){string.at + 1, string.len - 2};
}

static void read_report(struct told *out, segmo__slice report)
{
    const struct {
        const char *name;
        segmo__slice *value;
    } members[] = {{"destination", &out->destination},
                   {"outcome", &out->outcome},
                   {"reason", &out->reason},
                   {"source", &out->source},
                   {"code", &out->code},
                   {"answer", &out->answer},
                   {"messageIds", &out->ids},
                   {"messageId", &out->id},
                   {"letter", &out->letter},
                   {"remedy", &out->remedy},
                   {"status", &out->status},
                   {"latency_us", &out->latency},
                   {"attempt", &out->number},
                   {"retry_in_ms", &out->retry}};
    segmo__json_walk walk;
    segmo__slice key, value;

    memset(out, 0, sizeof *out);
    segmo__json_walk_begin(&walk, report);
    while (segmo__json_next(&walk, &key, &value))
        for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
            if (segmo__slice_is(key, members[i].name))
                *members[i].value = value;
}

static int64_t whole(segmo__slice digits, int64_t fallback)
{
    int64_t number = 0;

    if (digits.len == 0 || *digits.at < '0' || *digits.at > '9')
        return fallback;
    for (size_t i = 0; i < digits.len && digits.at[i] >= '0' && digits.at[i] <= '9'; i++)
        number = number * 10 + (digits.at[i] - '0');
    return number;
}

static size_t destination_in(const struct told *told)
{
    return segmo__slice_is(inside(told->destination), "moengage") ? COUNTS_MOENGAGE
                                                                  : COUNTS_SEGMENT;
}

static uint8_t reason_in(struct page *page, segmo__slice string)
{
    segmo__slice text = inside(string);

    return page_reason(&page->reasons, text.at, text.len);
}

/* As far as it fits; text that was cut in the middle of a sign ends before it. */
static void keep_text(char *out, size_t size, segmo__slice string, segmo__buf *scratch)
{
    segmo__slice text = string.len > 0 && *string.at == '"' ? segmo__json_text(string, scratch)
                                                            : (segmo__slice){"", 0};
    size_t len = text.len < size - 1 ? text.len : size - 1;

    while (len > 0 && len < text.len && ((unsigned char)text.at[len] & 0xc0) == 0x80)
        len--;
    memcpy(out, text.at, len);
    out[len] = '\0';
}

static page_leg *leg_of(struct page *page, segmo__slice id, size_t destination)
{
    page_entry *entry = page_ring_find(page->ring, id);

    if (!entry)
        return NULL;
    entry->changed = entry->known;
    page->changes += entry->known != 0;
    return &entry->legs[destination];
}

static void note_start(struct page *page, const struct told *told)
{
    size_t destination = destination_in(told);
    segmo__json_walk walk;
    segmo__slice key, id;

    segmo__json_walk_begin(&walk, told->ids);
    while (segmo__json_next(&walk, &key, &id)) {
        page_leg *leg = leg_of(page, id, destination);

        if (!leg)
            continue;
        leg->state = PAGE_IN_FLIGHT;
        leg->reason = 0;
        leg->next_ms = 0;
    }
}

static void keep_try(page_leg *leg, uint32_t number)
{
    leg->kept[leg->tries % PAGE_TRIES_KEPT] = number;
    leg->tries += leg->tries < UINT16_MAX;
}

static void note_answer(struct page *page, const struct told *told)
{
    int64_t now = segmo__clock_wall_ms();
    size_t destination = destination_in(told);
    page_second *second = page_series_at(&page->series, now);
    page_second_leg *sum = &second->legs[destination];
    int arrived = segmo__slice_is(inside(told->outcome), "delivered");
    uint32_t number;
    page_try *attempt = page_tries_add(&page->tries, &number);
    segmo__json_walk walk;
    segmo__slice key, id;

    attempt->at_ms = now;
    attempt->latency_us = whole(told->latency, 0);
    attempt->retry_in_ms = whole(told->retry, -1);
    attempt->status = (int)whole(told->status, 0);
    attempt->number = (uint32_t)whole(told->number, 1);
    attempt->outcome = reason_in(page, told->outcome);
    keep_text(attempt->code, sizeof attempt->code, told->code, &page->gateway->scratch);
    keep_text(attempt->answer, sizeof attempt->answer, told->answer, &page->gateway->scratch);
    sum->requests++;
    page_series_latency(sum, attempt->latency_us);
    if (!arrived) {
        sum->failed++;
        page_series_reason(second, attempt->outcome);
    }
    segmo__json_walk_begin(&walk, told->ids);
    while (segmo__json_next(&walk, &key, &id)) {
        page_leg *leg = leg_of(page, id, destination);

        attempt->messages++;
        sum->delivered += (uint32_t)arrived;
        if (!leg)
            continue;
        keep_try(leg, number);
        leg->state = arrived ? PAGE_DELIVERED : PAGE_RETRYING;
        leg->reason = arrived ? 0 : attempt->outcome;
        leg->next_ms = attempt->retry_in_ms >= 0 ? now + attempt->retry_in_ms : 0;
    }
}

static void note_dead(struct page *page, const struct told *told)
{
    size_t destination = destination_in(told);
    page_leg *leg = leg_of(page, told->id, destination);
    segmo__slice id, answer;
    uint32_t number;
    page_try *letter;

    page_series_at(&page->series, segmo__clock_wall_ms())->legs[destination].dead++;
    if (!leg)
        return;
    leg->state = PAGE_DEAD;
    leg->reason = reason_in(page, told->reason);
    leg->next_ms = 0;
    letter = page_tries_add(&page->tries, &number);
    letter->at_ms = segmo__clock_wall_ms();
    letter->status = (int)whole(told->status, 0);
    if (segmo__json_member(told->letter, "id", &id))
        keep_text(letter->letter, sizeof letter->letter, id, &page->gateway->scratch);
    if (segmo__json_member(told->letter, "answer", &answer))
        keep_text(letter->answer, sizeof letter->answer, answer, &page->gateway->scratch);
    leg->letter = number;
}

static void note_skipped(struct page *page, const struct told *told, segmo__slice report)
{
    size_t destination = destination_in(told);
    segmo__slice count = {"", 0}, key, id;
    segmo__json_walk walk;

    segmo__json_member(report, "count", &count);
    page_series_at(&page->series, segmo__clock_wall_ms())->legs[destination].skipped +=
        (uint32_t)whole(count, 0);
    segmo__json_walk_begin(&walk, told->ids);
    while (segmo__json_next(&walk, &key, &id)) {
        page_leg *leg = leg_of(page, id, destination);

        if (!leg)
            continue;
        leg->state = PAGE_SKIPPED;
        leg->reason = reason_in(page, told->reason);
    }
}

/* ---- pauses ---- */

static const char *source_named(struct page *page, segmo__slice string)
{
    segmo__slice id = inside(string);

    for (const source_counts *counts = page->gateway->counts.sources; counts; counts = counts->next)
        if (segmo__slice_is(id, counts->id))
            return counts->id;
    return NULL;
}

static void end_pause(struct page *page, const char *source, size_t destination)
{
    size_t kept = 0;

    for (size_t i = 0; i < page->pause_count; i++)
        if (page->pauses[i].source != source || page->pauses[i].destination != destination)
            page->pauses[kept++] = page->pauses[i];
    page->pause_count = kept;
}

static void note_pause(struct page *page, const struct told *told)
{
    const char *source = source_named(page, told->source);
    page_pause *pause;

    end_pause(page, source, destination_in(told));
    if (page->pause_count == PAGE_PAUSES)
        return;
    pause = &page->pauses[page->pause_count++];
    *pause = (page_pause){.source = source,
                          .destination = (uint8_t)destination_in(told),
                          .reason = reason_in(page, told->reason),
                          .status = (int)whole(told->status, 0)};
    keep_text(pause->remedy, sizeof pause->remedy, told->remedy, &page->gateway->scratch);
}

void page_note_report(struct page *page, int kind, segmo__slice report)
{
    struct told told;

    if (!page)
        return;
    read_report(&told, report);
    switch (kind) {
    case SEGMO_REPORT_ATTEMPT:
        if (segmo__slice_is(inside(told.outcome), "started"))
            note_start(page, &told);
        else
            note_answer(page, &told);
        break;
    case SEGMO_REPORT_DEAD:
        note_dead(page, &told);
        break;
    case SEGMO_REPORT_SKIPPED:
        note_skipped(page, &told, report);
        break;
    case SEGMO_REPORT_PAUSED:
        note_pause(page, &told);
        break;
    case SEGMO_REPORT_RESUMED:
        end_pause(page, source_named(page, told.source), destination_in(&told));
        break;
    default:
        break;
    }
}
