/* From the spool to lanes, and from lanes that are ready to requests. */
#include "client/outlet_parts.h"
#include "route/route.h"

/* ---- reading ----------------------------------------------------------------------------- */

static uint32_t batch_size(const segmo__outlet *outlet, const segmo__rules *rules)
{
    double fits = rules->limits.max_batch_bytes / outlet->mean_bytes;
    uint32_t count = rules->limits.flush_at;

    return fits < 1 ? 1 : fits < count ? (uint32_t)fits : count;
}

static void take_record(segmo__outlet *outlet, const segmo__rules *rules,
                        const segmo__source *source, const segmo__record_ref *ref,
                        segmo__slice stored, uint64_t backlog, uint32_t batch, int64_t now_ms)
{
    segmo__message message;
    segmo__decision decision;
    segmo__lane_item item;

    if (segmo__message_read(&message, stored, NULL) != SEGMO_OK || message.source != outlet->source)
        return;
    decision = segmo__route(source, &message, outlet->destination);
    if (!decision.send) {
        segmo__outlet_settle_skipped(outlet, rules, ref, &message, decision.reason);
        return;
    }
    item = (segmo__lane_item){.user = (uint32_t)(message.user ^ message.user >> 32),
                              .place = {ref->file, ref->offset, ref->length},
                              .arrived_ms = now_ms,
                              .accepted_ms = message.accepted_ms};
    outlet->mean_bytes += (message.json_len - outlet->mean_bytes) / 64;
    segmo__lanes_add(outlet->lanes, &item, backlog, batch);
}

/* Reads as long as a lane could send if it had more; an outage of all lanes reads nothing. */
static void read_spool(segmo__outlet *outlet, const segmo__rules *rules,
                       const segmo__source *source, int64_t now_ms)
{
    uint32_t batch = batch_size(outlet, rules);
    segmo__record_ref ref;
    segmo__slice stored;
    uint64_t backlog;

    for (;;) {
        segmo__lanes_level(outlet->lanes, now_ms, batch);
        if (!segmo__lanes_starving(outlet->lanes, now_ms, batch))
            return;
        backlog = segmo__outlet_backlog(outlet);
        for (uint32_t i = 0; i < batch; i++) {
            if (segmo__lanes_full(outlet->lanes) || !segmo__outlet_next(outlet, &ref, &stored))
                return;
            take_record(outlet, rules, source, &ref, stored, backlog, batch, now_ms);
        }
    }
}

/* ---- pumping ----------------------------------------------------------------------------- */

static uint32_t flight_limit(const segmo__outlet *outlet, const segmo__rules *rules)
{
    return outlet->paused ? 1 : rules->limits.max_in_flight;
}

/* Nothing to read and nothing held: the usual state of a destination that is not configured. */
static int is_idle(const segmo__outlet *outlet)
{
    if (outlet->lanes && segmo__lanes_waiting(outlet->lanes) > 0)
        return 0;
    return segmo__outlet_backlog(outlet) == 0;
}

static void lower(int64_t *next_ms, int64_t moment_ms)
{
    if (moment_ms < *next_ms)
        *next_ms = moment_ms;
}

static int may_send(const segmo__outlet *outlet, const segmo__rules *rules,
                    const segmo__source *source)
{
    int awaits_token =
        outlet->destination == SEGMO__DESTINATION_SEGMENT && source && source->segment.awaits_token;

    return source && rules->limits.delivery_enabled && !awaits_token;
}

void segmo__outlet_pump(segmo__outlet *outlet, const segmo__rules *rules, int64_t now_ms, int hurry,
                        int64_t *next_ms)
{
    const segmo__source *source = segmo__settings_source_by_hash(rules->settings, outlet->source);
    int64_t arrived_before = hurry ? now_ms + 1 : now_ms - rules->limits.flush_interval_ms;
    int lane;

    if (!may_send(outlet, rules, source) || is_idle(outlet))
        return;
    if (now_ms < outlet->hold_until_ms) {
        lower(next_ms, outlet->hold_until_ms);
        return;
    }
    if (!outlet->lanes && outlet->in_flight > 0)
        return; /* the answers to an older epoch come first, or messages would be sent twice */
    if (!segmo__outlet_ready(outlet, rules, now_ms)) {
        lower(next_ms, outlet->hold_until_ms);
        return;
    }
    read_spool(outlet, rules, source, now_ms);
    while (outlet->in_flight < flight_limit(outlet, rules)) {
        lane = segmo__lanes_ready(outlet->lanes, now_ms, arrived_before, batch_size(outlet, rules),
                                  next_ms);
        if (lane < 0 || !segmo__outlet_send(outlet, rules, source, lane, now_ms))
            break;
        segmo__outlets_start_packed(outlet->shop, rules, now_ms);
        if (!outlet->lanes)
            return;
        read_spool(outlet, rules, source, now_ms);
    }
    segmo__outlet_report_skips(outlet);
    if (now_ms < outlet->hold_until_ms)
        lower(next_ms, outlet->hold_until_ms);
}

void segmo__outlet_settings_changed(segmo__outlet *outlet, const segmo__rules *rules,
                                    int64_t now_ms)
{
    if (!segmo__settings_source_by_hash(rules->settings, outlet->source))
        segmo__outlet_set_paused(outlet, NULL); /* it rests; nobody is to mend anything */
    outlet->settings++;
    outlet->hold_until_ms = 0;
    segmo__outlet_fill_buckets(outlet, rules, now_ms);
    if (outlet->lanes)
        segmo__lanes_hurry(outlet->lanes);
}

uint32_t segmo__outlet_wanted(const segmo__outlet *outlet, const segmo__rules *rules,
                              int64_t now_ms)
{
    uint32_t batch = batch_size(outlet, rules);
    size_t waiting;

    if (!may_send(outlet, rules, segmo__settings_source_by_hash(rules->settings, outlet->source)) ||
        now_ms < outlet->hold_until_ms)
        return 0;
    if (!outlet->lanes)
        return 1;
    if (!segmo__lanes_starving(outlet->lanes, now_ms, batch))
        return 0;
    waiting = segmo__lanes_waiting(outlet->lanes);
    return waiting == 0 ? 1 : waiting < batch ? batch - (uint32_t)waiting : batch;
}
