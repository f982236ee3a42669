/* Failures on request: rules that say when a service shall answer late, wrongly or not at all. */
#ifndef SEGMO_SANDBOX_SCRIPT_H
#define SEGMO_SANDBOX_SCRIPT_H

#include "base/error.h"
#include "verdict.h"

/* One rule as given in JSON; the help text says what each member means. */
typedef struct sandbox_rule {
    int status;         /* 0: answers as usual */
    double share;       /* of the requests it applies to */
    int retry_after_s;  /* -1: none */
    int64_t times_left; /* -1: no end */
    int64_t after;      /* applies behind this many requests */
    int64_t latency_ms;
    int64_t reset_after;        /* bytes of the request's body; -1: none */
    int64_t reset_answer_after; /* bytes of the answer with its head; -1: none */
    int never;
    char *match; /* NULL: any body */
    char *body;  /* NULL: the service's own words */
} sandbox_rule;

#define SANDBOX_RULES_MAX 64

typedef struct sandbox_script {
    struct sandbox_cues {
        sandbox_rule rules[SANDBOX_RULES_MAX];
        size_t count;
        uint64_t seen;   /* requests since the rules were set */
        uint64_t random; /* state of the generator */
    } of[SANDBOX_SERVICES];
} sandbox_script;

/* What shall happen to one request. */
typedef struct sandbox_cue {
    const sandbox_rule *failure; /* the rule that decides the answer, or NULL */
    int64_t latency_ms;
} sandbox_cue;

/* Replaces the rules of the services that `text` names: {"service":..,"rules":[..],"seed":..}.
 * Fails, naming the member, and changes nothing when the script is malformed. */
int sandbox_script_load(sandbox_script *script, segmo__slice text, segmo_error **err);
/* Adds one rule for both services: a share of requests answered with `status`, or, with status 0,
 * late. */
int sandbox_script_add(sandbox_script *script, int status, double share, int64_t latency_ms);
void sandbox_script_seed(sandbox_script *script, uint64_t seed);
void sandbox_script_free(sandbox_script *script);

/* Asked once for each request when its head is here: the body bytes after which its connection is
 * to be reset, or -1. */
int64_t sandbox_script_reset_after(sandbox_script *script, sandbox_service service);
/* Asked once for each request whose body is complete. */
sandbox_cue sandbox_script_cue(sandbox_script *script, sandbox_service service, segmo__slice body);

#endif
