#include "api/hand_out.h"

int segmo__hand_out(int status, segmo__buf *buf, char **out, size_t *out_len, segmo_error **err)
{
    if (status >= SEGMO_OK && !out)
        status = segmo__need(out, "out", err);
    if (status < SEGMO_OK || !out) {
        segmo__buf_free(buf);
        return status;
    }
    if (out_len)
        *out_len = buf->len;
    *out = segmo__buf_detach(buf);
    return *out ? status : segmo__fail_memory(err);
}
