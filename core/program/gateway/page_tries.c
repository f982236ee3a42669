#include "page_tries.h"

#include <string.h>

uint8_t page_reason(page_reasons *reasons, const char *at, unsigned long len)
{
    uint8_t i;

    if (len == 0)
        return 0;
    if (len >= sizeof reasons->words[0])
        len = sizeof reasons->words[0] - 1;
    for (i = 1; i <= reasons->count; i++)
        if (strlen(reasons->words[i]) == len && memcmp(reasons->words[i], at, len) == 0)
            return i;
    if (reasons->count == PAGE_REASONS - 2) { /* more than there are in the code */
        memcpy(reasons->words[PAGE_REASONS - 1], "other", 6);
        return PAGE_REASONS - 1;
    }
    reasons->count = i;
    memcpy(reasons->words[i], at, len);
    return i;
}

page_try *page_tries_add(page_tries *tries, uint32_t *number)
{
    page_try *place;

    if (++tries->end == 0)
        tries->end = 1;
    *number = tries->end;
    place = &tries->kept[*number % PAGE_TRIES];
    memset(place, 0, sizeof *place);
    place->retry_in_ms = -1;
    return place;
}

const page_try *page_tries_get(const page_tries *tries, uint32_t number)
{
    if (number == 0 || tries->end - number >= PAGE_TRIES)
        return NULL;
    return &tries->kept[number % PAGE_TRIES];
}
