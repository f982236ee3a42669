#include "client/tally.h"

#include "base/json.h"

static int same(const char *a, const char *b)
{
    return a == b || strcmp(a, b) == 0;
}

void segmo__reasons_add(segmo__reasons *reasons, const char *reason, uint64_t by)
{
    size_t last = SEGMO__TALLY_REASONS - 1;

    for (size_t i = 0; i < last; i++) {
        const char *name = atomic_load(&reasons->row[i].name);

        if (!name && atomic_compare_exchange_strong(&reasons->row[i].name, &name, reason))
            name = reason;
        if (same(name, reason)) {
            segmo__count(&reasons->row[i].count, by);
            return;
        }
    }
    atomic_store(&reasons->row[last].name, "other");
    segmo__count(&reasons->row[last].count, by);
}

void segmo__reasons_put(const segmo__reasons *reasons, segmo__buf *out)
{
    int first = 1;

    segmo__buf_add_char(out, '{');
    for (size_t i = 0; i < SEGMO__TALLY_REASONS; i++) {
        const char *name = atomic_load(&reasons->row[i].name);

        if (!name)
            continue;
        if (!first)
            segmo__buf_add_char(out, ',');
        first = 0;
        segmo__json_put_text(out, name);
        segmo__buf_add_char(out, ':');
        segmo__buf_add_u64(out, segmo__counted(&reasons->row[i].count));
    }
    segmo__buf_add_char(out, '}');
}
