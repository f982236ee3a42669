/* What an answer's headers ask for, and every form of a time. */
#include "help/fuzz.h"

#include "base/clock.h"
#include "base/timezone.h"
#include "deliver/answer_head.h"

#define NOW_MS 1767607872345

static void check_waits(segmo__slice value)
{
    int64_t wait = segmo__answer_retry_after(value, 0, NOW_MS);
    int64_t reset = segmo__answer_rate_reset(value, NOW_MS);

    must(wait >= -1 && wait <= SEGMO__RETRY_AFTER_MAX_MS);
    must(reset >= -1 && reset <= SEGMO__RATE_RESET_MAX_MS);
    wait = segmo__answer_retry_after(value, NOW_MS - 86400000, NOW_MS);
    must(wait >= -1 && wait <= SEGMO__RETRY_AFTER_MAX_MS);
}

/* The headers of an answer, line by line. */
static void check_head(segmo__slice lines)
{
    segmo__answer_head head;

    segmo__answer_head_clear(&head);
    while (lines.len > 0) {
        const char *end = memchr(lines.at, '\n', lines.len);
        size_t len = end ? (size_t)(end - lines.at) + 1 : lines.len;

        segmo__answer_head_line(&head, (segmo__slice){lines.at, len});
        lines.at += len;
        lines.len -= len;
    }
    must(segmo__answer_head_retry_after_ms(&head, NOW_MS) <= SEGMO__RETRY_AFTER_MAX_MS);
    must(segmo__answer_head_rate_reset_ms(&head, NOW_MS) <= SEGMO__RATE_RESET_MAX_MS);
    segmo__answer_head_date_ms(&head);
}

static void check_dates(segmo__slice text)
{
    char iso[SEGMO__ISO_LEN + 1];
    int64_t moment, again;

    segmo__clock_parse_http_date(text, &moment);
    if (!segmo__clock_parse_iso(text, &moment))
        return;
    segmo__clock_iso(iso, moment);
    if (strlen(iso) == SEGMO__ISO_LEN && iso[0] >= '0' && iso[0] <= '9') {
        must(segmo__clock_parse_iso(segmo__slice_of(iso), &again));
        must(again == moment);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    segmo__slice text = fuzz_slice(data, size);
    int32_t offset_s = 0;

    check_waits(text);
    check_head(text);
    check_dates(text);
    if (segmo__timezone_offset(text, NOW_MS / 1000, &offset_s))
        must(offset_s > -86400 && offset_s < 86400);
    return 0;
}
