/* Dead letters: NDJSON files, one line a message with its reason, that outlive the process.
 *
 * `dead/<milliseconds>-<pid>-<random>.ndjson`, 0600: the oldest comes first in a listing. A line is
 * one JSON object with "id" first. Every process has files of its own, cut at 16 MiB (less when
 * `max_bytes` is small); when all together pass `max_bytes` the oldest file goes, its lines
 * counted.
 */
#ifndef SEGMO_SPOOL_DEAD_LETTERS_H
#define SEGMO_SPOOL_DEAD_LETTERS_H

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

typedef struct segmo__dead_letters segmo__dead_letters;

/* `dir` NULL: memory-only mode, lines are counted as dropped and forgotten (the report keeps the
 * reason). The directory is made with the first line. Fails with SEGMO_ERR_MEMORY. */
int segmo__dead_letters_open(segmo__dead_letters **out, const char *dir, uint64_t max_bytes,
                             segmo_error **err);
void segmo__dead_letters_free(segmo__dead_letters *letters);
/* Appends one line (without its newline), any thread. Fails with SEGMO_ERR_IO; then nothing of it
 * stands in the file that a reader would take for a line. */
int segmo__dead_letters_add(segmo__dead_letters *letters, segmo__slice line, segmo_error **err);
/* Waits until all lines that were added are on the disk, if any were since the last time: a
 * message's outcome is noted only then. SEGMO_ERR_IO. */
int segmo__dead_letters_sync(segmo__dead_letters *letters, segmo_error **err);
/* Lines that went because of `max_bytes`. */
uint64_t segmo__dead_letters_dropped(const segmo__dead_letters *letters);

/* Calls `each` for every whole line below `dir`, oldest first, until it answers non-zero; broken
 * lines are passed over. A directory that is not there holds none. SEGMO_ERR_IO. */
int segmo__dead_letters_each(const char *dir, int (*each)(void *ctx, segmo__slice line), void *ctx,
                             segmo_error **err);
/* Rewrites the files without the lines for which `drop` answers 1 (each file replaced at once);
 * other processes may go on adding. `*dropped` counts. */
int segmo__dead_letters_remove(const char *dir, int (*drop)(void *ctx, segmo__slice line),
                               void *ctx, uint64_t *dropped, segmo_error **err);

#endif
