/* Which messageIds came lately: a table of fixed size in a mapped file, so that it survives a
 * restart and kill -9.
 *
 * A message's id is noted before the message is appended, and confirmed behind it. A note that was
 * never confirmed counts as nothing in the next process: so a crash in between costs a duplicate,
 * never a message.
 *
 * The table is divided into rows of one or two cache lines; a full row gives up its oldest id. Ids
 * are kept as fingerprints of 96 bits: that two of a million are alike happens once in 10^16
 * tables. */
#ifndef SEGMO_GATEWAY_DUPLICATES_H
#define SEGMO_GATEWAY_DUPLICATES_H

#include "base/buf.h"
#include "base/error.h"

struct duplicates;
typedef struct duplicates_mark {
    uint32_t print[3];
    uint32_t seconds; /* confirmed or noted then; 0: free */
} duplicates_mark;

/* `path` NULL: in memory only. Another process that has the file open, a damaged or foreign one
 * and one of another size are told in `*note` (static words, else NULL) and done without. */
int duplicates_open(struct duplicates **out, const char *path, uint64_t ids, int64_t window_ms,
                    const char **note, segmo_error **err);
void duplicates_free(struct duplicates *seen);

/* NULL when the id came within the window, or was noted and is still open; else its note. */
duplicates_mark *duplicates_note(struct duplicates *seen, uint64_t source, segmo__slice id,
                                 int64_t now_ms);
/* The message stands on disk. A mark is valid until the request's end. */
void duplicates_confirm(duplicates_mark *mark);
void duplicates_forget(duplicates_mark *mark); /* it was not accepted after all */

/* How far back the table reaches now, in milliseconds: the window, or less when it is full. */
int64_t duplicates_reach_ms(const struct duplicates *seen, int64_t now_ms);

#endif
