#include "fault_scenarios.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FLUSH_MS 120
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

fault_host the_host;

/* ---- the host program -------------------------------------------------------------------- */

static void mute(int status, const segmo_error *err)
{
    fprintf(stderr, "%s, and the error says %s: \"%s\"\n", segmo_status_name(status),
            segmo_status_name(segmo_error_status(err)), err ? segmo_error_message(err) : "");
    atomic_fetch_add(&the_host.ledger->mute, 1);
}

/* A refusal must have a status and words. */
static int heard(int status, segmo_error *err)
{
    if (status < SEGMO_OK &&
        (!err || segmo_error_status(err) != status || strlen(segmo_error_message(err)) < 5))
        mute(status, err);
    segmo_error_free(err);
    return status;
}

#define TRY(call)                                                                                  \
    __extension__({                                                                                \
        segmo_error *err = NULL;                                                                   \
        int status_of_it = (call);                                                                 \
        heard(status_of_it, err);                                                                  \
    })

/* A scenario in which things do not happen even without faults would prove nothing. */
static int happens(int condition)
{
    if (!condition && the_host.without_faults)
        exit(7);
    return condition;
}

static int set(const char *name, const char *value)
{
    return happens(TRY(segmo_config_set(the_host.config, name, value, &err)) == SEGMO_OK);
}

static int configure(void)
{
    char url[64];

    snprintf(url, sizeof url, "http://127.0.0.1:%u", the_host.peer->port);
    if (TRY(segmo_config_new(&the_host.config, &err)) != SEGMO_OK ||
        !set("spool.dir", the_host.spool) || !set("segment.host", url) ||
        !set("segment.write_key", "WK") || !set("delivery.gzip", "false") ||
        !set("delivery.flush_interval_ms", "5") || !set("delivery.backoff_base_ms", "10") ||
        !set("delivery.backoff_cap_ms", "20"))
        return 0;
    return !the_host.both || (set("moengage.url", url) && set("moengage.app_id", "APP") &&
                              set("moengage.data_api_key", "KEY"));
}

static int open_client(void)
{
    return happens(TRY(segmo_client_open(&the_host.client, the_host.config, &err)) == SEGMO_OK);
}

int fault_begin(void)
{
    return configure() && open_client();
}

static void accepted(unsigned n)
{
    atomic_store(&the_host.ledger->wanted[TO_SEGMENT][n], 1);
    atomic_store(&the_host.ledger->wanted[TO_MOENGAGE][n], (unsigned char)the_host.both);
}

/* Before the call: once it is inside, the message may arrive. */
static unsigned new_number(void)
{
    return atomic_fetch_add(&the_host.ledger->next, 1);
}

static size_t message(char *out, size_t size, unsigned n, size_t filling, int bad)
{
    int head = snprintf(out, size,
                        "{\"type\":\"track\",\"userId\":\"user-%u\",\"event\":\"Tried\","
                        "\"messageId\":\"m-%u\",\"properties\":{%s\"n\":%u,\"note\":\"%0*d\"}}",
                        n % 3, n, bad ? "\"bad\":true," : "", n, (int)filling, 0);

    return (size_t)head;
}

void fault_put_one(size_t filling, int bad)
{
    static char text[40000];
    unsigned n = new_number();
    size_t len = message(text, sizeof text, n, filling, bad);
    int status = TRY(segmo_client_enqueue(the_host.client, NULL, text, len, &err));

    if (status == SEGMO_SYNC_WANTED)
        status = TRY(segmo_client_sync(the_host.client, 1000, &err));
    if (status == SEGMO_OK)
        accepted(n);
    atomic_fetch_add(&the_host.ledger->refused, status == SEGMO_ERR_FULL);
}

static void put(unsigned count)
{
    while (the_host.client && count-- > 0)
        fault_put_one(10, 0);
}

void fault_flush(uint32_t ms)
{
    if (the_host.client)
        segmo_client_flush(the_host.client, ms, NULL);
}

void fault_end(void)
{
    if (the_host.client)
        segmo_client_close(the_host.client, FLUSH_MS, NULL);
    segmo_client_free(the_host.client);
    segmo_config_free(the_host.config);
    the_host.client = NULL;
    the_host.config = NULL;
}

static void deliver_some(server_mood mood)
{
    atomic_store(&the_host.peer->mood, mood);
    if (fault_begin()) {
        put(12);
        fault_flush(FLUSH_MS);
    }
    fault_end();
}

/* ---- the scenarios ------------------------------------------------------------------------ */

static void open_and_close(void)
{
    fault_begin();
    fault_end();
}

