/* The ledger: what came, counted; the last messages, kept; every accepted message, recorded to a
 * file.
 *
 * Of two equal messages the first is unique and the others are duplicates. Equal means: the same
 * messageId, or, for a message without one, the same property `seq` in the same kind of call. One
 * thread at a time.
 */
#ifndef SEGMO_SANDBOX_LEDGER_H
#define SEGMO_SANDBOX_LEDGER_H

#include "verdict.h"

typedef struct sandbox_ledger sandbox_ledger;

/* Keeps the last `keep` messages for /messages. NULL: no memory. */
sandbox_ledger *sandbox_ledger_new(size_t keep);
void sandbox_ledger_free(sandbox_ledger *ledger);
int sandbox_ledger_record_to(sandbox_ledger *ledger, const char *path); /* 0 or an errno */
void sandbox_ledger_reset(sandbox_ledger *ledger);

void sandbox_ledger_connection(sandbox_ledger *ledger, int opened); /* 1 opened, 0 closed */
void sandbox_ledger_speaker(sandbox_ledger *ledger,
                            sandbox_service service); /* a connection's first request */
void sandbox_ledger_request(sandbox_ledger *ledger, sandbox_service service, size_t wire_bytes,
                            size_t body_bytes);
void sandbox_ledger_scripted(sandbox_ledger *ledger, sandbox_service service,
                             const char *what); /* static */
void sandbox_ledger_answered(sandbox_ledger *ledger, sandbox_service service,
                             int status); /* below 600 */
void sandbox_ledger_judged(sandbox_ledger *ledger, sandbox_service service,
                           const sandbox_verdict *verdict);
/* A body of the fast mode: `messages` in number, those with a `seq` in `seqs` (array of int64_t).
 */
void sandbox_ledger_counted(sandbox_ledger *ledger, sandbox_service service, size_t messages,
                            const segmo__buf *seqs);
void sandbox_ledger_unknown_path(sandbox_ledger *ledger);

void sandbox_ledger_stats(const sandbox_ledger *ledger, segmo__buf *out); /* JSON */
void sandbox_ledger_messages(const sandbox_ledger *ledger, size_t limit, segmo__buf *out);
void sandbox_ledger_summary(const sandbox_ledger *ledger, segmo__buf *out); /* lines for a reader */

#endif
