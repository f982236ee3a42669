/* `segmo doctor`, the destinations: each is asked by segmo_probe(), and what it answers is put into
 * words that name the option to change. */
#include "base/clock.h"
#include "base/json.h"
#include "doctor.h"
#include "support/setup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PROBE_TIMEOUT_MS  10000 /* all destinations of a source together */
#define SEARCH_TIMEOUT_MS 10000 /* all other data centres together */
#define SEARCH_EACH_MS    3000
#define SKEW_MAX_MS       (5 * 60 * 1000)

/* One destination of a source, and what asking it gave. */
struct place {
    struct doctor *doctor;
    const char *source; /* NULL: the only one */
    const char *name;   /* "segment" or "moengage" */
    const char *url;
    char host[256];
    const char *tls; /* NULL: none */
    const char *cause;
    const char *error;
    int status;
    int authenticated; /* -1: nobody said */
    int64_t latency_ms;
    int64_t server_date_ms;
};

static int is_moengage(const struct place *place)
{
    return strcmp(place->name, "moengage") == 0;
}

/* ---- asking ---- */

/* The answers as a JSON array to free with segmo__json_free(), or NULL and an error. */
static segmo__json *ask(const segmo_config *config, const char *source, uint32_t timeout_ms,
                        segmo_error **error)
{
    segmo__json *answers = NULL;
    char *text = NULL;
    size_t len;

    if (segmo_probe(config, source, timeout_ms, &text, &len, error) == SEGMO_OK)
        segmo__json_parse(&answers, (segmo__slice){text, len}, error);
    segmo_free(text);
    return answers;
}

static const char *text_in(const segmo__json *answer, const char *name)
{
    const char *text = segmo__json_string(segmo__json_get(answer, name));

    return text ? text : "";
}

static int64_t number_in(const segmo__json *answer, const char *name)
{
    return (int64_t)segmo__json_number(segmo__json_get(answer, name), 0);
}

static void copy_host(char *out, size_t size, const char *url)
{
    const char *scheme = strstr(url, "://");
    const char *host = scheme ? scheme + 3 : url;
    size_t len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");

    snprintf(out, size, "%.*s", (int)len, host);
}

/* The texts live as long as `answer`. */
static void read_place(struct place *out, struct doctor *doctor, const char *source,
                       const segmo__json *answer)
{
    *out = (struct place){.doctor = doctor,
                          .source = source,
                          .name = text_in(answer, "destination"),
                          .url = text_in(answer, "url"),
                          .tls = segmo__json_string(segmo__json_get(answer, "tls")),
                          .cause = text_in(answer, "cause"),
                          .error = text_in(answer, "error"),
                          .status = (int)number_in(answer, "status"),
                          .authenticated =
                              segmo__json_bool(segmo__json_get(answer, "authenticated"), -1),
                          .latency_ms = number_in(answer, "latency_ms"),
                          .server_date_ms = number_in(answer, "server_date_ms")};
    copy_host(out->host, sizeof out->host, out->url);
}

/* ---- no answer ---- */

static const char *address_options(const struct place *place)
{
    return is_moengage(place) ? "moengage.data_center or moengage.url"
                              : "segment.region or segment.host";
}

static void advise_on_certificate(const struct place *place, char *out, size_t size)
{
    if (strstr(place->error, "expired") || strstr(place->error, "not yet valid"))
        snprintf(out, size,
                 "set this machine's clock (timedatectl set-ntp true); if it is right, the server "
                 "needs a new certificate");
    else if (strstr(place->error, "subject name"))
        snprintf(out, size, "the certificate was made for another name: correct %s",
                 address_options(place));
    else if (strstr(place->error, "error setting certificate"))
        snprintf(out, size, "delivery.ca_file must name a PEM file of certificates");
    else
        snprintf(out, size,
                 "name the file of the authority that signed it with delivery.ca_file (a proxy "
                 "that opens TLS has its own), or install the package ca-certificates");
}

