/* The one table of options, and the configuration that reads them from code, environment and file.
 *
 * Every value is kept as the text it was given in, checked and brought into one spelling when it
 * arrives. Each way in has a layer of its own, so the order of the calls never matters: set beats
 * environment beats file beats default. Behind this file nobody meets a value that its option does
 * not allow.
 */
#include "client/options.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_LEN  64
#define FILE_MAX      (1u << 20)
#define SECRET_MAX    4096
#define NO_LIMIT      UINT64_MAX
#define DAY_MS        86400000u
#define COUNT_OF(all) (sizeof(all) / sizeof(all)[0])

typedef enum option_type {
    TYPE_TEXT,
    TYPE_SECRET,
    TYPE_FLAG,
    TYPE_COUNT,
    TYPE_SIZE,
    TYPE_TIME,
    TYPE_CHOICE,
    TYPE_JSON
} option_type;

#define OF_SOURCE 1u /* may differ from source to source: allowed inside `sources` */
#define MAY_EMPTY 2u /* the empty text means something */

typedef struct option {
    const char *name;
    option_type type;
    unsigned bits;
    const char *fallback; /* the default; NULL: none, or computed as the words say */
    const char *choices;  /* "a|b|c" of a choice */
    uint64_t min, max;    /* of a count, size or time */
    const char *words;
} option;

#define TEXT(name, bits, fallback, words)                                                          \
    {                                                                                              \
        name, TYPE_TEXT, bits, fallback, NULL, 0, 0, words                                         \
    }
#define SECRET(name, bits, words)                                                                  \
    {                                                                                              \
        name, TYPE_SECRET, bits, NULL, NULL, 0, 0, words                                           \
    }
#define FLAG(name, bits, fallback, words)                                                          \
    {                                                                                              \
        name, TYPE_FLAG, bits, fallback, "true|false", 0, 0, words                                 \
    }
#define CHOICE(name, bits, choices, fallback, words)                                               \
    {                                                                                              \
        name, TYPE_CHOICE, bits, fallback, choices, 0, 0, words                                    \
    }
#define COUNT(name, fallback, min, max, words)                                                     \
    {                                                                                              \
        name, TYPE_COUNT, 0, fallback, NULL, min, max, words                                       \
    }
#define SIZE(name, fallback, min, max, words)                                                      \
    {                                                                                              \
        name, TYPE_SIZE, 0, fallback, NULL, min, max, words                                        \
    }
#define TIME(name, fallback, min, max, words)                                                      \
    {                                                                                              \
        name, TYPE_TIME, 0, fallback, NULL, min, max, words                                        \
    }
#define JSON(name, words)                                                                          \
    {                                                                                              \
        name, TYPE_JSON, 0, NULL, NULL, 0, 0, words                                                \
    }

