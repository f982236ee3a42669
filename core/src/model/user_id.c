#include "model/user_id.h"

static const char *const refused[] = {
    "unknown", "guest",  "null", "true",    "false", "user_attribute_unique_id",
    "(empty)", "na",     "n/a",  "user_id", "id",    "dummy_seller_code",
    "uid",     "userid", "none", "-1",      "-2",    "customer_id",
};

static int is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static segmo__slice trimmed(segmo__slice text)
{
    while (text.len > 0 && is_space(text.at[0]))
        text = (segmo__slice){text.at + 1, text.len - 1};
    while (text.len > 0 && is_space(text.at[text.len - 1]))
        text.len--;
    return text;
}

static int same_ignoring_case(segmo__slice text, const char *word)
{
    for (size_t i = 0; i < text.len; i++, word++) {
        char c = text.at[i];

        if ((c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c) != *word || *word == '\0')
            return 0;
    }
    return *word == '\0';
}

/* One character of UTF-8, whatever its number of bytes. */
static int is_one_character(segmo__slice text)
{
    size_t starts = 0;

    for (size_t i = 0; i < text.len && starts < 2; i++)
        starts += ((unsigned char)text.at[i] & 0xC0) != 0x80;
    return starts == 1;
}

int segmo__user_id_refused(segmo__slice decoded)
{
    segmo__slice text = trimmed(decoded);

    if (text.len == 0 || is_one_character(text))
        return 1;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (same_ignoring_case(text, refused[i]))
            return 1;
    return 0;
}