static void open_by_file(void)
{
    if (configure() &&
        TRY(segmo_config_load(the_host.config, the_host.settings, &err)) == SEGMO_OK &&
        open_client())
        put(3);
    fault_end();
}

static void open_by_environment(void)
{
    setenv("SEGMO_DELIVERY_FLUSH_AT", "7", 1);
    if (configure() && TRY(segmo_config_load_env(the_host.config, &err)) == SEGMO_OK &&
        open_client())
        put(3);
    fault_end();
}

static void open_refused(void)
{
    if (configure()) {
        TRY(segmo_config_set(the_host.config, "no.such.option", "1", &err));
        TRY(segmo_config_set(the_host.config, "spool.max_bytes", "many", &err));
        set("spool.dir", the_host.settings); /* a file */
        TRY(segmo_client_open(&the_host.client, the_host.config, &err));
    }
    fault_end();
}

static void enqueue(void)
{
    if (fault_begin())
        put(20);
    fault_end();
}

static void enqueue_in_files(void)
{
    if (fault_begin())
        for (int i = 0; i < 300; i++)
            fault_put_one(30000, 0); /* more than one file */
    fault_end();
}

static void enqueue_invalid(void)
{
    static const char *const bad[] = {"{", "[]", "{\"type\":\"track\"}",
                                      "{\"type\":\"track\",\"userId\":\"u\",\"event\":5}"};

    if (fault_begin())
        for (size_t i = 0; i < COUNT(bad); i++)
            TRY(segmo_client_enqueue(the_host.client, NULL, bad[i], strlen(bad[i]), &err));
    put(3);
    fault_end();
}

static void calls(void)
{
    unsigned n = new_number();
    char traits[64];

    snprintf(traits, sizeof traits, "{\"n\":%u}", n);
    if (fault_begin()) {
        if (TRY(segmo_identify(the_host.client, "u", traits, NULL, &err)) == SEGMO_OK)
            accepted(n);
        TRY(segmo_track(the_host.client, "u", "Tried", NULL, NULL, &err));
        TRY(segmo_page(the_host.client, "u", "Home", NULL, NULL, &err));
        TRY(segmo_screen(the_host.client, "u", "Home", NULL, NULL, &err));
        TRY(segmo_group(the_host.client, "u", "g", NULL, NULL, &err));
        TRY(segmo_alias(the_host.client, "old", "u", NULL, &err));
    }
    fault_end();
}

static void enqueue_batch(void)
{
    char text[4096] = "{\"batch\":[", *answer = NULL;
    size_t at = strlen(text), len = 0;
    unsigned first = 0;

    for (int i = 0; i < 8; i++) {
        unsigned n = new_number();

        first = i == 0 ? n : first;
        at += (size_t)snprintf(text + at, 2, "%s", i > 0 ? "," : "");
        at += message(text + at, sizeof text - at, n, 10, 0);
    }
    at += (size_t)snprintf(text + at, 3, "]}");
    if (fault_begin()) {
        int status =
            TRY(segmo_client_enqueue_batch(the_host.client, NULL, text, at, &answer, &len, &err));

        for (unsigned i = 0;
             i < 8 && status == SEGMO_OK && happens(strstr(answer, "\"rejected\":[]") != NULL); i++)
            accepted(first + i);
        segmo_free(answer);
    }
    fault_end();
}

static void sync_always(void)
{
    if (configure() && set("spool.sync", "always") && open_client())
        put(6);
    fault_end();
}

static void deliver(void)
{
    deliver_some(MOOD_OK);
}

static void deliver_packed(void)
{
    if (configure() && set("delivery.gzip", "true") && open_client()) {
        put(12);
        fault_flush(FLUSH_MS);
    }
    fault_end();
}

static void deliver_to_nobody(void)
{
    deliver_some(MOOD_UNAVAILABLE);
}

static void deliver_rate_limited(void)
{
    deliver_some(MOOD_RATE_LIMITED);
}

static void deliver_too_large(void)
{
    deliver_some(MOOD_TOO_LARGE);
}

static void deliver_over_resets(void)
{
    deliver_some(MOOD_RESETS);
}

static void deliver_to_both(void)
{
    the_host.both = 1;
    deliver_some(MOOD_OK);
}

static void deliver_by_segment_api(void)
{
    the_host.both = 1;
    if (configure() && set("moengage.api", "segment") && open_client()) {
        put(6);
        fault_flush(FLUSH_MS);
    }
    fault_end();
}

static void deliver_with_reports(void)
{
    segmo_report *report = NULL;

    if (configure()) {
        set("reports.delivered", "true");
        set("reports.attempts", "true");
        set("debug", "true");
        if (open_client()) {
            put(12);
            fault_flush(FLUSH_MS);
        }
        for (int i = 0; the_host.client && i < 50 &&
                        segmo_client_poll(the_host.client, &report, 0, NULL) == SEGMO_OK;
             i++) {
            segmo_report_free(report);
            report = NULL;
        }
    }
    fault_end();
}

