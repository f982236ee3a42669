/* The life of a worker process: one client for each destination, until a signal asks it to stop. */
#include "work.h"

#include "base/clock.h"
#include "command.h"
#include "gateway/gateway_parts.h"
#include "gateway/listen.h"
#include "support/output.h"
#include "support/setup.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define TURN_MS     100
#define CONNECTIONS 64
#define MEMORY      (4u << 20)

const char *const work_destinations[WORK_DESTINATIONS] = {"segment", "moengage"};

struct life {
    struct work work;
    int signals; /* descriptor */
};

/* ---- reports ---- */

static void log_report(const char *level, const char *event, const segmo_report *report)
{
    segmo__slice json;
    segmo__buf members;

    json.at = segmo_report_json(report, &json.len);
    segmo__buf_init(&members, 64 * 1024);
    segmo__buf_add_char(&members, ',');
    segmo__buf_add(&members, json.at + 1, json.len - 2); /* without its braces */
    segmo__buf_add_char(&members, '\0');
    journal(level, event, members.failed ? NULL : members.data);
    segmo__buf_free(&members);
}

static void log_if_told(const segmo_report *report)
{
    switch (segmo_report_kind(report)) {
    case SEGMO_REPORT_PAUSED:
        log_report("error", "destination_paused", report);
        break;
    case SEGMO_REPORT_RESUMED:
        log_report("info", "destination_resumed", report);
        break;
    case SEGMO_REPORT_SETTINGS:
        log_report("info", "settings", report);
        break;
    case SEGMO_REPORT_LOG:
        log_report("warning", "worker", report);
        break;
    default:
        break; /* dead letters, skips and warnings are counted by the client */
    }
}

static void drain_reports(struct work *work)
{
    segmo_report *report = NULL;

    for (int i = 0; i < WORK_DESTINATIONS; i++)
        while (work->clients[i] &&
               segmo_client_poll(work->clients[i], &report, 0, NULL) == SEGMO_OK && report) {
            log_if_told(report);
            segmo_report_free(report);
            report = NULL;
        }
}

/* ---- start ---- */

static int64_t number(const segmo_config *config, const char *name)
{
    uint64_t value = 0;

    segmo_config_number(config, name, &value, NULL); /* every number has a default */
    return (int64_t)value;
}

/* A destination that no source sends to is left out, unless it was asked for by name. */
static int open_client(struct work *work, int at, int is_wanted)
{
    segmo_error *error = NULL;
    int code = setup_option(work->config, "kafka.work_for", work_destinations[at]);
    int status;

    if (code != EXIT_DONE)
        return code;
    status = segmo_client_open(&work->clients[at], work->config, &error);
    if (status == SEGMO_OK)
        return EXIT_DONE;
    if (!is_wanted && strcmp(segmo_error_field(error), "kafka.work_for") == 0) {
        segmo_error_free(error);
        return EXIT_DONE;
    }
    return say_error(error);
}

static int open_clients(struct work *work, const struct args *args)
{
    const char *only = args_value(args, "for");
    int opened = 0, known = !only, code = EXIT_DONE;

    for (int i = 0; i < WORK_DESTINATIONS && code == EXIT_DONE; i++) {
        if (only && strcmp(only, work_destinations[i]) != 0)
            continue;
        known = 1;
        code = open_client(work, i, only != NULL);
        opened += work->clients[i] != NULL;
    }
    if (!known)
        return args_refuse(args, "--for is segment or moengage");
    if (code == EXIT_DONE && opened == 0) {
        say("no source sends to a destination; set segment.write_key, or moengage.app_id and "
            "moengage.data_api_key");
        return EXIT_USAGE;
    }
    return code;
}

static void on_signal(void *ctx)
{
    struct life *life = ctx;
    struct signalfd_siginfo info;

    while (read(life->signals, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo == SIGHUP)
            for (int i = 0; i < WORK_DESTINATIONS; i++)
                segmo_client_reload(life->work.clients[i], NULL); /* it reports what is wrong */
        else
            life->work.stopping++;
}

static void watch_signals(struct life *life)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    life->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int open_server(struct life *life)
{
    struct work *work = &life->work;
    http_service service = work_service(work);
    http_limits limits = {.head_ms = 10000,
                          .body_ms = 10000,
                          .answer_ms = 10000,
                          .idle_ms = 75000,
                          .connections = CONNECTIONS,
                          .per_address = CONNECTIONS,
                          .memory = MEMORY};
    char *address = setup_value(work->config, "work.listen");
    int code;

    work->server = http_server_new(&service, &limits);
    if (!work->server || http_server_watch(work->server, life->signals, on_signal, life)) {
        say("memory or descriptors ran out");
        code = EXIT_INPUT;
    } else {
        code = listen_all(work->server, address);
    }
    segmo_free(address);
    return code;
}

static int start(struct life *life, const struct args *args)
{
    struct work *work = &life->work;
    int code;

    work->started_ms = segmo__clock_mono_ms();
    watch_signals(life);
    code = setup_config(&work->config, args);
    if (code == EXIT_DONE && args_value(args, "listen"))
        code = setup_option(work->config, "work.listen", args_value(args, "listen"));
    if (code == EXIT_DONE)
        code = open_server(life);
    if (code == EXIT_DONE)
        code = open_clients(work, args);
    if (code == EXIT_DONE)
        work->ready_max_age_ms = number(work->config, "gateway.ready_max_age_ms");
    return code;
}

/* ---- stop ---- */

static void end(struct life *life)
{
    struct work *work = &life->work;

    http_server_free(work->server);
    for (int i = 0; i < WORK_DESTINATIONS; i++)
        segmo_client_free(work->clients[i]);
    segmo_config_free(work->config);
    if (life->signals >= 0)
        close(life->signals);
}

static void close_clients(struct work *work)
{
    uint32_t timeout_ms = (uint32_t)number(work->config, "close.timeout_ms");

    for (int i = 0; i < WORK_DESTINATIONS; i++)
        if (work->clients[i])
            segmo_client_close(work->clients[i], work->stopping > 1 ? 0 : timeout_ms, NULL);
}

int work_run(const struct args *args)
{
    static struct life life = {.signals = -1};
    int code = start(&life, args);

    if (code == EXIT_DONE) {
        listen_announce("READY=1");
        while (!life.work.stopping) {
            http_server_turn(life.work.server, TURN_MS);
            drain_reports(&life.work);
        }
        journal("info", "stopping", NULL);
        listen_announce("STOPPING=1");
        close_clients(&life.work);
        drain_reports(&life.work);
        journal("info", "stopped", NULL);
    }
    end(&life);
    return code;
}
