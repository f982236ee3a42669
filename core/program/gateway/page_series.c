#include "page_series.h"

#include "base/json.h"

#define FIRST_SPAN_US 100.0
#define RATIO         1.189207115002721 /* the fourth root of two */

/* ---- noting ---- */

static page_second *place_of(page_series *series, int64_t at)
{
    return &series->seconds[at % PAGE_SECONDS];
}

page_second *page_series_at(page_series *series, int64_t wall_ms)
{
    int64_t at = wall_ms / 1000, last = series->now ? series->now->at : at - 1;

    if (at <= last && last - at < 60)
        return series->now; /* the clock may step back a little */
    if (at - last > PAGE_SECONDS || at < last)
        last = at - PAGE_SECONDS;
    while (last < at) {
        page_second *second = place_of(series, ++last);
        uint32_t oldest = series->now ? series->now->oldest_ms : 0;

        memset(second, 0, sizeof *second);
        second->at = last;
        second->oldest_ms = oldest;
    }
    series->now = place_of(series, at);
    return series->now;
}

static void count(uint16_t *counter)
{
    *counter += *counter < UINT16_MAX;
}

void page_series_latency(page_second_leg *leg, int64_t latency_us)
{
    double end = FIRST_SPAN_US;
    size_t span = 0;

    while (span < PAGE_SPANS - 1 && (double)latency_us > end) {
        end *= RATIO;
        span++;
    }
    count(&leg->latency[span]);
}

void page_series_reason(page_second *second, uint8_t reason)
{
    count(&second->reasons[reason < PAGE_REASONS ? reason : 0]);
}

/* ---- showing ---- */

/* The middle of the span that holds the request at this share; negative: there was none. */
static double percentile_ms(const page_second_leg *leg, double share)
{
    double end = FIRST_SPAN_US, wanted, seen = 0, all = 0;
    size_t span = 0;

    for (size_t i = 0; i < PAGE_SPANS; i++)
        all += leg->latency[i];
    if (all == 0)
        return -1;
    wanted = all * share;
    for (; span < PAGE_SPANS - 1; span++) {
        seen += leg->latency[span];
        if (seen >= wanted)
            break;
        end *= RATIO;
    }
    return end / 1000 * (1 + 1 / RATIO) / 2;
}

static void put_leg(segmo__buf *out, const page_second_leg *leg, uint32_t pending)
{
    static const double shares[] = {0.5, 0.95, 0.99};

    segmo__buf_addf(out, "[%u,%u,%u,%u,%u,%u", leg->delivered, leg->skipped, leg->dead,
                    leg->requests, leg->failed, pending);
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        double ms = percentile_ms(leg, shares[i]);

        if (ms < 0)
            segmo__buf_add_lit(out, ",null");
        else
            segmo__buf_addf(out, ",%.3g", ms);
    }
    segmo__buf_add_char(out, ']');
}

int page_series_put(segmo__buf *out, const page_series *series, int64_t at,
                    const page_reasons *reasons)
{
    const page_second *second = &series->seconds[at % PAGE_SECONDS];
    const char *comma = "";

    if (second->at != at || at <= 0)
        return 0;
    segmo__buf_addf(out, "[%lld,%u,%u,%u,%u,[", (long long)at, second->accepted, second->refused,
                    second->duplicates, second->oldest_ms);
    put_leg(out, &second->legs[0], second->pending[0]);
    segmo__buf_add_char(out, ',');
    put_leg(out, &second->legs[1], second->pending[1]);
    segmo__buf_add_lit(out, "],{");
    for (size_t i = 1; i < PAGE_REASONS; i++) {
        if (second->reasons[i] == 0)
            continue;
        segmo__buf_add_str(out, comma);
        segmo__json_put_text(out, reasons->words[i]);
        segmo__buf_addf(out, ":%u", second->reasons[i]);
        comma = ",";
    }
    segmo__buf_add_lit(out, "}]");
    return 1;
}
