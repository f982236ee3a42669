/* What bodies and credentials are wrapped in: gzip with its ceiling, base64. */
#include "help/fuzz.h"

#include "deliver/compress.h"
#include "support/base64.h"
#include "support/inflate.h"

#define CEILING 65536u

static void check_gzip(segmo__slice bytes)
{
    segmo__buf out, packed;
    segmo__gzip *gzip = segmo__gzip_new(1);

    segmo__buf_init(&out, CEILING);
    segmo__buf_init(&packed, 4 * CEILING);
    inflate_gzip(bytes, &out);
    must(out.len <= CEILING);
    if (bytes.len <= CEILING) {
        must(gzip && segmo__gzip_run(gzip, bytes, &packed));
        must(inflate_gzip(segmo__buf_slice(&packed), &out) == INFLATED);
        must(fuzz_same(segmo__buf_slice(&out), bytes));
    }
    segmo__gzip_free(gzip);
    segmo__buf_free(&out);
    segmo__buf_free(&packed);
}

static void check_base64(segmo__slice text)
{
    segmo__buf out;

    segmo__buf_init(&out, CEILING);
    base64_decode(&out, text);
    must(out.len <= text.len);
    segmo__buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_gzip(fuzz_slice(data, size));
    check_base64(fuzz_slice(data, size));
    return 0;
}
