/* The gateway's life: start, turns, changed settings, stop. */
#include "gateway.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "gateway_parts.h"
#include "gauge.h"
#include "service/listen.h"
#include "support/output.h"
#include "support/setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define TURN_MS       100
#define LOOK_EVERY_MS 300
#define INFLATED_MAX  ((size_t)4 << 20)
#define WRITTEN_MAX   ((size_t)8 << 20)

struct life {
    struct gateway gateway;
    struct gauge *gauge;
    const char *file; /* of the configuration, or NULL */
    int64_t file_mtime_ns, file_size, looked_ms;
};

/* ---- settings ---- */

static void free_settings(gateway_settings *settings)
{
    segmo_free(settings->proxies);
    segmo_free(settings->export_source);
}

static void read_settings(struct gateway *gateway)
{
    segmo_config *config = gateway->config;
    char *secret = setup_value(config, "gateway.export_secret");
    char *next = setup_value(config, "gateway.export_secret_next");
    char *target = setup_value(config, "gateway.export_source");

    char *sync = setup_value(config, "spool.sync");

    free_settings(&gateway->settings);
    gateway->settings = (gateway_settings){
        .sync_always = sync && strcmp(sync, "always") == 0,
        .strict = setup_is_on(config, "gateway.strict"),
        .ready_max_age_ms = setup_number(config, "gateway.ready_max_age_ms"),
        .proxies = setup_value(config, "gateway.trusted_proxies"),
        .export_source = target ? target : setup_value(config, "source.id"),
        .export_open = secret || next,
    };
    segmo_free(sync);
    segmo_free(secret);
    segmo_free(next);
}

static void look_again(struct life *life)
{
    struct gateway *gateway = &life->gateway;
    segmo_config *fresh = NULL;
    segmo_error *error = NULL;

    gateway->signals.reloads = 0;
    if (segmo_client_reload(gateway->client, &error) != SEGMO_OK) {
        journal_words("error", "settings_refused", segmo_error_message(error));
        segmo_error_free(error);
        return;
    }
    if (setup_config(&fresh, gateway->args) != EXIT_DONE)
        return; /* it changed once more; the next look tells */
    segmo_config_free(gateway->config);
    gateway->config = fresh;
    read_settings(gateway);
    callers_forget(gateway);
    journal("info", "settings_in_force", NULL);
}

static int file_changed(struct life *life)
{
    int64_t now = segmo__clock_mono_ms(), mtime_ns, size;

    if (!life->file || now - life->looked_ms < LOOK_EVERY_MS)
        return 0;
    life->looked_ms = now;
    mtime_ns = segmo__file_mtime_ns(life->file);
    size = segmo__file_size(life->file);
    if (mtime_ns == life->file_mtime_ns && size == life->file_size)
        return 0;
    life->file_mtime_ns = mtime_ns;
    life->file_size = size;
    return 1;
}

/* ---- start ---- */

static int open_duplicates(struct gateway *gateway)
{
    int64_t window_ms = setup_number(gateway->config, "gateway.duplicates_ms");
    char *dir = setup_spool_dir(gateway->config);
    segmo_error *error = NULL;
    const char *note = NULL;
    segmo__buf path;
    int status = SEGMO_OK;

    segmo__buf_init(&path, 8192);
    if (dir) {
        segmo__buf_addf(&path, "%s/gateway-ids", dir);
        segmo__buf_add_char(&path, '\0');
    }
    if (window_ms > 0)
        status = duplicates_open(&gateway->seen, dir ? path.data : NULL,
                                 (uint64_t)setup_number(gateway->config, "gateway.duplicates_max"),
                                 window_ms, &note, &error);
    if (note)
        journal_words("warning", "duplicates", note);
    segmo__buf_free(&path);
    segmo_free(dir);
    return status == SEGMO_OK ? EXIT_DONE : say_error(error);
}

/* Descriptors for the connections, and some for files and destinations. */
static void raise_descriptors(int64_t connections)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections + 512;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        journal_words("warning", "descriptors",
                      "the system allows fewer open files than gateway.connections needs; raise "
                      "LimitNOFILE");
}