static void advise(const struct place *place, char *out, size_t size)
{
    if (strcmp(place->cause, "certificate") == 0)
        advise_on_certificate(place, out, size);
    else if (strcmp(place->cause, "name") == 0)
        snprintf(out, size, "check %s, and this machine's name server", address_options(place));
    else if (strcmp(place->cause, "proxy") == 0)
        snprintf(out, size,
                 "correct delivery.proxy (or https_proxy of the environment): address, user and "
                 "password");
    else if (strcmp(place->cause, "tls") == 0)
        snprintf(out, size, "check the port in %s; TLS 1.2 or newer must answer there",
                 address_options(place));
    else
        snprintf(out, size, "check %s, the firewall, and delivery.proxy", address_options(place));
}

static void tell_silence(const struct place *place)
{
    char remedy[256];

    advise(place, remedy, sizeof remedy);
    if (strcmp(place->cause, "certificate") == 0)
        doctor_tell(place->doctor, VERDICT_FAIL, place->name, remedy,
                    "the certificate of %s is not trusted: %s", place->host, place->error);
    else
        doctor_tell(place->doctor, VERDICT_FAIL, place->name, remedy, "no answer from %s: %s",
                    place->host, place->error);
}

/* ---- credentials ---- */

/* A wrong data centre may also say that there is no such App ID. */
static int refuses_credentials(const struct place *place)
{
    return is_moengage(place) && (place->authenticated == 0 || place->status == 400);
}

/* Only MoEngage's own addresses, and none that the configuration gives by itself. */
static int may_search(const struct place *place)
{
    static const char head[] = "https://api-";
    const char *end = ".moengage.com";
    char *own = setup_value(place->doctor->config, "moengage.url");
    size_t len = strlen(place->host);
    int may = !own && strncmp(place->url, head, sizeof head - 1) == 0 && len > strlen(end) &&
              strcmp(place->host + len - strlen(end), end) == 0;

    segmo_free(own);
    return may;
}

enum taken {
    TAKEN_NO,
    TAKEN_YES,
    TAKEN_UNKNOWN,  /* no answer, or one that says nothing */
    TAKEN_UNASKABLE /* the source has a data centre of its own, which no other option changes */
};

static enum taken taken_by(const struct place *place, const char *host)
{
    if (strcmp(place->host, host) != 0)
        return TAKEN_UNASKABLE;
    if (refuses_credentials(place))
        return TAKEN_NO;
    return place->authenticated == 1 ? TAKEN_YES : TAKEN_UNKNOWN;
}

/* Does the data centre `number` take the credentials that another one refused? */
static enum taken ask_data_center(const struct place *place, segmo_config *config, int number,
                                  uint32_t timeout_ms)
{
    enum taken taken = TAKEN_UNASKABLE;
    segmo__json *answers = NULL;
    char text[8], host[64];

    snprintf(text, sizeof text, "%d", number);
    snprintf(host, sizeof host, "api-%02d.moengage.com", number);
    if (segmo_config_set(config, "moengage.data_center", text, NULL) == SEGMO_OK)
        answers = ask(config, place->source, timeout_ms, NULL);
    for (const segmo__json *at = segmo__json_first(answers); at; at = segmo__json_after(at)) {
        struct place other;

        read_place(&other, place->doctor, place->source, at);
        if (is_moengage(&other))
            taken = taken_by(&other, host);
    }
    segmo__json_free(answers);
    return taken;
}

/* What asking all other data centres, as far as the time goes, gave. */
struct search {
    int found; /* the data centre that takes the credentials; 0: none */
    int asked;
    int refused;
};

