/* Two passes over an object: the first names its members and settles collisions in a table, the
 * second writes what is left in document order. With flatten the members of inner objects stand in
 * the same table; with keep an inner object gets a table of its own while it is written. The tables
 * are stacked in buffers of the thread. */
#include "wire/attributes.h"

#include "base/id.h"
#include "base/json.h"
#include "wire/snake_case.h"

#include <pthread.h>

#define NAMES_MAX   (512u << 10) /* more than any request takes */
#define TABLES_MAX  (4u << 20)
#define FIRST_SLOTS 64

/* How a value is written. */
typedef enum form {
    COPIED,  /* as it is, names inside converted */
    QUOTED,  /* a number as a string */
    AS_TEXT, /* its JSON as a string */
    AS_GEO   /* a location as "latitude longitude" */
} form;

/* Which of two equal names wins: the higher rank, else the first in the document. */
enum rank {
    RANK_RENAMED,     /* phone as mobile, from another spelling of phone */
    RANK_RENAMED_OWN, /* phone as mobile */
    RANK_CONVERTED,
    RANK_OWN_INSIDE, /* flattened, every key on the way in its own form */
    RANK_OWN,
    RANK_EXTRA
};

struct member {
    segmo__slice value;
    uint32_t name, name_len; /* in the names */
    uint32_t hash;
    uint32_t list; /* which list of objects it comes from, from 1; 0: none. Written as a list */
    uint32_t item; /* which of that list's objects */
    uint32_t next, last; /* of a list: the next value and the last one, as index + 1 */
    uint8_t form, rank, hidden;
};

/* What a thread works in. */
struct room {
    segmo__buf names, members, slots; /* stacks: bytes, struct member, uint16_t */
    segmo__buf path;                  /* the name of the object that is being flattened */
    segmo__buf key, json, text;
};

/* One object's members. */
struct table {
    struct room *room;
    const segmo__attributes_rules *rules;
    segmo__remarks *remarks;
    size_t names, members, slots; /* where its part of each stack starts */
    size_t slot_count;
    uint32_t lists;
    uint32_t shown; /* members that will be written */
    int depth;      /* 0: the attributes themselves */
};

/* Where in a flattened object the first pass is. */
struct place {
    int own;
    uint32_t list, item;
};

/* ---- the thread's room ------------------------------------------------------------------- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t room_key;
static _Thread_local struct room thread_room;

static void free_room(void *memory)
{
    struct room *room = memory;

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

static struct room *enter_room(void)
{
    struct room *room = &thread_room;

    if (room->names.max == 0) {
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
    segmo__buf_clear(&room->names);
    segmo__buf_clear(&room->members);
    segmo__buf_clear(&room->slots);
    segmo__buf_clear(&room->path);
    segmo__buf_clear(&room->key);
    segmo__buf_clear(&room->json);
    segmo__buf_clear(&room->text);
    return room;
}

static int is_full(const struct room *room)
{
    return room->names.failed || room->members.failed || room->slots.failed || room->path.failed ||
           room->key.failed || room->json.failed || room->text.failed;
}

/* ---- the table --------------------------------------------------------------------------- */

static struct member *member_at(const struct table *table, size_t index)
{
    return (struct member *)(void *)table->room->members.data + table->members + index;
}

static size_t member_count(const struct table *table)
{
    return table->room->members.len / sizeof(struct member) - table->members;
}

static uint16_t *slots_of(const struct table *table)
{
    return (uint16_t *)(void *)table->room->slots.data + table->slots;
}

static segmo__slice name_of(const struct table *table, const struct member *member)
{
    return (segmo__slice){table->room->names.data + member->name, member->name_len};
}

static int table_begin(struct table *table)
{
    struct room *room = table->room;

    table->names = room->names.len;
    table->members = room->members.len / sizeof(struct member);
    table->slots = room->slots.len / sizeof(uint16_t);
    table->slot_count = FIRST_SLOTS;
    if (!segmo__buf_extend(&room->slots, FIRST_SLOTS * sizeof(uint16_t)))
        return 0;
    memset(slots_of(table), 0, FIRST_SLOTS * sizeof(uint16_t));
    return 1;
}

