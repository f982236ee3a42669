/* The one table of options.
 *
 * A new option is a new row here and nothing else: the checks, the environment names, the file's
 * keys, the printed configuration and the reference page all read this table.
 */
#include "client/option_table.h"

#include "base/buf.h"

#include <string.h>

#define NO_LIMIT  UINT64_MAX
#define DAY_MS    86400000u
#define OF_SOURCE SEGMO__OPTION_OF_SOURCE
#define MAY_EMPTY SEGMO__OPTION_MAY_EMPTY
#define ADDRESS   SEGMO__OPTION_ADDRESS

/* clang-format off */
#define TEXT(name, bits, fallback, words) {name, SEGMO__OPTION_TEXT, bits, fallback, NULL, 0, 0, words}
#define SECRET(name, bits, words)         {name, SEGMO__OPTION_SECRET, bits, NULL, NULL, 0, 0, words}
#define FLAG(name, bits, fallback, words) {name, SEGMO__OPTION_FLAG, bits, fallback, "true|false", 0, 0, words}
#define CHOICE(name, bits, choices, fallback, words) \
    {name, SEGMO__OPTION_CHOICE, bits, fallback, choices, 0, 0, words}
#define COUNT(name, fallback, min, max, words) {name, SEGMO__OPTION_COUNTER, 0, fallback, NULL, min, max, words}
#define SIZE(name, fallback, min, max, words)  {name, SEGMO__OPTION_SIZE, 0, fallback, NULL, min, max, words}
#define TIME(name, fallback, min, max, words)  {name, SEGMO__OPTION_TIME, 0, fallback, NULL, min, max, words}
#define JSON(name, words)                      {name, SEGMO__OPTION_JSON, 0, NULL, NULL, 0, 0, words}
/* clang-format on */