static void ask_data_centers(struct search *search, const struct place *place, segmo_config *config)
{
    static const int numbers[] = {1, 2, 3, 4, 5, 6, 101};
    int64_t deadline_ms = segmo__clock_mono_ms() + SEARCH_TIMEOUT_MS;

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] && !search->found; i++) {
        int64_t left_ms = deadline_ms - segmo__clock_mono_ms();
        enum taken taken;
        char host[64];

        snprintf(host, sizeof host, "api-%02d.moengage.com", numbers[i]);
        if (strcmp(host, place->host) == 0)
            continue;
        if (left_ms > SEARCH_EACH_MS)
            left_ms = SEARCH_EACH_MS;
        taken = left_ms > 0 ? ask_data_center(place, config, numbers[i], (uint32_t)left_ms)
                            : TAKEN_UNKNOWN;
        if (taken == TAKEN_UNASKABLE)
            return;
        search->asked++;
        search->refused += taken == TAKEN_NO;
        search->found = taken == TAKEN_YES ? numbers[i] : 0;
    }
}

static struct search search_data_centers(const struct place *place)
{
    struct search search = {.found = 0};
    segmo_config *config = NULL;

    if (may_search(place) && setup_config(&config, place->doctor->args) == EXIT_DONE &&
        segmo_config_set(config, "segment.enabled", "false", NULL) == SEGMO_OK)
        ask_data_centers(&search, place, config);
    segmo_config_free(config);
    return search;
}

static void tell_refusal(const struct place *place)
{
    struct search search = search_data_centers(place);
    const char *key = setup_is_on(place->doctor->config, "moengage.debug")
                          ? "moengage.test_data_api_key"
                          : "moengage.data_api_key";
    char remedy[256];

    if (search.found)
        snprintf(remedy, sizeof remedy,
                 "set moengage.data_center = DC_%02d: api-%02d.moengage.com takes them",
                 search.found, search.found);
    else
        snprintf(remedy, sizeof remedy,
                 "copy moengage.app_id and %s anew (MoEngage: Settings > Account > APIs, tile "
                 "Data)%s",
                 key,
                 search.asked > 0 && search.refused == search.asked
                     ? "; no other data centre takes them"
                     : "");
    doctor_tell(place->doctor, VERDICT_FAIL, place->name, remedy,
                "%s refuses the credentials (status %d)", place->host, place->status);
}

/* ---- answers ---- */

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

static int tell_mistaken(const struct place *place)
{
    const char *host = place->host;
    char remedy[128];
    int digits = 0;

    for (size_t i = 0; i < sizeof mistaken / sizeof mistaken[0]; i++) {
        if (strcmp(host, mistaken[i].host) != 0)
            continue;
        doctor_tell(place->doctor, VERDICT_FAIL, place->name, mistaken[i].remedy,
                    "%s is not the API", host);
        return 1;
    }
    if (sscanf(host, "dashboard-%*3[0-9]%n", &digits) != 0 || digits == 0 ||
        strcmp(host + digits, ".moengage.com") != 0)
        return 0;
    snprintf(remedy, sizeof remedy, "the API of this data centre is api-%.*s.moengage.com",
             digits - (int)strlen("dashboard-"), host + strlen("dashboard-"));
    doctor_tell(place->doctor, VERDICT_FAIL, place->name, remedy,
                "%s is the dashboard, not the API", host);
    return 1;
}

static void tell_answer(const struct place *place)
{
    struct doctor *doctor = place->doctor;

    if (place->status == 407)
        doctor_tell(doctor, VERDICT_FAIL, place->name,
                    "put user and password into delivery.proxy: http://user:password@host:port",
                    "the proxy wants a password (status 407)");
    else if (place->status == 429 || place->status >= 500)
        doctor_tell(doctor, VERDICT_WARN, place->name,
                    "messages wait until it is well; try again later",
                    "%s can be reached and has trouble (status %d)", place->host, place->status);
    else if (is_moengage(place) && place->authenticated != 1)
        doctor_tell(doctor, VERDICT_WARN, place->name, "check moengage.url, if it is set",
                    "%s can be reached and does not say whether the credentials are right (status "
                    "%d)",
                    place->host, place->status);
    else
        doctor_tell(doctor, VERDICT_OK, place->name, "", "%s %s (%s, %" PRId64 " ms)", place->host,
                    is_moengage(place) ? "takes the credentials" : "can be reached",
                    place->tls ? place->tls : "no TLS", place->latency_ms);
}

