#include "client/trim.h"

#include "base/mem.h"
#include "client/pipeline.h"

#include <stdlib.h>

/* Places of messages that are on their way, sorted: what becomes of them is for the answer to say.
 */
typedef struct places {
    uint64_t *at;
    size_t count;
} places;

static int by_place(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

static size_t collect(uint64_t *at, segmo__outlet *const *outlets, size_t outlet_count,
                      const segmo__forward *forward, unsigned destination)
{
    size_t count = 0;

    if (destination == SEGMO__DESTINATION_KAFKA)
        return segmo__forward_away(forward, at);
    for (size_t i = 0; i < outlet_count; i++)
        if (segmo__outlet_destination(outlets[i]) == destination)
            count += segmo__outlet_away(outlets[i], at ? at + count : NULL);
    return count;
}

/* 0: no memory. */
static int find_away(places *away, segmo__outlet *const *outlets, size_t outlet_count,
                     const segmo__forward *forward, unsigned destination)
{
    *away = (places){.count = collect(NULL, outlets, outlet_count, forward, destination)};
    if (away->count == 0)
        return 1;
    away->at = segmo__alloc(away->count * sizeof *away->at);
    if (!away->at)
        return 0;
    collect(away->at, outlets, outlet_count, forward, destination);
    qsort(away->at, away->count, sizeof *away->at, by_place);
    return 1;
}

static int is_away(const places *away, const segmo__record_ref *ref)
{
    uint64_t place = (uint64_t)ref->file << 32 | ref->offset;

    return away->count > 0 && bsearch(&place, away->at, away->count, sizeof place, by_place);
}

/* Messages without a source wait for the settings to name it again. 0: the letter could not be
 * written. */
static int bury(segmo_client *client, const segmo__rules *rules, unsigned destination,
                const segmo__record_ref *ref, segmo__slice stored)
{
    const segmo__source *source = NULL;
    segmo__message message;

    if (segmo__message_read(&message, stored, NULL) == SEGMO_OK)
        source = segmo__settings_source_by_hash(rules->settings, message.source);
    if (!source)
        return 1;
    if (!segmo__pipeline_bury(client, &message, source->id, (segmo__destination)destination,
                              "spool_full", 0, (segmo__slice){"", 0}, 0))
        return 0;
    if (segmo__spool_settle(client->spool, ref, destination, SEGMO__DEAD)) {
        segmo__count(&client->tally[destination].dead, 1);
        segmo__reasons_add(&client->tally[destination].dead_for, "spool_full", 1);
    }
    return 1;
}

static void trim(segmo_client *client, const segmo__rules *rules, unsigned destination,
                 const places *away)
{
    segmo__spool_cursor *oldest_first = NULL;
    segmo__record_ref ref;
    segmo__slice stored;

    if (segmo__spool_cursor_open(&oldest_first, client->spool, destination, NULL) != SEGMO_OK)
        return;
    while (segmo__spool_over_quota(client->spool, destination, 0) &&
           segmo__spool_next(oldest_first, &ref, &stored))
        if (!is_away(away, &ref) && !bury(client, rules, destination, &ref, stored))
            break;
    segmo__spool_cursor_free(oldest_first);
}

void segmo__trim_oldest(segmo_client *client, const segmo__rules *rules,
                        segmo__outlet *const *outlets, size_t outlet_count,
                        const segmo__forward *forward)
{
    places away;

    for (unsigned d = 0; d < SEGMO__DESTINATION_COUNT; d++) {
        if (!segmo__spool_over_quota(client->spool, d, 0) ||
            !find_away(&away, outlets, outlet_count, forward, d))
            continue;
        trim(client, rules, d, &away);
        segmo__free(away.at);
    }
}
