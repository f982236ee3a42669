/* A batch is the stored bytes joined. The mark that keeps Segment from forwarding a message again
 * is put in at the spans of `integrations` and `_metadata`; nothing else of a message changes. */
#include "wire/segment.h"

#include "base/clock.h"
#include "base/json.h"

#define CLASSIC "MoEngage"
#define ACTIONS "Moengage (Actions)"
#define OFF     "\"" CLASSIC "\":false,\"" ACTIONS "\":false"
#define BUNDLED "\"bundled\":[\"" CLASSIC "\"]"

/* The most that the mark adds: both members, new, and the commas in front of them. */
#define MARK_MAX (sizeof ",\"integrations\":{" OFF "},\"_metadata\":{" BUNDLED "}")

void segmo__segment_path(segmo__buf *url, const segmo__segment_settings *settings)
{
    segmo__buf_add_str(url, settings->host);
    segmo__buf_add_lit(url, "/v1/batch");
}

void segmo__segment_begin(segmo__buf *body)
{
    segmo__buf_add_lit(body, "{\"batch\":[");
}

static int is_kind(segmo__slice value, segmo__json_kind kind)
{
    return value.len > 0 && segmo__json_kind_of(value) == kind;
}

static void put_comma(segmo__buf *out)
{
    if (out->len > 0 && out->data[out->len - 1] != '{' && out->data[out->len - 1] != '[')
        segmo__buf_add_lit(out, ",");
}

/* Copies a member as it stands, key and all. */
static void put_member(segmo__buf *out, segmo__slice key, segmo__slice value)
{
    put_comma(out);
    segmo__buf_add_lit(out, "\"");
    segmo__buf_add_slice(out, key);
    segmo__buf_add_lit(out, "\":");
    segmo__buf_add_slice(out, value);
}

/* The members of `integrations` but for the two names, and then these, off. */
static void put_integrations(segmo__buf *out, segmo__slice integrations)
{
    segmo__json_walk walk;
    segmo__slice key, value;

    segmo__buf_add_lit(out, "{");
    if (is_kind(integrations, SEGMO__JSON_OBJECT)) {
        segmo__json_walk_begin(&walk, integrations);
        while (segmo__json_next(&walk, &key, &value))
            if (!segmo__json_key_is(key, CLASSIC) && !segmo__json_key_is(key, ACTIONS))
                put_member(out, key, value);
    }
    put_comma(out);
    segmo__buf_add_lit(out, OFF "}");
}

/* The elements of a list of names, with MoEngage's at the end. */
static void put_bundled(segmo__buf *out, segmo__slice bundled)
{
    segmo__json_walk walk;
    segmo__slice key, value;

    put_comma(out);
    segmo__buf_add_lit(out, "\"bundled\":[");
    if (is_kind(bundled, SEGMO__JSON_ARRAY)) {
        segmo__json_walk_begin(&walk, bundled);
        while (segmo__json_next(&walk, &key, &value)) {
            if (segmo__slice_is(value, "\"" CLASSIC "\""))
                continue;
            put_comma(out);
            segmo__buf_add_slice(out, value);
        }
    }
    put_comma(out);
    segmo__buf_add_lit(out, "\"" CLASSIC "\"]");
}

static void put_metadata(segmo__buf *out, segmo__slice metadata)
{
    segmo__slice key, value, bundled = {0};
    segmo__json_walk walk;

    segmo__buf_add_lit(out, "{");
    if (is_kind(metadata, SEGMO__JSON_OBJECT)) {
        segmo__json_walk_begin(&walk, metadata);
        while (segmo__json_next(&walk, &key, &value)) {
            if (segmo__json_key_is(key, "bundled"))
                bundled = value;
            else
                put_member(out, key, value);
        }
    }
    put_bundled(out, bundled);
    segmo__buf_add_lit(out, "}");
}

/* A member of the message that is written anew. */
struct splice {
    segmo__slice old; /* its value; length 0: the message has none */
    const char *key;
    void (*put)(segmo__buf *out, segmo__slice old);
};

/* Copies the message with the splices, which stand in the order of their old values; new ones go to
 * the end. */
static void put_spliced(segmo__buf *out, segmo__slice json, const struct splice *splices,
                        size_t count)
{
    const char *at = json.at, *end = json.at + json.len - 1; /* the closing brace */

    for (size_t i = 0; i < count; i++) {
        if (splices[i].old.len == 0)
            continue;
        segmo__buf_add(out, at, (size_t)(splices[i].old.at - at));
        splices[i].put(out, splices[i].old);
        at = splices[i].old.at + splices[i].old.len;
    }
    segmo__buf_add(out, at, (size_t)(end - at));
    for (size_t i = 0; i < count; i++) {
        if (splices[i].old.len > 0)
            continue;
        put_comma(out);
        segmo__buf_add_str(out, splices[i].key);
        splices[i].put(out, splices[i].old);
    }
    segmo__buf_add_lit(out, "}");
}

/* The member's value. A null is "not given" for the index, but its bytes are there to be replaced.
 */
static segmo__slice value_of(const segmo__message *message, segmo__part part, const char *key)
{
    segmo__slice value = segmo__message_part(message, part);

    if (value.len == 0)
        segmo__json_member((segmo__slice){message->json, message->json_len}, key, &value);
    return value;
}

static void put_marked(segmo__buf *out, const segmo__message *message, segmo__mode mode)
{
    const struct splice integrations = {value_of(message, SEGMO__PART_INTEGRATIONS, "integrations"),
                                        "\"integrations\":", put_integrations};
    struct splice metadata = {{0}, "\"_metadata\":", put_metadata};
    segmo__slice json = segmo__json_trim((segmo__slice){message->json, message->json_len});

    if (mode != SEGMO__MODE_DEVICE) {
        put_spliced(out, json, &integrations, 1);
        return;
    }
    metadata.old = value_of(message, SEGMO__PART_METADATA, "_metadata");
    if (metadata.old.len > 0 && metadata.old.at < integrations.old.at)
        put_spliced(out, json, (struct splice[]){metadata, integrations}, 2);
    else
        put_spliced(out, json, (struct splice[]){integrations, metadata}, 2);
}

void segmo__segment_add(segmo__buf *body, const segmo__message *message, int mark, segmo__mode mode)
{
    put_comma(body);
    if (mark)
        put_marked(body, message, mode);
    else
        segmo__buf_add(body, message->json, message->json_len);
}

size_t segmo__segment_size(const segmo__message *message)
{
    return message->json_len + MARK_MAX;
}

void segmo__segment_end(segmo__buf *body, const segmo__segment_settings *settings,
                        int64_t sent_at_ms)
{
    char sent_at[SEGMO__ISO_LEN + 1];

    segmo__clock_iso(sent_at, sent_at_ms);
    segmo__buf_add_lit(body, "],\"sentAt\":\"");
    segmo__buf_add(body, sent_at, SEGMO__ISO_LEN);
    segmo__buf_add_lit(body, "\",\"writeKey\":");
    segmo__json_put_text(body, settings->write_key);
    segmo__buf_add_lit(body, "}");
}
