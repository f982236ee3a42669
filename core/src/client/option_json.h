/* Options in JSON: files, nested or dotted, and the entries of `sources`. */
#ifndef SEGMO_CLIENT_OPTION_JSON_H
#define SEGMO_CLIENT_OPTION_JSON_H

#include "base/buf.h"
#include "client/option_table.h"

/* Reads a whole configuration file into empty slots. SEGMO_ERR_IO, SEGMO_ERR_JSON,
 * SEGMO_ERR_OPTION. */
int segmo__option_read_file(const char *path, char **slots, segmo_error **err);

/* Appends `sources` in its one spelling, an array of flat objects of texts:
 * [{"source.id":"web","segment.write_key":"..."}]. `array` is checked JSON. */
int segmo__option_add_sources(segmo__buf *out, segmo__slice array, segmo_error **err);

#endif
