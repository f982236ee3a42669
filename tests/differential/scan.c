/* The strict scanner as a filter, to be compared with another parser's opinion.
 *
 * stdin: documents, each behind its length (4 bytes, little-endian). stdout: for each the compact
 * form in the same framing, or the length 0xFFFFFFFF when it is refused. */
#include "base/json.h"
#include "base/mem.h"

#include <endian.h>
#include <stdio.h>

#define DOCUMENT_MAX (1u << 20)
#define REFUSED      0xFFFFFFFFu

static int put(uint32_t len, const segmo__buf *text)
{
    uint32_t header = htole32(len);

    return fwrite(&header, sizeof header, 1, stdout) == 1 &&
           (len == REFUSED || len == 0 || fwrite(text->data, len, 1, stdout) == 1);
}

static int scan(const char *bytes, size_t len, segmo__buf *compact)
{
    segmo__slice text = {bytes, len};

    if (segmo__json_check(text, NULL) != SEGMO_OK)
        return put(REFUSED, NULL);
    segmo__buf_clear(compact);
    segmo__json_put_compact(compact, segmo__json_trim(text));
    return !compact->failed && put((uint32_t)compact->len, compact);
}

int main(void)
{
    uint32_t header;
    segmo__buf compact;
    int ok = 1;

    segmo__buf_init(&compact, DOCUMENT_MAX);
    while (ok && fread(&header, sizeof header, 1, stdin) == 1) {
        size_t len = le32toh(header);
        char *bytes = len <= DOCUMENT_MAX ? segmo__alloc(len + 1) : NULL;

        ok = bytes && (len == 0 || fread(bytes, len, 1, stdin) == 1) && scan(bytes, len, &compact);
        segmo__free(bytes);
    }
    segmo__buf_free(&compact);
    return ok ? 0 : 1;
}