static void table_end(struct table *table)
{
    struct room *room = table->room;

    room->names.len = table->names;
    room->members.len = table->members * sizeof(struct member);
    room->slots.len = table->slots * sizeof(uint16_t);
}

/* The slot of the member with that name, or the empty one where it belongs. */
static uint16_t *slot_for(const struct table *table, const struct member *wanted)
{
    uint16_t *slots = slots_of(table);
    segmo__slice name = name_of(table, wanted);
    size_t at = wanted->hash & (table->slot_count - 1);

    for (; slots[at]; at = (at + 1) & (table->slot_count - 1)) {
        const struct member *member = member_at(table, slots[at] - 1u);

        if (member->hash == wanted->hash && member->name_len == name.len &&
            memcmp(name_of(table, member).at, name.at, name.len) == 0)
            break;
    }
    return &slots[at];
}

static int table_grow(struct table *table)
{
    struct room *room = table->room;
    size_t count = member_count(table);

    if (!segmo__buf_extend(&room->slots, table->slot_count * sizeof(uint16_t)))
        return 0;
    table->slot_count *= 2;
    memset(slots_of(table), 0, table->slot_count * sizeof(uint16_t));
    for (size_t i = 0; i < count; i++) {
        struct member *member = member_at(table, i);

        if (!member->hidden)
            *slot_for(table, member) = (uint16_t)(i + 1);
    }
    return 1;
}

/* Adds a member behind the others; its index + 1, or 0 when there is no room. */
static size_t table_push(struct table *table, const struct member *member)
{
    char *at = segmo__buf_extend(&table->room->members, sizeof *member);

    if (!at)
        return 0;
    memcpy(at, member, sizeof *member);
    return member_count(table);
}

static void lose(struct table *table, segmo__slice value)
{
    segmo__remark_on(table->remarks, SEGMO__REMARK_NAME_COLLISION, value);
}

/* One more value of a list that has some already. */
static void add_to_list(struct table *table, size_t first, const struct member *added)
{
    struct member *last = member_at(table, member_at(table, first - 1)->last - 1);
    size_t index;

    if (last->item == added->item) { /* two spellings in one object */
        if (added->rank <= last->rank) {
            lose(table, added->value);
            return;
        }
        lose(table, last->value);
        last->value = added->value;
        last->form = added->form;
        last->rank = added->rank;
        return;
    }
    index = table_push(table, added);
    if (!index)
        return;
    member_at(table, index - 1)->hidden = 1;
    member_at(table, member_at(table, first - 1)->last - 1)->next = (uint32_t)index;
    member_at(table, first - 1)->last = (uint32_t)index;
}

