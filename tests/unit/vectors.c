#include "vectors.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define VECTOR_MAX (1u << 20)

typedef struct run {
    const char *dir;
    void (*each)(const char *name, segmo__slice vector);
    size_t count;
} run;

static int run_one(void *ctx, const char *name)
{
    run *all = ctx;
    size_t name_len = strlen(name), len;
    segmo_error *error = NULL;
    char path[512], *text;

    if (name_len < 5 || strcmp(name + name_len - 5, ".json") != 0)
        return 0;
    snprintf(path, sizeof path, "%s/%s", all->dir, name);
    if (segmo__file_slurp(path, VECTOR_MAX, &text, &len) < 0)
        fail_msg("%s cannot be read", path);
    if (segmo__json_check((segmo__slice){text, len}, &error) != SEGMO_OK)
        fail_msg("%s: %s", path, segmo_error_message(error));
    all->each(name, segmo__json_trim((segmo__slice){text, len}));
    all->count++;
    segmo__free(text);
    return 0;
}

size_t vectors_each(const char *dir, void (*each)(const char *name, segmo__slice vector))
{
    run all = {dir, each, 0};

    if (segmo__file_list(dir, run_one, &all) < 0)
        fail_msg("%s cannot be listed; run this from the repository's root", dir);
    return all.count;
}

segmo__slice vectors_member(const char *name, segmo__slice vector, const char *key)
{
    segmo__slice value;

    if (!segmo__json_member(vector, key, &value))
        fail_msg("%s: no member %s", name, key);
    return value;
}

static void fits(const char *name, const char *at, segmo__slice expected, segmo__slice actual);

static void differs(const char *name, const char *at, segmo__slice expected, segmo__slice actual)
{
    fail_msg("%s at %s: expected %.*s, got %.*s", name, at, (int)expected.len, expected.at,
             (int)actual.len, actual.at);
}

static void object_fits(const char *name, const char *at, segmo__slice expected,
                        segmo__slice actual)
{
    segmo__json_walk walk;
    segmo__slice key, wanted, found;

    if (segmo__json_kind_of(actual) != SEGMO__JSON_OBJECT)
        differs(name, at, expected, actual);
    segmo__json_walk_begin(&walk, expected);
    while (segmo__json_next(&walk, &key, &wanted)) {
        char below[512], text[256];

        snprintf(text, sizeof text, "%.*s", (int)key.len, key.at);
        snprintf(below, sizeof below, "%s/%s", at, text);
        if (segmo__json_member(actual, text, &found))
            fits(name, below, wanted, found);
        else if (segmo__json_kind_of(wanted) != SEGMO__JSON_NULL)
            differs(name, below, wanted, actual);
    }
}

static void array_fits(const char *name, const char *at, segmo__slice expected, segmo__slice actual)
{
    segmo__json_walk wanted, found;
    segmo__slice key, a, b;
    char below[512];
    int more, number = 0;

    if (segmo__json_kind_of(actual) != SEGMO__JSON_ARRAY)
        differs(name, at, expected, actual);
    segmo__json_walk_begin(&wanted, expected);
    segmo__json_walk_begin(&found, actual);
    while ((more = segmo__json_next(&wanted, &key, &a)) && segmo__json_next(&found, &key, &b)) {
        snprintf(below, sizeof below, "%s/%d", at, number++);
        fits(name, below, a, b);
    }
    if (more || segmo__json_next(&found, &key, &b))
        differs(name, at, expected, actual);
}

static int same_text(segmo__slice a, segmo__slice b)
{
    segmo__buf first, second;
    int same;

    segmo__buf_init(&first, VECTOR_MAX);
    segmo__buf_init(&second, VECTOR_MAX);
    a = segmo__json_text(a, &first);
    b = segmo__json_text(b, &second);
    same = a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
    segmo__buf_free(&first);
    segmo__buf_free(&second);
    return same;
}

static void fits(const char *name, const char *at, segmo__slice expected, segmo__slice actual)
{
    segmo__json_kind kind = segmo__json_kind_of(expected);

    if (kind == SEGMO__JSON_OBJECT)
        object_fits(name, at, expected, actual);
    else if (kind == SEGMO__JSON_ARRAY)
        array_fits(name, at, expected, actual);
    else if (kind != segmo__json_kind_of(actual))
        differs(name, at, expected, actual);
    else if (kind == SEGMO__JSON_STRING
                 ? !same_text(expected, actual)
                 : expected.len != actual.len || memcmp(expected.at, actual.at, actual.len) != 0)
        differs(name, at, expected, actual);
}

void vectors_assert_fits(const char *name, segmo__slice expected, segmo__slice actual)
{
    fits(name, "", expected, actual);
}

segmo_config *vectors_config(const char *name, segmo__slice settings)
{
    segmo_config *config = NULL;
    segmo_error *error = NULL;
    segmo__json_walk walk;
    segmo__slice key, value;
    segmo__buf scratch;

    assert_int_equal(segmo_config_new(&config, NULL), SEGMO_OK);
    segmo__buf_init(&scratch, VECTOR_MAX);
    segmo__json_walk_begin(&walk, settings);
    while (segmo__json_next(&walk, &key, &value)) {
        char *option = segmo__strndup(key.at, key.len);
        char *text;

        if (segmo__json_kind_of(value) == SEGMO__JSON_STRING)
            value = segmo__json_text(value, &scratch);
        text = segmo__strndup(value.at, value.len);
        if (segmo_config_set(config, option, text, &error) != SEGMO_OK)
            fail_msg("%s: %s", name, segmo_error_message(error));
        segmo__free(option);
        segmo__free(text);
    }
    segmo__buf_free(&scratch);
    return config;
}
