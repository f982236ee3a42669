/* The life of a worker process: one client for each destination, until a signal asks it to stop. */
#include "work.h"

#include "base/clock.h"
#include "base/json.h"

#include "service/client_stats.h"
#include "service/journal.h"
#include "service/listen.h"
#include "support/command.h"
#include "support/output.h"
#include "support/setup.h"

#include <stdio.h>
#include <string.h>

#define TURN_MS       100
#define LOOK_EVERY_MS 5000
#define CONNECTIONS   64
#define MEMORY        (4u << 20)

const char *const work_destinations[WORK_DESTINATIONS] = {"segment", "moengage"};

/* ---- reports ---- */

static void log_if_told(const segmo_report *report)
{
    segmo__slice json;

    json.at = segmo_report_json(report, &json.len);
    switch (segmo_report_kind(report)) {
    case SEGMO_REPORT_PAUSED:
        journal_report("error", "destination_paused", json);
        break;
    case SEGMO_REPORT_RESUMED:
        journal_report("info", "destination_resumed", json);
        break;
    case SEGMO_REPORT_SETTINGS:
        journal_report("info", "settings", json);
        break;
    case SEGMO_REPORT_LOG:
        journal_report("warning", "worker", json);
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

/* ---- Kafka's troubles ---- */

static void log_trouble(const char *destination, const char *reason)
{
    segmo__buf members;

    segmo__buf_init(&members, 1024);
    segmo__buf_addf(&members, ",\"destination\":\"%s\",\"reason\":", destination);
    segmo__json_put_text(&members, reason);
    segmo__buf_add_char(&members, '\0');
    journal("warning", "kafka_trouble", members.failed ? NULL : members.data);
    segmo__buf_free(&members);
}

/* An outage goes by without anybody's doing, but who starts a worker with a wrong address would
 * wait for ever without a word. */
static void tell_trouble(struct work *work, int at)
{
    segmo__json *stats = client_stats(work->clients[at]);
    const segmo__json *failure = segmo__json_get(
        segmo__json_get(segmo__json_get(stats, "destinations"), "kafka"), "last_failure");
    const char *when = segmo__json_string(segmo__json_get(failure, "at"));

    if (when && strcmp(when, work->told[at]) != 0) {
        snprintf(work->told[at], sizeof work->told[at], "%s", when);
        log_trouble(work_destinations[at], segmo__json_string(segmo__json_get(failure, "reason")));
    }
    segmo__json_free(stats);
}

static void tell_troubles(struct work *work)
{
    int64_t now_ms = segmo__clock_mono_ms();

    if (now_ms - work->looked_ms < LOOK_EVERY_MS)
        return;
    work->looked_ms = now_ms;
    for (int i = 0; i < WORK_DESTINATIONS; i++)
        if (work->clients[i])
            tell_trouble(work, i);
}

/* ---- start ---- */

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

static int open_server(struct work *work)
{
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
    if (!work->server ||
        http_server_watch(work->server, work->signals.fd, signals_read, &work->signals)) {
        say("memory or descriptors ran out");
        code = EXIT_INPUT;
    } else {
        code = listen_all(work->server, "work.listen", address);
    }
    segmo_free(address);
    return code;
}

static int start(struct work *work, const struct args *args)
{
    int code;

    signals_open(&work->signals);
    code = setup_config(&work->config, args);
    if (code == EXIT_DONE && args_value(args, "listen"))
        code = setup_option(work->config, "work.listen", args_value(args, "listen"));
    if (code == EXIT_DONE)
        code = open_server(work);
    if (code == EXIT_DONE)
        code = open_clients(work, args);
    if (code == EXIT_DONE)
        work->ready_max_age_ms = setup_number(work->config, "gateway.ready_max_age_ms");
    return code;
}

/* ---- turns ---- */

static void reload_if_asked(struct work *work)
{
    if (!work->signals.reloads)
        return;
    work->signals.reloads = 0;
    for (int i = 0; i < WORK_DESTINATIONS; i++)
        if (work->clients[i])
            segmo_client_reload(work->clients[i], NULL); /* it reports what is wrong */
}

static void turn(struct work *work)
{
    http_server_turn(work->server, TURN_MS);
    reload_if_asked(work);
    drain_reports(work);
    tell_troubles(work);
}

/* ---- stop ---- */

static void close_clients(struct work *work)
{
    uint32_t timeout_ms = (uint32_t)setup_number(work->config, "close.timeout_ms");

    for (int i = 0; i < WORK_DESTINATIONS; i++)
        if (work->clients[i])
            segmo_client_close(work->clients[i], work->signals.stops > 1 ? 0 : timeout_ms, NULL);
}

static void end(struct work *work)
{
    http_server_free(work->server);
    for (int i = 0; i < WORK_DESTINATIONS; i++)
        segmo_client_free(work->clients[i]);
    segmo_config_free(work->config);
    signals_close(&work->signals);
}

int work_run(const struct args *args)
{
    static struct work work = {.signals.fd = -1};
    int code = start(&work, args);

    if (code == EXIT_DONE) {
        listen_announce("READY=1");
        while (!work.signals.stops)
            turn(&work);
        journal("info", "stopping", NULL);
        listen_announce("STOPPING=1");
        close_clients(&work);
        drain_reports(&work);
        journal("info", "stopped", NULL);
    }
    end(&work);
    return code;
}
