#include "base/error.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct segmo_error {
    int status;
    int retryable;
    char *field;
    char *message;
};

static const struct {
    int status;
    const char *name;
} names[] = {
    {SEGMO_OK, "SEGMO_OK"},
    {SEGMO_SYNC_WANTED, "SEGMO_SYNC_WANTED"},
    {SEGMO_ERR_INVALID, "SEGMO_ERR_INVALID"},
    {SEGMO_ERR_OPTION, "SEGMO_ERR_OPTION"},
    {SEGMO_ERR_JSON, "SEGMO_ERR_JSON"},
    {SEGMO_ERR_TOO_LARGE, "SEGMO_ERR_TOO_LARGE"},
    {SEGMO_ERR_FULL, "SEGMO_ERR_FULL"},
    {SEGMO_ERR_TIMEOUT, "SEGMO_ERR_TIMEOUT"},
    {SEGMO_ERR_CLOSED, "SEGMO_ERR_CLOSED"},
    {SEGMO_ERR_IO, "SEGMO_ERR_IO"},
    {SEGMO_ERR_MEMORY, "SEGMO_ERR_MEMORY"},
    {SEGMO_ERR_NOT_FOUND, "SEGMO_ERR_NOT_FOUND"},
    {SEGMO_ERR_UNSUPPORTED, "SEGMO_ERR_UNSUPPORTED"},
};

static int is_retryable(int status)
{
    return status == SEGMO_ERR_FULL || status == SEGMO_ERR_TIMEOUT || status == SEGMO_ERR_MEMORY;
}

/* Stand in where there is no memory for a reason, one for each status. */
static segmo_error wordless[] = {
    {SEGMO_ERR_INVALID, 0, NULL, NULL},   {SEGMO_ERR_OPTION, 0, NULL, NULL},
    {SEGMO_ERR_JSON, 0, NULL, NULL},      {SEGMO_ERR_TOO_LARGE, 0, NULL, NULL},
    {SEGMO_ERR_FULL, 1, NULL, NULL},      {SEGMO_ERR_TIMEOUT, 1, NULL, NULL},
    {SEGMO_ERR_CLOSED, 0, NULL, NULL},    {SEGMO_ERR_IO, 0, NULL, NULL},
    {SEGMO_ERR_NOT_FOUND, 0, NULL, NULL}, {SEGMO_ERR_UNSUPPORTED, 0, NULL, NULL},
    {SEGMO_ERR_MEMORY, 1, NULL, NULL},
};
#define WORDLESS_COUNT (sizeof wordless / sizeof wordless[0])

static segmo_error *wordless_of(int status)
{
    size_t i = 0;

    while (i < WORDLESS_COUNT - 1 && wordless[i].status != status)
        i++;
    return &wordless[i];
}

static int is_wordless(const segmo_error *error)
{
    return error >= wordless && error < wordless + WORDLESS_COUNT;
}

int segmo__fail(segmo_error **err, int status, const char *field, const char *format, ...)
{
    segmo_error *error;
    segmo__buf text;
    va_list args;
    char *at;
    int len;

    if (!err)
        return status;
    segmo_error_free(*err);
    *err = wordless_of(status);
    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    error = segmo__zalloc(sizeof *error);
    if (!error || len < 0) {
        segmo__free(error);
        return status;
    }
    segmo__buf_init(&text, (size_t)len + 1);
    at = segmo__buf_extend(&text, (size_t)len + 1);
    error->field = segmo__strdup(field ? field : "");
    if (!at || !error->field) {
        segmo__buf_free(&text);
        segmo__free(error->field);
        segmo__free(error);
        return status;
    }
    va_start(args, format);
    vsnprintf(at, (size_t)len + 1, format, args);
    va_end(args);
    error->status = status;
    error->retryable = is_retryable(status);
    error->message = at;
    *err = error;
    return status;
}

int segmo__need(const void *argument, const char *name, segmo_error **err)
{
    return argument ? SEGMO_OK : segmo__fail(err, SEGMO_ERR_INVALID, name, "must not be NULL");
}

int segmo__fail_memory(segmo_error **err)
{
    return segmo__fail(err, SEGMO_ERR_MEMORY, NULL, "memory ran out; free some and try again");
}

int segmo__fail_io(segmo_error **err, int code, const char *what, const char *path)
{
    char words[512];

    segmo__file_describe(path, code, words, sizeof words);
    return segmo__fail(err, SEGMO_ERR_IO, NULL, "%s %s: %s", what, path, words);
}

void segmo__error_pass(segmo_error **err, segmo_error *error)
{
    segmo_error_free(err ? *err : error);
    if (err)
        *err = error;
}

void segmo__error_set_retryable(segmo_error *error, int retryable)
{
    if (error && !is_wordless(error))
        error->retryable = retryable;
}

int segmo_error_status(const segmo_error *error)
{
    return error ? error->status : SEGMO_OK;
}

const char *segmo_error_message(const segmo_error *error)
{
    if (error && is_wordless(error))
        return error->status == SEGMO_ERR_MEMORY ? "memory ran out"
                                                 : "memory ran out for the reason";
    return error ? error->message : "";
}

const char *segmo_error_field(const segmo_error *error)
{
    return error && error->field ? error->field : "";
}

int segmo_error_retryable(const segmo_error *error)
{
    return error ? error->retryable : 0;
}

void segmo_error_free(segmo_error *error)
{
    if (!error || is_wordless(error))
        return;
    segmo__free(error->field);
    segmo__free(error->message);
    segmo__free(error);
}

const char *segmo_status_name(int status)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].status == status)
            return names[i].name;
    return "SEGMO_ERR_UNKNOWN";
}
