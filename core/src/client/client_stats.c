/* What a client tells about itself. */
#include "base/clock.h"
#include "base/json.h"
#include "client/client_parts.h"

static void put_failure(const segmo__tally *tally, segmo__buf *out)
{
    const char *reason = atomic_load_explicit(&tally->failure, memory_order_relaxed);
    char at[SEGMO__ISO_LEN + 1];

    if (!reason) {
        segmo__buf_add_lit(out, ",\"last_failure\":null");
        return;
    }
    segmo__clock_iso(at, atomic_load_explicit(&tally->failed_at_ms, memory_order_relaxed));
    segmo__buf_addf(out, ",\"last_failure\":{\"reason\":\"%s\",\"status\":%d,\"at\":\"%s\"}",
                    reason, atomic_load_explicit(&tally->failure_status, memory_order_relaxed), at);
}

static void put_destination(segmo_client *client, unsigned d, const segmo__spool_counts *counts,
                            segmo__buf *out)
{
    const segmo__tally *tally = &client->tally[d];
    const char *paused = atomic_load(&client->paused[d]);

    segmo__buf_addf(out,
                    "\"accepted\":%llu,\"adopted\":%llu,\"delivered\":%llu,\"dead\":%llu,"
                    "\"pending\":%llu,\"pending_bytes\":%llu,\"skipped\":%llu,\"skipped_for\":",
                    (unsigned long long)segmo__counted(&tally->accepted),
                    (unsigned long long)segmo__counted(&tally->adopted),
                    (unsigned long long)segmo__counted(&tally->delivered),
                    (unsigned long long)segmo__counted(&tally->dead),
                    (unsigned long long)counts->pending_records[d],
                    (unsigned long long)counts->pending_bytes[d],
                    (unsigned long long)segmo__counted(&tally->skipped));
    segmo__reasons_put(&tally->skipped_for, out);
    segmo__buf_add_lit(out, ",\"dead_for\":");
    segmo__reasons_put(&tally->dead_for, out);
    segmo__buf_addf(out,
                    ",\"requests\":%llu,\"retries\":%llu,\"bytes_raw\":%llu,\"bytes_sent\":%llu,"
                    "\"warnings\":%llu,\"state\":\"%s\",\"paused_for\":",
                    (unsigned long long)segmo__counted(&tally->requests),
                    (unsigned long long)segmo__counted(&tally->retries),
                    (unsigned long long)segmo__counted(&tally->bytes_raw),
                    (unsigned long long)segmo__counted(&tally->bytes_sent),
                    (unsigned long long)segmo__counted(&tally->warnings),
                    paused ? "paused" : "open");
    if (paused)
        segmo__json_put_text(out, paused);
    else
        segmo__buf_add_lit(out, "null");
    put_failure(tally, out);
}

static int work_for(segmo_client *client)
{
    segmo__rules *rules = segmo__client_rules(client);
    int destination = rules->limits.work_for;

    segmo__rules_release(rules);
    return destination;
}

/* A worker's messages wait in Kafka and in its hands, not in the spool. */
static void put_worker(segmo_client *client, segmo__buf *out)
{
    const struct segmo__intake_counts *counts = &client->intake;
    int64_t oldest_ms = atomic_load(&counts->oldest_ms);
    int destination = work_for(client);

    if (destination < 0)
        return;
    segmo__buf_addf(out,
                    ",\"worker\":{\"for\":\"%s\",\"assigned\":%u,\"lag\":%lld,\"oldest_ms\":%lld,"
                    "\"held\":%llu,\"held_bytes\":%llu}",
                    segmo__destination_name((segmo__destination)destination),
                    atomic_load(&counts->assigned), (long long)atomic_load(&counts->lag),
                    (long long)(oldest_ms > 0 ? segmo__clock_wall_ms() - oldest_ms : 0),
                    (unsigned long long)atomic_load(&counts->open),
                    (unsigned long long)atomic_load(&counts->open_bytes));
}

void segmo__client_stats(segmo_client *client, segmo__buf *out)
{
    segmo__spool_counts counts = client->last_counts;

    if (client->spool)
        segmo__spool_count(client->spool, &counts);
    if (work_for(client) >= 0) {
        counts.pending_records[work_for(client)] = atomic_load(&client->intake.open);
        counts.pending_bytes[work_for(client)] = atomic_load(&client->intake.open_bytes);
    }
    segmo__buf_addf(out, "{\"accepted\":%llu,\"destinations\":{",
                    (unsigned long long)counts.appended_records);
    for (unsigned d = 0; d < SEGMO__DESTINATION_COUNT; d++) {
        segmo__buf_addf(out, "%s\"%s\":{", d > 0 ? "," : "",
                        segmo__destination_name((segmo__destination)d));
        put_destination(client, d, &counts, out);
        segmo__buf_add_char(out, '}');
    }
    segmo__buf_add_char(out, '}');
    put_worker(client, out);
    segmo__buf_addf(
        out,
        ",\"spool\":{\"files\":%llu,\"file_bytes\":%llu,\"adopted_records\":%llu,"
        "\"damaged_records\":%llu,\"damaged_bytes\":%llu,\"disk_full\":%s},"
        "\"dead_letters_dropped\":%llu,\"reports_dropped\":%llu}",
        (unsigned long long)counts.files, (unsigned long long)counts.file_bytes,
        (unsigned long long)counts.adopted_records, (unsigned long long)counts.damaged_records,
        (unsigned long long)counts.damaged_bytes, counts.disk_full ? "true" : "false",
        (unsigned long long)(client->letters ? segmo__dead_letters_dropped(client->letters) : 0),
        (unsigned long long)segmo__reports_dropped(client->reports));
}

void segmo__client_last_stats(segmo_client *client, segmo__buf *out)
{
    pthread_mutex_lock(&client->lock);
    segmo__client_stats(client, out);
    pthread_mutex_unlock(&client->lock);
}