static int open_server(struct life *life)
{
    struct gateway *gateway = &life->gateway;
    const segmo_config *config = gateway->config;
    http_limits limits = {.head_ms = setup_number(config, "gateway.head_timeout_ms"),
                          .body_ms = setup_number(config, "gateway.body_timeout_ms"),
                          .answer_ms = setup_number(config, "gateway.body_timeout_ms"),
                          .idle_ms = setup_number(config, "gateway.idle_timeout_ms"),
                          .connections = (unsigned)setup_number(config, "gateway.connections"),
                          .per_address =
                              (unsigned)setup_number(config, "gateway.connections_per_address"),
                          .memory = (uint64_t)setup_number(config, "gateway.memory")};
    http_service service = routes_service(gateway);
    char *address = setup_value(config, "gateway.listen");
    int code = EXIT_DONE;

    raise_descriptors((int64_t)limits.connections);
    gateway->server = http_server_new(&service, &limits);
    if (!gateway->server ||
        http_server_watch(gateway->server, gateway->signals.fd, signals_read, &gateway->signals) ||
        http_server_watch(gateway->server, segmo_client_report_fd(gateway->client), reports_drain,
                          gateway)) {
        say("memory or descriptors ran out");
        code = EXIT_INPUT;
    } else {
        code = listen_all(gateway->server, "gateway.listen", address);
    }
    segmo_free(address);
    return code;
}

/* What the page tells needs more than the counts do. */
static int ask_for_steps(segmo_config *config)
{
    int code = setup_option(config, "reports.steps", "true");

    return code == EXIT_DONE ? setup_option(config, "reports.letters", "true") : code;
}

static int start(struct life *life, const struct args *args)
{
    struct gateway *gateway = &life->gateway;
    int code;

    gateway->args = args;
    gateway->started_ms = segmo__clock_mono_ms();
    segmo__buf_init(&gateway->inflated, INFLATED_MAX);
    segmo__buf_init(&gateway->written, WRITTEN_MAX);
    segmo__buf_init(&gateway->credentials, 8192);
    segmo__buf_init(&gateway->scratch, INFLATED_MAX);
    life->file = args_value(args, "config") ? args_value(args, "config") : getenv("SEGMO_CONFIG");
    file_changed(life);
    signals_open(&gateway->signals);
    code = setup_config(&gateway->config, args);
    if (code == EXIT_DONE && args_value(args, "listen"))
        code = setup_option(gateway->config, "gateway.listen", args_value(args, "listen"));
    if (code == EXIT_DONE)
        code = setup_option(gateway->config, "reports.attempts", "true");
    if (code == EXIT_DONE && setup_is_on(gateway->config, "gateway.page"))
        code = ask_for_steps(gateway->config);
    if (code == EXIT_DONE)
        code = setup_client(&gateway->client, gateway->config);
    if (code == EXIT_DONE)
        code = open_duplicates(gateway);
    if (code != EXIT_DONE)
        return code;
    read_settings(gateway);
    life->gauge = gauge_start(args);
    gateway->gauge = life->gauge;
    code = page_start(gateway);
    return code == EXIT_DONE ? open_server(life) : code;
}

/* ---- stop ---- */

/* What is under way is finished; what is idle ends at once. A second signal does not wait. */
static void finish_requests(struct gateway *gateway)
{
    int64_t limit_ms = setup_number(gateway->config, "gateway.stop_timeout_ms");
    int64_t end_ms = segmo__clock_mono_ms() + limit_ms;

    http_server_stop(gateway->server);
    while (http_server_counts(gateway->server)->open > 0 && gateway->signals.stops < 2 &&
           segmo__clock_mono_ms() < end_ms)
        http_server_turn(gateway->server, 20);
}

static void close_client(struct gateway *gateway)
{
    uint32_t timeout_ms = (uint32_t)setup_number(gateway->config, "close.timeout_ms");

    if (gateway->signals.stops > 1)
        timeout_ms = 0;
    if (segmo_client_close(gateway->client, timeout_ms, NULL) == SEGMO_ERR_TIMEOUT)
        journal_words("info", "pending", "messages wait in the spool for the next start");
}

static void end(struct life *life)
{
    struct gateway *gateway = &life->gateway;

    http_server_free(gateway->server);
    page_stop(gateway->page);
    gauge_stop(life->gauge);
    callers_forget(gateway);
    counts_free(&gateway->counts);
    duplicates_free(gateway->seen);
    segmo_client_free(gateway->client);
    segmo_config_free(gateway->config);
    free_settings(&gateway->settings);
    segmo__buf_free(&gateway->inflated);
    segmo__buf_free(&gateway->written);
    segmo__buf_free(&gateway->credentials);
    segmo__buf_free(&gateway->scratch);
    signals_close(&gateway->signals);
}

int gateway_run(const struct args *args)
{
    static struct life life = {.gateway.signals.fd = -1};
    int code = start(&life, args);

    if (code == EXIT_DONE) {
        listen_announce("READY=1");
        while (!life.gateway.signals.stops) {
            http_server_turn(life.gateway.server, TURN_MS);
            page_turn(life.gateway.page);
            if (file_changed(&life) || life.gateway.signals.reloads)
                look_again(&life);
        }
        journal("info", "stopping", NULL);
        listen_announce("STOPPING=1");
        finish_requests(&life.gateway);
        close_client(&life.gateway);
        journal("info", "stopped", NULL);
    }
    end(&life);
    return code;
}
