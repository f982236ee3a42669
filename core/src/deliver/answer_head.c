/* Few bytes of few headers are kept, as text, and understood when they are asked for. */
#include "deliver/answer_head.h"

#include "base/clock.h"

#define EPOCH_FROM 1000000 /* a smaller number is seconds to go */

/* ---- values ---- */

static segmo__slice trim(segmo__slice text)
{
    while (text.len > 0 && strchr(" \t\r\n", text.at[0])) {
        text.at++;
        text.len--;
    }
    while (text.len > 0 && strchr(" \t\r\n", text.at[text.len - 1]))
        text.len--;
    return text;
}

/* Digits alone, saturating at `most`; -1 for anything else. */
static int64_t parse_count(segmo__slice text, int64_t most)
{
    int64_t count = 0;

    if (text.len == 0)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return -1;
        count = count * 10 + (text.at[i] - '0');
        if (count > most)
            count = most;
    }
    return count;
}

static int64_t clamp(int64_t value, int64_t most)
{
    if (value < 0)
        return 0;
    return value < most ? value : most;
}

int64_t segmo__answer_retry_after(segmo__slice value, int64_t date_ms, int64_t now_ms)
{
    int64_t seconds, at_ms;

    value = trim(value);
    seconds = parse_count(value, SEGMO__RETRY_AFTER_MAX_MS / 1000);
    if (seconds >= 0)
        return seconds * 1000;
    if (!segmo__clock_parse_http_date(value, &at_ms))
        return -1;
    return clamp(at_ms - (date_ms > 0 ? date_ms : now_ms), SEGMO__RETRY_AFTER_MAX_MS);
}

int64_t segmo__answer_rate_reset(segmo__slice value, int64_t now_ms)
{
    int64_t seconds = parse_count(trim(value), INT64_MAX / 10000);

    if (seconds < 0)
        return -1;
    if (seconds < EPOCH_FROM)
        return clamp(seconds * 1000, SEGMO__RATE_RESET_MAX_MS);
    return clamp(seconds * 1000 - now_ms, SEGMO__RATE_RESET_MAX_MS);
}

/* ---- lines ---- */

/* `name` is in lower case and ends with the colon. */
static void keep_if_named(segmo__header_value *out, segmo__slice line, const char *name)
{
    size_t len = strlen(name);
    segmo__slice value;

    if (line.len < len)
        return;
    for (size_t i = 0; i < len; i++)
        if (segmo__ascii_lower(line.at[i]) != name[i])
            return;
    value = trim((segmo__slice){line.at + len, line.len - len});
    out->len = 0;
    if (value.len <= sizeof out->text)
        memcpy(out->text, value.at, out->len = value.len);
}

void segmo__answer_head_clear(segmo__answer_head *head)
{
    head->whole = 0;
    head->retry_after.len = head->rate_reset.len = head->date.len = 0;
}

void segmo__answer_head_line(segmo__answer_head *head, segmo__slice line)
{
    if (line.len >= 5 && memcmp(line.at, "HTTP/", 5) == 0)
        segmo__answer_head_clear(head);
    head->whole = trim(line).len == 0;
    keep_if_named(&head->retry_after, line, "retry-after:");
    keep_if_named(&head->rate_reset, line, "x-ratelimit-reset:");
    keep_if_named(&head->date, line, "date:");
}

static segmo__slice slice_of(const segmo__header_value *value)
{
    return (segmo__slice){value->text, value->len};
}

int64_t segmo__answer_head_date_ms(const segmo__answer_head *head)
{
    int64_t date_ms;

    return segmo__clock_parse_http_date(slice_of(&head->date), &date_ms) ? date_ms : 0;
}

int64_t segmo__answer_head_retry_after_ms(const segmo__answer_head *head, int64_t now_ms)
{
    return segmo__answer_retry_after(slice_of(&head->retry_after), segmo__answer_head_date_ms(head),
                                     now_ms);
}

int64_t segmo__answer_head_rate_reset_ms(const segmo__answer_head *head, int64_t now_ms)
{
    return segmo__answer_rate_reset(slice_of(&head->rate_reset), now_ms);
}
