/* Runs a target over files, as libFuzzer would: the corpora in `make test`, with any compiler.
 *
 *     build/test/fuzz/json tests/fuzz/corpus/json */
#include "fuzz.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdio.h>

#define INPUT_MAX ((size_t)4 << 20)

static size_t inputs;

static void run_file(const char *path)
{
    char *text;
    size_t len;
    uint8_t *exact;

    if (segmo__file_slurp(path, INPUT_MAX, &text, &len) < 0) {
        fprintf(stderr, "%s cannot be read\n", path);
        return;
    }
    fprintf(stderr, "%s\n", path);       /* the last one tells where it ended */
    exact = segmo__alloc(len ? len : 1); /* no NUL behind it, which would hide a read too far */
    must(exact != NULL);
    memcpy(exact, text, len);
    LLVMFuzzerTestOneInput(exact, len);
    segmo__free(exact);
    segmo__free(text);
    inputs++;
}

static int run_one(void *ctx, const char *name)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/%s", (const char *)ctx, name);
    run_file(path);
    return 0;
}

int main(int count, char **words)
{
    for (int i = 1; i < count; i++)
        if (segmo__file_list(words[i], run_one, words[i]) < 0)
            run_file(words[i]);
    printf("%zu inputs\n", inputs);
    return inputs == 0;
}
