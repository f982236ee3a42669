/* What the fuzz targets share. A target is one file with one function that takes any bytes: built
 * with libFuzzer it is driven by it, else by replay.c over files that were kept. */
#ifndef SEGMO_TESTS_FUZZ_H
#define SEGMO_TESTS_FUZZ_H

#include "base/buf.h"

#include <stdint.h>

/* libFuzzer's own name for a target. `data` is not NUL terminated; 0 is the only answer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process, and so reports the input, when a property does not hold. */
#define must(holds) ((holds) ? (void)0 : fuzz_failed(__FILE__, __LINE__, #holds))
void fuzz_failed(const char *file, int line, const char *what) __attribute__((noreturn));

/* Takes the next byte of an input that begins with choices; 0 when none is left. */
static inline unsigned fuzz_choice(segmo__slice *input)
{
    if (input->len == 0)
        return 0;
    input->len--;
    return (unsigned char)*input->at++;
}

static inline segmo__slice fuzz_slice(const uint8_t *data, size_t size)
{
    return (segmo__slice){(const char *)data, size};
}

static inline int fuzz_same(segmo__slice a, segmo__slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* A file in memory with this content; its path stays valid until the next call. */
const char *fuzz_file(segmo__slice content);

#endif
