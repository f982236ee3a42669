/* The page's memory as JSON: rows of the list, one message in detail, what stands still. */
#include "base/clock.h"
#include "base/json.h"
#include "gauge.h"
#include "page_parts.h"

#define TEXT_MAX 200 /* of a name in a row */
#define LONG_KEY 12  /* a write key as long as this is masked wherever it stands */

const char *const page_destinations[COUNTS_DESTINATIONS] = {"segment", "moengage"};

static const char *const states[] = {"none",     "queued", "in_flight", "delivered",
                                     "retrying", "dead",   "skipped"};
static const char *const intakes[] = {"accepted", "duplicate", "refused"};

static void put_reason(segmo__buf *out, const struct page *page, uint8_t reason)
{
    if (reason == 0)
        segmo__buf_add_lit(out, "null");
    else
        segmo__json_put_text(out, page->reasons.words[reason]);
}

static void put_source(segmo__buf *out, const char *source)
{
    if (source)
        segmo__json_put_text(out, source);
    else
        segmo__buf_add_lit(out, "null");
}

/* ---- masks ---- */

static void mask_key(char *at, size_t len)
{
    for (size_t i = len > 6 ? 3 : 0; i < len; i++)
        at[i] = '*';
}

/* Short keys could be part of any word, so they count only as a whole string. */
static void mask_all(segmo__buf *out, size_t from, const char *key)
{
    size_t len = strlen(key);
    char *at = out->data + from, *end = out->data + out->len;

    while (len > 0 && (at = memmem(at, (size_t)(end - at), key, len)) != NULL) {
        int is_whole = at > out->data && at[-1] == '"' && at + len < end && at[len] == '"';

        if (len >= LONG_KEY || is_whole)
            mask_key(at, len);
        at += len;
    }
}

void page_mask(const struct page *page, segmo__buf *out, size_t from)
{
    if (out->failed || out->len == from)
        return;
    for (const gateway_source *source = page->gateway->sources; source; source = source->next)
        if (source->by_key)
            mask_all(out, from, source->key);
}

/* ---- a row ---- */

struct names {
    segmo__slice type, event, name, group, previous, user, anonymous, id;
};

static void read_names(struct names *out, segmo__slice message)
{
    const struct {
        const char *name;
        segmo__slice *value;
    } members[] = {{"type", &out->type},    {"event", &out->event},
                   {"name", &out->name},    {"groupId", &out->group},
                   {"userId", &out->user},  {"anonymousId", &out->anonymous},
                   {"messageId", &out->id}, {"previousId", &out->previous}};
    segmo__json_walk walk;
    segmo__slice key, value;

    memset(out, 0, sizeof *out);
    if (segmo__json_kind_of(message) != SEGMO__JSON_OBJECT)
        return;
    segmo__json_walk_begin(&walk, message);
    while (segmo__json_next(&walk, &key, &value))
        for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
            if (segmo__slice_is(key, members[i].name))
                *members[i].value = value;
}

static int has_text(segmo__slice value)
{
    return segmo__json_kind_of(value) == SEGMO__JSON_STRING
               ? value.len > 2
               : segmo__json_kind_of(value) == SEGMO__JSON_NUMBER && value.len > 0;
}

/* Text and numbers as they are; anything else is no name. */
static void put_name(segmo__buf *out, struct page *page, segmo__slice value)
{
    segmo__slice text;

    if (!has_text(value)) {
        segmo__buf_add_lit(out, "\"\"");
    } else if (segmo__json_kind_of(value) == SEGMO__JSON_NUMBER) {
        segmo__json_put_string(out, value.at, value.len < TEXT_MAX ? value.len : TEXT_MAX);
    } else if (value.len <= TEXT_MAX) {
        segmo__buf_add_slice(out, value);
    } else {
        text = segmo__json_text(value, &page->gateway->scratch);
        segmo__json_put_string(out, text.at, text.len < TEXT_MAX ? text.len : TEXT_MAX);
    }
}

static segmo__slice what_happened(const struct names *names)
{
    if (has_text(names->event))
        return names->event;
    if (has_text(names->name))
        return names->name;
    return has_text(names->group) ? names->group : names->previous;
}

static void put_leg(segmo__buf *out, const struct page *page, const page_leg *leg)
{
    segmo__buf_addf(out, "[%u,", leg->state);
    put_reason(out, page, leg->reason);
    segmo__buf_addf(out, ",%u,%lld]", leg->tries, (long long)leg->next_ms);
}

