/* `segmo work`: clients that take their messages from Kafka, and what they tell over HTTP. */
#ifndef SEGMO_WORK_WORK_H
#define SEGMO_WORK_WORK_H

#include "segmo.h"
#include "service/http_server.h"
#include "service/signals.h"
#include "support/args.h"

#define WORK_DESTINATIONS 2
#define WORK_TIME_LEN     32

struct work {
    segmo_config *config;
    segmo_client *clients[WORK_DESTINATIONS]; /* NULL: not worked for */
    http_server *server;
    struct signals signals;
    int64_t ready_max_age_ms;
    int64_t looked_ms;                           /* when Kafka's troubles were looked for */
    char told[WORK_DESTINATIONS][WORK_TIME_LEN]; /* when the last one was that the log has */
};

extern const char *const work_destinations[WORK_DESTINATIONS]; /* "segment", "moengage" */

int work_run(const struct args *args); /* the exit code */

/* ---- work_http.c ---- */
http_service work_service(struct work *work);

#endif
