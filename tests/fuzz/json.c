/* The strict scanner and what stands behind it: what it lets pass, cJSON reads as the same values,
 * the span readers walk to the end, and writing it compactly changes nothing but white space. */
#include "help/fuzz.h"

#include "base/json.h"

#include <stdlib.h>

#define ROOM (1u << 20)

static void compare(const segmo__json *node, segmo__slice value);

static void compare_text(const char *found, segmo__slice string)
{
    segmo__buf scratch;

    segmo__buf_init(&scratch, ROOM);
    must(fuzz_same(segmo__slice_of(found), segmo__json_text(string, &scratch)));
    segmo__buf_free(&scratch);
}

static void compare_number(double found, segmo__slice value)
{
    char *text = strndup(value.at, value.len);

    must(text && found == strtod(text, NULL));
    free(text);
}

static void compare_container(const segmo__json *node, segmo__slice value)
{
    const segmo__json *child = segmo__json_first(node);
    segmo__json_walk walk;
    segmo__slice key, element;

    segmo__json_walk_begin(&walk, value);
    for (; segmo__json_next(&walk, &key, &element); child = segmo__json_after(child)) {
        must(child != NULL);
        if (segmo__json_kind_of(value) == SEGMO__JSON_OBJECT)
            compare_text(segmo__json_name(child), key);
        compare(child, element);
    }
    must(child == NULL);
}

static void compare(const segmo__json *node, segmo__slice value)
{
    segmo__json_kind kind = segmo__json_kind_of(value);

    must(segmo__json_tree_kind(node) == kind);
    if (kind == SEGMO__JSON_OBJECT || kind == SEGMO__JSON_ARRAY)
        compare_container(node, value);
    else if (kind == SEGMO__JSON_STRING)
        compare_text(segmo__json_string(node), value);
    else if (kind == SEGMO__JSON_NUMBER)
        compare_number(segmo__json_number(node, 0), value);
}

static void check_tree(segmo__slice text)
{
    segmo__json *tree = NULL;
    segmo_error *error = NULL;
    int status = segmo__json_parse(&tree, text, &error);

    /* A tree cannot hold \u0000; nothing else that was accepted may fail. */
    must(status == SEGMO_OK ||
         (status == SEGMO_ERR_JSON && strstr(segmo_error_message(error), "\\u0000")));
    if (status == SEGMO_OK)
        compare(tree, segmo__json_trim(text));
    segmo__json_free(tree);
    segmo_error_free(error);
}

static void check_compact(segmo__slice text)
{
    segmo__buf once, twice;

    segmo__buf_init(&once, ROOM);
    segmo__buf_init(&twice, ROOM);
    segmo__json_put_compact(&once, segmo__json_trim(text));
    must(!once.failed && once.len <= text.len);
    must(segmo__json_check(segmo__buf_slice(&once), NULL) == SEGMO_OK);
    segmo__json_put_compact(&twice, segmo__buf_slice(&once));
    must(fuzz_same(segmo__buf_slice(&once), segmo__buf_slice(&twice)));
    segmo__buf_free(&once);
    segmo__buf_free(&twice);
}

/* Any bytes can be written as a string, which then reads back as them if they were UTF-8. */
static void check_string(segmo__slice bytes)
{
    segmo__buf out, scratch;

    segmo__buf_init(&out, ROOM);
    segmo__buf_init(&scratch, ROOM);
    segmo__json_put_string(&out, bytes.at, bytes.len);
    must(!out.failed && segmo__json_check(segmo__buf_slice(&out), NULL) == SEGMO_OK);
    must(segmo__json_code_points(segmo__buf_slice(&out)) <= bytes.len);
    if (!memmem(out.data, out.len, "\xef\xbf\xbd", 3))
        must(fuzz_same(segmo__json_text(segmo__buf_slice(&out), &scratch), bytes));
    segmo__buf_free(&out);
    segmo__buf_free(&scratch);
}

static void ignore_member(void *ctx, segmo__slice key, segmo__slice value)
{
    (void)ctx, (void)key;
    must(value.len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    segmo__slice text = fuzz_slice(data, size);
    segmo__json_notes notes = {.each = ignore_member, .rare_key = "writeKey"};
    segmo_error *error = NULL;
    int status = segmo__json_check(text, &error);

    must(status == SEGMO_OK || (status == SEGMO_ERR_JSON && *segmo_error_message(error)));
    must(segmo__json_check_noting(text, &notes, NULL) == status);
    if (status == SEGMO_OK) {
        must(segmo__json_check_body(text, NULL) == SEGMO_OK);
        must(segmo__json_check_grammar(text, NULL) == SEGMO_OK);
        check_tree(text);
        check_compact(text);
    }
    check_string(text);
    segmo_error_free(error);
    return 0;
}
