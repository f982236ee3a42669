/* Batch bodies: every item is handed out once, in order, and can be tried by itself. */
#include "help/fuzz.h"
#include "help/rules.h"

#include "model/batch.h"

static int take(void *ctx, size_t index, segmo__slice item)
{
    size_t *expected = ctx;
    segmo__buf stored;

    must(index == *expected);
    ++*expected;
    must(item.len > 0);
    segmo__buf_init(&stored, SEGMO__MESSAGE_STORED_MAX);
    segmo__message_complete(&stored, item, &fuzz_rules, NULL);
    segmo__buf_free(&stored);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    segmo_error *error = NULL;
    size_t count = 0;
    int status = segmo__batch_each(fuzz_slice(data, size), take, &count, &error);

    must(status == SEGMO_OK || *segmo_error_message(error));
    must(count <= SEGMO__BATCH_MAX_MESSAGES);
    segmo_error_free(error);
    return 0;
}
