/* The command line of `segmo sandbox`. */
#ifndef SEGMO_SANDBOX_OPTIONS_H
#define SEGMO_SANDBOX_OPTIONS_H

#include "server.h"

typedef struct sandbox_options {
    sandbox_setup setup; /* without script and ledger */
    const char *record;  /* a path, or NULL */
    size_t keep;
    int quiet;
} sandbox_options;

typedef enum sandbox_parsed {
    SANDBOX_RUN,
    SANDBOX_HELPED,    /* the help was printed */
    SANDBOX_MISUSED,   /* the mistake was printed */
    SANDBOX_UNREADABLE /* a file could not be read; was printed */
} sandbox_parsed;

/* Fills both from the command line; rules go into `script`. */
sandbox_parsed sandbox_options_parse(sandbox_options *out, sandbox_script *script, int argc,
                                     char **argv);

#endif
