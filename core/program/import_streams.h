/* `segmo import --streams`: MoEngage Streams payloads, one a line, into the spool as Segment
 * messages. */
#ifndef SEGMO_PROGRAM_IMPORT_STREAMS_H
#define SEGMO_PROGRAM_IMPORT_STREAMS_H

#include "support/args.h"

int import_streams(const struct args *args);

#endif