static void put_legs(segmo__buf *out, const struct page *page, const page_entry *entry)
{
    for (size_t i = 0; i < COUNTS_DESTINATIONS; i++) {
        segmo__buf_add_char(out, ',');
        put_leg(out, page, &entry->legs[i]);
    }
}

void page_put_row(segmo__buf *out, struct page *page, const page_entry *entry)
{
    int is_anonymous;
    struct names names;

    read_names(&names, page_ring_message(page->ring, entry));
    is_anonymous = !has_text(names.user);
    segmo__buf_addf(out, "[%llu,%lld,", (unsigned long long)entry->seq,
                    (long long)entry->received_ms);
    put_source(out, entry->source);
    segmo__buf_add_char(out, ',');
    put_name(out, page, names.type);
    segmo__buf_add_char(out, ',');
    put_name(out, page, what_happened(&names));
    segmo__buf_add_char(out, ',');
    put_name(out, page, is_anonymous ? names.anonymous : names.user);
    segmo__buf_addf(out, ",%d,", is_anonymous);
    put_name(out, page, names.id);
    segmo__buf_addf(out, ",%u,", entry->intake);
    put_reason(out, page, entry->reason);
    put_legs(out, page, entry);
    segmo__buf_add_char(out, ']');
}

void page_put_states(segmo__buf *out, const struct page *page, const page_entry *entry)
{
    segmo__buf_addf(out, "[%llu", (unsigned long long)entry->seq);
    put_legs(out, page, entry);
    segmo__buf_add_char(out, ']');
}

/* ---- a message in detail ---- */

static void put_try(segmo__buf *out, const struct page *page, const page_try *attempt)
{
    segmo__buf_addf(out,
                    "{\"at\":%lld,\"number\":%u,\"status\":%d,\"latency_ms\":%.3f,"
                    "\"messages\":%u,\"retry_in_ms\":%lld,\"outcome\":",
                    (long long)attempt->at_ms, attempt->number, attempt->status,
                    (double)attempt->latency_us / 1000, attempt->messages,
                    (long long)attempt->retry_in_ms);
    put_reason(out, page, attempt->outcome);
    segmo__buf_add_lit(out, ",\"code\":");
    segmo__json_put_text(out, attempt->code);
    segmo__buf_add_lit(out, ",\"answer\":");
    segmo__json_put_text(out, attempt->answer);
    segmo__buf_add_char(out, '}');
}

static void put_tries(segmo__buf *out, const struct page *page, const page_leg *leg)
{
    unsigned first = leg->tries > PAGE_TRIES_KEPT ? leg->tries - PAGE_TRIES_KEPT : 0;
    const char *comma = "";

    segmo__buf_addf(out, ",\"tries\":%u,\"kept\":[", leg->tries);
    for (unsigned i = first; i < leg->tries; i++) {
        const page_try *attempt = page_tries_get(&page->tries, leg->kept[i % PAGE_TRIES_KEPT]);

        if (!attempt)
            continue;
        segmo__buf_add_str(out, comma);
        put_try(out, page, attempt);
        comma = ",";
    }
    segmo__buf_add_char(out, ']');
}

static void put_letter(segmo__buf *out, const struct page *page, const page_leg *leg)
{
    const page_try *letter = page_tries_get(&page->tries, leg->letter);

    if (leg->state != PAGE_DEAD || !letter || !letter->letter[0]) {
        segmo__buf_add_lit(out, ",\"letter\":null");
        return;
    }
    segmo__buf_add_lit(out, ",\"letter\":{\"id\":");
    segmo__json_put_text(out, letter->letter);
    segmo__buf_addf(out, ",\"at\":%lld,\"status\":%d,\"answer\":", (long long)letter->at_ms,
                    letter->status);
    segmo__json_put_text(out, letter->answer);
    segmo__buf_add_char(out, '}');
}

/* As the settings in force would send it now. */
static void put_form(segmo__buf *out, const struct page *page, const page_entry *entry,
                     const char *destination)
{
    segmo__slice message = page_ring_message(page->ring, entry);
    segmo_error *error = NULL;
    char *text = NULL;
    size_t len = 0;

    segmo__buf_add_lit(out, ",\"form\":");
    if (message.len > 0 && entry->source && entry->intake != PAGE_REFUSED &&
        segmo_transform(page->gateway->config, entry->source, destination, message.at, message.len,
                        &text, &len, &error) == SEGMO_OK)
        segmo__buf_add(out, text, len);
    else
        segmo__buf_add_lit(out, "null");
    segmo__buf_add_lit(out, ",\"form_error\":");
    if (error)
        segmo__json_put_text(out, segmo_error_message(error));
    else
        segmo__buf_add_lit(out, "null");
    segmo_error_free(error);
    segmo_free(text);
}