static void tell_clock(const struct place *place)
{
    int64_t skew_ms = segmo__clock_wall_ms() - place->server_date_ms;

    if (place->server_date_ms == 0 || place->doctor->knows_clock)
        return;
    place->doctor->knows_clock = 1;
    if (skew_ms > SKEW_MAX_MS || skew_ms < -SKEW_MAX_MS)
        doctor_tell(
            place->doctor, VERDICT_WARN, "clock", "set the clock (timedatectl set-ntp true)",
            "this machine is %" PRId64 " s %s than %s", (skew_ms < 0 ? -skew_ms : skew_ms) / 1000,
            skew_ms < 0 ? "behind" : "ahead", place->host);
    else
        doctor_tell(place->doctor, VERDICT_OK, "clock", "", "agrees with %s", place->host);
}

/* A data centre that nobody chose may be the wrong one, unless it takes the credentials. */
static void tell_data_center(const struct place *place, const segmo__json *options)
{
    const char *from = segmo__json_string(
        segmo__json_get(segmo__json_get(options, "moengage.data_center"), "from"));

    if (is_moengage(place) && place->authenticated == -1 && !place->source && from &&
        strcmp(from, "default") == 0 && strcmp(place->host, "api-01.moengage.com") == 0)
        doctor_tell(place->doctor, VERDICT_WARN, "data centre",
                    "set moengage.data_center: the number stands in the dashboard's address, "
                    "dashboard-0X.moengage.com",
                    "moengage.data_center is not set; DC_01 is assumed");
}

static void tell_place(const struct place *place, const segmo__json *options)
{
    tell_data_center(place, options);
    if (tell_mistaken(place))
        return;
    if (place->status == 0)
        tell_silence(place);
    else if (refuses_credentials(place))
        tell_refusal(place);
    else
        tell_answer(place);
    tell_clock(place);
}

/* ---- sources ---- */

/* How many destinations the source has. */
static int check_source(struct doctor *doctor, const char *source, const segmo__json *options)
{
    segmo_error *error = NULL;
    segmo__json *answers = ask(doctor->config, source, PROBE_TIMEOUT_MS, &error);
    int count = 0;

    doctor->source = source;
    if (!answers) {
        doctor_tell(doctor, VERDICT_FAIL, "destinations", "", "%s", segmo_error_message(error));
        count = 1;
    }
    for (const segmo__json *at = segmo__json_first(answers); at; at = segmo__json_after(at)) {
        struct place place;

        read_place(&place, doctor, source, at);
        tell_place(&place, options);
        count++;
    }
    doctor->source = NULL;
    segmo_error_free(error);
    segmo__json_free(answers);
    return count;
}

static segmo__json *read_options(const struct doctor *doctor)
{
    segmo__json *options = NULL;
    char *text = NULL;
    size_t len;

    if (segmo_config_json(doctor->config, &text, &len, NULL) == SEGMO_OK)
        segmo__json_parse(&options, (segmo__slice){text, len}, NULL);
    segmo_free(text);
    return options;
}

void doctor_check_destinations(struct doctor *doctor)
{
    segmo__json *options = read_options(doctor);
    const segmo__json *sources = segmo__json_get(segmo__json_get(options, "sources"), "value");
    int destinations = 0;

    if (segmo__json_count(sources) == 0)
        destinations = check_source(doctor, NULL, options);
    for (const segmo__json *at = segmo__json_first(sources); at; at = segmo__json_after(at))
        destinations += check_source(doctor, text_in(at, "id"), options);
    if (destinations == 0)
        doctor_tell(doctor, VERDICT_FAIL, "destinations",
                    "set segment.write_key, or moengage.app_id and moengage.data_api_key",
                    "no destination is configured");
    segmo__json_free(options);
}
