/* Lines of an input that were refused: the first ones are said, all are counted by reason, and all
 * are written to a file when one is asked for. */
#ifndef SEGMO_PROGRAM_REFUSALS_H
#define SEGMO_PROGRAM_REFUSALS_H

#include <stdint.h>
#include <stdio.h>

#define REFUSALS_REASONS                                                                           \
    64 /* kinds that are counted apart; the last one stands for all further ones */
#define REFUSALS_SAID 10

struct refusals {
    uint64_t count;
    struct {
        char words[160]; /* status and field */
        uint64_t count;
    } reasons[REFUSALS_REASONS];
    size_t reason_count;
    const char *path;
    FILE *file;
};

/* `path` NULL: no file. EXIT_DONE, or EXIT_INPUT after having said why. */
int refusals_open(struct refusals *refusals, const char *path, int append);
void refusals_close(struct refusals *refusals);
/* A line with its number and offset was refused. EXIT_DONE, or EXIT_INPUT when the file cannot be
 * written. */
int refusals_add(struct refusals *refusals, uint64_t line, uint64_t offset, int status,
                 const char *field, const char *message);

#endif
