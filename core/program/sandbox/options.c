/* The command line, and the help that explains it. */
#include "options.h"

#include "base/file.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define PORT_DEFAULT 8099
#define KEEP_DEFAULT 1000
#define KEEP_MAX     100000
#define SCRIPT_MAX   (1u << 20)

static const char help_of_options[] =
    "usage: segmo sandbox [options]\n"
    "\n"
    "Play the Segment and MoEngage APIs on this machine: check every request as strictly as they "
    "do,\n"
    "count what comes, and fail when told to. Nothing leaves the machine, no account is needed.\n"
    "\n"
    "options:\n"
    "  --port N              Listen here; 0 takes a free port (default 8099).\n"
    "  --listen ADDRESS      An IPv4 address to listen on (default 127.0.0.1).\n"
    "  --write-key KEY       Refuse every other Segment write key with 401.\n"
    "  --app-id ID           Refuse every other MoEngage workspace id with 401.\n"
    "  --api-key KEY         Refuse every other MoEngage API key with 401.\n"
    "  --rate-limit N[/S]    MoEngage: 429 for more than N elements in S seconds (default 60), "
    "and\n"
    "                        x-ratelimit headers on every answer.\n"
    "  --lenient             Segment: answer 200 and leave bad messages out, as the real service "
    "does,\n"
    "                        instead of refusing the request with 400.\n"
    "  --fail STATUS:SHARE   Answer this share (0 to 1) of requests with STATUS; may be repeated.\n"
    "  --latency-ms N        Answer every request N milliseconds late.\n"
    "  --seed N              Start of the dice behind --fail (default 1).\n"
    "  --script FILE         Rules, as for POST /script.\n"
    "  --record FILE         Append every accepted message as one line of JSON.\n"
    "  --keep N              Messages to keep for /messages (default 1000).\n"
    "  --count-only          Count by text and judge nothing: a fast sink for benchmarks.\n"
    "  --quiet               No summary at the end.\n"
    "  --help                Show this help.\n"
    "\n"
    "When it is ready it prints one line, `segmo sandbox: http://ADDRESS:PORT`, on stdout. SIGTERM "
    "and\n"
    "SIGINT end it with a summary on stderr.\n"
    "\n";

static const char help_of_service[] =
    "Segment:\n"
    "  POST /v1/identify /v1/track /v1/page /v1/screen /v1/group /v1/alias, or /v1/i t p s g a\n"
    "  POST /v1/batch /v1/import /v1/b\n"
    "MoEngage:\n"
    "  POST /v1/customer/ID /v1/event/ID /v1/device/ID /v1/transition/ID\n"
    "  POST /v1/customer/merge?app_id=ID\n"
    "  POST /v1/integrations/segment?appId=ID, GET /v1/integrations/segment/auth?appId=ID\n"
    "Its own:\n"
    "  GET /stats              Counts of both services as JSON: requests, accepted, unique, "
    "duplicates,\n"
    "                          rejected by reason, calls, bytes, connections, order of each user.\n"
    "  GET /messages?limit=N   The last accepted messages, oldest first (default 100).\n"
    "  POST /reset             Forget all counts and messages; rules stay.\n"
    "  POST /script            Replace the rules of the services it names:\n"
    "                          {\"service\": \"segment\", \"rules\": [RULE, ...], \"seed\": 1}\n"
    "                          service is segment, moengage or * for both.\n"
    "\n"
    "A rule has one of:\n"
    "  \"status\": 503                    Answer so; 200 to 299 take the messages all the same.\n"
    "  \"reset_after_bytes\": 100         Reset the connection when so much of the body has come.\n"
    "  \"reset_answer_after_bytes\": 40   Take the messages, reset after so much of the answer.\n"
    "  \"never\": true                    Take and answer nothing, until the next /script or "
    "/reset.\n"
    "and any of:\n"
    "  \"latency_ms\": 50    Answer late; with nothing of the above, only that.\n"
    "  \"share\": 0.1        Of the requests.\n"
    "  \"times\": 5          At most so often.\n"
    "  \"after\": 10         Not for the first 10 requests.\n"
    "  \"match\": \"text\"     Only when the body has this text (not with reset_after_bytes).\n"
    "  \"retry_after\": 2    Seconds, as Retry-After and X-RateLimit-Reset (with status).\n"
    "  \"body\": \"...\"       Instead of the service's own words (with status).\n"
    "Rules are asked in order and each rolls for itself; the first that fails the request ends the "
    "search.\n"
    "\n"
    "Duplicates are told by messageId; by the property `seq`, a whole number, where there is none "
    "(MoEngage,\n"
    "--count-only). A user is out of order when a `seq` that is seen for the first time is lower "
    "than one\n"
    "before it. Memory is bounded: 25 million ids, numbers below 2^30, 786,432 users; what does "
    "not fit is\n"
    "counted as `untold`.\n"
    "\n"
    "examples:\n"
    "  segmo sandbox\n"
    "  segmo sandbox --port 0 --write-key WK123 --fail 503:0.1 --fail 429:0.05 --latency-ms 20\n"
    "  segmo sandbox --record received.ndjson\n"
    "  curl -s localhost:8099/stats\n"
    "  curl -s localhost:8099/script -d "
    "'{\"service\":\"segment\",\"rules\":[{\"status\":503,\"times\":3}]}'\n"
    "\n"
    "exit codes:\n"
    "  0    ended as asked\n"
    "  1    the address or a file could not be used\n"
    "  2    wrong command line\n";

