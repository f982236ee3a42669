/* How the targets complete messages. */
#ifndef SEGMO_TESTS_FUZZ_RULES_H
#define SEGMO_TESTS_FUZZ_RULES_H

#include "library.h"
#include "model/message.h"

static const segmo__message_rules fuzz_rules = {.call = -1, .library = LIBRARY("segmo", "1")};

#endif
