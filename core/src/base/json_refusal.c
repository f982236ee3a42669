/* Words for what the strict check refuses: where, what, and what to do; never the content itself.
 */
#include "base/json_scan.h"
#include "base/mem.h"

#define POINTER_MAX 512

static int starts_with(const segmo__scan *s, const char *at, const char *word)
{
    size_t len = strlen(word);

    return (size_t)(s->end - at) >= len && memcmp(at, word, len) == 0;
}

static int in_object(const segmo__scan *s)
{
    return s->top->closer == '}';
}

static const char *text_ends(segmo__scan *s)
{
    return segmo__scan_fail(s, s->end,
                            s->top == s->frames ? "there is no JSON value here; send one object"
                            : in_object(s)      ? "the text ends inside an object; send it whole"
                                                : "the text ends inside an array; send it whole");
}

static const struct {
    const char *start;
    const char *reason;
} no_values[] = {
    {"NaN", "NaN is no JSON number; send null or a string"},
    {"nan", "NaN is no JSON number; send null or a string"},
    {"Inf", "Infinity is no JSON number; send null or a string"},
    {"inf", "Infinity is no JSON number; send null or a string"},
    {"+", "a number starts with +; leave it out"},
    {".", "a number starts with a point; write 0 before it"},
    {"/", "comments are not part of JSON; leave them out"},
    {"'", "strings take double quotes"},
    {"]", "a value is missing here; a comma or colon has one behind it"},
    {"}", "a value is missing here; a comma or colon has one behind it"},
    {",", "a value is missing here; a comma has one on both sides"},
    {"\xEF\xBB\xBF", "starts with a byte order mark (EF BB BF); remove it"},
};

const char *segmo__scan_no_value(segmo__scan *s, const char *at)
{
    if (at == s->end)
        return text_ends(s);
    for (size_t i = 0; i < sizeof no_values / sizeof no_values[0]; i++)
        if (starts_with(s, at, no_values[i].start))
            return segmo__scan_fail(s, at, no_values[i].reason);
    return segmo__scan_fail(s, at,
                            "expected an object, array, string, number, true, false or null");
}

/* The key that is being read cannot be named, so the pointer shall end at its object. */
const char *segmo__scan_no_key(segmo__scan *s, const char *at)
{
    s->key_count = s->top->first_key;
    if (at == s->end)
        return text_ends(s);
    if (*at == '}')
        return segmo__scan_fail(s, at, "a comma with nothing behind it; leave it out");
    return segmo__scan_fail(s, at, "expected a key in double quotes");
}

const char *segmo__scan_no_colon(segmo__scan *s, const char *at)
{
    return at == s->end ? text_ends(s) : segmo__scan_fail(s, at, "expected a colon behind the key");
}

const char *segmo__scan_no_separator(segmo__scan *s, const char *at)
{
    if (at == s->end)
        return text_ends(s);
    return segmo__scan_fail(s, at,
                            in_object(s) ? "expected a comma or } behind a member"
                                         : "expected a comma or ] behind an element");
}

static void name_key(segmo__buf *pointer, const segmo__scan_key *key)
{
    segmo__buf scratch;
    segmo__slice text;

    segmo__buf_init(&scratch, key->len + 1);
    text = segmo__json_text((segmo__slice){key->at, key->len}, &scratch);
    segmo__json_pointer_add(pointer, text.at, text.len);
    segmo__buf_free(&scratch);
}

/* The pointer of the spot: the last key or the element of each open container. A spot too deep or
 * too long to be named stays without a pointer. */
static char *spot(const segmo__scan *s)
{
    segmo__buf pointer;

    segmo__buf_init(&pointer, POINTER_MAX);
    for (const segmo__scan_frame *frame = s->frames + 1; frame <= s->top; frame++) {
        uint32_t keys_end = frame < s->top ? frame[1].first_key : s->key_count;

        if (frame->closer == ']')
            segmo__buf_addf(&pointer, "/%u", frame->elements);
        else if (keys_end > frame->first_key)
            name_key(&pointer, s->keys + keys_end - 1);
    }
    return segmo__buf_detach(&pointer);
}

int segmo__scan_explain(const segmo__scan *s, segmo_error **err)
{
    char *pointer;
    int status;

    if (!s->reason)
        return segmo__fail_memory(err);
    pointer = err ? spot(s) : NULL;
    status = segmo__fail(err, SEGMO_ERR_JSON, pointer, "byte %zu: %s",
                         (size_t)(s->failed_at - s->start), s->reason);
    segmo__free(pointer);
    return status;
}
