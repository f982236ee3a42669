/* Connection mode: source type x setting x bundled -> device or cloud, with the reason. */
#ifndef SEGMO_ROUTE_CONNECTION_MODE_H
#define SEGMO_ROUTE_CONNECTION_MODE_H

#include "base/error.h"
#include "model/destination.h"

/* The effective mode and static words that say why. Fails with SEGMO_ERR_OPTION (field
 * connection_mode) for a combination that is a configuration error, such as a server source in
 * device mode. */
int segmo__connection_mode(segmo__source_type type, segmo__mode_setting setting, int bundled,
                           segmo__moengage_kind kind, segmo__mode *mode, const char **reason,
                           segmo_error **err);

/* What a mode can and cannot do for MoEngage, for explain and the docs: a table ended by a NULL
 * name. */
typedef struct segmo__capability {
    const char *name;
    const char *device;
    const char *cloud;
    const char *actions;
} segmo__capability;
const segmo__capability *segmo__capabilities(void);

#endif
