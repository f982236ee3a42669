#include "client/option_json.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "client/option_passed.h"
#include "client/option_value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_MAX 4096

/* Reads an object of options, nested or dotted, into slots. */
typedef struct reader {
    char **slots;
    int in_source;
    const char *where; /* in front of names in errors: "" or "sources[1]." */
    segmo_error **err;
} reader;

static void field_name(const reader *in, const char *name, char out[2 * SEGMO__OPTION_NAME_MAX])
{
    size_t head = strlen(in->where);
    size_t tail = strnlen(name, SEGMO__OPTION_NAME_MAX);

    memcpy(out, in->where, head);
    memcpy(out + head, name, tail);
    out[head + tail] = '\0';
}

/* A secret that lies elsewhere: {"env": "NAME"} or {"file": "/path"}. */
static int fetch_env(const char *name, const char *field, char **text, size_t *len,
                     segmo_error **err)
{
    const char *found = getenv(name);

    if (!found)
        return segmo__fail(err, SEGMO_ERR_OPTION, field,
                           "%s comes from the environment variable %s, which is not set", field,
                           name);
    *text = segmo__strdup(found);
    *len = strlen(found);
    return *text ? SEGMO_OK : segmo__fail_memory(err);
}

static int fetch_file(const char *path, const char *field, char **text, size_t *len,
                      segmo_error **err)
{
    char words[512];
    int code = segmo__file_slurp(path, SECRET_MAX, text, len);

    if (code == -ENOMEM)
        return segmo__fail_memory(err);
    if (code < 0) {
        segmo__file_describe(path, -code, words, sizeof words);
        return segmo__fail(err, SEGMO_ERR_OPTION, field, "%s comes from the file %s: %s", field,
                           path, words);
    }
    while (*len > 0 && ((*text)[*len - 1] == '\n' || (*text)[*len - 1] == '\r'))
        (*len)--; /* editors end a file with a line break */
    return SEGMO_OK;
}

/* Into the option's slot, or among what is handed on. */
static int store(const reader *in, const segmo__option *opt, const char *name, const char *field,
                 segmo__slice value)
{
    if (opt)
        return segmo__option_store(&in->slots[segmo__option_index(opt)], opt, value, field,
                                   in->err);
    return segmo__passed_store(&in->slots[SEGMO__OPTION_PASSED], segmo__passed_name(name), &value,
                               field, in->err);
}

static int store_secret(const reader *in, const segmo__option *opt, const char *option,
                        const char *field, segmo__slice object)
{
    segmo__slice place;
    segmo__buf scratch;
    char *name = NULL, *text = NULL;
    size_t len = 0;
    int of_env, status;

    segmo__buf_init(&scratch, SEGMO__OPTIONS_MAX);
    of_env = segmo__json_member(object, "env", &place);
    if ((!of_env && !segmo__json_member(object, "file", &place)) ||
        segmo__json_kind_of(place) != SEGMO__JSON_STRING) {
        status =
            segmo__fail(in->err, SEGMO_ERR_OPTION, field,
                        "%s must be a text, {\"env\": \"NAME\"} or {\"file\": \"/path\"}", field);
        goto done;
    }
    place = segmo__json_text(place, &scratch);
    name = segmo__strndup(place.at, place.len);
    if (!name)
        status = segmo__fail_memory(in->err);
    else if (of_env)
        status = fetch_env(name, field, &text, &len, in->err);
    else
        status = fetch_file(name, field, &text, &len, in->err);
    if (status == SEGMO_OK)
        status = store(in, opt, option, field, (segmo__slice){text, len});
done:
    segmo__free(name);
    segmo__free(text);
    segmo__buf_free(&scratch);
    return status;
}

static int is_text(const segmo__option *opt)
{
    return opt->type == SEGMO__OPTION_TEXT || opt->type == SEGMO__OPTION_SECRET;
}

