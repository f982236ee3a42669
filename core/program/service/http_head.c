#include "http_head.h"

#define METHOD_MAX 16

static const char *const field_names[HTTP_FIELD_COUNT] = {
    [HTTP_HOST] = "host",
    [HTTP_CONTENT_LENGTH] = "content-length",
    [HTTP_TRANSFER_ENCODING] = "transfer-encoding",
    [HTTP_CONTENT_ENCODING] = "content-encoding",
    [HTTP_AUTHORIZATION] = "authorization",
    [HTTP_API_KEY] = "x-api-key",
    [HTTP_ORIGIN] = "origin",
    [HTTP_EXPECT] = "expect",
    [HTTP_CONNECTION] = "connection",
    [HTTP_FORWARDED_FOR] = "x-forwarded-for",
    [HTTP_FORWARDED_PROTO] = "x-forwarded-proto",
    [HTTP_COOKIE] = "cookie",
    [HTTP_FETCH_SITE] = "sec-fetch-site",
    [HTTP_PAGE_TOKEN] = "x-segmo-page",
};

int http_means(segmo__slice slice, const char *text)
{
    size_t i;

    for (i = 0; i < slice.len && text[i]; i++)
        if (segmo__ascii_lower(slice.at[i]) != text[i])
            return 0;
    return i == slice.len && !text[i];
}

/* ---- characters ---- */

static int is_letter_or_digit(char c)
{
    char lower = segmo__ascii_lower(c);

    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
}

