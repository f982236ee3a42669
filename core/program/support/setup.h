/* The configuration of a run: file, environment and --set, in that order of weakness. */
#ifndef SEGMO_PROGRAM_SETUP_H
#define SEGMO_PROGRAM_SETUP_H

#include "segmo.h"
#include "support/args.h"

/* EXIT_DONE and a configuration to free with segmo_config_free(), or EXIT_USAGE after having said
 * why. */
int setup_config(segmo_config **out, const struct args *args);
/* Sets one option that the command itself needs; exit code as above. */
int setup_option(segmo_config *config, const char *name, const char *value);
/* An option's effective value, free with segmo_free(); NULL: it has none. Secrets are masked. */
char *setup_value(const segmo_config *config, const char *name);
int64_t setup_number(const segmo_config *config, const char *name);
int setup_is_on(const segmo_config *config, const char *name);
/* Where messages wait, free with segmo_free(); NULL: in memory only. */
char *setup_spool_dir(const segmo_config *config);
/* Opens a client, EXIT_DONE or the exit code that fits after having said why. */
int setup_client(segmo_client **out, const segmo_config *config);

#endif
