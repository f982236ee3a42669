/* Where a service lives: regions, data centres and addresses in their many spellings, as base URLs.
 */
#ifndef SEGMO_ROUTE_HOST_H
#define SEGMO_ROUTE_HOST_H

#include "base/buf.h"
#include "base/error.h"

/* Appends a base URL without a trailing slash or /v1. SEGMO_ERR_OPTION names `field`. */
int segmo__host_segment(segmo__buf *out, const char *region_or_host, const char *field,
                        segmo_error **err);
int segmo__host_moengage(segmo__buf *out, const char *data_center_or_url, const char *field,
                         segmo_error **err);

/* 1 for http:// to another machine: keys would cross the network readable. */
int segmo__host_is_exposed(const char *url);

#endif
