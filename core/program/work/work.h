/* `segmo work`: clients that take their messages from Kafka, and what they tell over HTTP. */
#ifndef SEGMO_WORK_WORK_H
#define SEGMO_WORK_WORK_H

#include "segmo.h"
#include "service/http_server.h"
#include "service/signals.h"
#include "support/args.h"

#define WORK_DESTINATIONS 2

struct work {
    segmo_config *config;
    segmo_client *clients[WORK_DESTINATIONS]; /* NULL: not worked for */
    http_server *server;
    struct signals signals;
    int64_t ready_max_age_ms;
};

extern const char *const work_destinations[WORK_DESTINATIONS]; /* "segment", "moengage" */

int work_run(const struct args *args); /* the exit code */

/* ---- work_http.c ---- */
http_service work_service(struct work *work);

#endif
