/* A batch body into messages. An item without anything to merge is handed on as the bytes it came
 * in. */
#include "model/batch.h"

#include "base/json.h"
#include "model/merge.h"

typedef struct batch {
    segmo__slice items;
    segmo__slice context;      /* length 0: none */
    segmo__slice integrations; /* length 0: none */
} batch;

/* ---- the body ---- */

static int read_shared(segmo__slice body, const char *name, const char *field, segmo__slice *out,
                       segmo_error **err)
{
    segmo__json_kind kind;

    *out = (segmo__slice){body.at, 0};
    if (!segmo__json_member(body, name, out))
        return SEGMO_OK;
    kind = segmo__json_kind_of(*out);
    if (kind == SEGMO__JSON_NULL || segmo__json_is_empty(*out))
        out->len = 0;
    if (kind != SEGMO__JSON_NULL && kind != SEGMO__JSON_OBJECT)
        return segmo__fail(err, SEGMO_ERR_INVALID, field,
                           "%s of a batch must be an object; send {} or leave it out", name);
    if (out->len > SEGMO__BATCH_MAX_SHARED)
        return segmo__fail(err, SEGMO_ERR_TOO_LARGE, field,
                           "%s of a batch has %zu bytes, the limit is %d; put less in it, since "
                           "every item receives it",
                           name, out->len, SEGMO__BATCH_MAX_SHARED);
    return SEGMO_OK;
}

static int count_items(segmo__slice items, segmo_error **err)
{
    segmo__json_walk walk;
    segmo__slice key, item;
    size_t count = 0;

    segmo__json_walk_begin(&walk, items);
    while (segmo__json_next(&walk, &key, &item))
        count++;
    if (count > SEGMO__BATCH_MAX_MESSAGES)
        return segmo__fail(err, SEGMO_ERR_TOO_LARGE, "/batch",
                           "the batch has %zu messages, the limit is %d; send it in parts", count,
                           SEGMO__BATCH_MAX_MESSAGES);
    return SEGMO_OK;
}

static int read_batch(batch *out, segmo__slice body, segmo_error **err)
{
    int status;

    if (body.len > SEGMO__BATCH_MAX_BYTES)
        return segmo__fail(err, SEGMO_ERR_TOO_LARGE, NULL,
                           "the body has %zu bytes, the limit is %d; send it in parts", body.len,
                           SEGMO__BATCH_MAX_BYTES);
    status = segmo__json_check_grammar(body, err);
    if (status != SEGMO_OK)
        return status;
    if (!segmo__json_member(body, "batch", &out->items) ||
        segmo__json_kind_of(out->items) != SEGMO__JSON_ARRAY)
        return segmo__fail(err, SEGMO_ERR_INVALID, "/batch",
                           "batch must be an array of messages; send {\"batch\": [...]}");
    status = count_items(out->items, err);
    if (status == SEGMO_OK)
        status = read_shared(body, "context", "/context", &out->context, err);
    if (status == SEGMO_OK)
        status = read_shared(body, "integrations", "/integrations", &out->integrations, err);
    return status;
}

/* ---- merging ---- */

static void put_member(segmo__buf *out, segmo__slice key, segmo__slice value, int *first)
{
    segmo__buf_add(out, *first ? "\"" : ",\"", *first ? 1 : 2);
    segmo__buf_add_slice(out, key);
    segmo__buf_add_lit(out, "\":");
    segmo__buf_add_slice(out, value);
    *first = 0;
}

static int is_object(segmo__slice value)
{
    return segmo__json_kind_of(value) == SEGMO__JSON_OBJECT;
}

/* A member that item and batch both may have; a null one counts as absent, another type is left to
 * the rules of a message. */
static void put_shared(segmo__buf *out, segmo__slice key, segmo__slice own, segmo__slice shared,
                       int deep, segmo__buf *scratch, int *first)
{
    if (segmo__json_kind_of(own) == SEGMO__JSON_NULL) {
        put_member(out, key, shared, first);
    } else if (is_object(own)) {
        put_member(out, key, (segmo__slice){"", 0}, first);
        segmo__merge(out, own, shared, deep, scratch);
    } else {
        put_member(out, key, own, first);
    }
}

static void put_item(segmo__buf *out, const batch *b, segmo__slice item, segmo__buf *scratch)
{
    static const segmo__slice none = {"", 0};
    int first = 1, has_context = b->context.len == 0, has_integrations = b->integrations.len == 0;
    segmo__json_walk walk;
    segmo__slice key, value;

    segmo__buf_add_lit(out, "{");
    segmo__json_walk_begin(&walk, item);
    while (segmo__json_next(&walk, &key, &value)) {
        if (!has_context && segmo__json_key_is(key, "context")) {
            has_context = 1;
            put_shared(out, key, value, b->context, 1, scratch, &first);
        } else if (!has_integrations && segmo__json_key_is(key, "integrations")) {
            has_integrations = 1;
            put_shared(out, key, value, b->integrations, 0, scratch, &first);
        } else {
            put_member(out, key, value, &first);
        }
    }
    if (!has_context)
        put_shared(out, segmo__slice_of("context"), none, b->context, 1, scratch, &first);
    if (!has_integrations)
        put_shared(out, segmo__slice_of("integrations"), none, b->integrations, 0, scratch, &first);
    segmo__buf_add_lit(out, "}");
}

int segmo__batch_each(segmo__slice body, int (*each)(void *ctx, size_t index, segmo__slice item),
                      void *ctx, segmo_error **err)
{
    segmo__buf merged, scratch;
    segmo__json_walk walk;
    segmo__slice key, item;
    batch b = {0};
    int status = read_batch(&b, body, err);

    if (status != SEGMO_OK)
        return status;
    segmo__buf_init(&merged, SEGMO__BATCH_MAX_BYTES + 4 * SEGMO__BATCH_MAX_SHARED);
    segmo__buf_init(&scratch, SEGMO__BATCH_MAX_BYTES);
    segmo__json_walk_begin(&walk, b.items);
    for (size_t i = 0; status == SEGMO_OK && segmo__json_next(&walk, &key, &item); i++) {
        if (is_object(item) && b.context.len + b.integrations.len > 0) {
            segmo__buf_clear(&merged);
            put_item(&merged, &b, item, &scratch);
            item = segmo__buf_slice(&merged);
        }
        status = merged.failed || scratch.failed ? segmo__fail_memory(err) : each(ctx, i, item);
    }
    segmo__buf_free(&merged);
    segmo__buf_free(&scratch);
    return status;
}
