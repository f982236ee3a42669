#include "wire/members.h"

#include "base/id.h"
#include "wire/moengage.h"

#include <pthread.h>

#define NAMES_MAX   (512u << 10) /* more than any request takes */
#define TABLES_MAX  (2u << 20)   /* fewer than 65,536 members, which slots and lists can count */
#define FIRST_SLOTS 64

/* ---- the thread's room ------------------------------------------------------------------- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t room_key;
static _Thread_local segmo__room thread_room;

static void free_room(void *memory)
{
    segmo__room *room = memory;

    segmo__buf_free(&room->names);
    segmo__buf_free(&room->members);
    segmo__buf_free(&room->slots);
    segmo__buf_free(&room->path);
    segmo__buf_free(&room->key);
    segmo__buf_free(&room->json);
    segmo__buf_free(&room->text);
}

static void make_key(void)
{
    pthread_key_create(&room_key, free_room);
}

static void room_init(segmo__room *room)
{
    pthread_once(&once, make_key);
    pthread_setspecific(room_key, room);
    segmo__buf_init(&room->names, NAMES_MAX);
    segmo__buf_init(&room->members, TABLES_MAX);
    segmo__buf_init(&room->slots, TABLES_MAX);
    segmo__buf_init(&room->path, NAMES_MAX);
    segmo__buf_init(&room->key, SEGMO__MESSAGE_STORED_MAX);
    segmo__buf_init(&room->json, NAMES_MAX);
    segmo__buf_init(&room->text, NAMES_MAX);
}

segmo__room *segmo__room_enter(void)
{
    segmo__room *room = &thread_room;

    if (room->names.max == 0)
        room_init(room);
    segmo__buf_clear(&room->names);
    segmo__buf_clear(&room->members);
    segmo__buf_clear(&room->slots);
    segmo__buf_clear(&room->path);
    segmo__buf_clear(&room->key);
    segmo__buf_clear(&room->json);
    segmo__buf_clear(&room->text);
    return room;
}

/* A message is too short to reach the ceiling of any buffer but the names', in which flattening
 * repeats the names of objects. */
int segmo__room_status(const segmo__room *room)
{
    if (room->names.failed && room->names.len > SEGMO__MOENGAGE_SINGLE_MAX)
        return SEGMO_ERR_INVALID;
    if (room->names.failed || room->members.failed || room->slots.failed || room->path.failed ||
        room->key.failed || room->json.failed || room->text.failed)
        return SEGMO_ERR_MEMORY;
    return SEGMO_OK;
}

/* ---- names -------------------------------------------------------------------------------- */

/* Names are short: up to 16 bytes, two words that may overlap hold all of one. */
static inline uint32_t hash_of(segmo__slice name)
{
    uint64_t head = 0, tail = 0;

    if (name.len > 16)
        return (uint32_t)segmo__id_hash(name.at, name.len, 0);
    if (name.len >= 8) {
        memcpy(&head, name.at, 8);
        memcpy(&tail, name.at + name.len - 8, 8);
    } else if (name.len >= 4) {
        memcpy(&head, name.at, 4);
        memcpy(&tail, name.at + name.len - 4, 4);
    } else {
        for (size_t i = 0; i < name.len; i++)
            head = head << 8 | (unsigned char)name.at[i];
    }
    head = (head ^ name.len) * 0x9E3779B97F4A7C15u;
    tail = (tail ^ head >> 32) * 0xC2B2AE3D27D4EB4Fu;
    return (uint32_t)(tail >> 32 ^ head);
}

/* ---- slots ------------------------------------------------------------------------------- */

/* An open hash table of index + 1, 0 where it is empty. */
static uint16_t *slots_of(const segmo__members *table)
{
    return (uint16_t *)(void *)table->room->slots.data + table->slots;
}