static const option table[] = {
    /* Segment */
    SECRET("segment.write_key", OF_SOURCE,
           "The write key of the Segment source: in Segment, Connections > Sources > your source > "
           "Settings > API Keys. Without it nothing is sent to Segment."),
    CHOICE("segment.region", OF_SOURCE, "us|eu", "us",
           "The region of the Segment workspace. Segment refuses, or loses without a word, what is "
           "sent to the wrong one. Most workspaces are in the US."),
    TEXT("segment.host", OF_SOURCE, NULL,
         "Another address for Segment's API: a custom domain, a proxy or a sandbox. Beats "
         "segment.region. A bare name means https; a trailing slash or /v1 is left out."),
    FLAG("segment.enabled", OF_SOURCE, NULL,
         "Send to Segment. Default: true as soon as segment.write_key is set. With false a write "
         "key may stay in place, and names the source, while MoEngage alone receives."),
    /* where messages come from */
    TEXT(
        "source.id", OF_SOURCE, "default",
        "A public name for where messages come from. It is stored with every message that waits, "
        "so a message is sent with the settings of its own source; keep it stable. Never the write "
        "key."),
    CHOICE("source.type", OF_SOURCE, "server|javascript|android|ios|http", "server",
           "What kind of source sends the messages. Decides the connection mode together with "
           "connection_mode and source.bundled; http behaves as server."),
    CHOICE(
        "connection_mode", OF_SOURCE, "device|cloud", NULL,
        "How data reaches MoEngage. cloud: through Segment's part, keys in snake_case, known "
        "users only. device: straight from the application, keys unchanged, anonymous users too. "
        "Default: what source.type suggests (javascript: device; android and ios: device when "
        "the integration is bundled; else cloud)."),
    FLAG("source.bundled", OF_SOURCE, "false",
         "The MoEngage integration is bundled in the app (android, ios). Without it such a source "
         "falls back to cloud mode."),
    FLAG("source.device_sends", OF_SOURCE, "false",
         "For a gateway: the devices of this source send to MoEngage themselves, so the gateway "
         "must not send again. Only in device mode."),
    JSON("sources",
         "Several sources: an array of objects, each with an id and whatever differs from the "
         "options outside: type, bundled, device_sends, connection_mode, segment.*, moengage.*. "
         "Everything else is inherited. Without it the options describe one source."),
    /* MoEngage */
    TEXT("moengage.app_id", OF_SOURCE, NULL,
         "The App ID (workspace id) of MoEngage: Settings > Account > APIs, or Settings > App > "
         "General. Needed together with moengage.data_api_key."),
    SECRET("moengage.data_api_key", OF_SOURCE,
           "The Data API key of the LIVE environment: in MoEngage, Settings > Account > APIs, tile "
           "Data. Making a new one there ends the old one at once."),
    SECRET(
        "moengage.test_data_api_key", OF_SOURCE,
        "The Data API key of the TEST environment, which has its own. Needed with moengage.debug."),
    TEXT("moengage.data_center", OF_SOURCE, "DC_01",
         "The data centre of the MoEngage workspace: 1 to 6 or 101, also written DC_01 or dc-1, or "
         "US, EU, IND, SGP, IDN. The number stands in the dashboard's address, "
         "dashboard-0X.moengage.com. The default is the one Segment's own setting has."),
    TEXT("moengage.url", OF_SOURCE, NULL,
         "Another address for MoEngage's API: a proxy or a sandbox. Beats moengage.data_center."),
    CHOICE(
        "moengage.kind", OF_SOURCE, "classic|actions", "classic",
        "Which of Segment's two MoEngage destinations is played. classic: snake_case keys, known "
        "users only in cloud mode. actions: keys unchanged, anonymous users by anonymousId, the "
        "Segment-shaped endpoint, cloud mode only."),
    CHOICE(
        "moengage.api", OF_SOURCE, "data|segment", NULL,
        "Which API of MoEngage is called. data: the documented Data API, many messages in one "
        "request. segment: the Segment-shaped endpoint, one message in a request. Default: data; "
        "segment in device mode and for kind actions, which have no other."),
    CHOICE("moengage.forward", OF_SOURCE, "segmo|segment", NULL,
           "Who sends to MoEngage. segmo: this library does, and marks Segment's copy so that "
           "Segment does not send it again. segment: Segment's own servers do. Default: segmo as "
           "soon as the MoEngage credentials are set."),
    FLAG("moengage.debug", OF_SOURCE, "false",
         "Debug logging: data goes to MoEngage's TEST environment. Needs "
         "moengage.test_data_api_key."),
    TEXT("moengage.test_id_suffix", OF_SOURCE | MAY_EMPTY, "_DEBUG",
         "What is added to the App ID in the TEST environment, unless it ends so already. May be "
         "empty. The default is MoEngage's own mark."),
    FLAG("moengage.update_existing_only", OF_SOURCE, "false",
         "Only update users that MoEngage knows; create none."),
    CHOICE(
        "moengage.objects", OF_SOURCE, "keep|flatten|drop", NULL,
        "What becomes of objects inside traits and properties. keep: sent as they are (the "
        "workspace needs the object data type). flatten: address.city becomes address_city. drop: "
        "left out, reported. Default: flatten for the Data API, which is safe on every workspace; "
        "keep for the Segment-shaped endpoint, as Segment does."),
    CHOICE("moengage.limits", OF_SOURCE, "warn|truncate|off", "warn",
           "What to do with names and values over MoEngage's limits. warn: send and report. "
           "truncate: cut to the limit and report. off: neither."),
    CHOICE("moengage.naming", OF_SOURCE, "snake|snake_tsc|none", NULL,
           "How trait and property names are written in cloud mode. snake: planType becomes "
           "plan_type. snake_tsc: the same by the rules of to-snake-case, which splits runs of "
           "capitals and digits differently. none: unchanged. Default: snake; none in device mode "
           "and for kind actions."),
    FLAG("moengage.pages", OF_SOURCE, "false",
         "Send page and screen calls to MoEngage as events named Viewed NAME Page or Screen. "
         "Segment's own destination does not forward them."),
    FLAG("moengage.groups", OF_SOURCE, "false",
         "Copy the traits of group calls to the user, with the prefix group_. Segment's own "
         "destination does not forward group calls."),
    FLAG("moengage.alias_merge", OF_SOURCE, "false",
         "Merge the two users of an alias call in MoEngage. A merge cannot be undone. Kind classic "
         "only."),
    FLAG("moengage.real_time", OF_SOURCE, "false",
         "Mark events as real-time actions, so that event-triggered campaigns react. Data API "
         "only."),
    FLAG("moengage.geo", OF_SOURCE, "false",
         "Send the trait location as the attribute geo, \"latitude longitude\"."),
    FLAG("moengage.created_time", OF_SOURCE, "false",
         "Send the trait createdAt as created_time, which overrides MoEngage's First Seen."),
    FLAG(
        "moengage.allow_reserved", OF_SOURCE, "false",
        "Send names that MoEngage reserves for itself, such as source, instead of leaving them out "
        "with a report."),
    FLAG("moengage.devices", OF_SOURCE, "false",
         "Send context.device.token as a MoEngage device, for push. Data API only."),
    TEXT("moengage.project", OF_SOURCE, NULL,
         "The MoEngage project that events belong to, for workspaces with several."),
    COUNT(
        "moengage.events_per_minute", "60000", 1, NO_LIMIT,
        "How many events a minute MoEngage may get from this process. MoEngage's published limit."),
    COUNT("moengage.users_per_minute", "60000", 1, NO_LIMIT,
          "How many user updates a minute MoEngage may get from this process. MoEngage's published "
          "limit."),
    COUNT("moengage.requests_per_second", "500", 1, NO_LIMIT,
          "How many requests a second the Segment-shaped endpoint may get from this process. "
          "MoEngage's published limit for a workspace."),
    /* where messages wait */
    TEXT("spool.dir", 0, NULL,
         "The directory where accepted messages wait; processes may share it. Default: "
         "$XDG_STATE_HOME/segmo, else $HOME/.local/state/segmo, else /var/lib/segmo for root."),
    FLAG("spool.memory_only", 0, "false",
         "Keep waiting messages in memory only: they are lost when the process ends. For read-only "
         "machines and tests."),
    SIZE("spool.max_bytes", "1GiB", 1u << 20, NO_LIMIT,
         "How many bytes may wait for each destination. 1 GiB holds about a million messages."),
    CHOICE(
        "spool.sync", 0, "background|always", "background",
        "When the disk itself has a message. background: within spool.sync_ms; only a power cut "
        "can cost the last moments, a crash of the process costs nothing. always: before the call "
        "returns."),
    TIME("spool.sync_ms", "50", 1, 60000,
         "How often the background sync runs, in milliseconds: what a power cut can cost at most."),
    CHOICE("spool.when_full", 0, "refuse|block|drop_oldest", "refuse",
           "What a full spool does with a new message. refuse: the call fails at once. block: the "
           "call waits for room. drop_oldest: the oldest waiting message becomes a dead letter."),
    SIZE("dead_letters.max_bytes", "256MiB", 0, NO_LIMIT,
         "How many bytes of dead letters are kept; the oldest file goes first."),
    /* how they leave */
    FLAG("delivery.enabled", 0, "true",
         "Send at all. With false messages only wait in the spool, for another process to send."),
    COUNT("delivery.flush_at", "100", 1, 2500,
          "How many messages make a batch. Larger ones gain nothing; Segment takes 2,500 at most."),
    TIME("delivery.flush_interval_ms", "500", 0, 3600000,
         "How long a batch waits to fill, in milliseconds."),
    SIZE(
        "delivery.max_batch_bytes", "475000", 40960, 500000,
        "The largest body for Segment, in bytes before compression. Segment's limit is 500 KB; the "
        "default leaves it room to count differently. MoEngage's smaller limits are kept apart."),
    COUNT("delivery.lanes", "32", 1, 1024,
          "How many sequences of batches run side by side. A user always stays in the same lane, "
          "which keeps the order; a failing batch holds up its own lane only."),
    COUNT("delivery.max_in_flight", "32", 1, 1024,
          "How many requests to a destination may be open at once. After a crash at most this many "
          "batches are sent twice."),
    FLAG("delivery.gzip", 0, "true", "Compress what is sent to Segment."),
    COUNT("delivery.gzip_level", "1", 1, 9,
          "How hard to compress, 1 to 9. 1 is several times faster and little larger."),
    TIME("delivery.max_age_ms", "7d", 1000, 3650ull * DAY_MS,
         "How long a message is tried before it becomes a dead letter, in milliseconds or with a "
         "unit (36h, 7d). Seven days outlast a long weekend's outage."),
    COUNT("delivery.max_attempts", "0", 0, 1000000,
          "How many times a message is tried before it becomes a dead letter. 0: no limit, "
          "delivery.max_age_ms alone decides."),
    TIME("delivery.timeout_ms", "15000", 1, 600000,
         "How long one request may take, in milliseconds."),
    TIME("delivery.connect_timeout_ms", "5000", 1, 600000,
         "How long connecting may take, in milliseconds."),
    TEXT(
        "delivery.proxy", MAY_EMPTY, NULL,
        "The proxy for all requests, for example http://proxy:3128; empty: none. Default: what the "
        "environment says (https_proxy, no_proxy)."),
    TEXT("delivery.ca_file", 0, NULL,
         "A file of certificate authorities to trust instead of the system's."),
    FLAG("delivery.allow_plain_http", 0, "false",
         "Allow http:// to machines other than this one. Keys and data then cross the network "
         "readable."),
    TIME("delivery.backoff_base_ms", "0", 0, 600000,
         "The first pause after a failed request, in milliseconds; it doubles with each further "
         "failure. 0: what suits each service."),
    TIME("delivery.backoff_cap_ms", "60000", 1, 3600000,
         "The longest pause between attempts, in milliseconds."),
    TIME("close.timeout_ms", "5000", 0, 3600000,
         "How long closing may take to send what waits, in milliseconds. What is left stays in the "
         "spool."),
    /* what it tells */
    FLAG("reports.delivered", 0, "false",
         "Report every delivered batch, not only what went wrong."),
    FLAG("reports.attempts", 0, "false", "Report every request and its answer."),
    COUNT("reports.max", "10000", 1, 10000000,
          "How many reports wait to be read. More are counted, not kept."),
    FLAG("debug", 0, "false",
         "Report what the library does, in words for a developer; never payload values."),
    /* MoEngage Streams into Segment */
    FLAG(
        "streams.derived_attributes", 0, "false",
        "Also make identify calls from the user attributes of a Streams payload, for known users."),
    FLAG("streams.recipients", 0, "false",
         "Keep the push token, mail address or phone number of a Streams event. Personal data."),
    FLAG("streams.campaign_context", 0, "false",
         "Fill context.campaign from a Streams event's campaign name and channel."),
    FLAG("streams.user_actions", 0, "false",
         "Also take USER_ACTION_EVENT. Such an event may have come from Segment and could circle."),
    TEXT("library.name", 0, "segmo", "The name in context.library of messages that bring none."),
    TEXT("library.version", 0, SEGMO_VERSION,
         "The version in context.library of messages that bring none."),
};

