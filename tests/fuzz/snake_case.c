/* Both naming rules: the result is made of words and single underscores, and converts to itself. */
#include "help/fuzz.h"

#include "wire/snake_case.h"

typedef void convert_fn(segmo__buf *out, segmo__slice key);

static int is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static void check(convert_fn *convert, segmo__slice key)
{
    segmo__buf once, twice;

    segmo__buf_init(&once, 1u << 20);
    segmo__buf_init(&twice, 1u << 20);
    convert(&once, key);
    must(!once.failed && once.len <= 2 * key.len);
    for (size_t i = 0; i < once.len; i++)
        must(is_word(once.data[i]) ||
             (once.data[i] == '_' && i > 0 && i + 1 < once.len && once.data[i - 1] != '_'));
    convert(&twice, segmo__buf_slice(&once));
    must(fuzz_same(segmo__buf_slice(&once), segmo__buf_slice(&twice)));
    if (segmo__is_snake_case(key, key.at + key.len))
        must(fuzz_same(segmo__buf_slice(&once), key));
    segmo__buf_free(&once);
    segmo__buf_free(&twice);
}

/* What stands behind the key makes no difference. */
static void check_surroundings(segmo__slice key)
{
    segmo__buf text;

    segmo__buf_init(&text, 1u << 20);
    segmo__buf_add_slice(&text, key);
    segmo__buf_add_lit(&text, "\":\"Abc_d \xff, and more than a word\"");
    must(segmo__is_snake_case((segmo__slice){text.data, key.len}, text.data + text.len) ==
         segmo__is_snake_case(key, key.at + key.len));
    segmo__buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(segmo__snake_case, fuzz_slice(data, size));
    check(segmo__snake_case_tsc, fuzz_slice(data, size));
    check_surroundings(fuzz_slice(data, size));
    return 0;
}
