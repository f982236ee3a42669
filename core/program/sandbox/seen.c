/* Two hash tables and a bitmap. Keys are 64-bit hashes already, so a slot is found by masking. */
#include "seen.h"

#include "base/mem.h"

#include <string.h>

#define FIRST_SLOTS 4096
#define IDS_MAX     ((size_t)1 << 25)
#define USERS_MAX   ((size_t)1 << 20)
#define NUMBERS_MAX ((int64_t)1 << 30)
#define FIRST_WORDS 1024

static int is_crowded(size_t used, size_t size)
{
    return used >= size / 4 * 3;
}

/* ---- ids ---- */

static uint64_t *id_slot(const sandbox_ids *ids, uint64_t hash)
{
    size_t at = hash & (ids->size - 1);

    while (ids->slots[at] && ids->slots[at] != hash)
        at = (at + 1) & (ids->size - 1);
    return &ids->slots[at];
}

static int grow_ids(sandbox_ids *ids)
{
    sandbox_ids larger = {.size = ids->size ? ids->size * 2 : FIRST_SLOTS, .used = ids->used};

    if (larger.size > IDS_MAX)
        return 0;
    larger.slots = segmo__zalloc(larger.size * sizeof *larger.slots);
    if (!larger.slots)
        return 0;
    for (size_t i = 0; i < ids->size; i++)
        if (ids->slots[i])
            *id_slot(&larger, ids->slots[i]) = ids->slots[i];
    segmo__free(ids->slots);
    *ids = larger;
    return 1;
}

sandbox_novelty sandbox_ids_add(sandbox_ids *ids, uint64_t hash)
{
    uint64_t *slot = ids->size > 0 ? id_slot(ids, hash) : NULL;

    if (slot && *slot)
        return SANDBOX_AGAIN;
    if (!slot || is_crowded(ids->used, ids->size)) {
        if (!grow_ids(ids))
            return SANDBOX_UNTOLD;
        slot = id_slot(ids, hash);
    }
    *slot = hash;
    ids->used++;
    return SANDBOX_NEW;
}

void sandbox_ids_free(sandbox_ids *ids)
{
    segmo__free(ids->slots);
    *ids = (sandbox_ids){0};
}

/* ---- numbers ---- */

static int grow_numbers(sandbox_numbers *numbers, size_t word)
{
    size_t size = numbers->size ? numbers->size : FIRST_WORDS;
    uint64_t *words;

    while (size <= word)
        size *= 2;
    words = segmo__zalloc(size * sizeof *words);
    if (!words)
        return 0;
    if (numbers->size > 0)
        memcpy(words, numbers->words, numbers->size * sizeof *words);
    segmo__free(numbers->words);
    *numbers = (sandbox_numbers){words, size};
    return 1;
}

sandbox_novelty sandbox_numbers_add(sandbox_numbers *numbers, int64_t number)
{
    size_t word = (size_t)(number / 64);
    uint64_t bit = (uint64_t)1 << (number % 64);

    if (number >= NUMBERS_MAX || (word >= numbers->size && !grow_numbers(numbers, word)))
        return SANDBOX_UNTOLD;
    if (numbers->words[word] & bit)
        return SANDBOX_AGAIN;
    numbers->words[word] |= bit;
    return SANDBOX_NEW;
}

void sandbox_numbers_free(sandbox_numbers *numbers)
{
    segmo__free(numbers->words);
    *numbers = (sandbox_numbers){0};
}

/* ---- order ---- */

static struct sandbox_last *last_slot(const sandbox_order *order, uint64_t user)
{
    size_t at = user & (order->size - 1);

    while (order->slots[at].user && order->slots[at].user != user)
        at = (at + 1) & (order->size - 1);
    return &order->slots[at];
}

static int grow_order(sandbox_order *order)
{
    sandbox_order larger = {.size = order->size ? order->size * 2 : FIRST_SLOTS,
                            .used = order->used};

    if (larger.size > USERS_MAX)
        return 0;
    larger.slots = segmo__zalloc(larger.size * sizeof *larger.slots);
    if (!larger.slots)
        return 0;
    for (size_t i = 0; i < order->size; i++)
        if (order->slots[i].user)
            *last_slot(&larger, order->slots[i].user) = order->slots[i];
    segmo__free(order->slots);
    *order = larger;
    return 1;
}

int sandbox_order_broken(sandbox_order *order, uint64_t user, int64_t seq)
{
    struct sandbox_last *slot = order->size > 0 ? last_slot(order, user) : NULL;

    if (slot && slot->user) {
        if (seq < slot->seq)
            return 1;
        slot->seq = seq;
        return 0;
    }
    if (!slot || is_crowded(order->used, order->size)) {
        if (!grow_order(order))
            return 0;
        slot = last_slot(order, user);
    }
    *slot = (struct sandbox_last){user, seq};
    order->used++;
    return 0;
}

void sandbox_order_free(sandbox_order *order)
{
    segmo__free(order->slots);
    *order = (sandbox_order){0};
}
