#include "wire/collect.h"

#include "base/json_cursor.h"
#include "wire/snake_case.h"

/* Where in a flattened object the first pass is. */
struct place {
    int own; /* every key on the way here was in converted form */
    uint16_t list, item;
};

static void remark(const segmo__writer *writer, segmo__remark what, segmo__slice spot)
{
    segmo__remark_on(writer->table.remarks, what, spot);
}

static segmo__slice name_of(const segmo__writer *writer, const segmo__member *member)
{
    return segmo__members_name(&writer->table, member);
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

/* Appends the converted key, of a text that goes up to `end`; 1 when it was in that form already.
 */
static int put_converted(const segmo__writer *writer, segmo__slice raw_key, segmo__slice value,
                         const char *end)
{
    segmo__room *room = writer->table.room;
    segmo__buf *names = &room->names;
    segmo__naming naming = writer->rules->naming;
    size_t at = names->len;
    segmo__slice key;

    if (naming != SEGMO__NAMING_NONE && segmo__is_snake_case(raw_key, end)) {
        segmo__buf_add_slice(names, raw_key);
        return 1;
    }
    key = segmo__json_text(raw_key, &room->key);
    if (naming != SEGMO__NAMING_NONE && !is_sdk_name(key)) {
        if (naming == SEGMO__NAMING_SNAKE)
            segmo__snake_case(names, key);
        else
            segmo__snake_case_tsc(names, key);
        if (names->len > at)
            return names->len - at == key.len && memcmp(names->data + at, key.at, key.len) == 0;
        if (key.len > 0)
            remark(writer, SEGMO__REMARK_NAME_KEPT, value);
    }
    put_unchanged(names, raw_key, key);
    segmo__moengage_check_characters(writer->table.remarks, key, value);
    return 1;
}

/* Names a member: the path so far and the converted key. */
static void name_member(const segmo__writer *writer, segmo__member *member,
                        const struct place *place, segmo__slice raw_key, const char *end)
{
    segmo__room *room = writer->table.room;
    size_t at = room->names.len;
    int own;

    segmo__buf_add_slice(&room->names, segmo__buf_slice(&room->path));
    own = put_converted(writer, raw_key, member->value, end);
    member->rank = !own || !place->own ? SEGMO__RANK_CONVERTED
                   : room->path.len    ? SEGMO__RANK_OWN_INSIDE
                                       : SEGMO__RANK_OWN;
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

int segmo__number_of(segmo__slice object, const char *key, segmo__slice *number)
{
    return segmo__json_member(object, key, number) &&
           segmo__json_kind_of(*number) == SEGMO__JSON_NUMBER;
}

static int is_location(segmo__json_cursor at_value)
{
    segmo__slice number, value = segmo__json_take(&at_value);

    return segmo__number_of(value, "latitude", &number) &&
           segmo__number_of(value, "longitude", &number);
}

static void rename_member(const segmo__writer *writer, segmo__member *member, const char *name)
{
    segmo__buf *names = &writer->table.room->names;

    names->len = member->name;
    segmo__buf_add_str(names, name);
    member->name_len = (uint32_t)strlen(name);
    member->rank = member->rank == SEGMO__RANK_OWN ? SEGMO__RANK_RENAMED_OWN : SEGMO__RANK_RENAMED;
}

static void apply_standard(const segmo__writer *writer, segmo__member *member,
                           const segmo__json_cursor *cursor)
{
    const char *standard = standard_name(writer->rules, name_of(writer, member));

    if (standard) {
        rename_member(writer, member, standard);
    } else if (writer->rules->geo && segmo__slice_is(name_of(writer, member), "location") &&
               is_location(*cursor)) {
        rename_member(writer, member, "geo");
        member->form = SEGMO__FORM_GEO;
    }
    if (member->kind == SEGMO__JSON_NUMBER && is_string_attribute(name_of(writer, member)))
        member->form = SEGMO__FORM_QUOTED;
}

/* ---- the first pass ---------------------------------------------------------------------- */

static int is_refused(const segmo__writer *writer, segmo__slice name)
{
    if (writer->depth > 0)
        return 0;
    if (writer->rules->data_api && !writer->rules->allow_reserved)
        return segmo__moengage_name_reserved(name, writer->rules->of_user);
    return segmo__moengage_name_internal(name);
}

/* The name is final: checks it and enters the member. */
static void admit(segmo__writer *writer, segmo__member *member)
{
    if (is_refused(writer, name_of(writer, member))) {
        remark(writer, SEGMO__REMARK_RESERVED_NAME, member->value);
        return;
    }
    if (member->name_len > SEGMO__MOENGAGE_NAME_MAX)
        member->name_len = (uint32_t)segmo__moengage_check_name(
            writer->table.remarks, name_of(writer, member), member->value);
    segmo__members_add(&writer->table, member);
}

typedef enum shape { SHAPE_SCALARS, SHAPE_OBJECTS, SHAPE_OTHER } shape;

static shape shape_of_list(segmo__json_cursor cursor)
{
    int scalars = 0, objects = 0, lists = 0;
    segmo__slice key;

    segmo__json_enter(&cursor);
    while (segmo__json_advance(&cursor, 0, &key)) {
        segmo__json_kind kind = segmo__json_kind_at(*cursor.at);

        objects += kind == SEGMO__JSON_OBJECT;
        lists += kind == SEGMO__JSON_ARRAY;
        scalars += kind < SEGMO__JSON_ARRAY && kind != SEGMO__JSON_NULL;
        segmo__json_take(&cursor);
    }
    if (!objects && !lists)
        return SHAPE_SCALARS;
    return objects && !lists && !scalars ? SHAPE_OBJECTS : SHAPE_OTHER;
}

static void collect(segmo__writer *writer, segmo__json_cursor *cursor, struct place place);

static void collect_list(segmo__writer *writer, segmo__json_cursor *cursor, struct place place)
{
    segmo__slice key;

    place.list = ++writer->lists;
    segmo__json_enter(cursor);
    while (segmo__json_advance(cursor, 0, &key)) {
        place.item++;
        if (*cursor->at == '{')
            collect(writer, cursor, place);
        else
            segmo__json_take(cursor);
    }
}

/* Puts the members of an inner object, or of a list's objects, into the same table. */
static void flatten(segmo__writer *writer, segmo__member *member, segmo__json_cursor *cursor,
                    struct place place)
{
    segmo__room *room = writer->table.room;
    size_t path_len = room->path.len, members = writer->table.count;

    room->path.len = 0;
    segmo__buf_add_slice(&room->path, name_of(writer, member));
    segmo__buf_add_lit(&room->path, "_");
    room->names.len = member->name;
    place.own = member->rank >= SEGMO__RANK_OWN_INSIDE;
    if (*cursor->at == '{')
        collect(writer, cursor, place);
    else
        collect_list(writer, cursor, place);
    member->value.len = (size_t)(cursor->at - member->value.at);
    if (writer->table.count == members && segmo__json_is_empty(member->value))
        remark(writer, SEGMO__REMARK_EMPTY_OBJECT, member->value);
    room->path.len = path_len;
}

/* With keep, and inside an object that is kept, containers stay whole. Otherwise a scalar, a list
 * of scalars or a JSON string must come of them. 1 when the container at the cursor was dealt with;
 * 0 when the member stands for itself. */
static int settle_container(segmo__writer *writer, segmo__member *member,
                            segmo__json_cursor *cursor, struct place place)
{
    shape holds = SHAPE_OBJECTS;

    if (writer->rules->objects == SEGMO__OBJECTS_KEEP || writer->depth > 0 ||
        member->form == SEGMO__FORM_GEO)
        return 0;
    if (member->kind == SEGMO__JSON_ARRAY)
        holds = place.list ? SHAPE_OTHER : shape_of_list(*cursor);
    if (holds == SHAPE_SCALARS)
        return 0;
    if (writer->rules->objects == SEGMO__OBJECTS_DROP) {
        remark(writer, SEGMO__REMARK_OBJECT_DROPPED, segmo__json_take(cursor));
        return 1;
    }
    if (holds == SHAPE_OBJECTS) {
        flatten(writer, member, cursor, place);
        return 1;
    }
    member->form = SEGMO__FORM_TEXT;
    return 0;
}

static void collect(segmo__writer *writer, segmo__json_cursor *cursor, struct place place)
{
    const segmo__attributes_rules *rules = writer->rules;
    const segmo__room *room = writer->table.room;
    int may_be_standard = rules->of_user && rules->data_api && !writer->depth && !room->path.len;
    segmo__slice key;

    segmo__json_enter(cursor);
    while (segmo__json_advance(cursor, 1, &key)) {
        segmo__member member = {.value = {cursor->at, 1},
                                .kind = (uint8_t)segmo__json_kind_at(*cursor->at),
                                .list = place.list,
                                .item = place.item};

        if (member.kind == SEGMO__JSON_NULL && rules->data_api) {
            segmo__json_take(cursor);
            continue;
        }
        name_member(writer, &member, &place, key, cursor->end);
        if (room->names.failed)
            return;
        if (may_be_standard)
            apply_standard(writer, &member, cursor);
        if (member.kind >= SEGMO__JSON_ARRAY && settle_container(writer, &member, cursor, place))
            continue;
        member.value = segmo__json_take(cursor);
        admit(writer, &member);
    }
}

void segmo__collect_object(segmo__writer *writer, segmo__slice object)
{
    segmo__json_cursor cursor = {object.at, object.at + object.len};

    collect(writer, &cursor, (struct place){.own = 1});
}

void segmo__collect_extra(segmo__writer *writer)
{
    const segmo__attributes_rules *rules = writer->rules;
    segmo__buf *names = &writer->table.room->names;
    int is_text = rules->extra_text.len > 0;
    segmo__member extra = {.value = is_text ? rules->extra_text : rules->extra_json,
                           .kind = (uint8_t)segmo__json_kind_of(rules->extra_json),
                           .form = is_text ? SEGMO__FORM_PLAIN : SEGMO__FORM_COPIED,
                           .rank = SEGMO__RANK_EXTRA,
                           .name = (uint32_t)names->len};

    segmo__buf_add_str(names, rules->extra_name);
    extra.name_len = (uint32_t)(names->len - extra.name);
    if (!names->failed)
        segmo__members_add(&writer->table, &extra);
}
