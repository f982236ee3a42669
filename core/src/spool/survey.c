/* Counting what a file holds, by reading all of it: when it is adopted, and when damage was met. */
#include "spool/spool_parts.h"

#include <errno.h>

static int is_settled_by_all(uint8_t row)
{
    for (unsigned d = 0; d < DESTINATIONS; d++)
        if (segmo__segment_state(row, d) == SEGMO__PENDING)
            return 0;
    return 1;
}

static void count_record(const segmo__spool *spool, survey *out, uint8_t row, segmo__slice payload)
{
    const segmo__spool_options *options = &spool->options;
    int wanted = 0;

    if (is_settled_by_all(row))
        return;
    if (options->mine && !options->mine(options->ctx, payload)) {
        out->foreign++;
        return;
    }
    for (unsigned d = 0; d < DESTINATIONS; d++) {
        if (!is_configured(spool, d) || segmo__segment_state(row, d) != SEGMO__PENDING)
            continue;
        out->pending[d].records++;
        out->pending[d].bytes += payload.len;
        wanted = 1;
    }
    out->records += (uint64_t)wanted;
}

int segmo__spool_survey(segmo__spool *spool, spool_file *file, uint32_t end, survey *out)
{
    segmo__segment_reader reader;
    segmo__segment_record record;
    segmo__file handle;
    int code;

    *out = (survey){.behind = SEGMO__SEGMENT_DATA};
    if (!segmo__segment_reader_init(&reader))
        return -ENOMEM;
    code = segmo__spool_load_rows(file);
    if (code == 0)
        code = segmo__spool_file_handle(&handle, file, 0);
    if (code != 0)
        goto done;
    segmo__segment_reader_aim(&reader, &handle, SEGMO__SEGMENT_DATA, end, !file->adopted);
    while ((code = segmo__segment_reader_next(&reader, &record)) == 1) {
        count_record(spool, out, file->rows[segmo__segment_row(record.offset)] | record.flags,
                     record.payload);
        out->behind = segmo__segment_behind(record.offset, record.payload.len);
    }
    out->damage = (tally){reader.damaged_records, reader.damaged_bytes};
    segmo__spool_file_close_handle(file, &handle);
done:
    segmo__segment_reader_free(&reader);
    return code;
}

/* What was counted in, is not settled and was not found again. */
static tally missing(const tally *in, const tally *settled, const tally *found)
{
    tally lost = {in->records - settled->records, in->bytes - settled->bytes};

    if (lost.records < found->records || lost.bytes < found->bytes)
        return (tally){0, 0};
    return (tally){lost.records - found->records, lost.bytes - found->bytes};
}

static void note_damage(segmo__spool *spool, spool_file *file, tally damage)
{
    tally more;

    if (damage.records <= file->damage.records)
        return;
    more = (tally){damage.records - file->damage.records, damage.bytes - file->damage.bytes};
    file->damage = damage;
    raise_tally(&spool->damaged, more.records, more.bytes);
    segmo__spool_notice(spool, "damaged", more.records,
                        "%llu bytes of %s are damaged; the rest of it is used, the file is kept in "
                        "damaged/",
                        (unsigned long long)more.bytes, file->name);
}

void segmo__spool_recount(segmo__spool *spool, spool_file *file)
{
    tally in[DESTINATIONS], most = {0, 0};
    survey found;
    uint32_t end;

    pthread_mutex_lock(&spool->append);
    memcpy(in, file->in, sizeof in);
    end = atomic_load(&file->end);
    pthread_mutex_unlock(&spool->append);
    segmo__spool_survey(spool, file, end, &found);
    for (unsigned d = 0; d < DESTINATIONS; d++) {
        tally lost = missing(&in[d], &file->settled[d], &found.pending[d]);

        segmo__spool_write_off(spool, file, d, lost);
        if (lost.records > most.records)
            most = lost;
    }
    note_damage(spool, file, found.damage.records > 0 ? found.damage : most);
}
