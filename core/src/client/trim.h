/* The policy drop_oldest: when a destination is over its quota, its oldest messages become dead
 * letters, but for those that are on their way. */
#ifndef SEGMO_CLIENT_TRIM_H
#define SEGMO_CLIENT_TRIM_H

#include "client/forward.h"
#include "client/outlet.h"

/* Worker's thread. */
void segmo__trim_oldest(segmo_client *client, const segmo__rules *rules,
                        segmo__outlet *const *outlets, size_t outlet_count,
                        const segmo__forward *forward);

#endif
