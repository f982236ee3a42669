/* Partitions come and go. What no request carries goes back to the brokers at once; what one does
 * carry is waited for, at most kafka.drain_ms. */
#include "base/mem.h"
#include "client/intake_parts.h"

#include <stdlib.h>

#define COMMITTED_WAIT_MS 3000
#define NOTE_ROOM         4096

/* ---- partitions ---- */

static segmo__partition *known(segmo__intake *intake, int32_t id)
{
    for (size_t i = 0; i < intake->partition_count; i++)
        if (intake->partitions[i].id == id)
            return &intake->partitions[i];
    return NULL;
}

static segmo__partition *add_partition(segmo__intake *intake, int32_t id)
{
    segmo__partition *partition = known(intake, id);
    segmo__partition *grown;
    uint64_t *done;

    if (partition)
        return partition;
    done = segmo__zalloc(SEGMO__INTAKE_WINDOW / 8);
    grown = segmo__realloc(intake->partitions, (intake->partition_count + 1) * sizeof *grown);
    if (grown)
        intake->partitions = grown;
    if (!done || !grown) {
        segmo__free(done);
        return NULL;
    }
    partition = &grown[intake->partition_count++];
    *partition = (segmo__partition){.id = id, .committed = -1, .done = done};
    return partition;
}

segmo__partition *segmo__intake_partition(segmo__intake *intake, int32_t id)
{
    segmo__partition *partition = known(intake, id);

    return partition && partition->is_ours ? partition : NULL;
}

/* What the worker before had done above its commit. Without an answer that is done again. */
static void read_notes(segmo__intake *intake, const int32_t *ids, size_t count)
{
    segmo__kafka_place *places = segmo__zalloc(count * sizeof *places);

    if (!places)
        return;
    for (size_t i = 0; i < count; i++)
        places[i].partition = ids[i];
    if (segmo__kafka_committed(intake->reader, places, count, COMMITTED_WAIT_MS))
        for (size_t i = 0; i < count; i++) {
            segmo__partition *partition = known(intake, ids[i]);

            if (!partition)
                continue;
            partition->note = (char *)(uintptr_t)places[i].note;
            partition->note_base = places[i].offset;
        }
    segmo__free(places);
}

void segmo__intake_take(segmo__intake *intake, const segmo__kafka_event *event)
{
    for (size_t i = 0; i < event->partition_count; i++) {
        segmo__partition *partition = add_partition(intake, event->partitions[i]);

        if (!partition)
            continue; /* its records are refused, and read by whoever comes next */
        segmo__partition_forget(partition);
        partition->is_ours = 1;
    }
    if (event->partition_count > 0)
        read_notes(intake, event->partitions, event->partition_count);
    segmo__kafka_take(intake->reader);
}

/* ---- committing ---- */

static int wants_commit(const segmo__partition *partition, int only_leaving)
{
    return partition->is_ours && partition->is_read && (!only_leaving || partition->is_leaving) &&
           (partition->base != partition->committed || partition->note_changed);
}

void segmo__intake_commit(segmo__intake *intake, int only_leaving, int waits)
{
    segmo__kafka_place *places = segmo__zalloc((intake->partition_count + 1) * sizeof *places);
    char *notes = segmo__alloc((intake->partition_count + 1) * NOTE_ROOM);
    size_t count = 0;
    int done;

    for (size_t i = 0; places && notes && i < intake->partition_count; i++) {
        segmo__partition *partition = &intake->partitions[i];
        segmo__buf note = {.data = notes + count * NOTE_ROOM, .cap = NOTE_ROOM, .max = NOTE_ROOM};

        if (!wants_commit(partition, only_leaving))
            continue;
        segmo__partition_put_note(partition, &note);
        segmo__buf_add_char(&note, '\0');
        places[count++] =
            (segmo__kafka_place){partition->id, partition->base, note.failed ? NULL : note.data};
        partition->committed = partition->base;
        partition->note_changed = 0;
    }
    done = count == 0 || segmo__kafka_commit(intake->reader, places, count, waits);
    for (size_t i = 0; !done && i < intake->partition_count; i++)
        intake->partitions[i].committed = -1;
    segmo__free(places);
    segmo__free(notes);
}

/* ---- giving up ---- */

