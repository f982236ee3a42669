/* What a subcommand is: its help, its flags and its function. One table (main.c) lists them all;
 * help, the reference page and the parser read the same entries, so they cannot disagree. */
#ifndef SEGMO_PROGRAM_COMMAND_H
#define SEGMO_PROGRAM_COMMAND_H

#include <stddef.h>

struct args;

/* How the program ends; the same numbers for every command. */
enum {
    EXIT_DONE = 0,
    EXIT_REFUSED = 1,      /* something was refused, is dead or still pending */
    EXIT_USAGE = 2,        /* usage or configuration */
    EXIT_INPUT = 3,        /* a file or the input could not be used */
    EXIT_TIMEOUT = 4,      /* the time given was over */
    EXIT_INTERRUPTED = 130 /* Ctrl-C */
};

struct flag {
    const char *name;  /* without its dashes */
    const char *value; /* what stands for the value in the help; NULL: a switch */
    const char *help;
    const char *also; /* another spelling that is taken too, or NULL */
};

/* Flags that many commands share. */
#define TAKES_CONFIG 1u /* --config, --set */
#define TAKES_JSON   2u /* --json */

struct exit_words {
    int code;
    const char *words;
};

struct command {
    const char *name;
    const char *summary;            /* one line for the list */
    const char *usage;              /* what follows the command's name */
    const char *about;              /* paragraphs for the help */
    const struct flag *flags;       /* ended by an entry without a name; NULL: none */
    unsigned takes;                 /* TAKES_... */
    size_t max_words;               /* words that are no flags, at most */
    const char *examples;           /* lines, each a command or its explanation behind # */
    const struct exit_words *exits; /* ended by an entry without words */
    int (*run)(const struct args *args);
    int (*run_raw)(int argc, char **argv); /* parses for itself (instead of run) */
};

extern const struct command command_serve;
extern const struct command command_work;
extern const struct command command_send;
extern const struct command command_import;
extern const struct command command_transform;
extern const struct command command_explain;
extern const struct command command_dead;
extern const struct command command_stats;
extern const struct command command_sandbox;
extern const struct command command_doctor;
extern const struct command command_config;
extern const struct command command_version;
extern const struct command command_e2e;
extern const struct command command_help;

/* Every command, in the order of the help; ended by NULL. */
extern const struct command *const commands[];

const struct command *command_find(const char *name); /* NULL: none has that name */

#endif
