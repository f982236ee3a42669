/* The one outcome that each message gets: settled in the spool, counted, reported. */
#include "client/outlet_parts.h"
#include "client/pipeline.h"

#define SKIP_IDS_BYTES 65536 /* then they are reported */

segmo__record_ref segmo__outlet_place(const segmo__lane_item *item)
{
    return (segmo__record_ref){item->place[0], item->place[1], item->place[2]};
}

/* Settles a message once: later calls for it change and count nothing. */
static int settle(segmo__outlet *outlet, const segmo__record_ref *place, segmo__settled state)
{
    return segmo__outlet_settle(outlet, place, state);
}

void segmo__outlet_settle_delivered(segmo__outlet *outlet, const segmo__lane_item *item)
{
    segmo__record_ref place = segmo__outlet_place(item);

    if (settle(outlet, &place, SEGMO__DELIVERED))
        segmo__count(&outlet->tally->delivered, 1);
}

void segmo__outlet_report_skips(segmo__outlet *outlet)
{
    segmo__buf members;

    if (outlet->skips == 0)
        return;
    segmo__buf_init(&members, SEGMO__OUTLET_BODY_MAX);
    segmo__buf_addf(&members, "\"destination\":\"%s\",\"reason\":\"%s\",\"count\":%llu",
                    segmo__destination_name(outlet->destination), outlet->skip_reason,
                    (unsigned long long)outlet->skips);
    if (outlet->skip_ids.len > 0) {
        segmo__buf_add_lit(&members, ",\"messageIds\":[");
        segmo__buf_add_slice(&members, segmo__buf_slice(&outlet->skip_ids));
        segmo__buf_add_char(&members, ']');
    }
    segmo__reports_add(outlet->client->reports, SEGMO_REPORT_SKIPPED, segmo__buf_slice(&members));
    segmo__buf_free(&members);
    segmo__buf_clear(&outlet->skip_ids);
    outlet->skips = 0;
}

void segmo__outlet_settle_skipped(segmo__outlet *outlet, const segmo__rules *rules,
                                  const segmo__record_ref *place, const segmo__message *message,
                                  const char *reason)
{
    if (!settle(outlet, place, SEGMO__SKIPPED))
        return;
    segmo__count(&outlet->tally->skipped, 1);
    segmo__reasons_add(&outlet->tally->skipped_for, reason, 1);
    if ((outlet->skips > 0 && outlet->skip_reason != reason) ||
        outlet->skip_ids.len > SKIP_IDS_BYTES)
        segmo__outlet_report_skips(outlet);
    outlet->skip_reason = reason;
    outlet->skips++;
    if (!rules->limits.report_steps)
        return;
    if (outlet->skip_ids.len > 0)
        segmo__buf_add_char(&outlet->skip_ids, ',');
    segmo__buf_add_slice(&outlet->skip_ids, segmo__message_part(message, SEGMO__PART_MESSAGE_ID));
}

/* Writes the dead letter first: without it the message stays pending. 0 when it could not be
 * written. */
int segmo__outlet_settle_dead(segmo__outlet *outlet, const segmo__source *source,
                              const segmo__lane_item *item, uint32_t attempts,
                              const segmo__message *message, const char *reason, int status,
                              segmo__slice answer)
{
    segmo__record_ref place = segmo__outlet_place(item);

    if (!segmo__outlet_waits(outlet, &place))
        return 1;
    if (outlet->shop->intake)
        return segmo__intake_bury(outlet->shop->intake, &place, message, source->id, reason, status,
                                  answer, attempts);
    if (!segmo__pipeline_bury(outlet->client, message, source->id, outlet->destination, reason,
                              status, answer, attempts))
        return 0;
    if (settle(outlet, &place, SEGMO__DEAD)) {
        segmo__count(&outlet->tally->dead, 1);
        segmo__reasons_add(&outlet->tally->dead_for, reason, 1);
    }
    return 1;
}

int segmo__outlet_read_back(segmo__outlet *outlet, const segmo__lane_item *item,
                            segmo__message *message)
{
    segmo__record_ref place = segmo__outlet_place(item);
    segmo__slice stored;

    return segmo__outlet_read(outlet, &place, &stored) &&
           segmo__message_read(message, stored, NULL) == SEGMO_OK;
}

int segmo__outlet_bury(segmo__outlet *outlet, const segmo__source *source,
                       const segmo__lane_item *item, uint32_t attempts, const char *reason,
                       int status, segmo__slice answer)
{
    segmo__message message;

    return segmo__outlet_read_back(outlet, item, &message) &&
           segmo__outlet_settle_dead(outlet, source, item, attempts, &message, reason, status,
                                     answer);
}