static void die_in_halves(void)
{
    atomic_store(&the_host.peer->mood, MOOD_REFUSES_BAD);
    if (fault_begin()) {
        for (int i = 0; i < 12; i++)
            fault_put_one(10, i % 5 == 1);
        fault_flush(FLUSH_MS);
    }
    fault_end();
}

static void adopt(void)
{
    if (fault_begin())
        fault_flush(FLUSH_MS);
    fault_end();
}

static void leave_messages(void)
{
    pid_t child = fork();

    if (child == 0) {
        atomic_store(&the_host.peer->mood, MOOD_UNAVAILABLE);
        if (fault_begin())
            put(20);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    atomic_store(&the_host.peer->mood, MOOD_OK);
}

static void reload(void)
{
    FILE *file = fopen(the_host.settings, "w");

    if (file) {
        fputs("{\"source\":{\"type\":\"server\"},\"delivery\":{\"flush_at\":3}}", file);
        fclose(file);
    }
    if (configure() &&
        TRY(segmo_config_load(the_host.config, the_host.settings, &err)) == SEGMO_OK &&
        open_client()) {
        put(3);
        TRY(segmo_client_reload(the_host.client, &err));
        put(3);
    }
    fault_end();
}

static void change_settings(void)
{
    if (fault_begin()) {
        put(3);
        TRY(segmo_client_set(the_host.client, "source.type", "http", &err));
        TRY(segmo_client_set(the_host.client, "spool.dir", "/", &err));
        put(3);
    }
    fault_end();
}

static void make_letters(void)
{
    the_host.both = 0;
    if (!fault_begin())
        return;
    atomic_store(&the_host.peer->mood, MOOD_REFUSES_BAD);
    for (int i = 0; i < 10; i++)
        fault_put_one(10, i % 2);
    fault_flush(5000);
    fault_end();
    atomic_store(&the_host.peer->mood, MOOD_OK);
}

static void list_letters(void)
{
    char *list = NULL;
    size_t len = 0;

    if (configure())
        happens(TRY(segmo_dead_list(the_host.config, NULL, &list, &len, &err)) == SEGMO_OK &&
                len > 100);
    segmo_free(list);
    fault_end();
}

static void put_letters_back(void)
{
    uint64_t count = 0;

    if (configure())
        happens(TRY(segmo_dead_retry(the_host.config, NULL, &count, &err)) == SEGMO_OK &&
                count > 0);
    fault_end();
}

static void drop_letters(void)
{
    uint64_t count = 0;

    for (unsigned n = 0; n < atomic_load(&the_host.ledger->next); n++)
        atomic_store(&the_host.ledger->excused[n], 1);
    if (configure())
        happens(TRY(segmo_dead_drop(the_host.config, NULL, &count, &err)) == SEGMO_OK && count > 0);
    fault_end();
}

static void import_streams(void)
{
    static const char payload[] =
        "{\"app_name\":\"Shop\",\"source\":\"MOENGAGE\",\"moe_request_id\":\"r\",\"events\":[{"
        "\"event_name\":\"Email Clicked\",\"event_code\":\"MOE_EMAIL_CLICK\",\"event_uuid\":\"e-%u"
        "\",\"event_time\":1767607872,\"event_type\":\"CAMPAIGN_EVENT\",\"event_source\":"
        "\"MOENGAGE\",\"uid\":\"u\",\"event_attributes\":{\"n\":%u},\"user_attributes\":{},"
        "\"device_attributes\":{}}]}";
    unsigned n = new_number();
    char text[1024], *answer = NULL;
    int text_len = snprintf(text, sizeof text, payload, n, n);
    size_t len = 0;

    if (configure() && set("source.type", "http") && open_client()) {
        if (TRY(segmo_client_import_streams(the_host.client, NULL, text, (size_t)text_len, &answer,
                                            &len, &err)) == SEGMO_OK &&
            happens(strstr(answer, "\"accepted\":1") != NULL))
            accepted(n);
    }
    segmo_free(answer);
    fault_end();
}

static void transform(void)
{
    static const char text[] = "{\"type\":\"track\",\"userId\":\"u\",\"event\":\"Bought It\","
                               "\"properties\":{\"someThing\":{\"deepDown\":[1,{\"aB\":2}]}}}";
    static const char *const destinations[] = {"segment", "moengage"};
    char *out = NULL;
    size_t len = 0;

    the_host.both = 1;
    for (size_t i = 0; i < 2; i++) {
        if (configure())
            TRY(segmo_transform(the_host.config, NULL, destinations[i], text, strlen(text), &out,
                                &len, &err));
        segmo_free(out);
        out = NULL;
        fault_end();
    }
}

static void explain(void)
{
    static const char text[] =
        "{\"type\":\"identify\",\"anonymousId\":\"a\",\"traits\":{\"aB\":1}}";
    char *out = NULL;
    size_t len = 0;

    the_host.both = 1;
    if (fault_begin())
        TRY(segmo_client_explain(the_host.client, NULL, text, strlen(text), &out, &len, &err));
    segmo_free(out);
    fault_end();
}

static void look_at_all(void)
{
    char *out = NULL;
    size_t len = 0;
    int found;

    if (fault_begin()) {
        put(5);
        if (TRY(segmo_client_stats_json(the_host.client, &out, &len, &err)) == SEGMO_OK)
            segmo_free(out);
        out = NULL;
        if (TRY(segmo_spool_json(the_host.config, &out, &len, &err)) == SEGMO_OK)
            segmo_free(out);
        out = NULL;
        if (TRY(segmo_config_json(the_host.config, &out, &len, &err)) == SEGMO_OK)
            segmo_free(out);
        out = NULL;
        if (TRY(segmo_client_source_json(the_host.client, NULL, &out, &len, &err)) == SEGMO_OK)
            segmo_free(out);
        TRY(segmo_client_holds(the_host.client, "m-0", &found, &err));
    }
    fault_end();
}

static void overflow(const char *policy)
{
    atomic_store(&the_host.peer->mood, MOOD_UNAVAILABLE);
    if (configure() && set("spool.max_bytes", "1MiB") && set("spool.when_full", policy) &&
        open_client()) {
        for (int i = 0; i < 45; i++)
            fault_put_one(30000, 0);
        fault_flush(20);
    }
    fault_end();
}

static void overflow_refused(void)
{
    overflow("refuse");
}

static void overflow_drops_oldest(void)
{
    overflow("drop_oldest");
}

static void fork_in_the_middle(void)
{
    pid_t child;

    if (fault_begin()) {
        put(3);
        child = fork();
        if (child == 0) {
            put(3);
            fault_end();
            _exit(0);
        }
        waitpid(child, NULL, 0);
        put(3);
    }
    fault_end();
}

static void only_in_memory(void)
{
    for (unsigned n = 0; n < 20; n++)
        atomic_store(&the_host.ledger->excused[n], 1);
    if (configure() && set("spool.dir", NULL) && set("spool.memory_only", "true") &&
        open_client()) {
        put(10);
        fault_flush(FLUSH_MS);
    }
    fault_end();
}

static void flush_to_a_mark(void)
{
    uint64_t mark = 0;

    if (fault_begin()) {
        put(5);
        TRY(segmo_client_mark(the_host.client, &mark, &err));
        put(5);
        segmo_client_flush_to(the_host.client, mark, FLUSH_MS, NULL);
    }
    fault_end();
}

#define PLAIN(name)                                                                                \
    {                                                                                              \
#name, name, NULL                                                                          \
    }
const fault_scenario fault_scenarios[] = {
    PLAIN(open_and_close),
    PLAIN(open_by_file),
    PLAIN(open_by_environment),
    PLAIN(open_refused),
    PLAIN(enqueue),
    PLAIN(enqueue_in_files),
    PLAIN(enqueue_invalid),
    PLAIN(enqueue_batch),
    PLAIN(calls),
    PLAIN(sync_always),
    PLAIN(deliver),
    PLAIN(deliver_packed),
    PLAIN(deliver_to_nobody),
    PLAIN(deliver_rate_limited),
    PLAIN(deliver_too_large),
    PLAIN(deliver_over_resets),
    PLAIN(deliver_to_both),
    PLAIN(deliver_by_segment_api),
    PLAIN(deliver_with_reports),
    PLAIN(die_in_halves),
    {"adopt", adopt, leave_messages},
    PLAIN(reload),
    PLAIN(change_settings),
    {"list_letters", list_letters, make_letters},
    {"put_letters_back", put_letters_back, make_letters},
    {"drop_letters", drop_letters, make_letters},
    PLAIN(import_streams),
    PLAIN(transform),
    PLAIN(explain),
    PLAIN(look_at_all),
    PLAIN(overflow_refused),
    PLAIN(overflow_drops_oldest),
    PLAIN(fork_in_the_middle),
    PLAIN(only_in_memory),
    PLAIN(flush_to_a_mark),
};

const size_t fault_scenario_count = sizeof fault_scenarios / sizeof fault_scenarios[0];
