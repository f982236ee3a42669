/* What members of MoEngage's elements must be. Each check answers 1, or 0 and says why. */
#ifndef SEGMO_SANDBOX_MOENGAGE_CHECKS_H
#define SEGMO_SANDBOX_MOENGAGE_CHECKS_H

#include "fields.h"
#include "verdict.h"

#define SANDBOX_NAME_MAX 200 /* characters */

/* Why an element is refused; all static. */
typedef struct sandbox_objection {
    const char *type; /* error.type of the answer */
    const char *attribute;
    const char *words;
} sandbox_objection;

/* Both store the objection and answer 0. */
int sandbox_wrong(sandbox_objection *why, const char *type, const char *attribute,
                  const char *words);
int sandbox_missing(sandbox_objection *why, const char *attribute);

int sandbox_is_one_of(segmo__slice value, const char *const *words); /* ends in NULL */
int sandbox_is_longer(segmo__slice string, size_t max);              /* in characters */

/* Of these, the first and the third take an absent member. */
int sandbox_check_text(segmo__slice value, const char *name, sandbox_objection *why);
int sandbox_check_needed_text(segmo__slice value, const char *name, sandbox_objection *why);
int sandbox_check_object(segmo__slice value, const char *name, sandbox_objection *why);
int sandbox_check_customer_id(segmo__slice value, const char *name, sandbox_objection *why);
/* Notes more than `max` attributes, and names, values and lists that are too long. */
int sandbox_check_attributes(sandbox_verdict *verdict, segmo__slice attributes, size_t max,
                             sandbox_objection *why);

#endif