static int is_token(char c)
{
    return is_letter_or_digit(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static int is_visible(char c)
{
    return c > 0x20 && c < 0x7f;
}

static int is_value(char c)
{
    return c == '\t' || ((unsigned char)c >= 0x20 && c != 0x7f);
}

static int all(segmo__slice slice, int (*is)(char c))
{
    for (size_t i = 0; i < slice.len; i++)
        if (!is(slice.at[i]))
            return 0;
    return 1;
}

static segmo__slice without_blanks(segmo__slice slice)
{
    while (slice.len > 0 && (*slice.at == ' ' || *slice.at == '\t'))
        slice.at++, slice.len--;
    while (slice.len > 0 && (slice.at[slice.len - 1] == ' ' || slice.at[slice.len - 1] == '\t'))
        slice.len--;
    return slice;
}

/* ---- the request line ---- */

static int split(segmo__slice *rest, char at, segmo__slice *piece)
{
    const char *found = rest->len > 0 ? memchr(rest->at, at, rest->len) : NULL;

    if (!found)
        return 0;
    *piece = (segmo__slice){rest->at, (size_t)(found - rest->at)};
    rest->len -= piece->len + 1;
    rest->at = found + 1;
    return 1;
}

static int read_version(http_head *out, segmo__slice version)
{
    if (segmo__slice_is(version, "HTTP/1.1") || segmo__slice_is(version, "HTTP/1.0")) {
        out->keep_alive = version.at[7] == '1';
        return HTTP_COMPLETE;
    }
    return version.len > 5 && memcmp(version.at, "HTTP/", 5) == 0 ? 505 : 400;
}

static int read_request_line(http_head *out, segmo__slice line)
{
    segmo__slice target;

    if (!split(&line, ' ', &out->method) || !split(&line, ' ', &target))
        return 400;
    if (out->method.len == 0 || out->method.len > METHOD_MAX || !all(out->method, is_token))
        return 400;
    if (target.len == 0 || *target.at != '/' || !all(target, is_visible))
        return 400;
    if (memchr(target.at, '#', target.len))
        return 400;
    out->path = target;
    if (split(&target, '?', &out->path))
        out->query = target;
    return read_version(out, line);
}

/* ---- fields ---- */

static http_field field_of(segmo__slice name)
{
    http_field field = 0;

    while (field < HTTP_FIELD_COUNT && !http_means(name, field_names[field]))
        field++;
    return field;
}

static int lists(segmo__slice value, const char *token)
{
    segmo__slice piece;

    while (split(&value, ',', &piece))
        if (http_means(without_blanks(piece), token))
            return 1;
    return http_means(without_blanks(value), token);
}

static int read_field(http_head *out, segmo__slice line, int *closes)
{
    segmo__slice name, value = line;
    http_field field;

    if (!split(&value, ':', &name) || name.len == 0 || !all(name, is_token) ||
        !all(value, is_value))
        return 400;
    field = field_of(name);
    if (field == HTTP_FIELD_COUNT)
        return HTTP_COMPLETE;
    if (field < HTTP_CONNECTION && out->field[field].at)
        return 400;
    out->field[field] = without_blanks(value);
    if (field == HTTP_CONNECTION)
        *closes |= lists(out->field[field], "close");
    return HTTP_COMPLETE;
}

/* ---- what the fields mean together ---- */

static int read_length(http_head *out)
{
    segmo__slice digits = out->field[HTTP_CONTENT_LENGTH];

    if (digits.len == 0)
        return 400;
    for (size_t i = 0; i < digits.len; i++)
        if (digits.at[i] < '0' || digits.at[i] > '9')
            return 400;
    if (digits.len > 18)
        return 413;
    for (size_t i = 0; i < digits.len; i++)
        out->content_length = out->content_length * 10 + (uint64_t)(digits.at[i] - '0');
    out->framing = out->content_length > 0 ? HTTP_LENGTH : HTTP_NO_BODY;
    return HTTP_COMPLETE;
}

static int read_framing(http_head *out, int is_1_1)
{
    int chunked = http_has(out, HTTP_TRANSFER_ENCODING);

    if (chunked && (http_has(out, HTTP_CONTENT_LENGTH) || !is_1_1))
        return 400;
    if (!chunked)
        return http_has(out, HTTP_CONTENT_LENGTH) ? read_length(out) : HTTP_COMPLETE;
    if (!http_means(out->field[HTTP_TRANSFER_ENCODING], "chunked"))
        return 501;
    out->framing = HTTP_CHUNKED;
    return HTTP_COMPLETE;
}

static int is_host(char c)
{
    return is_letter_or_digit(c) || (c && strchr("-._~%!$&'()*+,;=:[]", c));
}

static int conclude(http_head *out, int closes)
{
    int is_1_1 = out->keep_alive;
    segmo__slice host = out->field[HTTP_HOST];

    if ((is_1_1 && !host.at) || !all(host, is_host))
        return 400;
    if (http_has(out, HTTP_EXPECT)) {
        if (!http_means(out->field[HTTP_EXPECT], "100-continue"))
            return 417;
        out->expects_continue = is_1_1;
    }
    if (closes)
        out->keep_alive = 0;
    else if (!is_1_1 && http_has(out, HTTP_CONNECTION))
        out->keep_alive = lists(out->field[HTTP_CONNECTION], "keep-alive");
    return read_framing(out, is_1_1);
}

int http_head_parse(http_head *out, segmo__slice bytes)
{
    segmo__slice rest = bytes, line;
    int fields = -1, closes = 0, status = HTTP_COMPLETE;

    memset(out, 0, sizeof *out);
    if (rest.len > HTTP_HEAD_MAX)
        rest.len = HTTP_HEAD_MAX;
    while (split(&rest, '\n', &line)) {
        if (line.len == 0 || line.at[line.len - 1] != '\r')
            return 400;
        line.len--;
        if (fields >= 0 && line.len == 0) {
            out->len = (size_t)(rest.at - bytes.at);
            return conclude(out, closes);
        }
        if (fields >= HTTP_FIELDS_MAX)
            return 431;
        status = fields < 0 ? read_request_line(out, line) : read_field(out, line, &closes);
        if (status != HTTP_COMPLETE)
            return status;
        fields++;
    }
    if (bytes.len < HTTP_HEAD_MAX)
        return HTTP_INCOMPLETE;
    return fields < 0 ? 414 : 431;
}
