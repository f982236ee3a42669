/* Settings that are handed on to librdkafka as they are: kafka.NAME here is NAME there.
 *
 * They stand in no table, since librdkafka has its own: a layer of a configuration keeps them as
 * one JSON object of texts, in its last slot. */
#ifndef SEGMO_CLIENT_OPTION_PASSED_H
#define SEGMO_CLIENT_OPTION_PASSED_H

#include "base/buf.h"
#include "base/error.h"

/* "kafka.sasl.username" -> "sasl.username"; NULL: an option of the table, or no such name. */
const char *segmo__passed_name(const char *option);
int segmo__passed_is_secret(segmo__slice name);
/* "SEGMO_KAFKA_SASL_USERNAME" -> "kafka.sasl.username" in `option`; 0: it is none of them. */
int segmo__passed_of_env(const char *variable, size_t len, char *option, size_t size);

/* Puts a value into the object at `*slot`, or takes it out (NULL). `field` is how errors name it.
 * SEGMO_ERR_OPTION: it has a line break, or segmo sets it itself. */
int segmo__passed_store(char **slot, const char *name, const segmo__slice *value, const char *field,
                        segmo_error **err);
/* The value as JSON, in the object of a slot (which may be NULL); 0: there is none. */
int segmo__passed_find(const char *slot, const char *name, segmo__slice *value);

#endif
