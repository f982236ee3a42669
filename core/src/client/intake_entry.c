/* Messages at hand: found by slot and generation, so that an answer that comes too late finds
 * nothing; kept in a queue for each source. */
#include "base/mem.h"
#include "client/intake_parts.h"

/* ---- slots ---- */

static int grow_slots(segmo__intake *intake)
{
    uint32_t room = intake->slot_room > 0 ? intake->slot_room * 2 : 1024;
    segmo__entry **slots = segmo__realloc(intake->slots, room * sizeof(segmo__entry *));
    uint32_t *free_slots;

    if (!slots)
        return 0;
    intake->slots = slots;
    free_slots = segmo__realloc(intake->free_slots, room * sizeof *free_slots);
    if (!free_slots)
        return 0;
    intake->free_slots = free_slots;
    intake->slot_room = room;
    return 1;
}

static int take_slot(segmo__intake *intake, uint32_t *slot)
{
    if (intake->free_count > 0) {
        *slot = intake->free_slots[--intake->free_count];
        return 1;
    }
    if (intake->slot_count == intake->slot_room && !grow_slots(intake))
        return 0;
    *slot = intake->slot_count++;
    return 1;
}

segmo__entry *segmo__entry_find(const segmo__intake *intake, uint32_t slot, uint32_t generation)
{
    segmo__entry *entry = slot < intake->slot_count ? intake->slots[slot] : NULL;

    return entry && entry->generation == generation ? entry : NULL;
}

/* ---- lists ---- */

void segmo__entry_list_add(segmo__entry_list *list, segmo__entry *entry)
{
    entry->next = NULL;
    entry->prev = list->last;
    if (list->last)
        list->last->next = entry;
    else
        list->first = entry;
    list->last = entry;
}

void segmo__entry_list_take(segmo__entry_list *list, segmo__entry *entry)
{
    if (entry->prev)
        entry->prev->next = entry->next;
    else
        list->first = entry->next;
    if (entry->next)
        entry->next->prev = entry->prev;
    else
        list->last = entry->prev;
    entry->next = entry->prev = NULL;
}

static segmo__queue *queue_of(segmo__intake *intake, uint64_t source)
{
    for (size_t i = 0; i < intake->queue_count; i++)
        if (intake->queues[i].source == source)
            return &intake->queues[i];
    return NULL;
}