/* The slot of the member with that name, or the empty one where it belongs. */
static inline uint16_t *slot_for(const segmo__members *table, const segmo__member *wanted)
{
    uint16_t *slots = slots_of(table);
    segmo__slice name = segmo__members_name(table, wanted);
    size_t at = wanted->hash & (table->slot_count - 1);

    for (; slots[at]; at = (at + 1) & (table->slot_count - 1)) {
        const segmo__member *member = segmo__members_at(table, slots[at] - 1u);

        if (member->hash == wanted->hash && member->name_len == name.len &&
            memcmp(segmo__members_name(table, member).at, name.at, name.len) == 0)
            break;
    }
    return &slots[at];
}

static int grow(segmo__members *table)
{
    if (!segmo__buf_extend(&table->room->slots, table->slot_count * sizeof(uint16_t)))
        return 0;
    table->slot_count *= 2;
    memset(slots_of(table), 0, table->slot_count * sizeof(uint16_t));
    for (size_t i = 0; i < table->count; i++) {
        segmo__member *member = segmo__members_at(table, i);

        if (!member->hidden)
            *slot_for(table, member) = (uint16_t)(i + 1);
    }
    return 1;
}

/* ---- the table --------------------------------------------------------------------------- */

int segmo__members_begin(segmo__members *table)
{
    segmo__room *room = table->room;

    table->names = room->names.len;
    table->first = room->members.len / sizeof(segmo__member);
    table->slots = room->slots.len / sizeof(uint16_t);
    table->slot_count = FIRST_SLOTS;
    table->count = table->shown = 0;
    if (!segmo__buf_reserve(&room->names, 1) ||
        !segmo__buf_extend(&room->slots, FIRST_SLOTS * sizeof(uint16_t)))
        return 0;
    memset(slots_of(table), 0, FIRST_SLOTS * sizeof(uint16_t));
    return 1;
}

void segmo__members_end(segmo__members *table)
{
    segmo__room *room = table->room;

    room->names.len = table->names;
    room->members.len = table->first * sizeof(segmo__member);
    room->slots.len = table->slots * sizeof(uint16_t);
}

/* Adds a member behind the others; its index + 1, or 0 when there is no room. */
static inline uint16_t push(segmo__members *table, const segmo__member *member)
{
    char *at = segmo__buf_extend(&table->room->members, sizeof *member);

    if (!at)
        return 0;
    memcpy(at, member, sizeof *member);
    return (uint16_t)++table->count;
}

static void lose(segmo__members *table, segmo__slice value)
{
    segmo__remark_on(table->remarks, SEGMO__REMARK_NAME_COLLISION, value);
}

/* Two spellings of one name in one object of a list. */
static void settle_in_list(segmo__members *table, segmo__member *standing,
                           const segmo__member *added)
{
    if (added->rank <= standing->rank) {
        lose(table, added->value);
        return;
    }
    lose(table, standing->value);
    standing->value = added->value;
    standing->kind = added->kind;
    standing->form = added->form;
    standing->rank = added->rank;
}

/* One more value of a list that has some already; `head` is the index of the first. */
static void add_to_list(segmo__members *table, size_t head, segmo__member *added)
{
    uint16_t last = segmo__members_at(table, head)->last, index;

    if (segmo__members_at(table, last - 1)->item == added->item) {
        settle_in_list(table, segmo__members_at(table, last - 1), added);
        return;
    }
    added->hidden = 1;
    index = push(table, added);
    if (!index)
        return;
    segmo__members_at(table, last - 1)->next = index;
    segmo__members_at(table, head)->last = index;
}

void segmo__members_add(segmo__members *table, segmo__member *added)
{
    segmo__slice name = segmo__members_name(table, added);
    segmo__member *standing;
    uint16_t *slot;

    if (2 * (table->shown + 1) > table->slot_count && !grow(table))
        return;
    added->hash = hash_of(name);
    slot = slot_for(table, added);
    if (*slot) {
        standing = segmo__members_at(table, *slot - 1u);
        if (added->list && added->list == standing->list) {
            add_to_list(table, *slot - 1u, added);
            return;
        }
        if (added->rank <= standing->rank) {
            lose(table, added->value);
            return;
        }
        lose(table, standing->value);
        standing->hidden = 1;
        table->shown--;
    }
    added->last = (uint16_t)(table->count + 1);
    *slot = push(table, added);
    table->shown++;
}