static int store_json_value(const reader *in, const segmo__option *opt, const char *name,
                            segmo__slice value)
{
    char field[2 * SEGMO__OPTION_NAME_MAX];
    segmo__json_kind kind = segmo__json_kind_of(value);
    char **slot = &in->slots[segmo__option_index(opt)];
    segmo__buf scratch;
    int status;

    field_name(in, name, field);
    if (kind == SEGMO__JSON_NULL)
        return SEGMO_OK;
    if (*slot)
        return segmo__fail(in->err, SEGMO_ERR_OPTION, field,
                           "%s is given twice, nested and dotted; keep one", field);
    if (opt->type == SEGMO__OPTION_JSON)
        return segmo__option_store(slot, opt, value, field, in->err);
    if (opt->type == SEGMO__OPTION_SECRET && kind == SEGMO__JSON_OBJECT)
        return store_secret(in, opt, name, field, value);
    if (kind == SEGMO__JSON_OBJECT || kind == SEGMO__JSON_ARRAY ||
        (is_text(opt) && kind != SEGMO__JSON_STRING && kind != SEGMO__JSON_NUMBER))
        return segmo__fail(in->err, SEGMO_ERR_OPTION, field, "%s must be a %s", field,
                           is_text(opt) ? "text" : "single value");
    segmo__buf_init(&scratch, SEGMO__OPTIONS_MAX);
    if (kind == SEGMO__JSON_STRING)
        value = segmo__json_text(value, &scratch);
    status = segmo__option_store(slot, opt, value, field, in->err);
    segmo__buf_free(&scratch);
    return status;
}

static int is_place_of_secret(const char *name, segmo__slice value)
{
    segmo__slice place;

    return segmo__passed_is_secret(segmo__slice_of(name)) &&
           segmo__json_kind_of(value) == SEGMO__JSON_OBJECT &&
           (segmo__json_member(value, "env", &place) || segmo__json_member(value, "file", &place));
}

static int store_passed(const reader *in, const char *name, segmo__slice value)
{
    segmo__json_kind kind = segmo__json_kind_of(value);
    segmo__buf scratch;
    int status;

    if (kind == SEGMO__JSON_NULL)
        return SEGMO_OK;
    if (is_place_of_secret(name, value))
        return store_secret(in, NULL, name, name, value);
    segmo__buf_init(&scratch, SEGMO__OPTIONS_MAX);
    if (kind == SEGMO__JSON_STRING)
        value = segmo__json_text(value, &scratch);
    status = store(in, NULL, name, name, value);
    segmo__buf_free(&scratch);
    return status;
}

/* Not in `sources`, and no object that only groups names. */
static int is_passed(const reader *in, const char *name, segmo__slice value)
{
    segmo__json_kind kind = segmo__json_kind_of(value);

    return !in->in_source && segmo__passed_name(name) &&
           ((kind != SEGMO__JSON_OBJECT && kind != SEGMO__JSON_ARRAY) ||
            is_place_of_secret(name, value));
}

/* Is `name` the first part of option names, such as "segment"? */
static int is_group(const reader *in, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < SEGMO__OPTION_COUNT; i++) {
        const char *full = in->in_source ? segmo__option_name_in_source(&segmo__options[i])
                                         : segmo__options[i].name;

        if (strncmp(full, name, len) == 0 && full[len] == '.')
            return 1;
    }
    return !in->in_source && strncmp(name, "kafka.", 6) == 0;
}

static int fail_unknown_in(const reader *in, const char *name)
{
    char field[2 * SEGMO__OPTION_NAME_MAX];
    const segmo__option *nearest = segmo__option_nearest(name, in->in_source);

    field_name(in, name, field);
    return segmo__fail(in->err, SEGMO_ERR_OPTION, field,
                       "there is no option %s%s; the nearest one is %s", field,
                       in->in_source && segmo__option_find(name) ? " for one source" : "",
                       in->in_source ? segmo__option_name_in_source(nearest) : nearest->name);
}

/* Writes prefix.key; what is too long for any option is cut, and so remains unknown. */
static void join_name(char out[SEGMO__OPTION_NAME_MAX + 1], const char *prefix, segmo__slice key)
{
    size_t at = strlen(prefix);
    size_t len;

    memcpy(out, prefix, at);
    if (at > 0 && at < SEGMO__OPTION_NAME_MAX)
        out[at++] = '.';
    len = key.len < SEGMO__OPTION_NAME_MAX - at ? key.len : SEGMO__OPTION_NAME_MAX - at;
    memcpy(out + at, key.at, len);
    out[at + len] = '\0';
}

