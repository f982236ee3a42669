/* Help texts, from the commands' tables. */
#ifndef SEGMO_PROGRAM_HELP_H
#define SEGMO_PROGRAM_HELP_H

#include "support/command.h"

#include <stdio.h>

void help_overview(FILE *out);
void help_command(const struct command *command); /* on stdout */
void help_markdown(void);                         /* every command, on stdout */

#endif
