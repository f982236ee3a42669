/* The second pass: what the first one collected is written in document order. */
#include "wire/attributes.h"

#include "base/json_cursor.h"
#include "wire/collect.h"

static void remark(const segmo__writer *writer, segmo__remark what, segmo__slice spot)
{
    segmo__remark_on(writer->table.remarks, what, spot);
}

/* ---- lists ------------------------------------------------------------------------------- */

/* What a list holds, for the remarks. */
struct content {
    size_t count;
    unsigned kinds; /* bits by segmo__json_kind; true and false are one */
};

static void count_in(struct content *content, segmo__json_kind kind)
{
    content->count++;
    content->kinds |= 1u << (kind == SEGMO__JSON_FALSE ? SEGMO__JSON_TRUE : kind);
}

static void check_list(const segmo__writer *writer, const struct content *content,
                       segmo__slice spot)
{
    size_t max = content->kinds == 1u << SEGMO__JSON_OBJECT ? SEGMO__MOENGAGE_OBJECT_LIST_MAX
                                                            : SEGMO__MOENGAGE_LIST_MAX;

    if (content->count > max)
        remark(writer, SEGMO__REMARK_LIST_TOO_LONG, spot);
    if (content->kinds & (content->kinds - 1))
        remark(writer, SEGMO__REMARK_MIXED_LIST, spot);
}

static void put_value(const segmo__writer *writer, segmo__buf *out, segmo__slice value,
                      segmo__json_kind kind);

static void put_list(const segmo__writer *writer, segmo__buf *out, segmo__slice list)
{
    segmo__json_cursor cursor = {list.at, list.at + list.len};
    struct content content = {0};
    segmo__slice key;

    segmo__buf_add_lit(out, "[");
    segmo__json_enter(&cursor);
    while (segmo__json_advance(&cursor, 0, &key)) {
        segmo__json_kind kind = segmo__json_kind_at(*cursor.at);

        if (content.count > 0)
            segmo__buf_add_lit(out, ",");
        put_value(writer, out, segmo__json_take(&cursor), kind);
        count_in(&content, kind);
    }
    segmo__buf_add_lit(out, "]");
    check_list(writer, &content, list);
}

/* ---- objects ----------------------------------------------------------------------------- */

/* A scalar within all limits goes out as it came in. */
static inline int is_copied_whole(const segmo__member *member)
{
    return member->form == SEGMO__FORM_COPIED && member->kind < SEGMO__JSON_ARRAY &&
           member->value.len <= SEGMO__MOENGAGE_VALUE_MAX;
}

static void put_form(const segmo__writer *writer, segmo__buf *out, const segmo__member *member);

/* The values that came from one list of objects. */
static void put_listed(const segmo__writer *writer, segmo__buf *out, segmo__member member)
{
    struct content content = {0};
    segmo__slice spot = member.value;

    segmo__buf_add_lit(out, "[");
    for (;;) {
        if (is_copied_whole(&member))
            segmo__buf_add_slice(out, member.value);
        else
            put_form(writer, out, &member);
        count_in(&content, member.form == SEGMO__FORM_TEXT ? SEGMO__JSON_STRING
                                                           : (segmo__json_kind)member.kind);
        if (!member.next)
            break;
        member = *segmo__members_at(&writer->table, member.next - 1);
        segmo__buf_add_lit(out, ",");
    }
    segmo__buf_add_lit(out, "]");
    check_list(writer, &content, spot);
}

/* A comma, the key, its colon and, where it is known, the value. */
static void put_pair(segmo__buf *out, segmo__slice name, segmo__slice value, int is_first)
{
    char *at = segmo__buf_extend(out, name.len + value.len + 4 - (size_t)is_first);

    if (!at)
        return;
    if (!is_first)
        *at++ = ',';
    *at++ = '"';
    memcpy(at, name.at, name.len);
    at += name.len;
    *at++ = '"';
    *at++ = ':';
    memcpy(at, value.at, value.len);
}

static void put_member(const segmo__writer *writer, segmo__buf *out, segmo__member member,
                       int is_first)
{
    segmo__slice name = segmo__members_name(&writer->table, &member), none = {"", 0};

    if (!member.list && is_copied_whole(&member)) {
        put_pair(out, name, member.value, is_first);
        return;
    }
    put_pair(out, name, none, is_first);
    if (member.list)
        put_listed(writer, out, member);
    else
        put_form(writer, out, &member);
}

static void put_members(const segmo__writer *writer, segmo__buf *out, size_t max)
{
    const segmo__members *table = &writer->table;
    size_t count = table->count, written = 0;

    segmo__buf_add_lit(out, "{");
    for (size_t i = 0; i < count && written < max; i++) {
        const segmo__member *member = segmo__members_at(table, i);

        if (!member->hidden) /* by value: the table may move meanwhile */
            put_member(writer, out, *member, written++ == 0);
    }
    segmo__buf_add_lit(out, "}");
}