#define OPTION_COUNT COUNT_OF(table)
#define LAYER_COUNT  SEGMO__FROM_SET /* file, environment, set; the default needs no layer */

struct segmo_config {
    char *values[LAYER_COUNT][OPTION_COUNT];
    char *spool_dir; /* the computed default of spool.dir; NULL when there is none */
    char *file;
};

/* ---- names -------------------------------------------------------------------------------- */

static const option *option_find(const char *name)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

static size_t option_index(const option *opt)
{
    return (size_t)(opt - table);
}

/* How an option is called inside an entry of `sources`. */
static const char *name_in_source(const option *opt)
{
    return strncmp(opt->name, "source.", 7) == 0 ? opt->name + 7 : opt->name;
}

static const option *option_find_in_source(const char *name)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if ((table[i].bits & OF_SOURCE) && strcmp(name_in_source(&table[i]), name) == 0)
            return &table[i];
    return NULL;
}

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static char to_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

/* Levenshtein's distance; letters that differ in case only count as equal. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[NAME_MAX_LEN + 1];
    size_t len = strlen(b);

    for (size_t j = 0; j <= len; j++)
        row[j] = (unsigned)j;
    for (size_t i = 0; a[i]; i++) {
        unsigned diagonal = row[0]++;

        for (size_t j = 0; j < len; j++) {
            unsigned replaced = diagonal + (to_lower(a[i]) != to_lower(b[j]));
            unsigned shorter = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;

            diagonal = row[j + 1];
            row[j + 1] = replaced < shorter ? replaced : shorter;
        }
    }
    return row[len];
}

/* The option whose name, or last part of the name, is most like `name`. */
static const option *option_nearest(const char *name, int in_source)
{
    const option *nearest = &table[0];
    unsigned best = UINT32_MAX;

    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const char *full = in_source ? name_in_source(&table[i]) : table[i].name;
        const char *dot = strrchr(full, '.');
        unsigned whole = distance(name, full);
        unsigned tail = dot ? distance(name, dot + 1) + 1 : whole;
        unsigned best_here = whole < tail ? whole : tail;

        if (best_here < best && (!in_source || (table[i].bits & OF_SOURCE))) {
            best = best_here;
            nearest = &table[i];
        }
    }
    return nearest;
}

static int fail_unknown(const char *name, segmo_error **err)
{
    return segmo__fail(err, SEGMO_ERR_OPTION, name,
                       "there is no option %.*s; the nearest one is %s", NAME_MAX_LEN, name,
                       option_nearest(name, 0)->name);
}

/* "segment.write_key" -> "SEGMO_SEGMENT_WRITE_KEY" */
static void env_name(const option *opt, char out[NAME_MAX_LEN + 8])
{
    size_t at = 6;

    memcpy(out, "SEGMO_", 6);
    for (const char *c = opt->name; *c; c++)
        out[at++] = *c == '.' ? '_' : to_upper(*c);
    out[at] = '\0';
}

