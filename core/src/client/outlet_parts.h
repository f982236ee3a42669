/* What the files of an outlet share. From the top: outlet_pump.c (reading, and sending what is
 * ready), outlet_send.c (requests), outlet_answer.c (what answers mean), outlet_settle.c
 * (outcomes), outlet_flight.c (requests on their way) and outlet.c (life and state). */
#ifndef SEGMO_CLIENT_OUTLET_PARTS_H
#define SEGMO_CLIENT_OUTLET_PARTS_H

#include "client/outlet.h"
#include "deliver/lanes.h"
#include "deliver/retry.h"
#include "model/message.h"
#include "wire/moengage.h"

#define SEGMO__OUTLET_STORAGE_PAUSE_MS 1000 /* the spool or the dead letters could not be used */
#define SEGMO__OUTLET_BODY_MAX         (1u << 20)

/* The last refusal in a lane that is being bisected: goes into the dead letters of its held
 * messages. */
struct refusal {
    int status;
    char answer[200];
};

struct segmo__flight {
    segmo__outlet *outlet;
    segmo__flight *next; /* in the outlet's pool or among those away */
    uint32_t epoch;
    uint32_t settings; /* the outlet's when it was packed */
    int lane;
    uint32_t count;
    uint32_t attempts;
    segmo__moengage_endpoint endpoint;
    segmo__lane_item *items; /* copies: an answer settles them even when the lanes began anew */
    uint32_t room;
    segmo__buf body;
    segmo__buf url;
    segmo__buf ids; /* message ids, for the attempt feed */
};

struct segmo__outlet {
    segmo__outlet *next; /* in the shop */
    segmo__outlet_shop *shop;
    segmo_client *client;
    segmo__tally *tally;
    segmo__destination destination;
    uint64_t source;
    segmo__spool_cursor *cursor;
    int is_reading; /* the intake, from where it was rewound to */
    segmo__lanes *lanes;
    struct refusal *refusals; /* per lane */
    segmo__bucket users;
    segmo__bucket events;
    segmo__bucket requests;
    int64_t hold_until_ms;
    uint32_t epoch; /* raised when lanes start anew: answers to older flights only settle */
    uint32_t in_flight;
    uint32_t settings;     /* raised when they change */
    uint32_t paused_under; /* the settings for which the pause was reported */
    const char *paused;    /* why (a static word), or NULL */
    double mean_bytes;     /* of a message: how many make a full body */
    segmo__flight *pool;
    segmo__flight *away; /* sent, the answer not yet here */
    uint64_t skips;      /* not reported yet */
    const char *skip_reason;
    segmo__buf skip_ids; /* with reports.steps */
    int64_t warning_second;
    uint32_t warnings_in_second;
};

/* outlet.c */
void segmo__outlet_begin_epoch(segmo__outlet *outlet);
void segmo__outlet_set_paused(segmo__outlet *outlet, const char *reason);
void segmo__outlet_fill_buckets(segmo__outlet *outlet, const segmo__rules *rules, int64_t now_ms);
/* Lanes and cursor are there, or it rests for a while: 0. */
int segmo__outlet_ready(segmo__outlet *outlet, const segmo__rules *rules, int64_t now_ms);

/* outlet_store.c: where messages wait, the spool or the intake. */
int segmo__outlet_open_cursor(segmo__outlet *outlet);
void segmo__outlet_close_cursor(segmo__outlet *outlet);
int segmo__outlet_next(segmo__outlet *outlet, segmo__record_ref *ref, segmo__slice *stored);
int segmo__outlet_read(segmo__outlet *outlet, const segmo__record_ref *ref, segmo__slice *stored);
int segmo__outlet_waits(segmo__outlet *outlet, const segmo__record_ref *ref);
int segmo__outlet_settle(segmo__outlet *outlet, const segmo__record_ref *ref, segmo__settled state);
uint64_t segmo__outlet_backlog(const segmo__outlet *outlet);

/* outlet_settle.c: outcomes. Each message gets one: later calls for it change and count nothing. */
segmo__record_ref segmo__outlet_place(const segmo__lane_item *item);
/* Reads a stored message again; it lives until the next one is read. 0 when the disk does not give
 * it. */
int segmo__outlet_read_back(segmo__outlet *outlet, const segmo__lane_item *item,
                            segmo__message *message);
void segmo__outlet_settle_delivered(segmo__outlet *outlet, const segmo__lane_item *item);
void segmo__outlet_settle_skipped(segmo__outlet *outlet, const segmo__rules *rules,
                                  const segmo__record_ref *place, const segmo__message *message,
                                  const char *reason);
void segmo__outlet_report_skips(segmo__outlet *outlet);
/* The dead letter is written first: without it the message stays pending. 0 when it could not be
 * written. */
int segmo__outlet_settle_dead(segmo__outlet *outlet, const segmo__source *source,
                              const segmo__lane_item *item, uint32_t attempts,
                              const segmo__message *message, const char *reason, int status,
                              segmo__slice answer);
int segmo__outlet_bury(segmo__outlet *outlet, const segmo__source *source,
                       const segmo__lane_item *item, uint32_t attempts, const char *reason,
                       int status, segmo__slice answer);

/* outlet_send.c: a lane's front becomes a request. 0 when nothing more can be sent now. */
int segmo__outlet_send(segmo__outlet *outlet, const segmo__rules *rules,
                       const segmo__source *source, int lane, int64_t now_ms);

/* outlet_flight.c */
segmo__flight *segmo__flight_take(segmo__outlet *outlet, uint32_t room);
void segmo__flight_depart(segmo__flight *flight);
void segmo__flight_return(segmo__flight *flight);
void segmo__flight_give(segmo__flight *flight);
void segmo__flight_free(segmo__flight *flight);

#endif