/* Enters a member into the table, or settles who of two equal names stays. */
static void table_add(struct table *table, struct member *added)
{
    segmo__slice name = name_of(table, added);
    struct member *standing;
    uint16_t *slot;
    size_t index;

    if (2 * (table->shown + 1) > table->slot_count && !table_grow(table))
        return;
    added->hash = (uint32_t)segmo__id_hash(name.at, name.len, 0);
    slot = slot_for(table, added);
    if (*slot) {
        standing = member_at(table, *slot - 1u);
        if (added->list && added->list == standing->list) {
            add_to_list(table, *slot, added);
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
    index = table_push(table, added);
    if (!index)
        return;
    member_at(table, index - 1)->last = (uint32_t)index;
    *slot = (uint16_t)index;
    table->shown++;
}

/* ---- names ------------------------------------------------------------------------------- */

static int is_sdk_name(segmo__slice key)
{
    return (key.len >= 4 && (memcmp(key.at, "moe_", 4) == 0 || memcmp(key.at, "MOE_", 4) == 0)) ||
           segmo__moengage_name_internal(key) || segmo__slice_is(key, "INSTALL") ||
           segmo__slice_is(key, "UPDATE");
}

/* Appends a decoded key as JSON string text. */
static void put_unchanged(segmo__buf *names, segmo__slice raw_key, segmo__slice key)
{
    size_t at = names->len;

    if (raw_key.len == key.len) { /* no escapes */
        segmo__buf_add_slice(names, raw_key);
        return;
    }
    segmo__json_put_string(names, key.at, key.len);
    if (names->failed)
        return;
    names->len -= 2;
    memmove(names->data + at, names->data + at + 1, names->len - at);
}

/* Appends the converted key; 1 when it was in that form already. */
static int put_converted(const struct table *table, segmo__slice raw_key, segmo__slice value)
{
    segmo__buf *names = &table->room->names;
    segmo__slice key;
    size_t at = names->len;

    segmo__buf_clear(&table->room->key);
    key = segmo__json_text(raw_key, &table->room->key);
    if (table->rules->naming != SEGMO__NAMING_NONE && !is_sdk_name(key)) {
        if (table->rules->naming == SEGMO__NAMING_SNAKE)
            segmo__snake_case(names, key);
        else
            segmo__snake_case_tsc(names, key);
        if (names->len > at)
            return names->len - at == key.len && memcmp(names->data + at, key.at, key.len) == 0;
        if (key.len > 0)
            segmo__remark_on(table->remarks, SEGMO__REMARK_NAME_KEPT, value);
    }
    put_unchanged(names, raw_key, key);
    return 1;
}

/* Names a member: the path so far, "_" and the converted key. */
static void name_member(const struct table *table, struct member *member, const struct place *place,
                        segmo__slice raw_key)
{
    struct room *room = table->room;
    size_t at = room->names.len;
    int own;

    if (room->path.len > 0) {
        segmo__buf_add_slice(&room->names, segmo__buf_slice(&room->path));
        segmo__buf_add_char(&room->names, '_');
    }
    own = put_converted(table, raw_key, member->value);
    member->rank = !own || !place->own ? RANK_CONVERTED
                   : room->path.len    ? RANK_OWN_INSIDE
                                       : RANK_OWN;
    member->name = (uint32_t)at;
    member->name_len = (uint32_t)(room->names.len - at);
}

/* ---- standard traits --------------------------------------------------------------------- */

/* MoEngage's name for a standard trait that Segment calls otherwise; NULL when there is none. */
static const char *standard_name(const segmo__attributes_rules *rules, segmo__slice name)
{
    if (segmo__slice_is(name, "phone"))
        return "mobile";
    if (segmo__slice_is(name, "firstName"))
        return "first_name";
    if (segmo__slice_is(name, "lastName"))
        return "last_name";
    if (rules->created_time &&
        (segmo__slice_is(name, "created_at") || segmo__slice_is(name, "createdAt")))
        return "created_time";
    return NULL;
}

static int is_string_attribute(segmo__slice name)
{
    return segmo__slice_is(name, "mobile") || segmo__slice_is(name, "first_name") ||
           segmo__slice_is(name, "last_name") || segmo__slice_is(name, "name") ||
           segmo__slice_is(name, "email") || segmo__slice_is(name, "gender");
}

static int number_of(segmo__slice object, const char *key, segmo__slice *number)
{
    return segmo__json_member(object, key, number) &&
           segmo__json_kind_of(*number) == SEGMO__JSON_NUMBER;
}

static int is_location(segmo__slice value)
{
    segmo__slice number;

    return number_of(value, "latitude", &number) && number_of(value, "longitude", &number);
}

static void rename_member(struct table *table, struct member *member, const char *name)
{
    table->room->names.len = member->name;
    segmo__buf_add_str(&table->room->names, name);
    member->name_len = (uint32_t)strlen(name);
}

static void apply_standard(struct table *table, struct member *member, segmo__json_kind kind)
{
    const char *standard = standard_name(table->rules, name_of(table, member));

    if (standard) {
        rename_member(table, member, standard);
        member->rank = member->rank == RANK_OWN ? RANK_RENAMED_OWN : RANK_RENAMED;
    } else if (table->rules->geo && segmo__slice_is(name_of(table, member), "location") &&
               is_location(member->value)) {
        rename_member(table, member, "geo");
        member->rank = member->rank == RANK_OWN ? RANK_RENAMED_OWN : RANK_RENAMED;
        member->form = AS_GEO;
    }
    if (kind == SEGMO__JSON_NUMBER && is_string_attribute(name_of(table, member)))
        member->form = QUOTED;
}

/* ---- the first pass ---------------------------------------------------------------------- */

static int is_refused(const struct table *table, segmo__slice name)
{
    if (table->depth > 0)
        return 0;
    if (table->rules->data_api && !table->rules->allow_reserved)
        return segmo__moengage_name_reserved(name, table->rules->of_user);
    return segmo__moengage_name_internal(name);
}

/* The name is final: checks it and enters the member. */
static void admit(struct table *table, struct member *member)
{
    if (is_refused(table, name_of(table, member))) {
        segmo__remark_on(table->remarks, SEGMO__REMARK_RESERVED_NAME, member->value);
        return;
    }
    member->name_len =
        (uint32_t)segmo__moengage_check_name(table->remarks, name_of(table, member), member->value);
    table_add(table, member);
}

typedef enum shape { SHAPE_SCALARS, SHAPE_OBJECTS, SHAPE_OTHER } shape;

static shape shape_of(segmo__slice list)
{
    int scalars = 0, objects = 0, lists = 0;
    segmo__json_walk walk;
    segmo__slice key, value;

    segmo__json_walk_begin(&walk, list);
    while (segmo__json_next(&walk, &key, &value)) {
        segmo__json_kind kind = segmo__json_kind_of(value);

        objects += kind == SEGMO__JSON_OBJECT;
        lists += kind == SEGMO__JSON_ARRAY;
        scalars += kind < SEGMO__JSON_ARRAY && kind != SEGMO__JSON_NULL;
    }
    if (!objects && !lists)
        return SHAPE_SCALARS;
    return objects && !lists && !scalars ? SHAPE_OBJECTS : SHAPE_OTHER;
}

static void collect(struct table *table, segmo__slice object, struct place place);

static void collect_objects(struct table *table, segmo__slice list, struct place place)
{
    segmo__json_walk walk;
    segmo__slice key, value;

    place.list = ++table->lists;
    segmo__json_walk_begin(&walk, list);
    while (segmo__json_next(&walk, &key, &value)) {
        place.item++;
        if (segmo__json_kind_of(value) == SEGMO__JSON_OBJECT)
            collect(table, value, place);
    }
}

/* Puts the members of an inner object, or of a list's objects, into the same table. */
static void flatten(struct table *table, struct member *member, struct place place)
{
    segmo__buf *path = &table->room->path;
    size_t path_len = path->len, members = member_count(table);

    path->len = 0;
    segmo__buf_add_slice(path, name_of(table, member));
    table->room->names.len = member->name;
    place.own = member->rank >= RANK_OWN_INSIDE;
    if (segmo__json_kind_of(member->value) == SEGMO__JSON_OBJECT)
        collect(table, member->value, place);
    else
        collect_objects(table, member->value, place);
    if (member_count(table) == members && !place.list && segmo__json_is_empty(member->value))
        segmo__remark_on(table->remarks, SEGMO__REMARK_EMPTY_OBJECT, member->value);
    path->len = path_len;
}

/* With keep, and inside an object that is kept, containers stay whole. Otherwise a scalar, a list
 * of scalars or a JSON string must come of them. 1 when the member stands for itself. */
static int settle_container(struct table *table, struct member *member, segmo__json_kind kind,
                            struct place place)
{
    shape holds = kind == SEGMO__JSON_ARRAY ? shape_of(member->value) : SHAPE_OBJECTS;

    if (table->rules->objects == SEGMO__OBJECTS_KEEP || table->depth > 0 || member->form == AS_GEO)
        return 1;
    if (kind == SEGMO__JSON_ARRAY && place.list) {
        member->form = AS_TEXT; /* a list inside one of a list's objects */
        return 1;
    }
    if (holds == SHAPE_SCALARS)
        return 1;
    if (table->rules->objects == SEGMO__OBJECTS_DROP) {
        segmo__remark_on(table->remarks, SEGMO__REMARK_OBJECT_DROPPED, member->value);
        return 0;
    }
    if (holds == SHAPE_OBJECTS) {
        flatten(table, member, place);
        return 0;
    }
    member->form = AS_TEXT;
    return 1;
}

static void collect(struct table *table, segmo__slice object, struct place place)
{
    const segmo__attributes_rules *rules = table->rules;
    int has_standard = rules->of_user && rules->data_api && !table->depth && !table->room->path.len;
    segmo__json_walk walk;
    segmo__slice key, value;

    segmo__json_walk_begin(&walk, object);
    while (segmo__json_next(&walk, &key, &value)) {
        struct member member = {.value = value, .list = place.list, .item = place.item};
        segmo__json_kind kind = segmo__json_kind_of(value);

        if (kind == SEGMO__JSON_NULL && rules->data_api)
            continue;
        name_member(table, &member, &place, key);
        if (table->room->names.failed)
            return;
        if (has_standard)
            apply_standard(table, &member, kind);
        if (kind < SEGMO__JSON_ARRAY || settle_container(table, &member, kind, place))
            admit(table, &member);
    }
}

static void add_extra(struct table *table)
{
    const segmo__attributes_rules *rules = table->rules;
    struct member extra = {.value = rules->extra_value, .rank = RANK_EXTRA};

    extra.name = (uint32_t)table->room->names.len;
    segmo__buf_add_str(&table->room->names, rules->extra_name);
    extra.name_len = (uint32_t)(table->room->names.len - extra.name);
    if (!table->room->names.failed)
        table_add(table, &extra);
}

/* ---- the second pass --------------------------------------------------------------------- */

static void put_value(const struct table *table, segmo__buf *out, segmo__slice value);

/* What a list holds, for the remarks. */
struct content {
    size_t count;
    unsigned kinds; /* bits by segmo__json_kind */
};

static void count_in(struct content *content, segmo__slice value)
{
    segmo__json_kind kind = segmo__json_kind_of(value);

    content->count++;
    content->kinds |= 1u << (kind == SEGMO__JSON_FALSE ? SEGMO__JSON_TRUE : kind);
}

static void check_list(const struct table *table, const struct content *content, segmo__slice spot)
{
    size_t max = content->kinds == 1u << SEGMO__JSON_OBJECT ? SEGMO__MOENGAGE_OBJECT_LIST_MAX
                                                            : SEGMO__MOENGAGE_LIST_MAX;

    if (content->count > max)
        segmo__remark_on(table->remarks, SEGMO__REMARK_LIST_TOO_LONG, spot);
    if (content->kinds & (content->kinds - 1))
        segmo__remark_on(table->remarks, SEGMO__REMARK_MIXED_LIST, spot);
}

static void put_list(const struct table *table, segmo__buf *out, segmo__slice list)
{
    struct content content = {0};
    segmo__json_walk walk;
    segmo__slice key, value;

    segmo__buf_add_lit(out, "[");
    segmo__json_walk_begin(&walk, list);
    while (segmo__json_next(&walk, &key, &value)) {
        if (content.count > 0)
            segmo__buf_add_lit(out, ",");
        put_value(table, out, value);
        count_in(&content, value);
    }
    segmo__buf_add_lit(out, "]");
    check_list(table, &content, list);
}

/* A value, and the ones behind it that came from the same list of objects. */
static void put_form(const struct table *table, segmo__buf *out, const struct member *member);

static void put_listed(const struct table *table, segmo__buf *out, struct member member)
{
    struct content content = {0};
    segmo__slice spot = member.value;

    segmo__buf_add_lit(out, "[");
    for (;;) {
        put_form(table, out, &member);
        count_in(&content, member.value);
        if (!member.next)
            break;
        member = *member_at(table, member.next - 1);
        segmo__buf_add_lit(out, ",");
    }
    segmo__buf_add_lit(out, "]");
    check_list(table, &content, spot);
}

static void put_members(const struct table *table, segmo__buf *out, size_t max)
{
    size_t count = member_count(table), written = 0;

    segmo__buf_add_lit(out, "{");
    for (size_t i = 0; i < count && written < max; i++) {
        struct member member = *member_at(table, i); /* the stack may move while it is written */

        if (member.hidden)
            continue;
        if (written++ > 0)
            segmo__buf_add_lit(out, ",");
        segmo__buf_add_lit(out, "\"");
        segmo__buf_add_slice(out, name_of(table, &member));
        segmo__buf_add_lit(out, "\":");
        if (member.list)
            put_listed(table, out, member);
        else
            put_form(table, out, &member);
    }
    segmo__buf_add_lit(out, "}");
}

static void check_object(const struct table *table, segmo__slice object)
{
    if (table->depth == SEGMO__MOENGAGE_NESTING_MAX + 1)
        segmo__remark_on(table->remarks, SEGMO__REMARK_NESTED_TOO_DEEP, object);
    if (table->depth == 1 && object.len > SEGMO__MOENGAGE_OBJECT_BYTES)
        segmo__remark_on(table->remarks, SEGMO__REMARK_OBJECT_TOO_LARGE, object);
    if (table->shown > SEGMO__MOENGAGE_MEMBERS_MAX)
        segmo__remark_on(table->remarks, SEGMO__REMARK_TOO_MANY_MEMBERS, object);
    if (table->shown == 0)
        segmo__remark_on(table->remarks, SEGMO__REMARK_EMPTY_OBJECT, object);
}

static void put_object(const struct table *outer, segmo__buf *out, segmo__slice object)
{
    struct table table = {.room = outer->room,
                          .rules = outer->rules,
                          .remarks = outer->remarks,
                          .depth = outer->depth + 1};

    if (!table_begin(&table))
        return;
    collect(&table, object, (struct place){.own = 1});
    check_object(&table, object);
    put_members(&table, out, SIZE_MAX);
    table_end(&table);
}

static void put_value(const struct table *table, segmo__buf *out, segmo__slice value)
{
    switch (segmo__json_kind_of(value)) {
    case SEGMO__JSON_STRING:
        segmo__moengage_put_text(out, table->remarks, value, value);
        break;
    case SEGMO__JSON_ARRAY:
        put_list(table, out, value);
        break;
    case SEGMO__JSON_OBJECT:
        put_object(table, out, value);
        break;
    default:
        segmo__buf_add_slice(out, value);
    }
}

/* The JSON of a value as one string; limits count for the whole, not for what is inside. */
static void put_as_text(const struct table *table, segmo__buf *out, segmo__slice value)
{
    struct room *room = table->room;
    segmo__remarks inside_remarks = *table->remarks;
    struct table inside = *table;

    inside_remarks.limits = SEGMO__LIMITS_OFF;
    inside.remarks = &inside_remarks;
    segmo__buf_clear(&room->json);
    segmo__buf_clear(&room->text);
    put_value(&inside, &room->json, value);
    table->remarks->count = inside_remarks.count;
    segmo__json_put_string(&room->text, room->json.data, room->json.len);
    if (!is_full(room))
        segmo__moengage_put_text(out, table->remarks, segmo__buf_slice(&room->text), value);
}

static void put_form(const struct table *table, segmo__buf *out, const struct member *member)
{
    segmo__slice latitude, longitude;

    switch ((form)member->form) {
    case COPIED:
        put_value(table, out, member->value);
        break;
    case QUOTED:
        segmo__buf_add_lit(out, "\"");
        segmo__buf_add_slice(out, member->value);
        segmo__buf_add_lit(out, "\"");
        break;
    case AS_TEXT:
        put_as_text(table, out, member->value);
        break;
    case AS_GEO:
        number_of(member->value, "latitude", &latitude);
        number_of(member->value, "longitude", &longitude);
        segmo__buf_add_lit(out, "\"");
        segmo__buf_add_slice(out, latitude);
        segmo__buf_add_lit(out, " ");
        segmo__buf_add_slice(out, longitude);
        segmo__buf_add_lit(out, "\"");
        break;
    }
}

int segmo__attributes_put(segmo__buf *out, segmo__slice object,
                          const segmo__attributes_rules *rules, segmo__remarks *remarks)
{
    struct table table = {.room = enter_room(), .rules = rules, .remarks = remarks};
    size_t max = SIZE_MAX;

    if (!table_begin(&table))
        return 0;
    if (rules->prefix)
        segmo__buf_add_str(&table.room->path, rules->prefix);
    if (object.len > 0)
        collect(&table, object, (struct place){.own = 1});
    table.room->path.len = 0;
    if (rules->extra_name)
        add_extra(&table);
    if (!rules->of_user && table.shown > SEGMO__MOENGAGE_ATTRIBUTES_MAX) {
        segmo__remark_on(remarks, SEGMO__REMARK_TOO_MANY_ATTRIBUTES, object);
        if (remarks->limits == SEGMO__LIMITS_TRUNCATE)
            max = SEGMO__MOENGAGE_ATTRIBUTES_MAX;
    }
    put_members(&table, out, max);
    return !is_full(table.room);
}
