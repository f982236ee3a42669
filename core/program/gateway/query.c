#include "query.h"

static int hex(char c)
{
    char lower = segmo__ascii_lower(c);

    if (c >= '0' && c <= '9')
        return c - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

void query_unescape(segmo__buf *out, segmo__slice text, int plus_is_space)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];

        if (c == '%' && i + 2 < text.len && hex(text.at[i + 1]) >= 0 && hex(text.at[i + 2]) >= 0) {
            c = (char)(hex(text.at[i + 1]) << 4 | hex(text.at[i + 2]));
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        segmo__buf_add_char(out, c);
    }
}

int query_next(segmo__slice *query, query_pair *out)
{
    const char *end, *equals;

    if (query->len == 0)
        return 0;
    end = memchr(query->at, '&', query->len);
    out->name = *query;
    if (end)
        out->name.len = (size_t)(end - query->at);
    query->at += out->name.len + (end != NULL);
    query->len -= out->name.len + (end != NULL);
    equals = out->name.len > 0 ? memchr(out->name.at, '=', out->name.len) : NULL;
    out->value = (segmo__slice){"", 0};
    if (equals) {
        out->value =
            (segmo__slice){equals + 1, (size_t)(out->name.at + out->name.len - equals - 1)};
        out->name.len = (size_t)(equals - out->name.at);
    }
    return 1;
}

int query_find(segmo__slice query, const char *name, segmo__slice *value)
{
    query_pair pair;

    while (query_next(&query, &pair))
        if (segmo__slice_is(pair.name, name)) {
            *value = pair.value;
            return 1;
        }
    return 0;
}
