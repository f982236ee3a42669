#include "http_chunks.h"

#include "http_head.h"

enum state {
    AT_SIZE,
    IN_EXTENSION,
    BEHIND_SIZE,
    IN_DATA,
    BEHIND_DATA,
    AT_DATA_LF,
    IN_TRAILER,
    AT_TRAILER_LF
};

static int hex(char c)
{
    char lower = segmo__ascii_lower(c);

    if (c >= '0' && c <= '9')
        return c - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static int read_size(http_chunks *chunks, char c)
{
    int digit = hex(c);

    if (digit >= 0) {
        if (++chunks->digits > 15)
            return 413;
        chunks->left = chunks->left << 4 | (unsigned)digit;
        return HTTP_INCOMPLETE;
    }
    if (chunks->digits == 0)
        return 400;
    if (c == ';')
        chunks->state = IN_EXTENSION;
    else if (c == '\r')
        chunks->state = BEHIND_SIZE;
    else
        return 400;
    return HTTP_INCOMPLETE;
}

static int read_extension(http_chunks *chunks, char c)
{
    if (c == '\r')
        chunks->state = BEHIND_SIZE;
    else if ((c >= 0 && c < 0x20 && c != '\t') || c == 0x7f)
        return 400;
    return HTTP_INCOMPLETE;
}

/* Trailers say nothing that is needed here; only their end is. */
static int read_trailer(http_chunks *chunks, char c)
{
    if (++chunks->trailer_len > HTTP_TRAILER_MAX)
        return 431;
    if (c == '\r') {
        chunks->state = AT_TRAILER_LF;
        return HTTP_INCOMPLETE;
    }
    if ((c >= 0 && c < 0x20 && c != '\t') || c == 0x7f)
        return 400;
    if (chunks->line_is_empty && (c == ' ' || c == '\t'))
        return 400;
    chunks->line_is_empty = 0;
    return HTTP_INCOMPLETE;
}

static int read_control(http_chunks *chunks, char c, uint64_t room)
{
    switch (chunks->state) {
    case AT_SIZE:
    case IN_EXTENSION:
        if (++chunks->line_len > HTTP_EXTENSION_MAX)
            return 400;
        return chunks->state == AT_SIZE ? read_size(chunks, c) : read_extension(chunks, c);
    case BEHIND_SIZE:
        if (c != '\n')
            return 400;
        if (chunks->left > room)
            return 413;
        chunks->state = chunks->left > 0 ? IN_DATA : IN_TRAILER;
        chunks->line_is_empty = 1;
        chunks->digits = 0;
        chunks->line_len = 0;
        return HTTP_INCOMPLETE;
    case BEHIND_DATA:
        chunks->state = AT_DATA_LF;
        return c == '\r' ? HTTP_INCOMPLETE : 400;
    case AT_DATA_LF:
        chunks->state = AT_SIZE;
        return c == '\n' ? HTTP_INCOMPLETE : 400;
    case IN_TRAILER:
        return read_trailer(chunks, c);
    default: /* AT_TRAILER_LF */
        if (c != '\n')
            return 400;
        if (chunks->line_is_empty)
            return HTTP_COMPLETE;
        chunks->state = IN_TRAILER;
        chunks->line_is_empty = 1;
        return HTTP_INCOMPLETE;
    }
}

int http_chunks_read(http_chunks *chunks, const char *in, size_t len, char *out, uint64_t room,
                     size_t *taken, size_t *made)
{
    int status = HTTP_INCOMPLETE;

    *taken = *made = 0;
    while (*taken < len && status == HTTP_INCOMPLETE) {
        size_t part = len - *taken;

        if (chunks->state != IN_DATA) {
            status = read_control(chunks, in[(*taken)++], room - *made);
            continue;
        }
        if (part > chunks->left)
            part = (size_t)chunks->left;
        memmove(out + *made, in + *taken, part);
        *taken += part;
        *made += part;
        chunks->left -= part;
        if (chunks->left == 0)
            chunks->state = BEHIND_DATA;
    }
    return status;
}
