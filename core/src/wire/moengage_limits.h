/* What MoEngage would refuse or cut, said in words. */
#ifndef SEGMO_WIRE_MOENGAGE_LIMITS_H
#define SEGMO_WIRE_MOENGAGE_LIMITS_H

#include "base/buf.h"
#include "model/destination.h"

int segmo__moengage_user_id_refused(segmo__slice decoded); /* after trimming and ASCII lower-casing */
int segmo__moengage_name_reserved(segmo__slice decoded_name, int of_user);
/* Notes about one event name, attribute name, string value or list; pointer names the spot. */
void segmo__moengage_check_event_name(segmo__slice string, segmo__note_fn note, void *ctx);
void segmo__moengage_check_name(segmo__slice decoded, const char *pointer, segmo__note_fn note, void *ctx);
void segmo__moengage_check_value(segmo__slice value, const char *pointer, segmo__note_fn note, void *ctx);

#endif
