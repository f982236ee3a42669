/* The scenarios of the fault runs: short lives of a host program, and what it was told of each
 * message in memory that outlives it. */
#ifndef FAULT_SCENARIOS_H
#define FAULT_SCENARIOS_H

#include "fault_server.h"
#include "segmo.h"

#include <stddef.h>

enum { FAULT_MEMORY, FAULT_FILE, FAULT_DESCRIPTOR, FAULT_KINDS };

/* Shared by the processes. */
typedef struct fault_ledger {
    atomic_uchar wanted[FAULT_TARGETS][FAULT_MESSAGES]; /* accepted for it */
    atomic_uchar dead[FAULT_TARGETS][FAULT_MESSAGES];
    atomic_uchar excused[FAULT_MESSAGES]; /* deleted by the scenario itself, or only in memory */
    atomic_uint next;
    atomic_uint refused;             /* because the spool was full */
    atomic_uint mute;                /* refusals without words */
    atomic_long points[FAULT_KINDS]; /* where it can fail */
} fault_ledger;

typedef struct fault_host {
    fault_server *peer;
    fault_ledger *ledger;
    char spool[512], settings[512];
    int both; /* MoEngage too */
    int without_faults;
    segmo_config *config;
    segmo_client *client;
} fault_host;
extern fault_host the_host;

typedef struct fault_scenario {
    const char *name;
    void (*play)(void);
    void (*prepare)(void); /* without faults */
} fault_scenario;
extern const fault_scenario fault_scenarios[];
extern const size_t fault_scenario_count;

/* For what is done beside the scenarios: 0 when the client could not be opened. */
int fault_begin(void);
void fault_put_one(size_t filling, int bad);
void fault_flush(uint32_t ms);
void fault_end(void);

#endif