/* ---- values ------------------------------------------------------------------------------- */

static int add_sources(segmo__buf *out, segmo__slice array, segmo_error **err);

static int check_text(const option *opt, segmo__slice value, const char *field, segmo_error **err)
{
    if (memchr(value.at, '\r', value.len) || memchr(value.at, '\n', value.len) ||
        memchr(value.at, '\0', value.len))
        return segmo__fail(err, SEGMO_ERR_OPTION, field,
                           "%s must be one line; take out the line break or NUL", field);
    if (value.len == 0 && !(opt->bits & MAY_EMPTY))
        return segmo__fail(err, SEGMO_ERR_OPTION, field,
                           "%s is empty; give it a value or leave it out", field);
    if (value.len > 0 && (value.at[0] == ' ' || value.at[value.len - 1] == ' '))
        return segmo__fail(err, SEGMO_ERR_OPTION, field,
                           "%s begins or ends with a space; take it out", field);
    return SEGMO_OK;
}

static int same_ignoring_case(segmo__slice value, const char *word, size_t len)
{
    if (value.len != len)
        return 0;
    for (size_t i = 0; i < len; i++)
        if (to_lower(value.at[i]) != word[i])
            return 0;
    return 1;
}

static int add_choice(segmo__buf *out, const option *opt, segmo__slice value, const char *field,
                      segmo_error **err)
{
    for (const char *word = opt->choices; *word;) {
        size_t len = strcspn(word, "|");

        if (same_ignoring_case(value, word, len)) {
            segmo__buf_add(out, word, len);
            return SEGMO_OK;
        }
        word += len + (word[len] == '|');
    }
    return segmo__fail(err, SEGMO_ERR_OPTION, field, "%s must be one of %s", field, opt->choices);
}

typedef struct unit {
    const char *name;
    uint64_t factor;
} unit;

static const unit size_units[] = {{"", 1},           {"B", 1},          {"KiB", 1u << 10},
                                  {"MiB", 1u << 20}, {"GiB", 1u << 30}, {NULL, 0}};
static const unit time_units[] = {{"", 1},        {"ms", 1},     {"s", 1000}, {"m", 60000},
                                  {"h", 3600000}, {"d", DAY_MS}, {NULL, 0}};
static const unit no_units[] = {{"", 1}, {NULL, 0}};

static const unit *units_of(option_type type)
{
    return type == TYPE_SIZE ? size_units : type == TYPE_TIME ? time_units : no_units;
}

/* Digits with one of the option's units behind them; 0 when it is anything else. */
static int read_number(option_type type, segmo__slice value, uint64_t *number)
{
    size_t digits = 0;
    uint64_t sum = 0;

    while (digits < value.len && value.at[digits] >= '0' && value.at[digits] <= '9') {
        if (__builtin_mul_overflow(sum, 10u, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(value.at[digits] - '0'), &sum))
            return 0;
        digits++;
    }
    for (const unit *u = units_of(type); u->name && digits > 0; u++)
        if (segmo__slice_is((segmo__slice){value.at + digits, value.len - digits}, u->name))
            return !__builtin_mul_overflow(sum, u->factor, number);
    return 0;
}

static int check_number(const option *opt, segmo__slice value, const char *field, segmo_error **err)
{
    static const char *const shapes[] = {[TYPE_COUNT] = "a whole number in decimal",
                                         [TYPE_SIZE] = "bytes, as in 475000, 64KiB, 16MiB or 1GiB",
                                         [TYPE_TIME] =
                                             "milliseconds, or as in 500ms, 30s, 5m, 36h or 7d"};
    uint64_t number;

    if (!read_number(opt->type, value, &number))
        return segmo__fail(err, SEGMO_ERR_OPTION, field, "%s must be %s", field, shapes[opt->type]);
    if (number < opt->min)
        return segmo__fail(err, SEGMO_ERR_OPTION, field, "%s must be at least %llu", field,
                           (unsigned long long)opt->min);
    if (number > opt->max)
        return segmo__fail(err, SEGMO_ERR_OPTION, field, "%s must be at most %llu", field,
                           (unsigned long long)opt->max);
    return SEGMO_OK;
}

static int add_json(segmo__buf *out, segmo__slice value, const char *field, segmo_error **err)
{
    segmo_error *cause = NULL;
    int status = SEGMO_OK;

    if (segmo__json_check(value, &cause) != SEGMO_OK)
        status = segmo__fail(err, SEGMO_ERR_OPTION, field, "%s is not the JSON it must be: %s",
                             field, segmo_error_message(cause));
    segmo_error_free(cause);
    return status == SEGMO_OK ? add_sources(out, segmo__json_trim(value), err) : status;
}

/* Checks a value and appends it in its one spelling. `field` is how the error names the option. */
static int add_value(segmo__buf *out, const option *opt, segmo__slice value, const char *field,
                     segmo_error **err)
{
    int status;

    if (opt->type == TYPE_JSON)
        return add_json(out, value, field, err);
    status = check_text(opt, value, field, err);
    if (status != SEGMO_OK)
        return status;
    if (opt->choices)
        return add_choice(out, opt, value, field, err);
    if (opt->type != TYPE_TEXT && opt->type != TYPE_SECRET)
        status = check_number(opt, value, field, err);
    if (status == SEGMO_OK)
        segmo__buf_add_slice(out, value);
    return status;
}

/* Checks a value and puts it into a slot, in place of what was there. */
static int store(char **slot, const option *opt, segmo__slice value, const char *field,
                 segmo_error **err)
{
    segmo__buf text;
    char *kept;
    int status;

    segmo__buf_init(&text, 2 * FILE_MAX);
    status = add_value(&text, opt, value, field, err);
    if (status != SEGMO_OK) {
        segmo__buf_free(&text);
        return status;
    }
    kept = segmo__buf_detach(&text);
    if (!kept)
        return segmo__fail_memory(err);
    segmo__free(*slot);
    *slot = kept;
    return SEGMO_OK;
}

static void clear_slots(char **slots)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        segmo__free(slots[i]);
        slots[i] = NULL;
    }
}

/* ---- JSON: files, and the entries of `sources` -------------------------------------------- */

