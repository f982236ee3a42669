/* HTTP Basic by hand: the library's own decoder refuses credentials without a colon, which Segment
 * takes. */
#include "auth.h"

#include "support/base64.h"

#include <string.h>

/* Writes the decoded bytes and a NUL; 0 when it is no base64 or does not fit. */
static int decode(const char *text, char *out, size_t out_size)
{
    segmo__buf decoded = {.data = out, .cap = out_size - 1, .max = out_size - 1};

    if (!base64_decode(&decoded, segmo__slice_of(text)))
        return 0;
    out[decoded.len] = '\0';
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
