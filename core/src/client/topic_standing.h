/* How the topic stands for the workers' groups, without a client. */
#ifndef SEGMO_CLIENT_TOPIC_STANDING_H
#define SEGMO_CLIENT_TOPIC_STANDING_H

#include "base/buf.h"
#include "base/error.h"

/* Appends what segmo_topic_json() hands out. */
int segmo__topic_json(const segmo_config *config, uint32_t timeout_ms, segmo__buf *out,
                      segmo_error **err);

#endif
