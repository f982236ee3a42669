#include "support/base64.h"

static int sextet(char c)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == '-' ? alphabet + 62 : c == '_' ? alphabet + 63 : NULL;

    if (!at && c)
        at = strchr(alphabet, c);
    return at ? (int)(at - alphabet) : -1;
}

int base64_decode(segmo__buf *out, segmo__slice text)
{
    unsigned bits = 0, held = 0;
    size_t len = text.len;

    while (len > 0 && text.len - len < 2 && text.at[len - 1] == '=')
        len--;
    if (len % 4 == 1)
        return 0;
    for (size_t i = 0; i < len; i++) {
        int value = sextet(text.at[i]);

        if (value < 0)
            return 0;
        held = held << 6 | (unsigned)value;
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        segmo__buf_add_char(out, (char)(held >> bits & 0xff));
    }
    return !out->failed;
}
