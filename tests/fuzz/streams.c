/* MoEngage Streams payloads: each event comes to one outcome, and what becomes a message is one
 * that completion takes. */
#include "help/fuzz.h"
#include "help/rules.h"

#include "base/json.h"
#include "model/streams.h"

static int take(void *ctx, const segmo__streams_item *item)
{
    size_t *items = ctx;
    segmo__buf stored;
    int status;

    ++*items;
    if (item->result != SEGMO__STREAMS_MESSAGE) {
        must(item->reason && *item->reason);
        return 0;
    }
    must(segmo__json_check_body(item->message, NULL) == SEGMO_OK);
    segmo__buf_init(&stored, SEGMO__MESSAGE_STORED_MAX);
    status = segmo__message_complete(&stored, item->message, &fuzz_rules, NULL);
    must(status == SEGMO_OK || status == SEGMO_ERR_TOO_LARGE || status == SEGMO_ERR_INVALID ||
         status == SEGMO_ERR_JSON);
    segmo__buf_free(&stored);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    segmo__slice payload = fuzz_slice(data, size);
    unsigned choice = fuzz_choice(&payload);
    segmo__streams_rules rules = {.derived_attributes = choice & 1,
                                  .recipients = choice >> 1 & 1,
                                  .campaign_context = choice >> 2 & 1,
                                  .user_actions = choice >> 3 & 1,
                                  .library_version = "1.0"};
    segmo_error *error = NULL;
    size_t items = 0;
    int status = segmo__streams_each(payload, &rules, take, &items, &error);

    must(status == SEGMO_OK || *segmo_error_message(error));
    must(status == SEGMO_OK || status == SEGMO_ERR_JSON || status == SEGMO_ERR_INVALID);
    must(items <= 2 * size);
    segmo_error_free(error);
    return 0;
}
