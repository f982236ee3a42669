/* How far the import of a file has come: a small file beside the spool, mapped, its offset stored
 * after every line.
 *
 * A kill between accepting a line and storing the offset leaves one line in doubt, the one at the
 * offset; whoever resumes asks the spool whether it holds that line's message.
 */
#ifndef SEGMO_PROGRAM_IMPORT_STATE_H
#define SEGMO_PROGRAM_IMPORT_STATE_H

#include "base/file.h"
#include "segmo.h"

#include <stdint.h>

struct import_state {
    segmo__file file;
    int lock;          /* held while the import runs; -1: none */
    uint64_t identity; /* of the input */
    uint64_t size;     /* of the input */
    uint64_t offset;   /* everything before it was accepted or refused */
    int resumed;       /* an earlier run left this state */
};

/* Finds or makes the state for the file open at `fd` under `path`, in directory `dir`. The identity
 * is a hash of the file's real path, its size and its first and last bytes. With `again` an earlier
 * state is forgotten. Fails with SEGMO_ERR_IO, or SEGMO_ERR_INVALID when another process imports
 * the same file. */
int import_state_open(struct import_state *out, const char *dir, const char *path, int fd,
                      int again, segmo_error **err);
void import_state_close(struct import_state *state);

int import_state_is_finished(const struct import_state *state);
/* Everything before `offset` is done. */
void import_state_advance(struct import_state *state, uint64_t offset);

/* The id for the line at `offset` when it has none: the same for the same line of the same file. */
#define IMPORT_ID_SIZE 48
void import_state_message_id(const struct import_state *state, uint64_t offset,
                             char out[IMPORT_ID_SIZE]);

#endif
