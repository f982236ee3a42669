/* Words on stderr, data on stdout. */
#ifndef SEGMO_PROGRAM_OUTPUT_H
#define SEGMO_PROGRAM_OUTPUT_H

#include "base/buf.h"
#include "base/json.h"
#include "segmo.h"

#include <stdint.h>

/* One line on stderr: "segmo: ...". */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says an error with its field, frees it and answers the exit code that fits its status. */
int say_error(segmo_error *error);
int exit_code_of(int status);

/* Prints bytes and a newline on stdout. */
void print_line(const char *bytes, size_t len);
/* Prints checked JSON, indented by two spaces when `pretty`, and a newline. */
void print_json(segmo__slice json, int pretty);
/* Prints JSON as indented "name: value" lines for people. */
void print_outline(const segmo__json *node);

/* 12,345,678 */
#define GROUPED_LEN 32
const char *grouped(char out[GROUPED_LEN], uint64_t number);

/* Everything printed reached stdout? EXIT_DONE or `EXIT_INPUT` after having said why not. */
int finish_output(int code);

#endif
