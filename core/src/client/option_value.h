/* Texts into values: what each type of option allows, brought into one spelling. */
#ifndef SEGMO_CLIENT_OPTION_VALUE_H
#define SEGMO_CLIENT_OPTION_VALUE_H

#include "base/buf.h"
#include "client/option_table.h"

#define SEGMO__OPTIONS_MAX (1u << 20) /* bytes of a configuration file */

/* Checks a value and puts its one spelling into a slot, in place of what was there. `field` is how
 * the error (SEGMO_ERR_OPTION) names the option. */
int segmo__option_store(char **slot, const segmo__option *opt, segmo__slice value,
                        const char *field, segmo_error **err);
/* The number in a stored text of a count, size or time; 0 when it is none. */
int segmo__option_number(segmo__option_type type, segmo__slice value, uint64_t *number);
void segmo__option_clear(char **slots); /* all SEGMO__OPTION_COUNT of them */

#endif
