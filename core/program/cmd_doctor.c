/* `segmo doctor`: what would keep messages from arriving, and the remedy. */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "command.h"
#include "support/args.h"
#include "support/delivery.h"
#include "support/output.h"
#include "support/reach.h"
#include "support/setup.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_MS 5000
#define SKEW_MAX_MS        (5 * 60 * 1000)
#define PROBE_SIZE         (64u << 10)

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL };

struct doctor {
    const struct args *args;
    segmo_config *config;
    segmo__buf json;
    int failed;
};

/* One line; `remedy` is empty when there is nothing to do. */
static void tell(struct doctor *doctor, enum verdict verdict, const char *check, const char *remedy,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));

static void tell(struct doctor *doctor, enum verdict verdict, const char *check, const char *remedy,
                 const char *format, ...)
{
    static const char *const names[] = {"OK", "WARN", "FAIL"};
    char words[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    doctor->failed |= verdict == VERDICT_FAIL;
    if (!args_has(doctor->args, "json")) {
        printf("%-4s  %-14s  %s\n", names[verdict], check, words);
        if (*remedy)
            printf("      %-14s  -> %s\n", "", remedy);
        return;
    }
    segmo__buf_addf(&doctor->json, "%s{\"result\":\"%s\",\"check\":\"%s\",\"words\":",
                    doctor->json.len > 1 ? "," : "", names[verdict], check);
    segmo__json_put_text(&doctor->json, words);
    segmo__buf_add_lit(&doctor->json, ",\"remedy\":");
    segmo__json_put_text(&doctor->json, remedy);
    segmo__buf_add_char(&doctor->json, '}');
}

/* ---- this machine ---- */

static const char *text_of(const segmo__json *node, const char *name)
{
    const char *text = segmo__json_string(segmo__json_get(node, name));

    return text ? text : "";
}

static void check_version(struct doctor *doctor)
{
    segmo__json *features = NULL;
    const char *curl;

    segmo__json_parse(&features, segmo__slice_of(segmo_features()), NULL);
    curl = text_of(features, "curl");
    tell(doctor, VERDICT_OK, "version", "", "segmo %s, %.*s, %s", segmo_version(),
         (int)strcspn(curl, " "), curl, text_of(features, "gzip"));
    segmo__json_free(features);
}

static int check_configuration(struct doctor *doctor)
{
    segmo_error *error = NULL;
    char *text = NULL;
    size_t len;
    int fine = segmo_config_json(doctor->config, &text, &len, &error) == SEGMO_OK;

    if (fine)
        tell(doctor, VERDICT_OK, "configuration", "", "no option contradicts another");
    else
        tell(doctor, VERDICT_FAIL, "configuration", "", "%s: %s", segmo_error_field(error),
             segmo_error_message(error));
    segmo_error_free(error);
    segmo_free(text);
    return fine;
}

static void check_descriptors(struct doctor *doctor)
{
    char *in_flight = setup_value(doctor->config, "delivery.max_in_flight");
    uint64_t needed = 2 * strtoull(in_flight ? in_flight : "0", NULL, 10) + 64;
    struct rlimit limit;

    segmo_free(in_flight);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_cur < needed)
        tell(doctor, VERDICT_WARN, "descriptors",
             "raise it with ulimit -n, or lower delivery.max_in_flight",
             "a process may open %" PRIu64 " files; segmo may need %" PRIu64,
             (uint64_t)limit.rlim_cur, needed);
    else
        tell(doctor, VERDICT_OK, "descriptors", "", "a process may open %" PRIu64 " files",
             (uint64_t)limit.rlim_cur);
}

static void check_certificates(struct doctor *doctor)
{
    static const char *const system_files[] = {"/etc/ssl/certs/ca-certificates.crt",
                                               "/etc/pki/tls/certs/ca-bundle.crt",
                                               "/etc/ssl/cert.pem", NULL};
    char *own = setup_value(doctor->config, "delivery.ca_file");

    if (own) {
        if (access(own, R_OK) == 0)
            tell(doctor, VERDICT_OK, "certificates", "", "%s is readable", own);
        else
            tell(doctor, VERDICT_FAIL, "certificates",
                 "correct delivery.ca_file, or take it away to use the system's",
                 "delivery.ca_file %s cannot be read", own);
        segmo_free(own);
        return;
    }
    for (size_t i = 0; system_files[i]; i++) {
        if (access(system_files[i], R_OK) == 0) {
            tell(doctor, VERDICT_OK, "certificates", "", "%s is readable", system_files[i]);
            return;
        }
    }
    tell(doctor, VERDICT_FAIL, "certificates",
         "install the package ca-certificates, or set delivery.ca_file",
         "no certificate authorities were found");
}

