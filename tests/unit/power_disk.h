/* A disk that may lose power: records every change that is made below a directory through
 * base/file.h, and lays out what such a disk may hold after a cut at any moment.
 *
 * What was not synced may be there or not, sector by sector (512 bytes) and name by name, in any
 * order; the change during which the cut comes may be there in part. A sync of a file keeps its
 * bytes but not its name; a sync of a directory keeps the names in it. A rename happens as a whole
 * or not at all.
 */
#ifndef POWER_DISK_H
#define POWER_DISK_H

#include <stdint.h>

/* Starts recording; `root` exists, is empty, and survives every cut. One at a time. */
void power_disk_record(const char *root);
/* From now on, of 256 syncs of files so many fail. What such a sync should have kept is not on the
 * disk after a later one either, unless it was written anew: the system took it for written. */
void power_disk_fail_syncs(unsigned of_256, uint64_t seed);
/* Writes each new moment to `*now`, for another process to see. */
void power_disk_publish(_Atomic uint32_t *now);
/* Changes recorded so far: a moment to which power_disk_cut() can go back. */
uint32_t power_disk_now(void);
void power_disk_stop(void);   /* records no more */
void power_disk_forget(void); /* frees the record */

/* Lays out in `target` (exists, is empty) what the disk may hold when power is cut after `moment`
 * changes. `seed` decides what was lost; two calls with the same arguments lay out the same. */
void power_disk_cut(const char *target, uint32_t moment, uint64_t seed);

#endif
