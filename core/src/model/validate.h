/* The rules of each call. Every failure carries a JSON pointer, a reason and a remedy. */
#ifndef SEGMO_MODEL_VALIDATE_H
#define SEGMO_MODEL_VALIDATE_H

#include "model/message.h"

/* Checks a message whose parts were found: required members, types, limits (facts of the Segment
 * Spec). Parts that are null, and ids that are empty, must have length 0. A timestamp counts as
 * readable when SEGMO__MESSAGE_TIMESTAMP_GIVEN is set. Fails with SEGMO_ERR_INVALID. */
int segmo__validate(const segmo__message *message, segmo_error **err);

#endif