/* Reads an object of options, nested or dotted, into slots. */
typedef struct reader {
    char **slots;
    int in_source;
    const char *where; /* in front of names in errors: "" or "sources[1]." */
    segmo_error **err;
} reader;

static void field_name(const reader *in, const char *name, char out[2 * NAME_MAX_LEN])
{
    size_t head = strlen(in->where);
    size_t tail = strnlen(name, NAME_MAX_LEN);

    memcpy(out, in->where, head);
    memcpy(out + head, name, tail);
    out[head + tail] = '\0';
}

/* Fetches what {"env": "NAME"} or {"file": "/path"} points to into `text`, as a string of its own.
 */
static int fetch_env(const char *name, const char *field, char **text, size_t *len,
                     segmo_error **err)
{
    const char *found = getenv(name);

    if (!found)
        return segmo__fail(err, SEGMO_ERR_OPTION, field,
                           "%s comes from the environment variable %s, which is not set", field,
                           name);
    *text = segmo__strdup(found);
    *len = strlen(found);
    return *text ? SEGMO_OK : segmo__fail_memory(err);
}

static int fetch_file(const char *path, const char *field, char **text, size_t *len,
                      segmo_error **err)
{
    char words[512];
    int code = segmo__file_slurp(path, SECRET_MAX, text, len);

    if (code == -ENOMEM)
        return segmo__fail_memory(err);
    if (code < 0) {
        segmo__file_describe(path, -code, words, sizeof words);
        return segmo__fail(err, SEGMO_ERR_OPTION, field, "%s comes from the file %s: %s", field,
                           path, words);
    }
    while (*len > 0 && ((*text)[*len - 1] == '\n' || (*text)[*len - 1] == '\r'))
        (*len)--; /* editors end a file with a line break */
    return SEGMO_OK;
}

static int store_secret(const reader *in, const option *opt, const char *field, segmo__slice object)
{
    segmo__slice place;
    segmo__buf scratch;
    char *name = NULL, *text = NULL;
    size_t len = 0;
    int of_env, status;

    segmo__buf_init(&scratch, FILE_MAX);
    of_env = segmo__json_member(object, "env", &place);
    if ((!of_env && !segmo__json_member(object, "file", &place)) ||
        segmo__json_kind_of(place) != SEGMO__JSON_STRING) {
        status =
            segmo__fail(in->err, SEGMO_ERR_OPTION, field,
                        "%s must be a text, {\"env\": \"NAME\"} or {\"file\": \"/path\"}", field);
        goto done;
    }
    place = segmo__json_text(place, &scratch);
    name = segmo__strndup(place.at, place.len);
    if (!name)
        status = segmo__fail_memory(in->err);
    else if (of_env)
        status = fetch_env(name, field, &text, &len, in->err);
    else
        status = fetch_file(name, field, &text, &len, in->err);
    if (status == SEGMO_OK)
        status =
            store(&in->slots[option_index(opt)], opt, (segmo__slice){text, len}, field, in->err);
done:
    segmo__free(name);
    segmo__free(text);
    segmo__buf_free(&scratch);
    return status;
}

static int is_text(const option *opt)
{
    return opt->type == TYPE_TEXT || opt->type == TYPE_SECRET;
}

static int store_json_value(const reader *in, const option *opt, const char *name,
                            segmo__slice value)
{
    char field[2 * NAME_MAX_LEN];
    segmo__json_kind kind = segmo__json_kind_of(value);
    char **slot = &in->slots[option_index(opt)];
    segmo__buf scratch;
    int status;

    field_name(in, name, field);
    if (kind == SEGMO__JSON_NULL)
        return SEGMO_OK;
    if (*slot)
        return segmo__fail(in->err, SEGMO_ERR_OPTION, field,
                           "%s is given twice, nested and dotted; keep one", field);
    if (opt->type == TYPE_JSON)
        return store(slot, opt, value, field, in->err);
    if (opt->type == TYPE_SECRET && kind == SEGMO__JSON_OBJECT)
        return store_secret(in, opt, field, value);
    if (kind == SEGMO__JSON_OBJECT || kind == SEGMO__JSON_ARRAY ||
        (is_text(opt) && kind != SEGMO__JSON_STRING && kind != SEGMO__JSON_NUMBER))
        return segmo__fail(in->err, SEGMO_ERR_OPTION, field, "%s must be a %s", field,
                           is_text(opt) ? "text" : "single value");
    segmo__buf_init(&scratch, FILE_MAX);
    if (kind == SEGMO__JSON_STRING)
        value = segmo__json_text(value, &scratch);
    status = store(slot, opt, value, field, in->err);
    segmo__buf_free(&scratch);
    return status;
}

/* Is `name` the first part of option names, such as "segment"? */
static int is_group(const reader *in, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const char *full = in->in_source ? name_in_source(&table[i]) : table[i].name;

        if (strncmp(full, name, len) == 0 && full[len] == '.')
            return 1;
    }
    return 0;
}

static int fail_unknown_in(const reader *in, const char *name)
{
    char field[2 * NAME_MAX_LEN];
    const option *nearest = option_nearest(name, in->in_source);

    field_name(in, name, field);
    return segmo__fail(in->err, SEGMO_ERR_OPTION, field,
                       "there is no option %s%s; the nearest one is %s", field,
                       in->in_source && option_find(name) ? " for one source" : "",
                       in->in_source ? name_in_source(nearest) : nearest->name);
}

/* Writes prefix.key; what is too long for any option is cut, and so remains unknown. */
static void join_name(char out[NAME_MAX_LEN + 1], const char *prefix, segmo__slice key)
{
    size_t at = strlen(prefix);
    size_t len;

    memcpy(out, prefix, at);
    if (at > 0 && at < NAME_MAX_LEN)
        out[at++] = '.';
    len = key.len < NAME_MAX_LEN - at ? key.len : NAME_MAX_LEN - at;
    memcpy(out + at, key.at, len);
    out[at + len] = '\0';
}

static int read_options(const reader *in, const char *prefix, segmo__slice object)
{
    segmo__json_walk walk;
    segmo__slice key, value;
    int status = SEGMO_OK;

    segmo__json_walk_begin(&walk, object);
    while (status == SEGMO_OK && segmo__json_next(&walk, &key, &value)) {
        char name[NAME_MAX_LEN + 1];
        const option *opt;

        join_name(name, prefix, key);
        opt = in->in_source ? option_find_in_source(name) : option_find(name);
        if (opt)
            status = store_json_value(in, opt, name, value);
        else if (is_group(in, name) && segmo__json_kind_of(value) == SEGMO__JSON_OBJECT)
            status = read_options(in, name, value);
        else
            status = fail_unknown_in(in, name);
    }
    return status;
}

