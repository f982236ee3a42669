/* Command lines by table: --name value, --name=value, switches, and words. Whatever is wrong is
 * said on stderr with the nearest right spelling. */
#ifndef SEGMO_PROGRAM_ARGS_H
#define SEGMO_PROGRAM_ARGS_H

#include "support/command.h"

#include <stdint.h>

#define ARGS_MAX 64

struct args {
    const struct command *command;
    struct {
        const struct flag *flag;
        const char *value;
    } given[ARGS_MAX];
    size_t given_count;
    const char *words[ARGS_MAX];
    size_t word_count;
};

/* The flags that commands share, ended by an entry without a name. */
extern const struct flag args_common[];
int args_takes_common(const struct command *command, const struct flag *common);

/* Reads `argv` behind the command's name. EXIT_DONE, or EXIT_USAGE after having said why. */
int args_parse(struct args *out, const struct command *command, int argc, char **argv);

int args_has(const struct args *args, const char *name);
const char *args_value(const struct args *args,
                       const char *name); /* of the last such flag; NULL: not given */
/* A number given in decimal, or `fallback`. EXIT_DONE, or EXIT_USAGE after having said why. */
int args_number(const struct args *args, const char *name, uint64_t fallback, uint64_t *out);
const char *args_word(const struct args *args, size_t index); /* NULL: not given */
/* Says what is wrong with the command line and where its help is; answers EXIT_USAGE. */
int args_refuse(const struct args *args, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
