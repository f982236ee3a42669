#include "page_ring.h"

#include "base/id.h"
#include "base/mem.h"

struct page_ring {
    page_entry *entries;
    uint32_t count;  /* of places */
    uint32_t *index; /* by id: position + 1 of the latest */
    uint32_t index_mask;
    char *block;
    size_t size, head; /* of the block; where the next bytes go */
    uint64_t first, end;
};

page_ring *page_ring_new(uint32_t entries, size_t bytes)
{
    page_ring *ring = segmo__zalloc(sizeof *ring);
    uint32_t places = 64;

    if (!ring)
        return NULL;
    while (places < entries)
        places *= 2;
    ring->count = entries;
    ring->size = bytes;
    ring->index_mask = places - 1;
    ring->first = ring->end = 1;
    ring->entries = segmo__zalloc(entries * sizeof *ring->entries);
    ring->index = segmo__zalloc(places * sizeof *ring->index);
    ring->block = segmo__alloc(bytes);
    if (ring->entries && ring->index && ring->block)
        return ring;
    page_ring_free(ring);
    return NULL;
}

void page_ring_free(page_ring *ring)
{
    if (!ring)
        return;
    segmo__free(ring->entries);
    segmo__free(ring->index);
    segmo__free(ring->block);
    segmo__free(ring);
}

uint64_t page_ring_first(const page_ring *ring)
{
    return ring->first;
}

uint64_t page_ring_end(const page_ring *ring)
{
    return ring->end;
}

static uint32_t position_of(const page_ring *ring, uint64_t seq)
{
    return (uint32_t)(seq % ring->count);
}

page_entry *page_ring_get(page_ring *ring, uint64_t seq)
{
    return seq >= ring->first && seq < ring->end ? &ring->entries[position_of(ring, seq)] : NULL;
}

segmo__slice page_ring_message(const page_ring *ring, const page_entry *entry)
{
    return (segmo__slice){ring->block + entry->at,
                          entry->len - entry->field_len - entry->words_len};
}

segmo__slice page_ring_words(const page_ring *ring, const page_entry *entry)
{
    return (segmo__slice){ring->block + entry->at + entry->len - entry->words_len,
                          entry->words_len};
}

segmo__slice page_ring_field(const page_ring *ring, const page_entry *entry)
{
    return (segmo__slice){page_ring_words(ring, entry).at - entry->field_len, entry->field_len};
}

/* ---- the index ---- */

static uint32_t *bucket_of(page_ring *ring, uint64_t hash)
{
    return &ring->index[hash & ring->index_mask];
}

static void take_out(page_ring *ring, const page_entry *entry)
{
    uint32_t *link = bucket_of(ring, entry->id_hash);
    uint32_t position = position_of(ring, entry->seq);

    while (*link && *link != position + 1)
        link = &ring->entries[*link - 1].next;
    if (*link)
        *link = entry->next;
}

static void put_in(page_ring *ring, page_entry *entry)
{
    uint32_t *link = bucket_of(ring, entry->id_hash);

    entry->next = *link;
    *link = position_of(ring, entry->seq) + 1;
}

page_entry *page_ring_find(page_ring *ring, segmo__slice id)
{
    uint64_t hash = segmo__id_hash(id.at, id.len, 0);

    for (uint32_t at = *bucket_of(ring, hash); at; at = ring->entries[at - 1].next)
        if (ring->entries[at - 1].id_hash == hash)
            return &ring->entries[at - 1];
    return NULL;
}

/* ---- adding ---- */

static void drop_first(page_ring *ring)
{
    page_entry *entry = &ring->entries[position_of(ring, ring->first)];

    if (entry->intake == PAGE_ACCEPTED)
        take_out(ring, entry);
    ring->first++;
}

/* An entry without text takes a byte too: those in a row lie in a row. */
static int lies_in(const page_entry *entry, size_t begin, size_t end)
{
    return entry->at < end && entry->at + entry->len + (entry->len == 0) > begin;
}

/* Bytes in a row at the head, or from the start where the block's end is too near. */
static size_t make_room(page_ring *ring, size_t len)
{
    size_t at = ring->head;

    if (ring->end - ring->first == ring->count)
        drop_first(ring);
    if (at + len > ring->size) {
        while (ring->first < ring->end &&
               lies_in(&ring->entries[position_of(ring, ring->first)], at, ring->size))
            drop_first(ring);
        at = 0;
    }
    while (ring->first < ring->end &&
           lies_in(&ring->entries[position_of(ring, ring->first)], at, at + len))
        drop_first(ring);
    ring->head = at + len;
    return at;
}

static size_t put(page_ring *ring, size_t at, segmo__slice bytes)
{
    if (bytes.len > 0)
        memcpy(ring->block + at, bytes.at, bytes.len);
    return at + bytes.len;
}

static segmo__slice cut(segmo__slice text)
{
    if (text.len > PAGE_WORDS_MAX)
        text.len = PAGE_WORDS_MAX;
    return text;
}

void page_ring_add(page_ring *ring, const page_item *item)
{
    segmo__slice message = item->message, field = cut(item->field), words = cut(item->words);
    page_entry *entry;
    size_t len, at;

    if (message.len > PAGE_MESSAGE_BYTES)
        message.len = 0;
    len = message.len + field.len + words.len;
    at = make_room(ring, len + (len == 0));
    entry = &ring->entries[position_of(ring, ring->end)];
    *entry = (page_entry){.seq = ring->end,
                          .received_ms = item->received_ms,
                          .source = item->source,
                          .at = (uint32_t)at,
                          .len = (uint32_t)len,
                          .field_len = (uint16_t)field.len,
                          .words_len = (uint16_t)words.len,
                          .intake = (uint8_t)item->intake,
                          .reason = item->reason};
    put(ring, put(ring, put(ring, at, message), field), words);
    for (size_t i = 0; i < COUNTS_DESTINATIONS; i++)
        entry->legs[i].state = item->goes_to >> i & 1 ? PAGE_QUEUED : PAGE_NOT_SENT;
    ring->end++;
    if (item->intake != PAGE_ACCEPTED)
        return;
    entry->id_hash = segmo__id_hash(item->id.at, item->id.len, 0);
    put_in(ring, entry);
}