/* An entry of `sources` in its one spelling: {"source.id":"web","segment.write_key":"..."}. */
static void add_source(segmo__buf *out, char *const *slots)
{
    int first = 1;

    segmo__buf_add_char(out, '{');
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (!slots[i])
            continue;
        if (!first)
            segmo__buf_add_char(out, ',');
        first = 0;
        segmo__json_put_text(out, table[i].name);
        segmo__buf_add_char(out, ':');
        segmo__json_put_text(out, slots[i]);
    }
    segmo__buf_add_char(out, '}');
}

static int add_sources(segmo__buf *out, segmo__slice array, segmo_error **err)
{
    char *slots[OPTION_COUNT] = {NULL};
    char where[32];
    reader in = {slots, 1, where, err};
    segmo__json_walk walk;
    segmo__slice key, entry;
    int status = SEGMO_OK;

    if (segmo__json_kind_of(array) != SEGMO__JSON_ARRAY || segmo__json_is_empty(array))
        return segmo__fail(err, SEGMO_ERR_OPTION, "sources",
                           "sources must be an array with an object for each source");
    segmo__buf_add_char(out, '[');
    segmo__json_walk_begin(&walk, array);
    for (unsigned i = 0; status == SEGMO_OK && segmo__json_next(&walk, &key, &entry); i++) {
        snprintf(where, sizeof where, "sources[%u].", i);
        if (segmo__json_kind_of(entry) != SEGMO__JSON_OBJECT)
            status =
                segmo__fail(err, SEGMO_ERR_OPTION, "sources", "sources[%u] must be an object", i);
        else
            status = read_options(&in, "", entry);
        if (i > 0)
            segmo__buf_add_char(out, ',');
        add_source(out, slots);
        clear_slots(slots);
    }
    segmo__buf_add_char(out, ']');
    return status;
}

/* ---- the configuration -------------------------------------------------------------------- */

static char **layer(segmo_config *config, segmo__option_from from)
{
    return config->values[from - 1];
}

static char *joined(const char *dir, const char *rest)
{
    segmo__buf path;

    segmo__buf_init(&path, 4096);
    segmo__buf_add_str(&path, dir);
    segmo__buf_add_str(&path, rest);
    return segmo__buf_detach(&path);
}

/* The computed default of spool.dir. Relative paths in the environment are no use to a daemon. */
static int find_spool_dir(segmo_config *config)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");

    if (state && state[0] == '/')
        config->spool_dir = joined(state, "/segmo");
    else if (home && home[0] == '/')
        config->spool_dir = joined(home, "/.local/state/segmo");
    else if (geteuid() == 0)
        config->spool_dir = segmo__strdup("/var/lib/segmo");
    else
        return 1;
    return config->spool_dir != NULL;
}

int segmo_config_new(segmo_config **out, segmo_error **err)
{
    segmo_config *config = segmo__zalloc(sizeof *config);

    if (!config || !find_spool_dir(config)) {
        segmo_config_free(config);
        return segmo__fail_memory(err);
    }
    *out = config;
    return SEGMO_OK;
}

void segmo_config_free(segmo_config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < LAYER_COUNT; i++)
        clear_slots(config->values[i]);
    segmo__free(config->spool_dir);
    segmo__free(config->file);
    segmo__free(config);
}

int segmo_config_set(segmo_config *config, const char *name, const char *value, segmo_error **err)
{
    const option *opt = option_find(name);
    char **slot;

    if (!opt)
        return fail_unknown(name, err);
    slot = &layer(config, SEGMO__FROM_SET)[option_index(opt)];
    if (value)
        return store(slot, opt, segmo__slice_of(value), name, err);
    segmo__free(*slot);
    *slot = NULL;
    return SEGMO_OK;
}

static void replace_layer(segmo_config *config, segmo__option_from from, char **slots)
{
    clear_slots(layer(config, from));
    memcpy(layer(config, from), slots, OPTION_COUNT * sizeof *slots);
}

/* Reads a file into fresh slots. */
static int read_file(const char *path, char **slots, segmo_error **err)
{
    reader in = {slots, 0, "", err};
    segmo_error *cause = NULL;
    char *text = NULL;
    size_t len = 0;
    int code = segmo__file_slurp(path, FILE_MAX, &text, &len);
    int status = SEGMO_OK;

    if (code < 0)
        return segmo__fail_io(err, -code, "the configuration file", path);
    if (segmo__json_check((segmo__slice){text, len}, &cause) != SEGMO_OK)
        status = segmo__fail(err, segmo_error_status(cause), segmo_error_field(cause), "%s: %s",
                             path, segmo_error_message(cause));
    else if (segmo__json_kind_of((segmo__slice){text, len}) != SEGMO__JSON_OBJECT)
        status =
            segmo__fail(err, SEGMO_ERR_JSON, "", "%s must hold one JSON object of options", path);
    else
        status = read_options(&in, "", (segmo__slice){text, len});
    segmo_error_free(cause);
    segmo__free(text);
    return status;
}

int segmo_config_load(segmo_config *config, const char *path, segmo_error **err)
{
    char *slots[OPTION_COUNT] = {NULL};
    char *kept = segmo__strdup(path);
    int status = kept ? read_file(path, slots, err) : segmo__fail_memory(err);

    if (status != SEGMO_OK) {
        clear_slots(slots);
        segmo__free(kept);
        return status;
    }
    replace_layer(config, SEGMO__FROM_FILE, slots);
    segmo__free(config->file);
    config->file = kept;
    return SEGMO_OK;
}

int segmo__config_reload(segmo_config *config, segmo_error **err)
{
    return config->file ? segmo_config_load(config, config->file, err) : SEGMO_OK;
}

const char *segmo__config_file(const segmo_config *config)
{
    return config->file;
}

/* Names that start like an option's variable and belong to someone else: the program and the
 * packages. */
