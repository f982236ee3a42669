/* What can be seen and mended in a spool directory without a client: its contents and its dead
 * letters. */
#ifndef SEGMO_CLIENT_STORAGE_H
#define SEGMO_CLIENT_STORAGE_H

#include "base/buf.h"
#include "base/error.h"

int segmo__storage_json(const segmo_config *config, segmo__buf *out, segmo_error **err);
int segmo__storage_holds(const segmo_config *config, const char *message_id, int *found,
                         segmo_error **err);

int segmo__dead_list_json(const segmo_config *config, const char *query, segmo__buf *out,
                          segmo_error **err);
int segmo__dead_put_back(const segmo_config *config, const char *query, uint64_t *count,
                         segmo_error **err);
int segmo__dead_delete(const segmo_config *config, const char *query, uint64_t *count,
                       segmo_error **err);

#endif
