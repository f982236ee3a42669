/* Whole inputs: a file, or stdin. */
#ifndef SEGMO_PROGRAM_TEXT_H
#define SEGMO_PROGRAM_TEXT_H

#include "base/buf.h"

/* Appends what `path` ("-": stdin) holds, at most `max` bytes. EXIT_DONE, or EXIT_INPUT after
 * having said why. */
int text_read_file(segmo__buf *out, const char *path, size_t max);

#endif
