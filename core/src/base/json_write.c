/* Writing JSON: strings, pointers and checked values without their white space. */
#include "base/json.h"

#include "base/json_bytes.h"

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

static void put_escape(segmo__buf *out, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    static const char bytes[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    const char *found = byte ? strchr(bytes, byte) : NULL;
    char escape[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};

    if (found)
        escape[1] = names[found - bytes];
    segmo__buf_add(out, escape, found ? 2 : 6);
}

void segmo__json_put_string(segmo__buf *out, const char *bytes, size_t len)
{
    const char *at = bytes, *end = bytes + len, *run = bytes;

    segmo__buf_add_char(out, '"');
    while ((at = segmo__json_skip_plain(at, end)) < end) {
        int sequence = (unsigned char)*at < 0x80 ? 0 : segmo__json_utf8_len(at, end);

        if (sequence > 0) {
            at += sequence;
            continue;
        }
        segmo__buf_add(out, run, (size_t)(at - run));
        if ((unsigned char)*at < 0x80)
            put_escape(out, (unsigned char)*at);
        else
            segmo__buf_add(out, replacement, sizeof replacement - 1);
        run = ++at;
    }
    segmo__buf_add(out, run, (size_t)(at - run));
    segmo__buf_add_char(out, '"');
}

/* From the opening quote to behind the closing one. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"';) {
        at = segmo__json_skip_plain(at, end);
        if (at < end && *at != '"')
            at += *at == '\\' ? 2 : 1;
    }
    return at + 1;
}

void segmo__json_put_compact(segmo__buf *out, segmo__slice value)
{
    const char *at = value.at, *end = at + value.len, *run = at;

    while (at < end) {
        if (*at == '"') {
            at = skip_string(at, end);
        } else if (segmo__json_is_space(*at)) {
            segmo__buf_add(out, run, (size_t)(at - run));
            at = segmo__json_skip_space(at, end);
            run = at;
        } else {
            at++;
        }
    }
    segmo__buf_add(out, run, (size_t)(end - run));
}

/* A pointer ends in a NUL, so a NUL within a name is shown as U+FFFD. */
void segmo__json_pointer_add(segmo__buf *pointer, const char *bytes, size_t len)
{
    segmo__buf_add_char(pointer, '/');
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '~')
            segmo__buf_add_lit(pointer, "~0");
        else if (bytes[i] == '/')
            segmo__buf_add_lit(pointer, "~1");
        else if (bytes[i] == '\0')
            segmo__buf_add(pointer, replacement, sizeof replacement - 1);
        else
            segmo__buf_add_char(pointer, bytes[i]);
    }
}
