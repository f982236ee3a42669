/* The checks that all kinds of elements share. What the service cuts in silence (long names and
 * values, long lists) is taken here too, and noted.
 */
#include "moengage_checks.h"

#define VALUE_MAX_CHARS 512
#define LIST_MAX        50
#define ID_MAX          (128u << 10)

int sandbox_wrong(sandbox_objection *why, const char *type, const char *attribute,
                  const char *words)
{
    *why = (sandbox_objection){type, attribute, words};
    return 0;
}

int sandbox_missing(sandbox_objection *why, const char *attribute)
{
    return sandbox_wrong(why, "MissingAttributeError", attribute,
                         "is not found in the payload, or is empty");
}

int sandbox_is_one_of(segmo__slice value, const char *const *words)
{
    if (!sandbox_is_kind(value, SEGMO__JSON_STRING))
        return 0;
    for (size_t i = 0; words[i]; i++)
        if (segmo__slice_is(sandbox_unquoted(value), words[i]))
            return 1;
    return 0;
}

int sandbox_check_text(segmo__slice value, const char *name, sandbox_objection *why)
{
    if (!value.at || sandbox_is_kind(value, SEGMO__JSON_STRING))
        return 1;
    return sandbox_wrong(why, "TypeError", name, "expected string");
}

int sandbox_check_needed_text(segmo__slice value, const char *name, sandbox_objection *why)
{
    if (sandbox_is_absent(value))
        return sandbox_missing(why, name);
    return sandbox_check_text(value, name, why) &&
           (sandbox_is_text(value) || sandbox_missing(why, name));
}

int sandbox_check_object(segmo__slice value, const char *name, sandbox_objection *why)
{
    if (!value.at || sandbox_is_kind(value, SEGMO__JSON_OBJECT))
        return 1;
    return sandbox_wrong(why, "TypeError", name, "expected object");
}

/* ---- ids ---- */

/* Trimmed and in lower case, as far as the words that are compared with it are long. */
static size_t simplify(segmo__slice id, char *out, size_t out_size)
{
    size_t used = 0;

    while (id.len > 0 && (*id.at == ' ' || *id.at == '\t'))
        id.at++, id.len--;
    while (id.len > 0 && (id.at[id.len - 1] == ' ' || id.at[id.len - 1] == '\t'))
        id.len--;
    for (size_t i = 0; i < id.len && used < out_size; i++)
        out[used++] = (char)(id.at[i] >= 'A' && id.at[i] <= 'Z' ? id.at[i] | 0x20 : id.at[i]);
    return used;
}

static int is_refused_id(segmo__slice id)
{
    static const char *const refused[] = {"unknown",     "guest",
                                          "null",        "0",
                                          "1",           "true",
                                          "false",       "user_attribute_unique_id",
                                          "(empty)",     "na",
                                          "n/a",         "",
                                          "none",        "-2",
                                          "-1",          "2",
                                          "user_id",     "id",
                                          "uid",         "userid",
                                          "customer_id", "dummy_seller_code"};
    char simple[32];
    size_t len = simplify(id, simple, sizeof simple);

    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (strlen(refused[i]) == len && memcmp(refused[i], simple, len) == 0)
            return 1;
    return len < 2;
}

int sandbox_check_customer_id(segmo__slice value, const char *name, sandbox_objection *why)
{
    static segmo__buf scratch = {.max = ID_MAX};

    if (!sandbox_check_needed_text(value, name, why))
        return 0;
    segmo__buf_clear(&scratch);
    if (is_refused_id(segmo__json_text(value, &scratch)))
        return sandbox_wrong(why, "ValueError", name, "is a value that is refused as an id");
    return 1;
}

/* ---- what is cut in silence ---- */

int sandbox_is_longer(segmo__slice string, size_t max)
{
    return string.len > max && segmo__json_code_points(string) > max;
}

static void note_value(sandbox_verdict *verdict, segmo__slice value)
{
    segmo__json_walk walk;
    segmo__slice key, element;
    size_t count = 0;

    if (sandbox_is_kind(value, SEGMO__JSON_NULL))
        sandbox_verdict_add_word(&verdict->notes, "null_value");
    if (sandbox_is_kind(value, SEGMO__JSON_STRING) && sandbox_is_longer(value, VALUE_MAX_CHARS))
        sandbox_verdict_add_word(&verdict->notes, "value_over_512");
    if (!sandbox_is_kind(value, SEGMO__JSON_ARRAY))
        return;
    segmo__json_walk_begin(&walk, value);
    while (segmo__json_next(&walk, &key, &element))
        count++;
    if (count > LIST_MAX)
        sandbox_verdict_add_word(&verdict->notes, "list_over_50");
}

int sandbox_check_attributes(sandbox_verdict *verdict, segmo__slice attributes, size_t max,
                             sandbox_objection *why)
{
    segmo__json_walk walk;
    segmo__slice key, value;
    size_t count = 0;

    if (!sandbox_check_object(attributes, "attributes", why))
        return 0;
    if (!attributes.at)
        return 1;
    segmo__json_walk_begin(&walk, attributes);
    while (segmo__json_next(&walk, &key, &value)) {
        if (key.len == 0)
            return sandbox_wrong(why, "ValueError", "attributes",
                                 "an attribute's name must not be empty");
        if (sandbox_is_longer(key, SANDBOX_NAME_MAX))
            sandbox_verdict_add_word(&verdict->notes, "name_over_200");
        note_value(verdict, value);
        count++;
    }
    if (count > max)
        sandbox_verdict_add_word(&verdict->notes, "attributes_over_100");
    return 1;
}