static int is_reserved(const char *name, size_t len)
{
    static const char *const reserved[] = {"SEGMO_CONFIG", "SEGMO_LIB", "SEGMO_SYSTEM"};

    for (size_t i = 0; i < COUNT_OF(reserved); i++)
        if (strlen(reserved[i]) == len && memcmp(reserved[i], name, len) == 0)
            return 1;
    return len >= 11 && memcmp(name, "SEGMO_TEST_", 11) == 0;
}

static const option *option_of_env(const char *name, size_t len)
{
    char expected[NAME_MAX_LEN + 8];

    for (size_t i = 0; i < OPTION_COUNT; i++) {
        env_name(&table[i], expected);
        if (strlen(expected) == len && memcmp(expected, name, len) == 0)
            return &table[i];
    }
    return NULL;
}

static int fail_unknown_env(const char *name, size_t len, segmo_error **err)
{
    char given[NAME_MAX_LEN + 1], nearest[NAME_MAX_LEN + 8], best[NAME_MAX_LEN + 8] = "";
    unsigned least = UINT32_MAX;

    len = len < NAME_MAX_LEN ? len : NAME_MAX_LEN;
    memcpy(given, name, len);
    given[len] = '\0';
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        env_name(&table[i], nearest);
        if (distance(given, nearest) < least) {
            least = distance(given, nearest);
            memcpy(best, nearest, sizeof best);
        }
    }
    return segmo__fail(err, SEGMO_ERR_OPTION, given,
                       "the environment variable %s names no option; the nearest one is %s", given,
                       best);
}

static int read_env(char **slots, const char *entry, segmo_error **err)
{
    const char *equals = strchr(entry, '=');
    size_t len = equals ? (size_t)(equals - entry) : 0;
    const option *opt;

    if (len < 6 || memcmp(entry, "SEGMO_", 6) != 0 || is_reserved(entry, len))
        return SEGMO_OK;
    opt = option_of_env(entry, len);
    if (!opt)
        return fail_unknown_env(entry, len, err);
    return store(&slots[option_index(opt)], opt, segmo__slice_of(equals + 1), opt->name, err);
}

int segmo_config_load_env(segmo_config *config, segmo_error **err)
{
    char *slots[OPTION_COUNT] = {NULL};
    int status = SEGMO_OK;

    for (char **entry = environ; entry && *entry && status == SEGMO_OK; entry++)
        status = read_env(slots, *entry, err);
    if (status == SEGMO_OK)
        replace_layer(config, SEGMO__FROM_ENV, slots);
    else
        clear_slots(slots);
    return status;
}

static int copy_slots(segmo_config *copy, const segmo_config *config)
{
    for (size_t i = 0; i < LAYER_COUNT; i++) {
        for (size_t j = 0; j < OPTION_COUNT; j++) {
            copy->values[i][j] = segmo__strdup(config->values[i][j]);
            if (config->values[i][j] && !copy->values[i][j])
                return 0;
        }
    }
    copy->spool_dir = segmo__strdup(config->spool_dir);
    copy->file = segmo__strdup(config->file);
    return (copy->spool_dir || !config->spool_dir) && (copy->file || !config->file);
}

int segmo__config_copy(segmo_config **out, const segmo_config *config, segmo_error **err)
{
    segmo_config *copy = segmo__zalloc(sizeof *copy);

    if (!copy || !copy_slots(copy, config)) {
        segmo_config_free(copy);
        return segmo__fail_memory(err);
    }
    *out = copy;
    return SEGMO_OK;
}

/* ---- asking ------------------------------------------------------------------------------- */

static const char *value_of(const segmo_config *config, const option *opt, segmo__option_from *from)
{
    for (*from = SEGMO__FROM_SET; *from != SEGMO__FROM_DEFAULT; (*from)--)
        if (config->values[*from - 1][option_index(opt)])
            return config->values[*from - 1][option_index(opt)];
    return strcmp(opt->name, "spool.dir") == 0 ? config->spool_dir : opt->fallback;
}

const char *segmo__config_value(const segmo_config *config, const char *name)
{
    const option *opt = option_find(name);
    segmo__option_from from;

    return opt ? value_of(config, opt, &from) : NULL;
}

uint64_t segmo__config_number(const segmo_config *config, const char *name)
{
    const option *opt = option_find(name);
    const char *text = segmo__config_value(config, name);
    uint64_t number = 0;

    return opt && text && read_number(opt->type, segmo__slice_of(text), &number) ? number : 0;
}

int segmo__config_flag(const segmo_config *config, const char *name)
{
    const char *text = segmo__config_value(config, name);

    return text && strcmp(text, "true") == 0;
}

static const char *option_of_config(void *ctx, const char *name)
{
    return segmo__config_value(ctx, name);
}

int segmo__config_settings(segmo__settings **out, const segmo_config *config, segmo_error **err)
{
    return segmo__settings_build(out, option_of_config, (void *)(uintptr_t)config, err);
}

static int given(const segmo_config *config, const char *name)
{
    segmo__option_from from;

    value_of(config, option_find(name), &from);
    return from != SEGMO__FROM_DEFAULT;
}

/* Options outside the settings that contradict each other. */
static int check_together(const segmo_config *config, segmo_error **err)
{
    int in_memory = segmo__config_flag(config, "spool.memory_only");

    if (in_memory && given(config, "spool.dir"))
        return segmo__fail(err, SEGMO_ERR_OPTION, "spool.memory_only",
                           "spool.memory_only keeps nothing in spool.dir; leave one of them out");
    if (in_memory && strcmp(segmo__config_value(config, "spool.sync"), "always") == 0)
        return segmo__fail(err, SEGMO_ERR_OPTION, "spool.sync",
                           "spool.sync = always needs a disk; leave out spool.memory_only");
    if (segmo__config_number(config, "delivery.backoff_base_ms") >
        segmo__config_number(config, "delivery.backoff_cap_ms"))
        return segmo__fail(err, SEGMO_ERR_OPTION, "delivery.backoff_base_ms",
                           "delivery.backoff_base_ms is above delivery.backoff_cap_ms; lower it");
    return SEGMO_OK;
}

int segmo__config_check(const segmo_config *config, segmo_error **err)
{
    segmo__settings *settings = NULL;
    int status = check_together(config, err);

    if (status == SEGMO_OK)
        status = segmo__config_settings(&settings, config, err);
    segmo__settings_release(settings);
    return status;
}

/* ---- showing ------------------------------------------------------------------------------ */

