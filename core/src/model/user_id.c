#include "model/user_id.h"

#define WORD(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const segmo__slice refused[] = {
    WORD("unknown"), WORD("guest"),  WORD("null"),
    WORD("true"),    WORD("false"),  WORD("user_attribute_unique_id"),
    WORD("(empty)"), WORD("na"),     WORD("n/a"),
    WORD("user_id"), WORD("id"),     WORD("dummy_seller_code"),
    WORD("uid"),     WORD("userid"), WORD("none"),
    WORD("-1"),      WORD("-2"),     WORD("customer_id"),
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

static int same_ignoring_case(segmo__slice text, segmo__slice word)
{
    if (text.len != word.len)
        return 0;
    for (size_t i = 0; i < text.len; i++)
        if (segmo__ascii_lower(text.at[i]) != word.at[i])
            return 0;
    return 1;
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