static segmo__queue *make_queue(segmo__intake *intake, uint64_t source)
{
    segmo__queue *queue = queue_of(intake, source);
    segmo__queue *grown;

    if (queue)
        return queue;
    grown = segmo__realloc(intake->queues, (intake->queue_count + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    intake->queues = grown;
    grown[intake->queue_count] = (segmo__queue){.source = source};
    return &grown[intake->queue_count++];
}

static segmo__queue *queue_with(segmo__intake *intake, const segmo__entry *entry)
{
    segmo__message message;

    if (segmo__message_read(&message, (segmo__slice){entry->bytes, entry->stored_len}, NULL) !=
        SEGMO_OK)
        return NULL;
    return queue_of(intake, message.source);
}

/* ---- life ---- */

static void tell_open(segmo__intake *intake)
{
    atomic_store_explicit(&intake->client->intake.open, intake->open, memory_order_relaxed);
    atomic_store_explicit(&intake->client->intake.open_bytes, intake->open_bytes,
                          memory_order_relaxed);
}

segmo__entry *segmo__entry_new(segmo__intake *intake, uint32_t partition, int64_t offset,
                               segmo__slice stored, segmo__slice key)
{
    segmo__entry *entry = segmo__alloc(sizeof *entry + stored.len + key.len);
    uint32_t slot;

    if (!entry || !take_slot(intake, &slot)) {
        segmo__free(entry);
        return NULL;
    }
    *entry = (segmo__entry){.slot = slot,
                            .generation = ++intake->generation,
                            .partition = partition,
                            .offset = offset,
                            .stored_len = (uint32_t)stored.len,
                            .key_len = (uint32_t)key.len};
    if (stored.len > 0)
        memcpy(entry->bytes, stored.at, stored.len);
    if (key.len > 0)
        memcpy(entry->bytes + stored.len, key.at, key.len);
    intake->slots[slot] = entry;
    intake->open++;
    intake->open_bytes += sizeof *entry + stored.len + key.len;
    tell_open(intake);
    return entry;
}

int segmo__entry_queue(segmo__intake *intake, segmo__entry *entry, uint64_t source)
{
    segmo__queue *queue = make_queue(intake, source);

    if (!queue)
        return 0;
    segmo__entry_list_add(&queue->waiting, entry);
    if (!queue->at)
        queue->at = entry;
    intake->waiting++;
    return 1;
}

void segmo__entry_unqueue(segmo__intake *intake, segmo__entry *entry)
{
    segmo__queue *queue = queue_with(intake, entry);

    if (!queue)
        return;
    if (queue->at == entry)
        queue->at = entry->next;
    segmo__entry_list_take(&queue->waiting, entry);
    intake->waiting--;
}

void segmo__entry_free(segmo__intake *intake, segmo__entry *entry)
{
    intake->slots[entry->slot] = NULL;
    intake->free_slots[intake->free_count++] = entry->slot;
    intake->open--;
    intake->open_bytes -= sizeof *entry + entry->stored_len + entry->key_len + entry->letter_len;
    segmo__free(entry->letter);
    segmo__free(entry->source);
    segmo__free(entry);
    tell_open(intake);
}

void segmo__entry_end(segmo__intake *intake, segmo__entry *entry)
{
    segmo__partition_done(&intake->partitions[entry->partition], entry->offset);
    segmo__entry_free(intake, entry);
}

int64_t segmo__entries_oldest_ms(const segmo__intake *intake)
{
    int64_t oldest_ms = 0;

    for (size_t i = 0; i < intake->queue_count; i++) {
        const segmo__entry *first = intake->queues[i].waiting.first;

        if (first && (oldest_ms == 0 || first->accepted_ms < oldest_ms))
            oldest_ms = first->accepted_ms;
    }
    return oldest_ms;
}

/* ---- what outlets ask ---- */

void segmo__intake_rewind(segmo__intake *intake, uint64_t source)
{
    segmo__queue *queue = queue_of(intake, source);

    if (queue)
        queue->at = queue->waiting.first;
}

int segmo__intake_next(segmo__intake *intake, uint64_t source, segmo__record_ref *ref,
                       segmo__slice *stored)
{
    segmo__queue *queue = queue_of(intake, source);
    segmo__entry *entry = queue ? queue->at : NULL;

    if (!entry)
        return 0;
    queue->at = entry->next;
    *ref = (segmo__record_ref){entry->slot, entry->generation, entry->stored_len};
    *stored = (segmo__slice){entry->bytes, entry->stored_len};
    return 1;
}

static segmo__entry *waiting_at(const segmo__intake *intake, const segmo__record_ref *ref)
{
    segmo__entry *entry = segmo__entry_find(intake, ref->file, ref->offset);

    return entry && entry->state == SEGMO__ENTRY_WAITS ? entry : NULL;
}

int segmo__intake_read(segmo__intake *intake, const segmo__record_ref *ref, segmo__slice *stored)
{
    const segmo__entry *entry = waiting_at(intake, ref);

    if (!entry)
        return 0;
    *stored = (segmo__slice){entry->bytes, entry->stored_len};
    return 1;
}

segmo__settled segmo__intake_settled(const segmo__intake *intake, const segmo__record_ref *ref)
{
    return waiting_at(intake, ref) ? SEGMO__PENDING : SEGMO__SKIPPED;
}

int segmo__intake_settle(segmo__intake *intake, const segmo__record_ref *ref)
{
    segmo__entry *entry = waiting_at(intake, ref);

    if (!entry)
        return 0;
    segmo__entry_unqueue(intake, entry);
    segmo__entry_end(intake, entry);
    return 1;
}

uint64_t segmo__intake_waiting(const segmo__intake *intake)
{
    return intake->waiting;
}
