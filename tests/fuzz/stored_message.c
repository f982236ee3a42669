/* Reading a stored message back from bytes that anybody may have written: what is accepted points
 * into itself. */
#include "help/fuzz.h"

#include "model/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    segmo__slice stored = fuzz_slice(data, size);
    segmo__message message;
    segmo_error *error = NULL;
    int status = segmo__message_read(&message, stored, &error);

    must(status == SEGMO_OK || (status == SEGMO_ERR_INVALID && *segmo_error_message(error)));
    segmo_error_free(error);
    if (status != SEGMO_OK)
        return 0;
    must(message.json >= stored.at);
    must(message.json + message.json_len <= stored.at + stored.len);
    must(segmo__call_name((segmo__call)message.call) != NULL);
    for (int part = 0; part < SEGMO__PART_COUNT; part++)
        must(message.part[part].at + message.part[part].len <= message.json_len);
    for (int i = 0; i < SEGMO__INTEGRATION_COUNT; i++)
        must(message.wants[i] <= SEGMO__WISH_YES);
    return 0;
}
