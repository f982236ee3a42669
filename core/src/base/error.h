/* Errors: what went wrong, where, and whether trying again can help. */
#ifndef SEGMO_BASE_ERROR_H
#define SEGMO_BASE_ERROR_H

#include "segmo.h"

/* Stores an error in `*err` (when `err` is not NULL) and returns `status`. `field` is a JSON
 * pointer or an option's name, or NULL. The message names cause and remedy and never carries a
 * payload value. An error that already stands in `*err` is replaced. */
int segmo__fail(segmo_error **err, int status, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int segmo__fail_memory(segmo_error **err);
/* SEGMO_ERR_INVALID when a public function was given NULL where it must not be. */
int segmo__need(const void *argument, const char *name, segmo_error **err);
/* As segmo__fail() with SEGMO_ERR_IO and the words for the errno in `code`; `path` is named. */
int segmo__fail_io(segmo_error **err, int code, const char *what, const char *path);
/* Hands on an error that a call below stored; frees it when `err` is NULL. */
void segmo__error_pass(segmo_error **err, segmo_error *error);
void segmo__error_set_retryable(segmo_error *error, int retryable);

#endif
