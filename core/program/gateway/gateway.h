/* `segmo serve`. */
#ifndef SEGMO_GATEWAY_GATEWAY_H
#define SEGMO_GATEWAY_GATEWAY_H

#include "support/args.h"

int gateway_run(const struct args *args); /* the exit code */

#endif