/* A secret's first three characters tell which one it is without telling it. */
static void add_masked(segmo__buf *out, segmo__slice secret)
{
    int ascii = 1;

    for (size_t i = 0; i < 3 && i < secret.len; i++)
        ascii &= (unsigned char)secret.at[i] < 0x80;
    if (secret.len >= 8 && ascii)
        segmo__buf_add(out, secret.at, 3);
    segmo__buf_add_lit(out, "***");
}

static void put_masked(segmo__buf *out, segmo__slice secret)
{
    segmo__buf text;

    segmo__buf_init(&text, 16);
    add_masked(&text, secret);
    segmo__json_put_string(out, text.data, text.len);
    segmo__buf_free(&text);
}

static void put_masked_source(segmo__buf *out, segmo__slice entry)
{
    segmo__json_walk walk;
    segmo__slice key, value;
    int first = 1;

    segmo__buf_add_char(out, '{');
    segmo__json_walk_begin(&walk, entry);
    while (segmo__json_next(&walk, &key, &value)) {
        char name[NAME_MAX_LEN + 1];
        const option *opt;

        join_name(name, "", key);
        opt = option_find(name);
        segmo__buf_add_str(out, first ? "" : ",");
        first = 0;
        segmo__json_put_text(out, name_in_source(opt));
        segmo__buf_add_char(out, ':');
        if (opt->type == TYPE_SECRET)
            put_masked(out, (segmo__slice){value.at + 1, value.len - 2});
        else
            segmo__buf_add_slice(out, value);
    }
    segmo__buf_add_char(out, '}');
}

static void put_masked_sources(segmo__buf *out, segmo__slice array)
{
    segmo__json_walk walk;
    segmo__slice key, entry;
    int first = 1;

    segmo__buf_add_char(out, '[');
    segmo__json_walk_begin(&walk, array);
    while (segmo__json_next(&walk, &key, &entry)) {
        segmo__buf_add_str(out, first ? "" : ",");
        first = 0;
        put_masked_source(out, entry);
    }
    segmo__buf_add_char(out, ']');
}

static void put_value(segmo__buf *out, const option *opt, const char *value)
{
    if (!value)
        segmo__buf_add_lit(out, "null");
    else if (opt->type == TYPE_JSON)
        put_masked_sources(out, segmo__slice_of(value));
    else if (opt->type == TYPE_SECRET)
        put_masked(out, segmo__slice_of(value));
    else if (opt->type == TYPE_FLAG || opt->type == TYPE_COUNT)
        segmo__buf_add_str(out, value);
    else
        segmo__json_put_text(out, value);
}

static int hand_out(segmo__buf *text, char **out, size_t *out_len, segmo_error **err)
{
    size_t len = text->len;
    char *detached = segmo__buf_detach(text);

    if (!detached)
        return segmo__fail_memory(err);
    *out = detached;
    if (out_len)
        *out_len = len;
    return SEGMO_OK;
}

int segmo_config_get(const segmo_config *config, const char *name, char **out, segmo_error **err)
{
    const option *opt = option_find(name);
    segmo__option_from from;
    const char *value;
    segmo__buf text;

    if (!opt)
        return fail_unknown(name, err);
    value = value_of(config, opt, &from);
    if (!value) {
        *out = NULL;
        return SEGMO_OK;
    }
    segmo__buf_init(&text, 2 * FILE_MAX);
    if (opt->type == TYPE_JSON)
        put_masked_sources(&text, segmo__slice_of(value));
    else if (opt->type == TYPE_SECRET)
        add_masked(&text, segmo__slice_of(value));
    else
        segmo__buf_add_str(&text, value);
    return hand_out(&text, out, NULL, err);
}

int segmo_config_json(const segmo_config *config, char **out, size_t *out_len, segmo_error **err)
{
    static const char *const from_names[] = {"default", "file", "environment", "set"};
    segmo__option_from from;
    segmo__buf text;
    int status = segmo__config_check(config, err);

    if (status != SEGMO_OK)
        return status;
    segmo__buf_init(&text, 4 * FILE_MAX);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const char *value = value_of(config, &table[i], &from);

        segmo__buf_addf(&text, "%s\"%s\":{\"value\":", i == 0 ? "{" : ",", table[i].name);
        put_value(&text, &table[i], value);
        segmo__buf_addf(&text, ",\"from\":\"%s\"}", from_names[from]);
    }
    segmo__buf_add_char(&text, '}');
    return hand_out(&text, out, out_len, err);
}

static void put_choices(segmo__buf *out, const char *choices)
{
    segmo__buf_add_lit(out, "[");
    for (const char *word = choices; *word;) {
        size_t len = strcspn(word, "|");

        segmo__buf_add_str(out, word == choices ? "" : ",");
        segmo__json_put_string(out, word, len);
        word += len + (word[len] == '|');
    }
    segmo__buf_add_lit(out, "]");
}

static void put_option(segmo__buf *out, const option *opt)
{
    static const char *const types[] = {"text", "secret", "flag",   "count",
                                        "size", "time",   "choice", "json"};
    char variable[NAME_MAX_LEN + 8];

    env_name(opt, variable);
    segmo__buf_addf(out, "{\"name\":\"%s\",\"type\":\"%s\",\"default\":", opt->name,
                    types[opt->type]);
    put_value(out, opt, opt->fallback);
    segmo__buf_addf(out, ",\"secret\":%s,\"env\":\"%s\",\"per_source\":%s",
                    opt->type == TYPE_SECRET ? "true" : "false", variable,
                    opt->bits & OF_SOURCE ? "true" : "false");
    if (opt->type == TYPE_CHOICE) {
        segmo__buf_add_lit(out, ",\"choices\":");
        put_choices(out, opt->choices);
    }
    segmo__buf_add_lit(out, ",\"help\":");
    segmo__json_put_text(out, opt->words);
    segmo__buf_add_char(out, '}');
}

int segmo_options_json(char **out, size_t *out_len, segmo_error **err)
{
    segmo__buf text;

    segmo__buf_init(&text, FILE_MAX);
    segmo__buf_add_char(&text, '[');
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        segmo__buf_add_str(&text, i == 0 ? "" : ",");
        put_option(&text, &table[i]);
    }
    segmo__buf_add_char(&text, ']');
    return hand_out(&text, out, out_len, err);
}
