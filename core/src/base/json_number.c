/* Numbers of any form. Only their text is checked, nothing is converted: digits are never lost. */
#include "base/json_scan.h"

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && segmo__scan_is_digit(*at))
        at++;
    return at;
}

/* The exponent's value, cut at a million, which is beyond every limit. */
static long read_exponent(const char *at, const char *end)
{
    int negative = at < end && *at == '-';
    long number = 0;

    at += at < end && (*at == '-' || *at == '+');
    for (; at < end && segmo__scan_is_digit(*at); at++)
        if (number < 1000000)
            number = number * 10 + (*at - '0');
    return negative ? -number : number;
}

/* Whether the significant digits reach those of the greatest double, 1.797693134862315807937e308.
 */
static int reaches_the_greatest_double(const char *at, const char *end)
{
    for (const char *limit = "1797693134862315807937"; *limit; limit++) {
        char digit;

        at += at < end && *at == '.';
        digit = (char)(at < end ? *at++ : '0');
        if (digit != *limit)
            return digit > *limit;
    }
    return 1;
}

/* A number is 0.DDD x 10^power with the first D not 0: beyond a double when the power is above 309.
 */
static int overflows_double(const char *at, const char *end)
{
    const char *digits = at + (*at == '-'), *point, *exponent = digits, *first = digits;
    long power;

    while (exponent < end && (*exponent | 0x20) != 'e')
        exponent++;
    point = memchr(digits, '.', (size_t)(exponent - digits));
    point = point ? point : exponent;
    while (first < exponent && (*first == '0' || *first == '.'))
        first++;
    if (first == exponent)
        return 0;
    power = first < point ? point - first : point + 1 - first;
    if (exponent < end)
        power += read_exponent(exponent + 1, end);
    return power > 309 || (power == 309 && reaches_the_greatest_double(first, exponent));
}

static const char *no_digit(segmo__scan *s, const char *start, const char *at)
{
    if (at == start + 1 && at < s->end && (*at == 'I' || *at == 'i'))
        return segmo__scan_fail(s, start, "-Infinity is no JSON number; send null or a string");
    if (at == s->end)
        return segmo__scan_fail(s, at, "the text ends inside a number; send it whole");
    return segmo__scan_fail(s, at, "a digit is missing in a number");
}

const char *segmo__scan_number(segmo__scan *s, const char *start)
{
    const char *digits = start + (*start == '-'), *at = skip_digits(digits, s->end);
    int has_exponent;

    if (at == digits)
        return no_digit(s, start, at);
    if (*digits == '0' && at - digits > 1)
        return segmo__scan_fail(s, start, "a number starts with a superfluous 0; leave it out");
    if (at < s->end && *at == '.') {
        digits = at + 1;
        at = skip_digits(digits, s->end);
        if (at == digits)
            return no_digit(s, start, at);
    }
    has_exponent = at < s->end && (*at | 0x20) == 'e';
    if (has_exponent) {
        digits = at + 1;
        digits += digits < s->end && (*digits == '+' || *digits == '-');
        at = skip_digits(digits, s->end);
        if (at == digits)
            return no_digit(s, start, at);
    }
    if ((has_exponent || at - start > 308) && !s->grammar_only && overflows_double(start, at))
        return segmo__scan_fail(
            s, start, "a number too large for a double, such as 1e999; send it as a string");
    return at;
}