static void put_explanation(segmo__buf *out, const struct page *page, const page_entry *entry)
{
    segmo__slice message = page_ring_message(page->ring, entry);
    char *text = NULL;
    size_t len = 0;

    if (message.len > 0 && entry->source && entry->intake != PAGE_REFUSED &&
        segmo_explain(page->gateway->config, entry->source, message.at, message.len, &text, &len,
                      NULL) == SEGMO_OK)
        segmo__buf_add(out, text, len);
    else
        segmo__buf_add_lit(out, "null");
    segmo_free(text);
}

void page_put_detail(segmo__buf *out, struct page *page, const page_entry *entry)
{
    segmo__slice message = page_ring_message(page->ring, entry);
    segmo__slice field = page_ring_field(page->ring, entry);
    segmo__slice words = page_ring_words(page->ring, entry);
    size_t from = out->len;

    segmo__buf_addf(out, "{\"seq\":%llu,\"received\":%lld,\"intake\":\"%s\",\"reason\":",
                    (unsigned long long)entry->seq, (long long)entry->received_ms,
                    intakes[entry->intake]);
    put_reason(out, page, entry->reason);
    segmo__buf_add_lit(out, ",\"source\":");
    put_source(out, entry->source);
    segmo__buf_add_lit(out, ",\"field\":");
    segmo__json_put_string(out, field.at, field.len);
    segmo__buf_add_lit(out, ",\"words\":");
    segmo__json_put_string(out, words.at, words.len);
    segmo__buf_add_lit(out, ",\"explain\":");
    put_explanation(out, page, entry);
    segmo__buf_add_lit(out, ",\"destinations\":[");
    for (size_t i = 0; i < COUNTS_DESTINATIONS; i++) {
        const page_leg *leg = &entry->legs[i];

        segmo__buf_addf(
            out, "%s{\"name\":\"%s\",\"state\":\"%s\",\"next\":%lld,\"reason\":", i > 0 ? "," : "",
            page_destinations[i], states[leg->state], (long long)leg->next_ms);
        put_reason(out, page, leg->reason);
        put_tries(out, page, leg);
        put_letter(out, page, leg);
        put_form(out, page, entry, page_destinations[i]);
        segmo__buf_add_char(out, '}');
    }
    segmo__buf_add_lit(out, "],\"message\":");
    if (message.len > 0)
        segmo__buf_add_slice(out, message);
    else
        segmo__buf_add_lit(out, "null");
    segmo__buf_add_char(out, '}');
    page_mask(page, out, from);
}

/* ---- what stands still, and the sums ---- */

void page_put_pauses(segmo__buf *out, const struct page *page)
{
    segmo__buf_add_char(out, '[');
    for (size_t i = 0; i < page->pause_count; i++) {
        const page_pause *pause = &page->pauses[i];

        segmo__buf_addf(out,
                        "%s{\"destination\":\"%s\",\"status\":%d,\"source\":", i > 0 ? "," : "",
                        page_destinations[pause->destination], pause->status);
        put_source(out, pause->source);
        segmo__buf_add_lit(out, ",\"reason\":");
        put_reason(out, page, pause->reason);
        segmo__buf_add_lit(out, ",\"remedy\":");
        segmo__json_put_text(out, pause->remedy);
        segmo__buf_add_char(out, '}');
    }
    segmo__buf_add_char(out, ']');
}

void page_put_overview(segmo__buf *out, struct page *page)
{
    char *text = NULL;
    size_t len = 0;

    segmo__buf_addf(out, "{\"kept\":%llu,\"capacity\":%u,\"oldest_ms\":%lld,\"dead_letters\":%llu,",
                    (unsigned long long)(page_ring_end(page->ring) - page_ring_first(page->ring)),
                    page->capacity, (long long)gauge_age_ms(page->gateway->gauge),
                    (unsigned long long)gauge_dead_letters(page->gateway->gauge));
    segmo__buf_addf(out, "\"up_ms\":%lld,\"pauses\":",
                    (long long)(segmo__clock_mono_ms() - page->gateway->started_ms));
    page_put_pauses(out, page);
    segmo__buf_add_lit(out, ",\"stats\":");
    if (segmo_client_stats_json(page->gateway->client, &text, &len, NULL) == SEGMO_OK)
        segmo__buf_add(out, text, len);
    else
        segmo__buf_add_lit(out, "null");
    segmo_free(text);
    segmo__buf_add_char(out, '}');
}
