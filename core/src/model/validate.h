/* The rules of each call. Every failure carries a JSON pointer, a reason and a remedy. */
#ifndef SEGMO_MODEL_VALIDATE_H
#define SEGMO_MODEL_VALIDATE_H

#include "model/message.h"

/* Checks a message whose parts were found: required members, types, limits (facts of the Segment Spec). */
int segmo__validate(const segmo__message *message, segmo_error **err);

#endif
