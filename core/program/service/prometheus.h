/* Counts in the text form that Prometheus reads. Names go without their prefix segmo_. */
#ifndef SEGMO_SERVICE_PROMETHEUS_H
#define SEGMO_SERVICE_PROMETHEUS_H

#include "base/buf.h"
#include "base/json.h"
#include "http_server.h"
#include "segmo.h"

/* Sets the answer's type and says which release runs. */
void prometheus_begin(http_answer *answer);
void prometheus_family(segmo__buf *out, const char *name, const char *type, const char *help);
/* A sample: begin, its labels, end. */
void prometheus_sample(segmo__buf *out, const char *name);
void prometheus_label(segmo__buf *out, const char *name, const char *value);
void prometheus_value(segmo__buf *out, double value);
/* A family of one sample without labels. */
void prometheus_plain(segmo__buf *out, const char *name, const char *type, const char *help,
                      double value);
/* A sample for each reason of an object {"reason":count}. */
void prometheus_reasons(segmo__buf *out, const char *name, const char *destination,
                        const segmo__json *reasons);

#endif
