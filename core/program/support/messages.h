/* Messages to look at: one given as JSON, or those of a file or stdin, one a line (or one over
 * several lines). */
#ifndef SEGMO_PROGRAM_MESSAGES_H
#define SEGMO_PROGRAM_MESSAGES_H

#include "base/buf.h"

#include <stdint.h>

/* Calls `each` with every message of `from` ("{...": the message itself, "-": stdin, else a file)
 * and the number of its line, until it answers something else than EXIT_DONE, which is then
 * answered. */
int messages_each(const char *from, int (*each)(void *ctx, uint64_t line, segmo__slice message),
                  void *ctx);

#endif
