/* HTTP Basic by hand: the library's own decoder refuses credentials without a colon, which Segment
 * takes. */
#include "auth.h"

#include <string.h>

static int sextet(char c)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(alphabet, c) : NULL;

    return at ? (int)(at - alphabet) : -1;
}

/* Writes the decoded bytes and a NUL; 0 when it is no base64 or does not fit. */
static int decode(const char *text, char *out, size_t out_size)
{
    size_t len = strcspn(text, "="), used = 0;
    unsigned bits = 0, held = 0;

    if (strspn(text + len, "=") != strlen(text + len) || strlen(text + len) > 2 || len % 4 == 1)
        return 0;
    for (size_t i = 0; i < len; i++) {
        int value = sextet(text[i]);

        if (value < 0)
            return 0;
        held = held << 6 | (unsigned)value;
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        if (used + 1 >= out_size)
            return 0;
        out[used++] = (char)(held >> bits & 0xff);
    }
    out[used] = '\0';
    return 1;
}

static int is_basic(const char *header)
{
    static const char scheme[] = "basic ";

    for (size_t i = 0; scheme[i]; i++)
        if ((header[i] | 0x20) != scheme[i])
            return 0;
    return 1;
}

int sandbox_basic_read(sandbox_credentials *out, const char *header)
{
    char *colon;

    memset(out, 0, sizeof *out);
    if (!header || !is_basic(header))
        return 0;
    if (!decode(header + 6 + strspn(header + 6, " "), out->user, sizeof out->user))
        return 0;
    colon = strchr(out->user, ':');
    if (colon) {
        out->has_colon = 1;
        *colon = '\0';
        memcpy(out->password, colon + 1, strlen(colon + 1) + 1);
    }
    return 1;
}
