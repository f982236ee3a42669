/* The rules of the Segment Spec, one small function each, so that a rule can be found by its
 * member's name.
 *
 * Members that are null were left out before, as were empty ids: many libraries send them for "not
 * given".
 */
#include "model/validate.h"

#include "base/json.h"

#define EVENT_MAX      256 /* characters */
#define MESSAGE_ID_MAX 100
#define LEAVES_MAX     10000

static const struct {
    segmo__part part;
    const char *name;
} ids[] = {
    {SEGMO__PART_USER_ID, "userId"},
    {SEGMO__PART_ANONYMOUS_ID, "anonymousId"},
    {SEGMO__PART_GROUP_ID, "groupId"},
    {SEGMO__PART_PREVIOUS_ID, "previousId"},
};

static const struct {
    segmo__part part;
    const char *name;
} objects[] = {
    {SEGMO__PART_PROPERTIES, "properties"},
    {SEGMO__PART_TRAITS, "traits"},
    {SEGMO__PART_CONTEXT, "context"},
    {SEGMO__PART_INTEGRATIONS, "integrations"},
};

static const char *kind_words(segmo__json_kind kind)
{
    static const char *const words[] = {
        [SEGMO__JSON_NULL] = "null",        [SEGMO__JSON_FALSE] = "a boolean",
        [SEGMO__JSON_TRUE] = "a boolean",   [SEGMO__JSON_NUMBER] = "a number",
        [SEGMO__JSON_STRING] = "a string",  [SEGMO__JSON_ARRAY] = "an array",
        [SEGMO__JSON_OBJECT] = "an object",
    };

    return words[kind];
}

static int has(const segmo__message *message, segmo__part part)
{
    return message->part[part].len > 0;
}

static segmo__json_kind kind_of(const segmo__message *message, segmo__part part)
{
    return segmo__json_kind_of(segmo__message_part(message, part));
}

/* More characters than `most`; a text has at most as many of them as bytes. */
static int is_longer(segmo__slice string, size_t most)
{
    return string.len - 2 > most && segmo__json_code_points(string) > most;
}

/* ---- ids ---- */

static int check_id_kinds(const segmo__message *message, segmo_error **err)
{
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        segmo__json_kind kind = kind_of(message, ids[i].part);
        char field[16] = "/";

        if (!has(message, ids[i].part) || kind == SEGMO__JSON_STRING || kind == SEGMO__JSON_NUMBER)
            continue;
        memcpy(field + 1, ids[i].name, strlen(ids[i].name) + 1);
        return segmo__fail(err, SEGMO_ERR_INVALID, field,
                           "%s must be a string, not %s; send the id as text", ids[i].name,
                           kind_words(kind));
    }
    return SEGMO_OK;
}

static int missing(segmo_error **err, segmo__call call, const char *field, const char *remedy)
{
    return segmo__fail(err, SEGMO_ERR_INVALID, field, "%s of %s is missing; %s", field + 1,
                       segmo__call_name(call), remedy);
}

static int check_ids(const segmo__message *message, segmo_error **err)
{
    segmo__call call = message->call;

    if (check_id_kinds(message, err) != SEGMO_OK)
        return SEGMO_ERR_INVALID;
    if (call == SEGMO__CALL_ALIAS && !has(message, SEGMO__PART_PREVIOUS_ID))
        return missing(err, call, "/previousId", "give the id the user had before");
    if (call == SEGMO__CALL_ALIAS && !has(message, SEGMO__PART_USER_ID))
        return missing(err, call, "/userId", "give the id the user has from now on");
    if (!has(message, SEGMO__PART_USER_ID) && !has(message, SEGMO__PART_ANONYMOUS_ID))
        return missing(err, call, "/userId",
                       "give userId or anonymousId (an empty one counts as missing)");
    if (call == SEGMO__CALL_GROUP && !has(message, SEGMO__PART_GROUP_ID))
        return missing(err, call, "/groupId", "give the id of the group the user belongs to");
    return SEGMO_OK;
}

static int check_message_id(const segmo__message *message, segmo_error **err)
{
    segmo__json_kind kind = kind_of(message, SEGMO__PART_MESSAGE_ID);

    if (!has(message, SEGMO__PART_MESSAGE_ID))
        return SEGMO_OK;
    if (kind != SEGMO__JSON_STRING)
        return segmo__fail(err, SEGMO_ERR_INVALID, "/messageId",
                           "messageId must be a string, not %s; send it as text or leave it out",
                           kind_words(kind));
    if (is_longer(segmo__message_part(message, SEGMO__PART_MESSAGE_ID), MESSAGE_ID_MAX))
        return segmo__fail(err, SEGMO_ERR_INVALID, "/messageId",
                           "messageId is longer than %d characters; shorten it or leave it out",
                           MESSAGE_ID_MAX);
    return SEGMO_OK;
}

/* ---- names ---- */