const segmo__option segmo__options[] = {
    /* Segment */
    SECRET("segment.write_key", OF_SOURCE,
           "The write key of the Segment source: in Segment, Connections > Sources > your source > "
           "Settings > API Keys. Without it nothing is sent to Segment."),
    SECRET("segment.access_token", OF_SOURCE | MAY_EMPTY,
           "An OAuth access token, sent as Authorization: Bearer in the place of the write key, "
           "which stays in the body. Empty: messages for Segment wait until a token is set in the "
           "running client. Default: none, the write key alone."),
    CHOICE("segment.region", OF_SOURCE, "us|eu", "us",
           "The region of the Segment workspace. Segment refuses, or loses without a word, what is "
           "sent to the wrong one. Most workspaces are in the US."),
    TEXT("segment.host", OF_SOURCE | ADDRESS, NULL,
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
    TEXT("source.allowed_origins", OF_SOURCE, NULL,
         "For a gateway: the web sites whose pages may send to this source, separated by blanks, "
         "for example https://shop.example. Default: any. A browser's request from elsewhere is "
         "answered 403; programs send no origin and are not asked."),
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
    TEXT("moengage.url", OF_SOURCE | ADDRESS, NULL,
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
    /* Kafka as the queue */
    TEXT("kafka.bootstrap.servers", 0, NULL,
         "The brokers to begin with, host:port with commas between. Every other name kafka.NAME is "
         "handed on to librdkafka as NAME: kafka.security.protocol, kafka.sasl.username, "
         "kafka.linger.ms and so on; in the environment SEGMO_KAFKA_SASL_USERNAME."),
    FLAG("kafka.enabled", 0, NULL,
         "Send accepted messages to the topic, for `segmo work` to deliver, and no longer straight "
         "to Segment and MoEngage. A change while the client runs lets what waits leave by the old "
         "way first. Default: true as soon as kafka.bootstrap.servers is set."),
    TEXT("kafka.topic", 0, "segmo.events",
         "The topic that messages wait in. It must exist; the key of a message is its user."),
    CHOICE("kafka.work_for", 0, "segment|moengage", NULL,
           "Makes the client a worker: it takes messages from the topic for this destination and "
           "delivers them, and accepts none itself. `segmo work` sets it."),
    TEXT("kafka.group", 0, "segmo",
         "The name in front of the workers' consumer groups: segmo-segment and segmo-moengage, one "
         "for each destination."),
    TEXT("kafka.dead_topic", 0, "segmo.dead",
         "The topic for the dead letters of workers, with reason, status, attempts and the last "
         "answer. It must exist."),
    SIZE("kafka.memory", "16MiB", 1u << 20, 1u << 30,
         "How many bytes of messages a worker holds for its destination. With more it stops taking "
         "them from the brokers until some are delivered."),
    TIME("kafka.drain_ms", "20s", 0, 240000,
         "How long requests under way may take when a worker's partitions go to another one. What "
         "is not answered by then is delivered again there."),
    TEXT("work.listen", 0, "127.0.0.1:8090",
         "Where `segmo work` serves /healthz, /readyz and /metrics. Read at start only."),
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
    COUNT("delivery.lanes", "32", 1, 256,
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
        "delivery.proxy", MAY_EMPTY | ADDRESS, NULL,
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
    FLAG("reports.letters", 0, "false",
         "Report a dead message with its whole letter, the message and the answer, and not only "
         "its messageId and the reason. Such reports hold personal data."),
    FLAG("reports.steps", 0, "false",
         "With reports.attempts: also report that a request starts (its outcome is \"started\"), "
         "and name the messages that are skipped, so that each one can be followed."),
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
    /* the gateway */
    TEXT("gateway.listen", 0, "127.0.0.1:8080",
         "Where `segmo serve` listens: address and port, for example 0.0.0.0:8080 or [::]:8080. "
         "Sockets that systemd hands over come instead. Read at start only."),
    FLAG("gateway.strict", 0, "false",
         "Answer what is wrong with 400, 401 or 413. Without it the gateway answers as Segment "
         "does: 200 for everything that is JSON of an allowed size, and what cannot be used is "
         "counted and logged."),
    TEXT("gateway.trusted_proxies", 0, NULL,
         "Addresses, separated by blanks, of proxies in front, whose X-Forwarded-For is believed. "
         "They are not bound by gateway.connections_per_address."),
    COUNT("gateway.connections", "4096", 1, 1000000,
          "How many connections may be open at once. Read at start only."),
    COUNT("gateway.connections_per_address", "1024", 1, 1000000,
          "How many of them one address may have. Read at start only."),
    TIME("gateway.head_timeout_ms", "10s", 10, 3600000,
         "How long a request's head may take from its first byte, however it trickles. Read at "
         "start only."),
    TIME("gateway.body_timeout_ms", "30s", 10, 3600000,
         "How long its body may take from there, and its answer. Read at start only."),
    TIME("gateway.idle_timeout_ms", "75s", 10, 3600000,
         "How long a connection may stay open between requests. Longer than a proxy's own limit, "
         "so that the proxy closes first. Read at start only."),
    TIME("gateway.stop_timeout_ms", "10s", 0, 3600000,
         "How long requests that are under way may take when the gateway is asked to stop; "
         "close.timeout_ms follows."),
    SIZE("gateway.memory", "64MiB", 1048576, NO_LIMIT,
         "How many bytes of requests and answers may be under way at once. More are answered 503. "
         "Read at start only."),
    TIME("gateway.duplicates_ms", "24h", 0, 3650ull * DAY_MS,
         "How long a messageId is remembered: a message that comes again within this time is "
         "accepted and left out. 0: not at all. Read at start only."),
    COUNT("gateway.duplicates_max", "1000000", 1000, 1000000000,
          "How many messageIds are remembered; 16 to 32 bytes each, on disk and in memory. With "
          "more the oldest go, and the metrics tell how far back it reaches. Read at start only."),
    TIME("gateway.ready_max_age_ms", "15m", 1000, 3650ull * DAY_MS,
         "/readyz fails while the oldest message that waits is older."),
    SECRET("gateway.export_secret", 0,
           "What MoEngage's campaign export must present to POST /export/moengage: as Basic "
           "password, as bearer token, or in X-Api-Key. Without it the route is closed."),
    SECRET("gateway.export_secret_next", 0,
           "A second one that counts as well, so that the first can be changed without a gap."),
    TEXT("gateway.export_source", 0, NULL,
         "The id of the source that the campaign export goes to. Default: the only source."),
    FLAG("gateway.page", 0, "false",
         "Show what passes on a page at /debug: every message with its values, so personal data. "
         "Only this machine may open it, with its token. Read at start only."),
    SECRET("gateway.page_token", 0,
           "What opens the page; at least 16 characters. Without it a random one is made at start "
           "and kept in the file page-token of the spool directory. Read at start only."),
    TEXT("gateway.page_hosts", 0, NULL,
         "Names, separated by blanks, by which other machines may open the page: what stands in "
         "the browser's address bar, with the port where it shows one. Put TLS in front. Read at "
         "start only."),
    COUNT("gateway.page_messages", "10000", 100, 1000000,
          "How many messages the page keeps. Read at start only."),
    SIZE("gateway.page_memory", "10MiB", 1048576, 4294967295,
         "How many bytes of messages it keeps; with more the oldest go first. Read at start only."),
    TEXT("library.name", 0, "segmo", "The name in context.library of messages that bring none."),
    TEXT("library.version", 0, SEGMO_VERSION,
         "The version in context.library of messages that bring none."),
};

const segmo__option *segmo__option_find(const char *name)
{
    for (size_t i = 0; i < SEGMO__OPTION_COUNT; i++)
        if (strcmp(segmo__options[i].name, name) == 0)
            return &segmo__options[i];
    return NULL;
}

const char *segmo__option_name_in_source(const segmo__option *opt)
{
    return strncmp(opt->name, "source.", 7) == 0 ? opt->name + 7 : opt->name;
}

const segmo__option *segmo__option_find_in_source(const char *name)
{
    for (size_t i = 0; i < SEGMO__OPTION_COUNT; i++)
        if ((segmo__options[i].bits & SEGMO__OPTION_OF_SOURCE) &&
            strcmp(segmo__option_name_in_source(&segmo__options[i]), name) == 0)
            return &segmo__options[i];
    return NULL;
}

static char to_upper(char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c);
}

/* Levenshtein's segmo__option_distance; letters that differ in case only count as equal. */
unsigned segmo__option_distance(const char *a, const char *b)
{
    unsigned row[SEGMO__OPTION_NAME_MAX + 1];
    size_t len = strlen(b);

    for (size_t j = 0; j <= len; j++)
        row[j] = (unsigned)j;
    for (size_t i = 0; a[i]; i++) {
        unsigned diagonal = row[0]++;

        for (size_t j = 0; j < len; j++) {
            unsigned replaced = diagonal + (segmo__ascii_lower(a[i]) != segmo__ascii_lower(b[j]));
            unsigned shorter = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;

            diagonal = row[j + 1];
            row[j + 1] = replaced < shorter ? replaced : shorter;
        }
    }
    return row[len];
}

const segmo__option *segmo__option_nearest(const char *name, int in_source)
{
    const segmo__option *nearest = &segmo__options[0];
    unsigned best = UINT32_MAX;

    for (size_t i = 0; i < SEGMO__OPTION_COUNT; i++) {
        const char *full =
            in_source ? segmo__option_name_in_source(&segmo__options[i]) : segmo__options[i].name;
        const char *dot = strrchr(full, '.');
        unsigned whole = segmo__option_distance(name, full);
        unsigned tail = dot ? segmo__option_distance(name, dot + 1) + 1 : whole;
        unsigned best_here = whole < tail ? whole : tail;

        if (best_here < best &&
            (!in_source || (segmo__options[i].bits & SEGMO__OPTION_OF_SOURCE))) {
            best = best_here;
            nearest = &segmo__options[i];
        }
    }
    return nearest;
}

void segmo__option_env_name(const segmo__option *opt, char out[SEGMO__OPTION_NAME_MAX + 8])
{
    size_t at = 6;

    memcpy(out, "SEGMO_", 6);
    for (const char *c = opt->name; *c; c++)
        out[at++] = (char)(*c == '.' ? '_' : to_upper(*c));
    out[at] = '\0';
}
