/* What an answer means: each number and body has one verdict with its reason, and what is quoted of
 * the body is short and readable. */
#include "help/fuzz.h"

#include "base/json.h"
#include "deliver/status_policy.h"

static void check_quoted(const segmo__buf *words)
{
    must(!words->failed && words->len <= SEGMO__STATUS_TEXT_MAX);
    for (size_t i = 0; i < words->len; i++)
        must((unsigned char)words->data[i] >= ' ' && words->data[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    segmo__slice body = fuzz_slice(data, size);
    int status = (int)(fuzz_choice(&body) | fuzz_choice(&body) << 8);
    segmo__service service =
        fuzz_choice(&body) & 1 ? SEGMO__SERVICE_MOENGAGE : SEGMO__SERVICE_SEGMENT;
    const char *reason = NULL, *remedy = NULL;
    segmo__buf type, text, quoted;

    must(segmo__verdict_name(segmo__status_policy(service, status, body, &reason, &remedy)));
    must(reason && *reason && remedy);
    segmo__buf_init(&type, 4096);
    segmo__buf_init(&text, 4096);
    segmo__buf_init(&quoted, 4096);
    segmo__status_error_text(body, &type, &text);
    check_quoted(&type);
    check_quoted(&text);
    segmo__json_put_string(&quoted, text.data ? text.data : "", text.len);
    must(!memmem(quoted.data, quoted.len, "\xef\xbf\xbd", 3) ||
         memmem(text.data, text.len, "\xef\xbf\xbd", 3));
    segmo__buf_free(&type);
    segmo__buf_free(&text);
    segmo__buf_free(&quoted);
    return 0;
}