/* ---- the spool ---- */

static void check_space(struct doctor *doctor, const char *dir)
{
    char *quota = setup_value(doctor->config, "spool.max_bytes");
    struct statvfs info;
    uint64_t free_mib;

    if (statvfs(dir, &info) == 0) {
        free_mib = (uint64_t)info.f_bavail * info.f_frsize >> 20;
        if (free_mib < 64)
            tell(doctor, VERDICT_FAIL, "disk", "free some space, or move spool.dir to another disk",
                 "%" PRIu64 " MiB are free where the spool is", free_mib);
        else if (quota && free_mib < strtoull(quota, NULL, 10) >> 20)
            tell(doctor, VERDICT_WARN, "disk", "lower spool.max_bytes, or free some space",
                 "%" PRIu64 " MiB are free, less than spool.max_bytes allows", free_mib);
        else
            tell(doctor, VERDICT_OK, "disk", "", "%" PRIu64 " MiB are free", free_mib);
    }
    segmo_free(quota);
}

/* Makes a file as the spool would and takes it away again. */
static int check_writing(struct doctor *doctor, const char *dir)
{
    char path[PATH_MAX], words[512];
    segmo__file file;
    int code = segmo__file_mkdir(dir);

    snprintf(path, sizeof path, "%s/doctor-%ld", dir, (long)getpid());
    if (code == 0)
        code = segmo__file_create(&file, path, PROBE_SIZE);
    if (code < 0) {
        segmo__file_describe(dir, -code, words, sizeof words);
        tell(doctor, VERDICT_FAIL, "spool", words, "%s cannot be used", dir);
        return 0;
    }
    if (file.map)
        tell(doctor, VERDICT_OK, "spool", "", "%s is writable and can be mapped", dir);
    else
        tell(doctor, VERDICT_WARN, "spool", "a local ext4, xfs or tmpfs directory is faster",
             "%s is writable; its file system cannot be mapped safely, so messages are written",
             dir);
    segmo__file_close(&file);
    segmo__file_unlink(path);
    return 1;
}

static uint64_t number_in(const segmo__json *node, const char *name)
{
    return (uint64_t)segmo__json_number(segmo__json_get(node, name), 0);
}

static void check_content(struct doctor *doctor)
{
    segmo_error *error = NULL;
    segmo__json *spool = NULL;
    char *text = NULL;
    size_t len;
    uint64_t count;

    if (segmo_spool_json(doctor->config, &text, &len, &error) != SEGMO_OK ||
        segmo__json_parse(&spool, (segmo__slice){text, len}, &error) != SEGMO_OK) {
        tell(doctor, VERDICT_FAIL, "spool", "", "%s", segmo_error_message(error));
        segmo_error_free(error);
        segmo_free(text);
        return;
    }
    count = number_in(spool, "processes") - number_in(spool, "alive");
    if (count > 0)
        tell(doctor, VERDICT_WARN, "orphans",
             "the next client on this directory sends what they hold",
             "%" PRIu64 " directories of processes that are gone", count);
    count = number_in(spool, "dead_letters");
    if (count > 0)
        tell(doctor, VERDICT_WARN, "dead letters", "`segmo dead list` shows them",
             "%" PRIu64 " dead letters", count);
    else
        tell(doctor, VERDICT_OK, "dead letters", "", "none");
    segmo__json_free(spool);
    segmo_free(text);
}

static void check_spool(struct doctor *doctor)
{
    char *dir = setup_spool_dir(doctor->config);

    if (!dir) {
        tell(doctor, VERDICT_WARN, "spool", "set spool.dir to keep messages over a crash",
             "messages wait in memory only");
        return;
    }
    if (check_writing(doctor, dir)) {
        check_space(doctor, dir);
        check_content(doctor);
    }
    segmo_free(dir);
}

