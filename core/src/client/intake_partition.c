/* Offsets of one partition: open, done, and from where on to commit. */
#include "base/mem.h"
#include "client/intake_parts.h"

#include <stdlib.h>

#define WORDS    (SEGMO__INTAKE_WINDOW / 64)
#define NOTE     "segmo1"
#define NOTE_MAX 3800 /* brokers keep 4096 bytes with an offset, unless told otherwise */

static uint64_t *word_of(const segmo__partition *partition, int64_t offset)
{
    return &partition->done[(uint64_t)offset / 64 % WORDS];
}

static int is_done(const segmo__partition *partition, int64_t offset)
{
    return (int)(*word_of(partition, offset) >> ((uint64_t)offset % 64) & 1);
}

static void mark(segmo__partition *partition, int64_t offset)
{
    *word_of(partition, offset) |= UINT64_C(1) << ((uint64_t)offset % 64);
}

/* What is done at the bottom is of no more interest. */
static void advance(segmo__partition *partition)
{
    while (partition->base < partition->next && is_done(partition, partition->base)) {
        *word_of(partition, partition->base) &= ~(UINT64_C(1) << ((uint64_t)partition->base % 64));
        partition->base++;
    }
}

static void start_at(segmo__partition *partition, int64_t offset)
{
    memset(partition->done, 0, WORDS * sizeof *partition->done);
    partition->base = partition->next = offset;
    partition->is_read = 1;
}

/* Offsets that do not exist. Are there more than the window holds, the brokers have deleted what
 * was open, and nobody can read it again. */
static void skip_gap(segmo__partition *partition, int64_t offset)
{
    if (offset - partition->base >= SEGMO__INTAKE_WINDOW) {
        start_at(partition, offset);
        return;
    }
    for (; partition->next < offset; partition->next++)
        mark(partition, partition->next);
    advance(partition);
}

/* The runs of a note stand for offsets from its own commit on: how many are open, how many are
 * done, and so on. */
static int note_says_done(const segmo__partition *partition, int64_t offset)
{
    const char *at = partition->note;
    int64_t end = partition->note_base;
    char *behind;

    if (!at || strncmp(at, NOTE, sizeof NOTE - 1) != 0)
        return 0;
    at += sizeof NOTE - 1;
    for (int done = 0; *at == ','; done = !done) {
        end += strtoll(at + 1, &behind, 10);
        if (behind == at + 1 || end < partition->note_base)
            return 0;
        if (offset < end)
            return offset >= partition->note_base && done;
        at = behind;
    }
    return 0;
}

int segmo__partition_open(segmo__partition *partition, int64_t offset)
{
    if (!partition->is_read)
        start_at(partition, offset);
    if (offset < partition->next)
        return 0; /* fetched twice, after a pause */
    skip_gap(partition, offset);
    partition->next = offset + 1;
    if (!note_says_done(partition, offset)) {
        partition->open++;
        return 1;
    }
    mark(partition, offset);
    advance(partition);
    return 0;
}

void segmo__partition_done(segmo__partition *partition, int64_t offset)
{
    if (partition->open > 0)
        partition->open--;
    partition->note_changed = 1;
    if (!partition->is_read || offset < partition->base || offset >= partition->next)
        return;
    mark(partition, offset);
    advance(partition);
}

int segmo__partition_is_full(const segmo__partition *partition)
{
    return partition->is_read && partition->next - partition->base >= SEGMO__INTAKE_WINDOW - 1;
}

void segmo__partition_forget(segmo__partition *partition)
{
    segmo__free(partition->note);
    partition->note = NULL;
    partition->is_ours = partition->is_leaving = partition->is_paused = partition->is_read = 0;
    partition->open = 0;
    partition->committed = -1;
}

void segmo__partition_put_note(const segmo__partition *partition, segmo__buf *out)
{
    int64_t from = partition->base;
    int done = 0;

    if (from == partition->next)
        return;
    segmo__buf_add_lit(out, NOTE);
    for (int64_t at = from; at < partition->next && out->len < NOTE_MAX; at++) {
        if (is_done(partition, at) == done)
            continue;
        segmo__buf_addf(out, ",%lld", (long long)(at - from));
        from = at;
        done = !done;
    }
    if (done && out->len < NOTE_MAX)
        segmo__buf_addf(out, ",%lld", (long long)(partition->next - from));
}
