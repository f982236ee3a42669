/* Where an outlet's messages wait: in the spool, or, of a worker, in its intake. */
#include "client/outlet_parts.h"

int segmo__outlet_open_cursor(segmo__outlet *outlet)
{
    if (!outlet->shop->intake)
        return outlet->cursor || segmo__spool_cursor_open(&outlet->cursor, outlet->client->spool,
                                                          outlet->destination, NULL) == SEGMO_OK;
    if (!outlet->is_reading)
        segmo__intake_rewind(outlet->shop->intake, outlet->source);
    outlet->is_reading = 1;
    return 1;
}

void segmo__outlet_close_cursor(segmo__outlet *outlet)
{
    segmo__spool_cursor_free(outlet->cursor);
    outlet->cursor = NULL;
    outlet->is_reading = 0;
}

int segmo__outlet_next(segmo__outlet *outlet, segmo__record_ref *ref, segmo__slice *stored)
{
    if (outlet->shop->intake)
        return segmo__intake_next(outlet->shop->intake, outlet->source, ref, stored);
    return segmo__spool_next(outlet->cursor, ref, stored);
}

int segmo__outlet_read(segmo__outlet *outlet, const segmo__record_ref *ref, segmo__slice *stored)
{
    if (outlet->shop->intake)
        return segmo__intake_read(outlet->shop->intake, ref, stored);
    return segmo__spool_read(outlet->client->spool, ref, stored, NULL) == SEGMO_OK;
}

int segmo__outlet_waits(segmo__outlet *outlet, const segmo__record_ref *ref)
{
    segmo__settled state = outlet->shop->intake ? segmo__intake_settled(outlet->shop->intake, ref)
                                                : segmo__spool_settled(outlet->client->spool, ref,
                                                                       outlet->destination);

    return state == SEGMO__PENDING;
}

int segmo__outlet_settle(segmo__outlet *outlet, const segmo__record_ref *ref, segmo__settled state)
{
    if (outlet->shop->intake)
        return segmo__intake_settle(outlet->shop->intake, ref);
    return segmo__spool_settle(outlet->client->spool, ref, outlet->destination, state);
}

uint64_t segmo__outlet_backlog(const segmo__outlet *outlet)
{
    segmo__spool_counts counts;

    if (outlet->shop->intake)
        return segmo__intake_waiting(outlet->shop->intake);
    segmo__spool_count(outlet->client->spool, &counts);
    return counts.pending_records[outlet->destination];
}
