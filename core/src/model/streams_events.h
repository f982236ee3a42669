/* MoEngage's campaign events by code and display name. */
#ifndef SEGMO_MODEL_STREAMS_EVENTS_H
#define SEGMO_MODEL_STREAMS_EVENTS_H

#include "base/buf.h"

typedef struct segmo__streams_event {
    const char *code;
    const char *name;    /* as MoEngage displays it; NULL where it publishes none */
    const char *channel; /* NULL: none of its own */
} segmo__streams_event;

/* By code, else by name; either may be empty. NULL: unknown. The slices may hold JSON escapes,
 * since no known code or name needs any. */
const segmo__streams_event *segmo__streams_event_find(segmo__slice code, segmo__slice name);

#endif