static int read_options(const reader *in, const char *prefix, segmo__slice object)
{
    segmo__json_walk walk;
    segmo__slice key, value;
    int status = SEGMO_OK;

    segmo__json_walk_begin(&walk, object);
    while (status == SEGMO_OK && segmo__json_next(&walk, &key, &value)) {
        char name[SEGMO__OPTION_NAME_MAX + 1];
        const segmo__option *opt;

        join_name(name, prefix, key);
        opt = in->in_source ? segmo__option_find_in_source(name) : segmo__option_find(name);
        if (opt)
            status = store_json_value(in, opt, name, value);
        else if (is_passed(in, name, value))
            status = store_passed(in, name, value);
        else if (is_group(in, name) && segmo__json_kind_of(value) == SEGMO__JSON_OBJECT)
            status = read_options(in, name, value);
        else
            status = fail_unknown_in(in, name);
    }
    return status;
}

/* An entry of `sources` in its one spelling: {"source.id":"web","segment.write_key":"..."}. */
static void add_source(segmo__buf *out, char *const *slots)
{
    int first = 1;

    segmo__buf_add_char(out, '{');
    for (size_t i = 0; i < SEGMO__OPTION_COUNT; i++) {
        if (!slots[i])
            continue;
        if (!first)
            segmo__buf_add_char(out, ',');
        first = 0;
        segmo__json_put_text(out, segmo__options[i].name);
        segmo__buf_add_char(out, ':');
        segmo__json_put_text(out, slots[i]);
    }
    segmo__buf_add_char(out, '}');
}

int segmo__option_add_sources(segmo__buf *out, segmo__slice array, segmo_error **err)
{
    char *slots[SEGMO__OPTION_SLOTS] = {NULL};
    char where[32];
    reader in = {slots, 1, where, err};
    segmo__json_walk walk;
    segmo__slice key, entry;
    int status = SEGMO_OK;

    if (segmo__json_kind_of(array) != SEGMO__JSON_ARRAY || segmo__json_is_empty(array))
        return segmo__fail(err, SEGMO_ERR_OPTION, "sources",
                           "sources must be an array with an object for each source");
    segmo__buf_add_char(out, '[');
    segmo__json_walk_begin(&walk, array);
    for (unsigned i = 0; status == SEGMO_OK && segmo__json_next(&walk, &key, &entry); i++) {
        snprintf(where, sizeof where, "sources[%u].", i);
        if (segmo__json_kind_of(entry) != SEGMO__JSON_OBJECT)
            status =
                segmo__fail(err, SEGMO_ERR_OPTION, "sources", "sources[%u] must be an object", i);
        else
            status = read_options(&in, "", entry);
        if (i > 0)
            segmo__buf_add_char(out, ',');
        add_source(out, slots);
        segmo__option_clear(slots);
    }
    segmo__buf_add_char(out, ']');
    return status;
}

int segmo__option_read_file(const char *path, char **slots, segmo_error **err)
{
    reader in = {slots, 0, "", err};
    segmo_error *cause = NULL;
    segmo__slice object = {NULL, 0};
    char *text = NULL;
    int code = segmo__file_slurp(path, SEGMO__OPTIONS_MAX, &text, &object.len);
    int status;

    if (code == -ENOMEM)
        return segmo__fail_memory(err);
    if (code < 0)
        return segmo__fail_io(err, -code, "the configuration file", path);
    object.at = text;
    status = segmo__json_check(object, &cause);
    object = segmo__json_trim(object);
    if (status != SEGMO_OK)
        segmo__fail(err, status, segmo_error_field(cause), "%s: %s", path,
                    segmo_error_message(cause));
    else if (segmo__json_kind_of(object) != SEGMO__JSON_OBJECT)
        status =
            segmo__fail(err, SEGMO_ERR_JSON, "", "%s must hold one JSON object of options", path);
    else
        status = read_options(&in, "", object);
    segmo_error_free(cause);
    segmo__free(text);
    return status;
}
