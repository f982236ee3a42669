#include "route/host.h"

#include <stdio.h>
#include <stdlib.h>

/* The rest of `text` behind `head`, compared without case; NULL when it begins otherwise. */
static const char *behind(const char *text, const char *head)
{
    for (; *head; text++, head++)
        if (segmo__ascii_lower(*text) != *head)
            return NULL;
    return text;
}

static int same(const char *text, const char *word)
{
    const char *rest = behind(text, word);

    return rest && *rest == '\0';
}

/* ---- addresses ---------------------------------------------------------------------------- */

static int is_address_char(char c)
{
    return (unsigned char)c > ' ' && (unsigned char)c < 0x7f && !strchr("@?#\\\"'<>^`{|}", c);
}

static int good_port(const char *port, size_t len)
{
    unsigned long number = strtoul(port, NULL, 10);

    return len > 0 && len <= 5 && strspn(port, "0123456789") >= len && number > 0 && number < 65536;
}

/* name, name:port or [address]:port, up to the first slash */
static int good_authority(const char *at, size_t len)
{
    const char *close = at[0] == '[' ? memchr(at, ']', len) : NULL;
    const char *colon = close ? close + 1 : memchr(at, ':', len);
    size_t name_len;

    if (at[0] == '[' && !close)
        return 0;
    if (!colon || colon == at + len)
        return len > (close ? 2u : 0u);
    name_len = (size_t)(colon - at);
    return *colon == ':' && name_len > 0 && good_port(colon + 1, len - name_len - 1);
}

static size_t without_end(const char *text, size_t len)
{
    while (len > 0 && text[len - 1] == '/')
        len--;
    if (len >= 3 && memcmp(text + len - 3, "/v1", 3) == 0)
        len -= 3;
    while (len > 0 && text[len - 1] == '/')
        len--;
    return len;
}

static int add_address(segmo__buf *out, const char *text, const char *field, segmo_error **err)
{
    const char *rest = behind(text, "http://");
    const char *scheme = rest ? "http://" : "https://";
    size_t len, clean = 0;

    if (!rest)
        rest = behind(text, "https://");
    if (!rest)
        rest = text;
    len = without_end(rest, strlen(rest));
    while (clean < len && is_address_char(rest[clean]))
        clean++;
    if (clean < len || len > 1024 || strstr(rest, "://") ||
        !good_authority(rest, strcspn(rest, "/")))
        return segmo__fail(err, SEGMO_ERR_OPTION, field,
                           "%s is no address; write it as https://name, with a port or a path if "
                           "there is one, and without user, query or spaces",
                           field);
    segmo__buf_add_str(out, scheme);
    segmo__buf_add(out, rest, len);
    return SEGMO_OK;
}

static int is_loopback(const char *name, size_t len)
{
    size_t digits = strspn(name, "0123456789.");

    if (len >= 9 && digits >= len && memcmp(name, "127.", 4) == 0)
        return 1;
    return (len == 9 && memcmp(name, "localhost", 9) == 0) ||
           (len == 5 && memcmp(name, "[::1]", 5) == 0);
}

int segmo__host_is_exposed(const char *url)
{
    const char *name = behind(url, "http://");
    size_t len;

    if (!name)
        return 0;
    len = name[0] == '[' ? strcspn(name, "]") + 1 : strcspn(name, ":/");
    return !is_loopback(name, len);
}

/* ---- regions and data centres ------------------------------------------------------------- */

int segmo__host_segment(segmo__buf *out, const char *region_or_host, const char *field,
                        segmo_error **err)
{
    if (same(region_or_host, "us"))
        segmo__buf_add_lit(out, "https://api.segment.io");
    else if (same(region_or_host, "eu"))
        segmo__buf_add_lit(out, "https://events.eu1.segmentapis.com");
    else
        return add_address(out, region_or_host, field, err);
    return SEGMO_OK;
}

typedef struct spelling {
    const char *text;
    unsigned number;
} spelling;

static const spelling regions[] = {{"us", 1}, {"eu", 2},  {"ind", 3},
                                   {"in", 3}, {"sgp", 5}, {"idn", 6}};

/* Longer ones first: each is the beginning of a spelling whose end is the number. */
static const char *const number_heads[] = {"data_center_", "us-dc-", "sgp-dc-", "idn-dc-",
                                           "dc_",          "dc-",    "dc",      ""};

/* 0 when the text is no spelling of a data centre at all. */
static unsigned data_center(const char *text)
{
    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++)
        if (same(text, regions[i].text))
            return regions[i].number;
    for (size_t i = 0; i < sizeof number_heads / sizeof number_heads[0]; i++) {
        const char *digits = behind(text, number_heads[i]);
        size_t len = digits ? strspn(digits, "0123456789") : 0;

        if (len >= 1 && len <= 3 && digits[len] == '\0')
            return (unsigned)strtoul(digits, NULL, 10);
    }
    return 0;
}

int segmo__host_moengage(segmo__buf *out, const char *data_center_or_url, const char *field,
                         segmo_error **err)
{
    unsigned number = data_center(data_center_or_url);

    if ((number >= 1 && number <= 6) || number == 101) {
        segmo__buf_addf(out, "https://api-%02u.moengage.com", number);
        return SEGMO_OK;
    }
    if (strpbrk(data_center_or_url, ".:"))
        return add_address(out, data_center_or_url, field, err);
    return segmo__fail(
        err, SEGMO_ERR_OPTION, field,
        "%s is none of MoEngage's data centres 1 to 6 and 101; the number stands in the "
        "dashboard's address, dashboard-0X.moengage.com",
        field);
}
