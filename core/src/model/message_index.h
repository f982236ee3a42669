/* Writing the index of a stored message; segmo__message_read() (message.h) reads it. */
#ifndef SEGMO_MODEL_MESSAGE_INDEX_H
#define SEGMO_MODEL_MESSAGE_INDEX_H

#include "model/message.h"

void segmo__message_put_index(unsigned char index[SEGMO__MESSAGE_INDEX_SIZE],
                              const segmo__message *message);

#endif
