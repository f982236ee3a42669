/* What MoEngage wants of a message's context. */
#ifndef SEGMO_WIRE_CONTEXT_H
#define SEGMO_WIRE_CONTEXT_H

#include "base/buf.h"

/* The few members of `context` that MoEngage has a place for; absent: length 0. */
typedef struct segmo__context {
    segmo__slice app_version, os_name, os_version, library_name, library_version, timezone;
    segmo__slice device_id, device_type, device_token, device_model, advertising_id, ad_tracking;
} segmo__context;

/* `object` is the context's span, or an empty slice. */
void segmo__context_read(segmo__context *context, segmo__slice object);

/* Where something happened in MoEngage's words (ANDROID, iOS, web), from the device's type, else
 * the system, else the library; NULL when none of them says. */
const char *segmo__context_platform(const segmo__context *context);

#endif
