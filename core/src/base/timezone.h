/* Time zones: the UTC offset of an IANA zone at an instant, read from the system's TZif files.
 *
 * The process's own zone (TZ, localtime) is neither read nor changed. Zones that were asked for
 * stay in memory; any thread may ask at any time, without a lock.
 */
#ifndef SEGMO_BASE_TIMEZONE_H
#define SEGMO_BASE_TIMEZONE_H

#include "base/buf.h"

#include <stdint.h>

/* 1 and `*offset_s`, seconds east of UTC ("Asia/Kolkata" 19800); 0 when the system does not know
 * the zone or the text is no zone's name. */
int segmo__timezone_offset(segmo__slice zone, int64_t unix_s, int32_t *offset_s);

#endif
