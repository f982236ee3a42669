#include "client/outlet_parts.h"

#include "base/clock.h"
#include "base/mem.h"

#define MAX_ITEMS 131072 /* places of messages held in lanes: 7 MiB when full */

static int start_lanes(segmo__outlet *outlet, uint32_t count)
{
    outlet->lanes = segmo__lanes_new(count, MAX_ITEMS);
    outlet->refusals = segmo__zalloc(count * sizeof *outlet->refusals);
    return outlet->lanes && outlet->refusals;
}

static void end_lanes(segmo__outlet *outlet)
{
    segmo__free(outlet->refusals);
    segmo__lanes_free(outlet->lanes);
    segmo__outlet_close_cursor(outlet);
    outlet->refusals = NULL;
    outlet->lanes = NULL;
}

void segmo__outlet_fill_buckets(segmo__outlet *outlet, const segmo__rules *rules, int64_t now_ms)
{
    segmo__bucket_init(&outlet->users, rules->limits.users_per_minute, now_ms);
    segmo__bucket_init(&outlet->events, rules->limits.events_per_minute, now_ms);
    segmo__bucket_init(&outlet->requests, rules->limits.requests_per_minute, now_ms);
}

segmo__outlet *segmo__outlet_new(segmo__outlet_shop *shop, segmo__destination destination,
                                 uint64_t source_hash)
{
    segmo__outlet *outlet = segmo__zalloc(sizeof *outlet);
    segmo__rules *rules;

    if (!outlet)
        return NULL;
    outlet->shop = shop;
    outlet->client = shop->client;
    outlet->tally = &shop->client->tally[destination];
    outlet->destination = destination;
    outlet->source = source_hash;
    outlet->mean_bytes = 1024;
    segmo__buf_init(&outlet->skip_ids, 2 * SEGMO__OUTLET_BODY_MAX);
    rules = segmo__client_rules(shop->client);
    segmo__outlet_fill_buckets(outlet, rules, segmo__clock_mono_ms());
    segmo__rules_release(rules);
    outlet->next = shop->outlets;
    shop->outlets = outlet;
    return outlet;
}

static void free_flights(segmo__flight *first)
{
    while (first) {
        segmo__flight *next = first->next;

        segmo__flight_free(first);
        first = next;
    }
}

void segmo__outlet_free(segmo__outlet *outlet)
{
    if (!outlet)
        return;
    free_flights(outlet->pool);
    free_flights(outlet->away);
    end_lanes(outlet);
    segmo__buf_free(&outlet->skip_ids);
    segmo__free(outlet);
}

/* Starts anew: lanes and cursor are made again when the last answer of this epoch is in, and the
 * cursor finds everything that is still pending. */
void segmo__outlet_begin_epoch(segmo__outlet *outlet)
{
    end_lanes(outlet);
    outlet->epoch++;
}

/* A destination counts as paused while it is for any of its sources. */
void segmo__outlet_set_paused(segmo__outlet *outlet, const char *reason)
{
    const char *shown = NULL;

    outlet->paused = reason;
    for (const segmo__outlet *at = outlet->shop->outlets; at && !shown; at = at->next)
        if (at->destination == outlet->destination)
            shown = at->paused;
    atomic_store(&outlet->client->paused[outlet->destination], shown);
}

int segmo__outlet_ready(segmo__outlet *outlet, const segmo__rules *rules, int64_t now_ms)
{
    if (!outlet->lanes && !start_lanes(outlet, rules->limits.lanes))
        goto fail;
    if (!segmo__outlet_open_cursor(outlet))
        goto fail;
    return 1;
fail:
    end_lanes(outlet);
    outlet->hold_until_ms = now_ms + SEGMO__OUTLET_STORAGE_PAUSE_MS;
    return 0;
}

size_t segmo__outlet_away(const segmo__outlet *outlet, uint64_t *places)
{
    size_t count = 0;

    for (const segmo__flight *flight = outlet->away; flight; flight = flight->next) {
        for (uint32_t i = 0; places && i < flight->count; i++)
            places[count + i] =
                (uint64_t)flight->items[i].place[0] << 32 | flight->items[i].place[1];
        count += flight->count;
    }
    return count;
}

segmo__destination segmo__outlet_destination(const segmo__outlet *outlet)
{
    return outlet->destination;
}

uint64_t segmo__outlet_source(const segmo__outlet *outlet)
{
    return outlet->source;
}
