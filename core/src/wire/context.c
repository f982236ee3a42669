#include "wire/context.h"

#include "base/json_cursor.h"

#define NAME(text)                                                                                 \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }
#define KEY_MAX 128 /* longer than any key that is looked for, every letter of it escaped */

enum { APP, OS, LIBRARY, DEVICE, TIMEZONE, OTHER };

static const segmo__slice names[] = {NAME("app"), NAME("os"), NAME("library"), NAME("device"),
                                     NAME("timezone")};

static const struct {
    int object; /* APP ... DEVICE */
    segmo__slice key;
    size_t field; /* in segmo__context */
} table[] = {
    {APP, NAME("version"), offsetof(segmo__context, app_version)},
    {OS, NAME("name"), offsetof(segmo__context, os_name)},
    {OS, NAME("version"), offsetof(segmo__context, os_version)},
    {LIBRARY, NAME("name"), offsetof(segmo__context, library_name)},
    {LIBRARY, NAME("version"), offsetof(segmo__context, library_version)},
    {DEVICE, NAME("id"), offsetof(segmo__context, device_id)},
    {DEVICE, NAME("type"), offsetof(segmo__context, device_type)},
    {DEVICE, NAME("token"), offsetof(segmo__context, device_token)},
    {DEVICE, NAME("model"), offsetof(segmo__context, device_model)},
    {DEVICE, NAME("advertisingId"), offsetof(segmo__context, advertising_id)},
    {DEVICE, NAME("adTrackingEnabled"), offsetof(segmo__context, ad_tracking)},
};

static int is_same(segmo__slice a, segmo__slice b)
{
    return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

static int next_member(segmo__json_cursor *cursor, segmo__buf *scratch, segmo__slice *key)
{
    if (!segmo__json_advance(cursor, 1, key))
        return 0;
    *key = segmo__json_text(*key, scratch);
    return 1;
}

static void read_object(segmo__context *context, int object, segmo__json_cursor *cursor,
                        segmo__buf *scratch)
{
    segmo__slice key, value;

    segmo__json_enter(cursor);
    while (next_member(cursor, scratch, &key)) {
        value = segmo__json_take(cursor);
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
            if (table[i].object == object && is_same(key, table[i].key))
                *(segmo__slice *)(void *)((char *)context + table[i].field) = value;
    }
}

void segmo__context_read(segmo__context *context, segmo__slice object)
{
    char room[KEY_MAX];
    segmo__buf scratch = {.data = room, .cap = sizeof room, .max = sizeof room};
    segmo__json_cursor cursor = {object.at, object.at + object.len};
    segmo__slice key, value;

    if (segmo__json_kind_of(object) != SEGMO__JSON_OBJECT)
        return;
    segmo__json_enter(&cursor);
    while (next_member(&cursor, &scratch, &key)) {
        int member = 0;

        while (member < OTHER && !is_same(key, names[member]))
            member++;
        if (member < TIMEZONE && *cursor.at == '{') {
            read_object(context, member, &cursor, &scratch);
            continue;
        }
        value = segmo__json_take(&cursor);
        if (member == TIMEZONE)
            context->timezone = value;
    }
}

static int is_ignoring_case(segmo__slice value, const char *small)
{
    for (size_t i = 0; i < value.len; i++, small++)
        if (!*small || segmo__ascii_lower(value.at[i]) != *small)
            return 0;
    return !*small;
}

/* MoEngage's word for where something happened, of the few that it takes; NULL for any other. */
static const char *platform_named(segmo__slice name)
{
    static const struct {
        const char *name;
        const char *platform;
    } platforms[] = {{"\"android\"", "ANDROID"}, {"\"ios\"", "iOS"},  {"\"ipados\"", "iOS"},
                     {"\"watchos\"", "iOS"},     {"\"tvos\"", "iOS"}, {"\"analytics.js\"", "web"}};

    for (size_t i = 0; name.len > 0 && i < sizeof platforms / sizeof platforms[0]; i++)
        if (is_ignoring_case(name, platforms[i].name))
            return platforms[i].platform;
    return NULL;
}

const char *segmo__context_platform(const segmo__context *context)
{
    const char *platform = platform_named(context->device_type);

    if (!platform)
        platform = platform_named(context->os_name);
    return platform ? platform : platform_named(context->library_name);
}
