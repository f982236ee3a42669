/* Completing and checking a message: what is accepted is valid JSON, can be read back, and stays as
 * it is when it is completed again. */
#include "help/fuzz.h"
#include "help/rules.h"

#include "base/json.h"

static void check_parts(const segmo__message *message)
{
    for (int part = 0; part < SEGMO__PART_COUNT; part++) {
        segmo__slice span = segmo__message_part(message, (segmo__part)part);

        if (span.len == 0)
            continue;
        must(message->part[part].at + span.len <= message->json_len);
        must(segmo__json_check(span, NULL) == SEGMO_OK);
    }
}

static void check_again(const segmo__message *message, const segmo__message_rules *rules)
{
    segmo__slice json = {message->json, message->json_len};
    segmo__message again;
    segmo__buf stored;

    if (json.len > SEGMO__MESSAGE_MAX)
        return;
    segmo__buf_init(&stored, SEGMO__MESSAGE_STORED_MAX);
    must(segmo__message_complete(&stored, json, rules, NULL) == SEGMO_OK);
    must(segmo__message_read(&again, segmo__buf_slice(&stored), NULL) == SEGMO_OK);
    must(fuzz_same(json, (segmo__slice){again.json, again.json_len}));
    must(again.user == message->user && again.id_hash == message->id_hash);
    must(again.timestamp_ms == message->timestamp_ms && again.call == message->call);
    must(memcmp(again.part, message->part, sizeof again.part) == 0);
    segmo__buf_free(&stored);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    segmo__slice json = fuzz_slice(data, size);
    segmo__message_rules rules = fuzz_rules;
    segmo__message message;
    segmo__buf stored;
    segmo_error *error = NULL;
    int status;

    rules.call = (int)(fuzz_choice(&json) % 7) - 1;
    segmo__buf_init(&stored, SEGMO__MESSAGE_STORED_MAX);
    segmo__buf_add_lit(&stored, "before");
    status = segmo__message_complete(&stored, json, &rules, &error);
    must(stored.len >= 6 && memcmp(stored.data, "before", 6) == 0);
    if (status == SEGMO_OK) {
        segmo__slice whole = {stored.data + 6, stored.len - 6};

        must(segmo__message_read(&message, whole, NULL) == SEGMO_OK);
        must(segmo__json_check((segmo__slice){message.json, message.json_len}, NULL) == SEGMO_OK);
        check_parts(&message);
        check_again(&message, &rules);
    } else {
        must(stored.len == 6 && *segmo_error_message(error));
        must(status == SEGMO_ERR_JSON || status == SEGMO_ERR_INVALID ||
             status == SEGMO_ERR_TOO_LARGE);
    }
    segmo_error_free(error);
    segmo__buf_free(&stored);
    return 0;
}