/* ---- destinations ---- */

/* Addresses that people take for the API, and the one that is. */
static const struct {
    const char *host;
    const char *remedy;
} mistaken[] = {
    {"app.segment.com", "the API is api.segment.io (EU: events.eu1.segmentapis.com)"},
    {"segment.com", "the API is api.segment.io (EU: events.eu1.segmentapis.com)"},
    {"cdn.segment.com", "the API is api.segment.io (EU: events.eu1.segmentapis.com)"},
    {"app.moengage.com",
     "the API is api-01.moengage.com, or the number that the dashboard's address shows"},
};

static void check_mistaken(struct doctor *doctor, const char *name, const char *host)
{
    char remedy[128];
    int digits = 0;

    for (size_t i = 0; i < sizeof mistaken / sizeof mistaken[0]; i++)
        if (strcmp(host, mistaken[i].host) == 0)
            tell(doctor, VERDICT_FAIL, name, mistaken[i].remedy, "%s is not the API", host);
    if (sscanf(host, "dashboard-%*3[0-9]%n", &digits) == 0 && digits > 0 &&
        strcmp(host + digits, ".moengage.com") == 0) {
        snprintf(remedy, sizeof remedy, "the API of this data centre is api-%.*s.moengage.com",
                 digits - (int)strlen("dashboard-"), host + strlen("dashboard-"));
        tell(doctor, VERDICT_FAIL, name, remedy, "%s is the dashboard, not the API", host);
    }
}

static void check_clock(struct doctor *doctor, const struct reach_url *url)
{
    int64_t theirs_ms, skew_ms;

    if (!reach_clock(url, CONNECT_TIMEOUT_MS, &theirs_ms))
        return;
    skew_ms = segmo__clock_wall_ms() - theirs_ms;
    if (skew_ms > SKEW_MAX_MS || skew_ms < -SKEW_MAX_MS)
        tell(doctor, VERDICT_WARN, "clock", "set the clock (timedatectl set-ntp true)",
             "this machine is %" PRId64 " s %s than %s", (skew_ms < 0 ? -skew_ms : skew_ms) / 1000,
             skew_ms < 0 ? "behind" : "ahead", url->host);
    else
        tell(doctor, VERDICT_OK, "clock", "", "agrees with %s", url->host);
}

/* The first of these variables that is set, or NULL. */
static const char *environment_proxy(const struct reach_url *url)
{
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    const char *exceptions = getenv("no_proxy");
    const char *proxy = NULL;

    if (!exceptions)
        exceptions = getenv("NO_PROXY");
    if (exceptions && (strstr(exceptions, url->host) || strcmp(exceptions, "*") == 0))
        return NULL;
    if (!url->is_tls)
        return getenv("http_proxy");
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !proxy; i++)
        proxy = getenv(names[i]);
    return proxy;
}

/* Behind a proxy only the proxy can be connected to from here. 1 when there is one; then `*url` is
 * its own. */
static int goes_through_proxy(const struct doctor *doctor, struct reach_url *url)
{
    char *own = setup_value(doctor->config, "delivery.proxy");
    const char *proxy = own ? own : environment_proxy(url);
    int found = proxy && *proxy && reach_parse(url, proxy);

    segmo_free(own);
    return found;
}

static void check_reach(struct doctor *doctor, const char *name, const char *address)
{
    struct reach_url url;
    int64_t latency_ms;
    char words[512];
    int by_proxy;

    if (!reach_parse(&url, address)) {
        tell(doctor, VERDICT_FAIL, name, "give a URL that starts with https://", "%s is no address",
             address);
        return;
    }
    check_mistaken(doctor, name, url.host);
    by_proxy = goes_through_proxy(doctor, &url);
    if (!reach_connect(&url, CONNECT_TIMEOUT_MS, &latency_ms, words, sizeof words)) {
        tell(doctor, VERDICT_FAIL, name, "check the name, the firewall, and delivery.proxy", "%s",
             words);
        return;
    }
    tell(doctor, VERDICT_OK, name, "", "%s%s port %s answers (%" PRId64 " ms)",
         by_proxy ? "the proxy " : "", url.host, url.port, latency_ms);
    if (!by_proxy)
        check_clock(doctor, &url);
}

