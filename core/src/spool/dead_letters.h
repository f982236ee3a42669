/* Dead letters: NDJSON files, one line a message with its reason, that outlive the process.
 *
 * `dead/<process>-<number>.ndjson`, 0600. A line is one JSON object with "id" first. Files are cut at 16 MiB; when
 * all together pass `max_bytes` the oldest file goes, counted and reported.
 */
#ifndef SEGMO_SPOOL_DEAD_LETTERS_H
#define SEGMO_SPOOL_DEAD_LETTERS_H

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

typedef struct segmo__dead_letters segmo__dead_letters;

/* `dir` NULL: memory-only mode, lines are counted and forgotten (the report keeps the reason). */
int segmo__dead_letters_open(segmo__dead_letters **out, const char *dir, uint64_t max_bytes,
                             segmo_error **err);
void segmo__dead_letters_free(segmo__dead_letters *letters);
/* Appends one line (without its newline), any thread. Fails with SEGMO_ERR_IO; then nothing of it stands in the
 * file that a reader would take for a line. */
int segmo__dead_letters_add(segmo__dead_letters *letters, segmo__slice line, segmo_error **err);
uint64_t segmo__dead_letters_dropped(const segmo__dead_letters *letters);

/* Calls `each` for every whole line below `dir`, oldest first; a broken last line is passed over. */
int segmo__dead_letters_each(const char *dir, int (*each)(void *ctx, segmo__slice line), void *ctx,
                             segmo_error **err);
/* Rewrites the files without the lines for which `drop` answers 1 (each file replaced at once); other processes
 * may go on adding. `*dropped` counts. */
int segmo__dead_letters_remove(const char *dir, int (*drop)(void *ctx, segmo__slice line), void *ctx,
                               uint64_t *dropped, segmo_error **err);

#endif
