/* Writing the index of a stored message; segmo__message_read() (message.h) reads it. */
#ifndef SEGMO_MODEL_MESSAGE_INDEX_H
#define SEGMO_MODEL_MESSAGE_INDEX_H

#include "model/message.h"

/* `out` has room for SEGMO__MESSAGE_INDEX_SIZE bytes. */
void segmo__message_put_index(char *out, const segmo__message *message);

#endif