/* The URL that a message would go to; free with segmo_free(). NULL: none goes there. */
static char *url_of(struct doctor *doctor, int destination)
{
    static const char message[] = "{\"type\":\"track\",\"userId\":\"doctor\",\"event\":\"Doctor\"}";
    segmo__json *tree = NULL;
    char *text = NULL, *url = NULL;
    const char *found;
    size_t len;

    if (segmo_transform(doctor->config, SEGMO_SOURCE_DEFAULT, destination_names[destination],
                        message, sizeof message - 1, &text, &len, NULL) == SEGMO_OK &&
        segmo__json_parse(&tree, (segmo__slice){text, len}, NULL) == SEGMO_OK) {
        found = segmo__json_string(
            segmo__json_get(segmo__json_first(segmo__json_get(tree, "requests")), "url"));
        url = found ? segmo__strdup(found) : NULL;
    }
    segmo__json_free(tree);
    segmo_free(text);
    return url;
}

static void check_data_center(struct doctor *doctor)
{
    char *url = setup_value(doctor->config, "moengage.url");
    segmo_error *error = NULL;
    segmo__json *tree = NULL;
    const char *from = NULL;
    char *text = NULL;
    size_t len;

    if (!url && segmo_config_json(doctor->config, &text, &len, &error) == SEGMO_OK &&
        segmo__json_parse(&tree, (segmo__slice){text, len}, &error) == SEGMO_OK)
        from = segmo__json_string(
            segmo__json_get(segmo__json_get(tree, "moengage.data_center"), "from"));
    if (from && strcmp(from, "default") == 0)
        tell(doctor, VERDICT_WARN, "data centre",
             "set moengage.data_center: the number stands in the dashboard's address, "
             "dashboard-0X.moengage.com",
             "moengage.data_center is not set; DC_01 is assumed");
    segmo_error_free(error);
    segmo__json_free(tree);
    segmo_free(text);
    segmo_free(url);
}

static void check_destinations(struct doctor *doctor)
{
    int configured = 0;

    for (int i = 0; i < DESTINATIONS; i++) {
        char *url = url_of(doctor, i);

        if (!url)
            continue;
        configured = 1;
        if (strcmp(destination_names[i], "moengage") == 0)
            check_data_center(doctor);
        check_reach(doctor, destination_names[i], url);
        segmo_free(url);
    }
    if (!configured)
        tell(doctor, VERDICT_FAIL, "destinations",
             "set segment.write_key, or moengage.app_id and moengage.data_api_key",
             "no destination is configured");
}

/* ---- the command ---- */

static void examine(struct doctor *doctor)
{
    check_version(doctor);
    if (check_configuration(doctor)) {
        check_spool(doctor);
        check_certificates(doctor);
        check_destinations(doctor);
    }
    check_descriptors(doctor);
}

static int run(const struct args *args)
{
    struct doctor doctor = {.args = args};
    int code = setup_config(&doctor.config, args);

    if (code != EXIT_DONE)
        return code;
    segmo__buf_init(&doctor.json, 1u << 20);
    segmo__buf_add_char(&doctor.json, '[');
    examine(&doctor);
    segmo__buf_add_char(&doctor.json, ']');
    if (args_has(args, "json"))
        print_line(doctor.json.data, doctor.json.len);
    segmo__buf_free(&doctor.json);
    segmo_config_free(doctor.config);
    return doctor.failed ? EXIT_REFUSED : EXIT_DONE;
}

static const struct exit_words exits[] = {
    {EXIT_DONE, "nothing fails (warnings are possible)"},
    {EXIT_REFUSED, "something fails; its line says what to do"},
    {EXIT_USAGE, "usage, or the configuration cannot be read"},
    {0, NULL},
};

const struct command command_doctor = {
    .name = "doctor",
    .summary = "Check the configuration, the spool directory and the way to each destination",
    .usage = "[options]",
    .about = "Each line is OK, WARN or FAIL with a remedy. Sends no message: destinations are\n"
             "looked up and connected to. The spool directory is made if it is missing.",
    .takes = TAKES_CONFIG | TAKES_JSON,
    .examples = "segmo doctor --config /etc/segmo.json\n",
    .exits = exits,
    .run = run,
};