static int check_event(const segmo__message *message, segmo_error **err)
{
    segmo__slice event = segmo__message_part(message, SEGMO__PART_EVENT);
    segmo__json_kind kind = segmo__json_kind_of(event);

    if (message->call != SEGMO__CALL_TRACK)
        return SEGMO_OK;
    if (event.len == 0)
        return missing(err, SEGMO__CALL_TRACK, "/event", "give the name of what happened");
    if (kind != SEGMO__JSON_STRING)
        return segmo__fail(err, SEGMO_ERR_INVALID, "/event",
                           "event must be a string, not %s; send the event's name as text",
                           kind_words(kind));
    if (event.len == 2)
        return segmo__fail(err, SEGMO_ERR_INVALID, "/event",
                           "event is empty; give the name of what happened");
    if (is_longer(event, EVENT_MAX))
        return segmo__fail(err, SEGMO_ERR_INVALID, "/event",
                           "event is longer than %d characters (MoEngage keeps 200); shorten the "
                           "name and put what varies into properties",
                           EVENT_MAX);
    return SEGMO_OK;
}

static int check_title(const segmo__message *message, segmo__part part, const char *field,
                       segmo_error **err)
{
    segmo__json_kind kind = kind_of(message, part);

    if (!has(message, part) || kind == SEGMO__JSON_STRING)
        return SEGMO_OK;
    return segmo__fail(err, SEGMO_ERR_INVALID, field,
                       "%s must be a string, not %s; send it as text or leave it out", field + 1,
                       kind_words(kind));
}

static int check_titles(const segmo__message *message, segmo_error **err)
{
    if (message->call != SEGMO__CALL_PAGE && message->call != SEGMO__CALL_SCREEN)
        return SEGMO_OK;
    if (check_title(message, SEGMO__PART_NAME, "/name", err) != SEGMO_OK)
        return SEGMO_ERR_INVALID;
    return check_title(message, SEGMO__PART_CATEGORY, "/category", err);
}

/* ---- objects ---- */

/* Values that are no containers, counted until there are more than enough. */
static size_t count_leaves(segmo__slice value, size_t enough)
{
    segmo__json_walk walk;
    segmo__slice key, item;
    size_t count = 0;

    if (segmo__json_kind_of(value) < SEGMO__JSON_ARRAY)
        return 1;
    segmo__json_walk_begin(&walk, value);
    while (count <= enough && segmo__json_next(&walk, &key, &item))
        count += count_leaves(item, enough - count);
    return count;
}

static int check_object(const segmo__message *message, segmo__part part, const char *name,
                        segmo_error **err)
{
    segmo__slice value = segmo__message_part(message, part);
    segmo__json_kind kind = segmo__json_kind_of(value);
    char field[16] = "/";

    if (value.len == 0)
        return SEGMO_OK;
    memcpy(field + 1, name, strlen(name) + 1);
    if (kind != SEGMO__JSON_OBJECT)
        return segmo__fail(err, SEGMO_ERR_INVALID, field,
                           "%s must be an object, not %s; send {} or leave it out", name,
                           kind_words(kind));
    /* a leaf takes two bytes at least, so short objects need no counting */
    if (value.len > 2 * LEAVES_MAX && count_leaves(value, LEAVES_MAX) > LEAVES_MAX)
        return segmo__fail(err, SEGMO_ERR_INVALID, field,
                           "%s holds more than %d values; send fewer or split the message", name,
                           LEAVES_MAX);
    return SEGMO_OK;
}

static int check_objects(const segmo__message *message, segmo_error **err)
{
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++)
        if (check_object(message, objects[i].part, objects[i].name, err) != SEGMO_OK)
            return SEGMO_ERR_INVALID;
    return SEGMO_OK;
}

static int check_timestamp(const segmo__message *message, segmo_error **err)
{
    static const char remedy[] = "send ISO 8601 text such as 2026-01-05T10:11:12.345Z";
    segmo__json_kind kind = kind_of(message, SEGMO__PART_TIMESTAMP);

    if (!has(message, SEGMO__PART_TIMESTAMP) || message->flags & SEGMO__MESSAGE_TIMESTAMP_GIVEN)
        return SEGMO_OK;
    if (kind != SEGMO__JSON_STRING)
        return segmo__fail(err, SEGMO_ERR_INVALID, "/timestamp", "timestamp is %s, not a date; %s",
                           kind_words(kind), remedy);
    return segmo__fail(err, SEGMO_ERR_INVALID, "/timestamp", "timestamp is no date that exists; %s",
                       remedy);
}

int segmo__validate(const segmo__message *message, segmo_error **err)
{
    static int (*const checks[])(const segmo__message *, segmo_error **) = {
        check_ids, check_event, check_titles, check_objects, check_timestamp, check_message_id,
    };

    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        if (checks[i](message, err) != SEGMO_OK)
            return SEGMO_ERR_INVALID;
    return SEGMO_OK;
}