enum {
    OPT_PORT = 256,
    OPT_LISTEN,
    OPT_WRITE_KEY,
    OPT_APP_ID,
    OPT_API_KEY,
    OPT_RATE_LIMIT,
    OPT_LENIENT,
    OPT_FAIL,
    OPT_LATENCY,
    OPT_SEED,
    OPT_SCRIPT,
    OPT_RECORD,
    OPT_KEEP,
    OPT_COUNT_ONLY,
    OPT_QUIET,
    OPT_HELP
};

static const struct option options[] = {{"port", required_argument, NULL, OPT_PORT},
                                        {"listen", required_argument, NULL, OPT_LISTEN},
                                        {"write-key", required_argument, NULL, OPT_WRITE_KEY},
                                        {"app-id", required_argument, NULL, OPT_APP_ID},
                                        {"api-key", required_argument, NULL, OPT_API_KEY},
                                        {"rate-limit", required_argument, NULL, OPT_RATE_LIMIT},
                                        {"lenient", no_argument, NULL, OPT_LENIENT},
                                        {"fail", required_argument, NULL, OPT_FAIL},
                                        {"latency-ms", required_argument, NULL, OPT_LATENCY},
                                        {"seed", required_argument, NULL, OPT_SEED},
                                        {"script", required_argument, NULL, OPT_SCRIPT},
                                        {"record", required_argument, NULL, OPT_RECORD},
                                        {"keep", required_argument, NULL, OPT_KEEP},
                                        {"count-only", no_argument, NULL, OPT_COUNT_ONLY},
                                        {"quiet", no_argument, NULL, OPT_QUIET},
                                        {"help", no_argument, NULL, OPT_HELP},
                                        {0}};

static sandbox_parsed misused(const char *option, const char *words)
{
    fprintf(stderr, "segmo sandbox: --%s %s\nTry 'segmo sandbox --help'.\n", option, words);
    return SANDBOX_MISUSED;
}

/* Reads a whole number up to `stop`; 0 when there is none or it is too large. */
static int read_whole(const char *text, char stop, int64_t max, int64_t *out, const char **rest)
{
    char *end;

    errno = 0;
    *out = strtoll(text, &end, 10);
    if (rest)
        *rest = end;
    return end > text && text[0] >= '0' && text[0] <= '9' && (*end == '\0' || *end == stop) &&
           errno == 0 && *out <= max;
}

static sandbox_parsed set_whole(const char *option, const char *text, int64_t max, int64_t *out)
{
    if (read_whole(text, '\0', max, out, NULL))
        return SANDBOX_RUN;
    return misused(option, "needs a whole number in its range");
}

static sandbox_parsed set_rate_limit(sandbox_moengage_rules *rules, const char *text)
{
    const char *rest;

    rules->rate_window_s = 60;
    if (!read_whole(text, '/', INT32_MAX, &rules->rate_limit, &rest) ||
        (*rest == '/' && !read_whole(rest + 1, '\0', 3600, &rules->rate_window_s, NULL)) ||
        rules->rate_limit == 0 || rules->rate_window_s == 0)
        return misused("rate-limit", "needs N or N/SECONDS, whole numbers from 1");
    return SANDBOX_RUN;
}

static sandbox_parsed add_failure(sandbox_script *script, const char *text)
{
    const char *rest;
    int64_t status;
    double share = 1;
    char *end;

    if (!read_whole(text, ':', 599, &status, &rest) || status < 200)
        return misused("fail", "needs STATUS or STATUS:SHARE, for example 503:0.1");
    if (*rest == ':') {
        share = strtod(rest + 1, &end);
        if (end == rest + 1 || *end || !(share >= 0 && share <= 1))
            return misused("fail", "needs a share from 0 to 1, for example 503:0.1");
    }
    return sandbox_script_add(script, (int)status, share, 0)
               ? SANDBOX_RUN
               : misused("fail", "is given too often");
}

