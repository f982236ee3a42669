/* The log of a service: one JSON object a line on stderr, never a secret or a payload value. */
#ifndef SEGMO_SERVICE_JOURNAL_H
#define SEGMO_SERVICE_JOURNAL_H

#include "base/buf.h"

/* `members` is what follows the event's name, for example ",\"source\":\"web\"", or NULL. */
void journal(const char *level, const char *event, const char *members);
void journal_words(const char *level, const char *event, const char *words);
void journal_report(const char *level, const char *event, segmo__slice report);

#endif
