/* A spool file made from fuzz input: the bytes are a script of what was written to it and what
 * damaged it, since the fuzzer could not find checksums by itself. */
#ifndef SEGMO_TESTS_SEGMENT_SCRIPT_H
#define SEGMO_TESTS_SEGMENT_SCRIPT_H

#include "base/buf.h"

#define SCRIPT_RECORDS_MAX 64

typedef struct segment_script {
    segmo__buf file;                     /* the file's bytes */
    uint32_t record[SCRIPT_RECORDS_MAX]; /* offsets of whole records, */
    size_t count;
    int is_damaged; /* unless something was written over or between them */
} segment_script;

/* Runs the script; free with segmo__buf_free(&script->file). */
void segment_script_run(segment_script *script, segmo__slice input);

#endif
