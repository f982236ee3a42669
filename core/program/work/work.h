/* `segmo work`: clients that take their messages from Kafka, and what they tell over HTTP. */
#ifndef SEGMO_WORK_WORK_H
#define SEGMO_WORK_WORK_H

#include "base/json.h"
#include "gateway/http_server.h"
#include "segmo.h"
#include "support/args.h"

#define WORK_DESTINATIONS 2

struct work {
    segmo_config *config;
    segmo_client *clients[WORK_DESTINATIONS]; /* NULL: not worked for */
    http_server *server;
    int64_t started_ms;
    int64_t ready_max_age_ms;
    int stopping; /* signals that asked for it */
};

extern const char *const work_destinations[WORK_DESTINATIONS]; /* "segment", "moengage" */

int work_run(const struct args *args); /* the exit code */

/* ---- work_http.c ---- */
http_service work_service(struct work *work);

#endif
