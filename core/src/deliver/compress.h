/* gzip, by libdeflate where it was built in, else by zlib. */
#ifndef SEGMO_DELIVER_COMPRESS_H
#define SEGMO_DELIVER_COMPRESS_H

#include "base/buf.h"

typedef struct segmo__gzip segmo__gzip;

/* `level` 1 (fast) to 9 (small); others are taken as the nearest. NULL: no memory. One thread at a
 * time may use what it answers. */
segmo__gzip *segmo__gzip_new(int level);
void segmo__gzip_free(segmo__gzip *gzip);
/* Replaces the content of `out` by one gzip member; 0 when it does not fit or memory ran out. */
int segmo__gzip_run(segmo__gzip *gzip, segmo__slice in, segmo__buf *out);
const char *segmo__gzip_name(void); /* "libdeflate" or "zlib" */

#endif