static void check_object(const segmo__writer *writer, segmo__slice object)
{
    if (writer->depth == SEGMO__MOENGAGE_NESTING_MAX + 1)
        remark(writer, SEGMO__REMARK_NESTED_TOO_DEEP, object);
    if (writer->depth == 1 && object.len > SEGMO__MOENGAGE_OBJECT_BYTES)
        remark(writer, SEGMO__REMARK_OBJECT_TOO_LARGE, object);
    if (writer->table.shown > SEGMO__MOENGAGE_MEMBERS_MAX)
        remark(writer, SEGMO__REMARK_TOO_MANY_MEMBERS, object);
    if (writer->table.shown == 0)
        remark(writer, SEGMO__REMARK_EMPTY_OBJECT, object);
}

/* An object that is kept, in a table of its own. */
static void put_object(const segmo__writer *outer, segmo__buf *out, segmo__slice object)
{
    segmo__writer writer = {.table = {.room = outer->table.room, .remarks = outer->table.remarks},
                            .rules = outer->rules,
                            .depth = outer->depth + 1};

    if (!segmo__members_begin(&writer.table))
        return;
    segmo__collect_object(&writer, object);
    check_object(&writer, object);
    put_members(&writer, out, SIZE_MAX);
    segmo__members_end(&writer.table);
}

/* ---- values ------------------------------------------------------------------------------ */

static void put_value(const segmo__writer *writer, segmo__buf *out, segmo__slice value,
                      segmo__json_kind kind)
{
    switch (kind) {
    case SEGMO__JSON_STRING:
        if (value.len > SEGMO__MOENGAGE_VALUE_MAX)
            segmo__moengage_put_text(out, writer->table.remarks, value, value);
        else
            segmo__buf_add_slice(out, value);
        break;
    case SEGMO__JSON_ARRAY:
        put_list(writer, out, value);
        break;
    case SEGMO__JSON_OBJECT:
        put_object(writer, out, value);
        break;
    default:
        segmo__buf_add_slice(out, value);
    }
}

/* The JSON of a value as one string; limits count for the whole, not for what is inside. */
static void put_as_text(const segmo__writer *writer, segmo__buf *out, const segmo__member *member)
{
    segmo__room *room = writer->table.room;
    segmo__remarks unlimited = *writer->table.remarks;
    segmo__writer inside = *writer;

    unlimited.limits = SEGMO__LIMITS_OFF;
    inside.table.remarks = &unlimited;
    segmo__buf_clear(&room->json);
    segmo__buf_clear(&room->text);
    put_value(&inside, &room->json, member->value, (segmo__json_kind)member->kind);
    writer->table.remarks->count = unlimited.count;
    segmo__json_put_string(&room->text, room->json.data, room->json.len);
    if (segmo__room_status(room) == SEGMO_OK)
        segmo__moengage_put_text(out, writer->table.remarks, segmo__buf_slice(&room->text),
                                 member->value);
}

static void put_location(segmo__buf *out, segmo__slice location)
{
    segmo__slice latitude, longitude;

    if (!segmo__number_of(location, "latitude", &latitude) ||
        !segmo__number_of(location, "longitude", &longitude))
        return; /* the first pass has looked */
    segmo__buf_add_lit(out, "\"");
    segmo__buf_add_slice(out, latitude);
    segmo__buf_add_lit(out, " ");
    segmo__buf_add_slice(out, longitude);
    segmo__buf_add_lit(out, "\"");
}

static void put_form(const segmo__writer *writer, segmo__buf *out, const segmo__member *member)
{
    switch ((segmo__member_form)member->form) {
    case SEGMO__FORM_COPIED:
        put_value(writer, out, member->value, (segmo__json_kind)member->kind);
        break;
    case SEGMO__FORM_QUOTED:
        segmo__buf_add_lit(out, "\"");
        segmo__buf_add_slice(out, member->value);
        segmo__buf_add_lit(out, "\"");
        break;
    case SEGMO__FORM_TEXT:
        put_as_text(writer, out, member);
        break;
    case SEGMO__FORM_PLAIN:
        segmo__json_put_string(out, member->value.at, member->value.len);
        break;
    case SEGMO__FORM_GEO:
        put_location(out, member->value);
        break;
    }
}

int segmo__attributes_put(segmo__buf *out, segmo__slice object,
                          const segmo__attributes_rules *rules, segmo__remarks *remarks)
{
    segmo__writer writer = {.table = {.room = segmo__room_enter(), .remarks = remarks},
                            .rules = rules};
    segmo__room *room = writer.table.room;
    size_t max = SIZE_MAX;

    if (!segmo__members_begin(&writer.table))
        return SEGMO_ERR_MEMORY;
    segmo__buf_add_str(&room->path, rules->prefix);
    if (object.len > 0)
        segmo__collect_object(&writer, object);
    room->path.len = 0;
    if (rules->extra_name)
        segmo__collect_extra(&writer);
    if (!rules->of_user && writer.table.shown > SEGMO__MOENGAGE_ATTRIBUTES_MAX) {
        remark(&writer, SEGMO__REMARK_TOO_MANY_ATTRIBUTES, object);
        if (remarks->limits == SEGMO__LIMITS_TRUNCATE)
            max = SEGMO__MOENGAGE_ATTRIBUTES_MAX;
    }
    put_members(&writer, out, max);
    return segmo__room_status(room);
}