static int by_place(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

static int is_away(const segmo__entry *entry, const uint64_t *away, size_t count)
{
    uint64_t place = (uint64_t)entry->slot << 32 | entry->generation;

    return count > 0 && bsearch(&place, away, count, sizeof place, by_place) != NULL;
}

static void give_back(segmo__intake *intake, segmo__entry *entry, const char *reason)
{
    segmo__partition *partition = &intake->partitions[entry->partition];

    segmo__count(&intake->tally->skipped, 1);
    segmo__reasons_add(&intake->tally->skipped_for, reason, 1);
    partition->open -= partition->open > 0;
    segmo__entry_free(intake, entry);
}

void segmo__intake_withdraw(segmo__intake *intake, const segmo__partition *partition,
                            const uint64_t *away, size_t count, const char *reason)
{
    for (size_t i = 0; i < intake->queue_count; i++) {
        segmo__queue *queue = &intake->queues[i];

        for (segmo__entry *entry = queue->waiting.first, *next; entry; entry = next) {
            next = entry->next;
            if ((partition && &intake->partitions[entry->partition] != partition) ||
                is_away(entry, away, count))
                continue;
            if (queue->at == entry)
                queue->at = next;
            segmo__entry_list_take(&queue->waiting, entry);
            intake->waiting--;
            give_back(intake, entry, reason);
        }
    }
}

static void withdraw_buried(segmo__intake *intake, const segmo__partition *partition)
{
    for (segmo__entry *entry = intake->buried.first, *next; entry; entry = next) {
        next = entry->next;
        if (partition && &intake->partitions[entry->partition] != partition)
            continue;
        segmo__entry_list_take(&intake->buried, entry);
        give_back(intake, entry, "returned_unanswered");
    }
}

void segmo__intake_lose(segmo__intake *intake, const segmo__rules *rules,
                        const segmo__kafka_event *event, int64_t now_ms)
{
    for (size_t i = 0; i < event->partition_count; i++) {
        segmo__partition *partition = segmo__intake_partition(intake, event->partitions[i]);

        if (partition)
            partition->is_leaving = 1;
    }
    intake->gives_up = 1;
    intake->lost = event->lost;
    intake->give_up_by_ms = event->lost ? now_ms : now_ms + rules->limits.drain_ms;
    if (intake->leaving && intake->leave_by_ms < intake->give_up_by_ms)
        intake->give_up_by_ms = intake->leave_by_ms;
}

int segmo__intake_gives_up(const segmo__intake *intake)
{
    return intake->gives_up;
}

static int is_quiet(const segmo__intake *intake)
{
    for (size_t i = 0; i < intake->partition_count; i++)
        if (intake->partitions[i].is_leaving && intake->partitions[i].open > 0)
            return 0;
    return 1;
}

/* librdkafka would remember that they were paused when they come back one day. */
static void resume_leaving(segmo__intake *intake)
{
    for (size_t i = 0; i < intake->partition_count; i++)
        if (intake->partitions[i].is_leaving && intake->partitions[i].is_paused)
            segmo__kafka_pause(intake->reader, &intake->partitions[i].id, 1, 0);
}

/* The partitions go; who was only asked to leave the group does so now. */
static void let_go(segmo__intake *intake)
{
    if (!intake->lost)
        segmo__intake_commit(intake, 1, 1);
    resume_leaving(intake);
    for (size_t i = 0; i < intake->partition_count; i++)
        if (intake->partitions[i].is_leaving)
            segmo__partition_forget(&intake->partitions[i]);
    segmo__kafka_release(intake->reader);
    intake->gives_up = 0;
    if (intake->leaving && !intake->is_closing) {
        intake->is_closing = 1;
        segmo__kafka_leave(intake->reader);
    }
}

void segmo__intake_give_up(segmo__intake *intake, uint64_t *away, size_t count, int64_t now_ms)
{
    int is_late = now_ms >= intake->give_up_by_ms;

    if (count > 1)
        qsort(away, count, sizeof *away, by_place);
    for (size_t i = 0; i < intake->partition_count; i++) {
        segmo__partition *partition = &intake->partitions[i];

        if (!partition->is_leaving)
            continue;
        segmo__intake_withdraw(intake, partition, away, count, "returned");
        if (!is_late)
            continue;
        segmo__intake_withdraw(intake, partition, NULL, 0, "returned_unanswered");
        withdraw_buried(intake, partition);
    }
    if (is_quiet(intake))
        let_go(intake);
}

void segmo__intake_leave(segmo__intake *intake, int64_t deadline_ms)
{
    if (intake->leaving)
        return;
    intake->leaving = 1;
    intake->leave_by_ms = deadline_ms;
    if (!intake->reader) {
        intake->has_left = 1;
        return;
    }
    for (size_t i = 0; i < intake->partition_count; i++)
        intake->partitions[i].is_leaving = intake->partitions[i].is_ours;
    intake->gives_up = 1;
    intake->give_up_by_ms = deadline_ms;
}

int segmo__intake_has_left(const segmo__intake *intake)
{
    return intake->has_left;
}
