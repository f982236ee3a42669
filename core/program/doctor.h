/* What the files of `segmo doctor` share: cmd_doctor.c (the command, this machine, the spool),
 * doctor_destinations.c (the way to each destination) and doctor.c (its lines). */
#ifndef SEGMO_PROGRAM_DOCTOR_H
#define SEGMO_PROGRAM_DOCTOR_H

#include "base/buf.h"
#include "segmo.h"
#include "support/args.h"

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL };

struct doctor {
    const struct args *args;
    segmo_config *config;
    const char *source; /* that lines are about, when there are several; else NULL */
    segmo__buf json;
    int knows_clock; /* a server told its time */
    int failed;
};

/* One line; `remedy` is empty when there is nothing to do. */
void doctor_tell(struct doctor *doctor, enum verdict verdict, const char *check, const char *remedy,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));

void doctor_check_destinations(struct doctor *doctor);

#endif