static sandbox_parsed add_latency(sandbox_script *script, const char *text)
{
    int64_t latency_ms;
    sandbox_parsed parsed = set_whole("latency-ms", text, 3600 * 1000, &latency_ms);

    if (parsed == SANDBOX_RUN && latency_ms > 0)
        sandbox_script_add(script, 0, 1, latency_ms);
    return parsed;
}

static sandbox_parsed load_script(sandbox_script *script, const char *path)
{
    char *text = NULL;
    size_t len;
    segmo_error *error = NULL;
    sandbox_parsed parsed = SANDBOX_RUN;
    int code = segmo__file_slurp(path, SCRIPT_MAX, &text, &len);

    if (code < 0) {
        fprintf(stderr, "segmo sandbox: --script %s: %s\n", path, strerror(-code));
        return SANDBOX_UNREADABLE;
    }
    if (sandbox_script_load(script, (segmo__slice){text, len}, &error) != SEGMO_OK) {
        fprintf(stderr, "segmo sandbox: --script %s: %s\n", path, segmo_error_message(error));
        parsed = SANDBOX_MISUSED;
    }
    segmo_error_free(error);
    segmo__free(text);
    return parsed;
}

static sandbox_parsed set_address(sandbox_options *out, const char *text)
{
    if (inet_pton(AF_INET, text, &out->setup.address.sin_addr) == 1)
        return SANDBOX_RUN;
    return misused("listen", "needs an IPv4 address, for example 0.0.0.0");
}

static sandbox_parsed set_keep(sandbox_options *out, const char *text)
{
    int64_t keep = 0;
    sandbox_parsed parsed = set_whole("keep", text, KEEP_MAX, &keep);

    out->keep = (size_t)keep;
    return parsed;
}

static sandbox_parsed set_port(sandbox_options *out, const char *text)
{
    int64_t port = 0;
    sandbox_parsed parsed = set_whole("port", text, 65535, &port);

    out->setup.address.sin_port = htons((uint16_t)port);
    return parsed;
}

static sandbox_parsed set_seed(sandbox_script *script, const char *text)
{
    int64_t seed = 0;
    sandbox_parsed parsed = set_whole("seed", text, INT64_MAX, &seed);

    sandbox_script_seed(script, (uint64_t)seed);
    return parsed;
}

static sandbox_parsed print_help(void)
{
    fputs(help_of_options, stdout);
    fputs(help_of_service, stdout);
    return SANDBOX_HELPED;
}

static sandbox_parsed take(sandbox_options *out, sandbox_script *script, int option,
                           const char *value)
{
    switch (option) {
    case OPT_PORT:
        return set_port(out, value);
    case OPT_LISTEN:
        return set_address(out, value);
    case OPT_WRITE_KEY:
        out->setup.segment.write_key = value;
        return SANDBOX_RUN;
    case OPT_APP_ID:
        out->setup.moengage.app_id = value;
        return SANDBOX_RUN;
    case OPT_API_KEY:
        out->setup.moengage.api_key = value;
        return SANDBOX_RUN;
    case OPT_RATE_LIMIT:
        return set_rate_limit(&out->setup.moengage, value);
    case OPT_LENIENT:
        out->setup.segment.lenient = 1;
        return SANDBOX_RUN;
    case OPT_FAIL:
        return add_failure(script, value);
    case OPT_LATENCY:
        return add_latency(script, value);
    case OPT_SEED:
        return set_seed(script, value);
    case OPT_SCRIPT:
        return load_script(script, value);
    case OPT_RECORD:
        out->record = value;
        return SANDBOX_RUN;
    case OPT_KEEP:
        return set_keep(out, value);
    case OPT_COUNT_ONLY:
        out->setup.count_only = 1;
        return SANDBOX_RUN;
    case OPT_QUIET:
        out->quiet = 1;
        return SANDBOX_RUN;
    case OPT_HELP:
        return print_help();
    default: /* getopt has said what is wrong */
        fputs("Try 'segmo sandbox --help'.\n", stderr);
        return SANDBOX_MISUSED;
    }
}

sandbox_parsed sandbox_options_parse(sandbox_options *out, sandbox_script *script, int argc,
                                     char **argv)
{
    sandbox_parsed parsed = SANDBOX_RUN;
    int option;

    *out = (sandbox_options){.keep = KEEP_DEFAULT};
    out->setup.address.sin_family = AF_INET;
    out->setup.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    out->setup.address.sin_port = htons(PORT_DEFAULT);
    sandbox_script_seed(script, 1);
    optind = 0;
    while (parsed == SANDBOX_RUN && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
        parsed = take(out, script, option, optarg);
    if (parsed == SANDBOX_RUN && optind < argc) {
        fprintf(stderr, "segmo sandbox: '%s' is no option\nTry 'segmo sandbox --help'.\n",
                argv[optind]);
        parsed = SANDBOX_MISUSED;
    }
    return parsed;
}
