/* User ids that MoEngage refuses: place-holders that programs send when they mean nobody. */
#ifndef SEGMO_MODEL_USER_ID_H
#define SEGMO_MODEL_USER_ID_H

#include "base/buf.h"

/* 1 for an id that MoEngage would refuse: a place-holder such as "null" or "guest", compared after
 * trimming and without case, or one of fewer than two characters. `decoded` is the id's text. */
int segmo__user_id_refused(segmo__slice decoded);

#endif
