#include "client/trim.h"

#include "client/pipeline.h"

static int bury_oldest(segmo_client *client, const segmo__rules *rules, unsigned destination,
                       const segmo__record_ref *ref, segmo__slice stored)
{
    const segmo__source *source;
    segmo__message message;

    if (segmo__message_read(&message, stored, NULL) != SEGMO_OK)
        return 0;
    source = segmo__settings_source_by_hash(rules->settings, message.source);
    if (!source ||
        !segmo__pipeline_bury(client, &message, source->id, (segmo__destination)destination,
                              "spool_full", 0, (segmo__slice){"", 0}, 0))
        return 0;
    if (segmo__spool_settle(client->spool, ref, destination, SEGMO__DEAD)) {
        segmo__count(&client->tally[destination].dead, 1);
        segmo__reasons_add(&client->tally[destination].dead_for, "spool_full", 1);
    }
    return 1;
}

static void trim(segmo_client *client, const segmo__rules *rules, unsigned destination)
{
    segmo__spool_cursor *oldest_first = NULL;
    segmo__record_ref ref;
    segmo__slice stored;

    if (segmo__spool_cursor_open(&oldest_first, client->spool, destination, NULL) != SEGMO_OK)
        return;
    while (segmo__spool_over_quota(client->spool, destination, 0) &&
           segmo__spool_next(oldest_first, &ref, &stored) &&
           bury_oldest(client, rules, destination, &ref, stored))
        ;
    segmo__spool_cursor_free(oldest_first);
}

void segmo__trim_oldest(segmo_client *client, const segmo__rules *rules)
{
    for (unsigned d = 0; d < SEGMO__DESTINATION_COUNT; d++)
        if (segmo__spool_over_quota(client->spool, d, 0))
            trim(client, rules, d);
}
