/* Fault runs: thirty-odd scenarios, in which each allocation and each call that reaches the disk
 * fails, one after the other, once and from then on, and in which the process may open no, one, two
 * more descriptors, and so on. The process must not end by a signal, each
 * refusal must say why, and what was accepted must be delivered, or be a dead letter, once a client
 * without faults has opened the directory.
 *
 *     FAULTS=all build/test/unit/test_faults                     every point (long)
 *     FAULT=deliver:file:17:2 build/test/unit/test_faults        one again: scenario, kind, point,
 *                                                                how it fails
 */
#include "base/file.h"
#include "base/mem.h"
#include "fault_server.h"
#include "scratch_dir.h"
#include "segmo.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define FLUSH_MS         120
#define MOST_DESCRIPTORS 24
#define COUNT(a)         (sizeof(a) / sizeof(a)[0])

enum { ALLOCATION, FILE_CALL, DESCRIPTOR, KINDS };
static const char *const kind_names[KINDS] = {"memory", "file", "descriptor"};

/* ---- what is shared between the processes ------------------------------------------------- */

static fault_server *server;

static struct ledger {
    atomic_uchar wanted[FAULT_TARGETS][FAULT_MESSAGES]; /* accepted for it */
    atomic_uchar dead[FAULT_TARGETS][FAULT_MESSAGES];
    atomic_uchar excused[FAULT_MESSAGES]; /* deleted by the scenario itself, or only in memory */
    atomic_uint next;
    atomic_uint mute; /* refusals without words */
    atomic_long points[KINDS];
    atomic_uint refused; /* because the spool was full */
} * ledger;

static const char *dir;
static char spool[512], settings[512];

/* ---- failing ----------------------------------------------------------------------------- */

/* Ways in which a file call fails. The last two shorten what is stored. */
static const int codes[] = {-EIO, -ENOSPC, -EMFILE, -EACCES, -EIO, -EIO};
#define WAYS (2 * (int)COUNT(codes)) /* once, and from then on */

static struct {
    atomic_long calls;
    long nth;
    int way, for_ever;
} failing = {.nth = -1};

static int fail_call(void *ctx, segmo__file_op op, const char *path, int fd, uint64_t offset,
                     size_t *len)
{
    long call = atomic_fetch_add(&failing.calls, 1);
    int shortens = failing.way >= 4 && (op == SEGMO__FILE_APPEND || op == SEGMO__FILE_READ);

    (void)ctx, (void)path, (void)fd, (void)offset;
    if (failing.nth < 0 || call < failing.nth || (call > failing.nth && !failing.for_ever))
        return 0;
    if (!shortens)
        return codes[failing.way];
    *len /= 2;
    return 0;
}

/* ---- the host program -------------------------------------------------------------------- */

static segmo_config *config;
static segmo_client *client;
static int both; /* MoEngage too */
static int without_faults;

static void mute(int status, const segmo_error *err)
{
    fprintf(stderr, "%s, and the error says %s: \"%s\"\n", segmo_status_name(status),
            segmo_status_name(segmo_error_status(err)), err ? segmo_error_message(err) : "");
    atomic_fetch_add(&ledger->mute, 1);
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

/* A scenario that its own options keep from happening would prove nothing. */
static int set(const char *name, const char *value)
{
    int status = TRY(segmo_config_set(config, name, value, &err));

    if (status != SEGMO_OK && without_faults)
        exit(7);
    return status == SEGMO_OK;
}

static int configure(void)
{
    char url[64];

    snprintf(url, sizeof url, "http://127.0.0.1:%u", server->port);
    if (TRY(segmo_config_new(&config, &err)) != SEGMO_OK || !set("spool.dir", spool) ||
        !set("segment.host", url) || !set("segment.write_key", "WK") ||
        !set("delivery.gzip", "false") || !set("delivery.flush_interval_ms", "5") ||
        !set("delivery.backoff_base_ms", "10") || !set("delivery.backoff_cap_ms", "20"))
        return 0;
    return !both || (set("moengage.url", url) && set("moengage.app_id", "APP") &&
                     set("moengage.data_api_key", "KEY"));
}

static int open_client(void)
{
    return TRY(segmo_client_open(&client, config, &err)) == SEGMO_OK;
}

static int begin(void)
{
    return configure() && open_client();
}

static void accepted(unsigned n)
{
    atomic_store(&ledger->wanted[TO_SEGMENT][n], 1);
    atomic_store(&ledger->wanted[TO_MOENGAGE][n], (unsigned char)both);
}

/* Before the call: once it is inside, the message may arrive. */
static unsigned new_number(void)
{
    return atomic_fetch_add(&ledger->next, 1);
}

static size_t message(char *out, size_t size, unsigned n, size_t filling, int bad)
{
    int head = snprintf(out, size,
                        "{\"type\":\"track\",\"userId\":\"user-%u\",\"event\":\"Tried\","
                        "\"messageId\":\"m-%u\",\"properties\":{%s\"n\":%u,\"note\":\"%0*d\"}}",
                        n % 3, n, bad ? "\"bad\":true," : "", n, (int)filling, 0);

    return (size_t)head;
}

static void put_one(size_t filling, int bad)
{
    static char text[40000];
    unsigned n = new_number();
    size_t len = message(text, sizeof text, n, filling, bad);
    int status = TRY(segmo_client_enqueue(client, NULL, text, len, &err));

    if (status == SEGMO_SYNC_WANTED)
        status = TRY(segmo_client_sync(client, 1000, &err));
    if (status == SEGMO_OK)
        accepted(n);
    atomic_fetch_add(&ledger->refused, status == SEGMO_ERR_FULL);
}

static void put(unsigned count)
{
    while (client && count-- > 0)
        put_one(10, 0);
}

static void flush(uint32_t ms)
{
    if (client)
        segmo_client_flush(client, ms, NULL);
}

static void end(void)
{
    if (client)
        segmo_client_close(client, FLUSH_MS, NULL);
    segmo_client_free(client);
    segmo_config_free(config);
    client = NULL;
    config = NULL;
}

static void deliver_some(server_mood mood)
{
    atomic_store(&server->mood, mood);
    if (begin()) {
        put(12);
        flush(FLUSH_MS);
    }
    end();
}

static void forget_text(char *text)
{
    segmo_free(text);
}

/* ---- the scenarios ------------------------------------------------------------------------ */

static void open_and_close(void)
{
    begin();
    end();
}

static void open_by_file(void)
{
    if (configure() && TRY(segmo_config_load(config, settings, &err)) == SEGMO_OK && open_client())
        put(3);
    end();
}

static void open_by_environment(void)
{
    setenv("SEGMO_DELIVERY_FLUSH_AT", "7", 1);
    if (configure() && TRY(segmo_config_load_env(config, &err)) == SEGMO_OK && open_client())
        put(3);
    end();
}

static void open_refused(void)
{
    if (configure()) {
        TRY(segmo_config_set(config, "no.such.option", "1", &err));
        TRY(segmo_config_set(config, "spool.max_bytes", "many", &err));
        set("spool.dir", settings); /* a file */
        open_client();
    }
    end();
}

static void enqueue(void)
{
    if (begin())
        put(20);
    end();
}

static void enqueue_in_files(void)
{
    if (begin())
        for (int i = 0; i < 300; i++)
            put_one(30000, 0); /* more than one file */
    end();
}

static void enqueue_invalid(void)
{
    static const char *const bad[] = {"{", "[]", "{\"type\":\"track\"}",
                                      "{\"type\":\"track\",\"userId\":\"u\",\"event\":5}"};

    if (begin())
        for (size_t i = 0; i < COUNT(bad); i++)
            TRY(segmo_client_enqueue(client, NULL, bad[i], strlen(bad[i]), &err));
    put(3);
    end();
}

static void calls(void)
{
    unsigned n = new_number();
    char traits[64];

    snprintf(traits, sizeof traits, "{\"n\":%u}", n);
    if (begin()) {
        if (TRY(segmo_identify(client, "u", traits, NULL, &err)) == SEGMO_OK)
            accepted(n);
        TRY(segmo_track(client, "u", "Tried", NULL, NULL, &err));
        TRY(segmo_page(client, "u", "Home", NULL, NULL, &err));
        TRY(segmo_screen(client, "u", "Home", NULL, NULL, &err));
        TRY(segmo_group(client, "u", "g", NULL, NULL, &err));
        TRY(segmo_alias(client, "old", "u", NULL, &err));
    }
    end();
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
    if (begin()) {
        int status = TRY(segmo_client_enqueue_batch(client, NULL, text, at, &answer, &len, &err));

        for (unsigned i = 0; i < 8 && status == SEGMO_OK && strstr(answer, "\"rejected\":[]"); i++)
            accepted(first + i);
        forget_text(answer);
    }
    end();
}

static void sync_always(void)
{
    if (configure() && set("spool.sync", "always") && open_client())
        put(6);
    end();
}

static void deliver(void)
{
    deliver_some(MOOD_OK);
}

static void deliver_packed(void)
{
    if (configure() && set("delivery.gzip", "true") && open_client()) {
        put(12);
        flush(FLUSH_MS);
    }
    end();
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
    both = 1;
    deliver_some(MOOD_OK);
}

static void deliver_by_segment_api(void)
{
    both = 1;
    if (configure() && set("moengage.api", "segment") && open_client()) {
        put(6);
        flush(FLUSH_MS);
    }
    end();
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
            flush(FLUSH_MS);
        }
        for (int i = 0; client && i < 50 && segmo_client_poll(client, &report, 0, NULL) == SEGMO_OK;
             i++) {
            segmo_report_free(report);
            report = NULL;
        }
    }
    end();
}

static void die_in_halves(void)
{
    atomic_store(&server->mood, MOOD_REFUSES_BAD);
    if (begin()) {
        for (int i = 0; i < 12; i++)
            put_one(10, i % 5 == 1);
        flush(FLUSH_MS);
    }
    end();
}

static void adopt(void)
{
    if (begin())
        flush(FLUSH_MS);
    end();
}

static void leave_messages(void)
{
    pid_t child = fork();

    if (child == 0) {
        atomic_store(&server->mood, MOOD_UNAVAILABLE);
        if (begin())
            put(20);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    atomic_store(&server->mood, MOOD_OK);
}

static void reload(void)
{
    FILE *file = fopen(settings, "w");

    if (file) {
        fputs("{\"source\":{\"type\":\"server\"},\"delivery\":{\"flush_at\":3}}", file);
        fclose(file);
    }
    if (configure() && TRY(segmo_config_load(config, settings, &err)) == SEGMO_OK &&
        open_client()) {
        put(3);
        TRY(segmo_client_reload(client, &err));
        put(3);
    }
    end();
}

static void change_settings(void)
{
    if (begin()) {
        put(3);
        TRY(segmo_client_set(client, "source.type", "http", &err));
        TRY(segmo_client_set(client, "spool.dir", "/", &err));
        put(3);
    }
    end();
}

static void make_letters(void)
{
    both = 0;
    if (!begin())
        return;
    atomic_store(&server->mood, MOOD_REFUSES_BAD);
    for (int i = 0; i < 10; i++)
        put_one(10, i % 2);
    flush(5000);
    end();
    atomic_store(&server->mood, MOOD_OK);
}

static void list_letters(void)
{
    char *list = NULL;
    size_t len = 0;

    if (configure())
        TRY(segmo_dead_list(config, NULL, &list, &len, &err));
    forget_text(list);
    end();
}

static void put_letters_back(void)
{
    uint64_t count = 0;

    if (configure())
        TRY(segmo_dead_retry(config, NULL, &count, &err));
    end();
}

static void drop_letters(void)
{
    uint64_t count = 0;

    for (unsigned n = 0; n < atomic_load(&ledger->next); n++)
        atomic_store(&ledger->excused[n], 1);
    if (configure())
        TRY(segmo_dead_drop(config, NULL, &count, &err));
    end();
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
        if (TRY(segmo_client_import_streams(client, NULL, text, (size_t)text_len, &answer, &len,
                                            &err)) == SEGMO_OK &&
            strstr(answer, "\"accepted\":1"))
            accepted(n);
    }
    forget_text(answer);
    end();
}

static void transform(void)
{
    static const char text[] = "{\"type\":\"track\",\"userId\":\"u\",\"event\":\"Bought It\","
                               "\"properties\":{\"someThing\":{\"deepDown\":[1,{\"aB\":2}]}}}";
    static const char *const destinations[] = {"segment", "moengage"};
    char *out = NULL;
    size_t len = 0;

    both = 1;
    for (size_t i = 0; i < 2; i++) {
        if (configure())
            TRY(segmo_transform(config, NULL, destinations[i], text, strlen(text), &out, &len,
                                &err));
        forget_text(out);
        out = NULL;
        end();
    }
}

static void explain(void)
{
    static const char text[] =
        "{\"type\":\"identify\",\"anonymousId\":\"a\",\"traits\":{\"aB\":1}}";
    char *out = NULL;
    size_t len = 0;

    both = 1;
    if (begin())
        TRY(segmo_client_explain(client, NULL, text, strlen(text), &out, &len, &err));
    forget_text(out);
    end();
}

static void look_at_all(void)
{
    char *out = NULL;
    size_t len = 0;
    int found;

    if (begin()) {
        put(5);
        if (TRY(segmo_client_stats_json(client, &out, &len, &err)) == SEGMO_OK)
            forget_text(out);
        out = NULL;
        if (TRY(segmo_spool_json(config, &out, &len, &err)) == SEGMO_OK)
            forget_text(out);
        out = NULL;
        if (TRY(segmo_config_json(config, &out, &len, &err)) == SEGMO_OK)
            forget_text(out);
        out = NULL;
        if (TRY(segmo_client_source_json(client, NULL, &out, &len, &err)) == SEGMO_OK)
            forget_text(out);
        TRY(segmo_client_holds(client, "m-0", &found, &err));
    }
    end();
}

static void overflow(const char *policy)
{
    atomic_store(&server->mood, MOOD_UNAVAILABLE);
    if (configure() && set("spool.max_bytes", "1MiB") && set("spool.when_full", policy) &&
        open_client()) {
        for (int i = 0; i < 45; i++)
            put_one(30000, 0);
        flush(20);
    }
    end();
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

    if (begin()) {
        put(3);
        child = fork();
        if (child == 0) {
            put(3);
            end();
            _exit(0);
        }
        waitpid(child, NULL, 0);
        put(3);
    }
    end();
}

static void only_in_memory(void)
{
    for (unsigned n = 0; n < 20; n++)
        atomic_store(&ledger->excused[n], 1);
    if (configure() && set("spool.memory_only", "true") && open_client()) {
        put(10);
        flush(FLUSH_MS);
    }
    end();
}

static void flush_to_a_mark(void)
{
    uint64_t mark = 0;

    if (begin()) {
        put(5);
        TRY(segmo_client_mark(client, &mark, &err));
        put(5);
        segmo_client_flush_to(client, mark, FLUSH_MS, NULL);
    }
    end();
}

typedef struct scenario {
    const char *name;
    void (*play)(void);
    void (*prepare)(void); /* without faults */
} scenario;

#define PLAIN(name)                                                                                \
    {                                                                                              \
#name, name, NULL                                                                          \
    }
static const scenario scenarios[] = {
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

/* ---- one run ------------------------------------------------------------------------------ */

typedef struct fault {
    const scenario *of;
    int kind;
    long nth; /* -1: none, the points are counted */
    int way;
} fault;

/* Allows so many descriptors more than are open now. */
static void limit_descriptors(long more)
{
    struct rlimit limit;
    int next = dup(0);

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = more < 0 ? limit.rlim_max : (rlim_t)(next + more);
    setrlimit(RLIMIT_NOFILE, &limit);
    close(next);
}

static void play_in_child(const fault *run)
{
    int for_ever = run->way >= (int)COUNT(codes);

    alarm(60);
    without_faults = run->nth < 0;
    failing.nth = run->kind == FILE_CALL ? run->nth : -1;
    failing.way = run->way % (int)COUNT(codes);
    failing.for_ever = for_ever;
    segmo__file_hook(fail_call, NULL);
    segmo__mem_fail(run->kind == ALLOCATION ? run->nth : -1, for_ever);
    if (run->kind == DESCRIPTOR)
        limit_descriptors(run->nth);
    run->of->play();
    limit_descriptors(-1);
    if (run->nth < 0) {
        atomic_store(&ledger->points[ALLOCATION], segmo__mem_count());
        atomic_store(&ledger->points[FILE_CALL], atomic_load(&failing.calls));
        atomic_store(&ledger->points[DESCRIPTOR], MOST_DESCRIPTORS);
    }
    segmo__mem_fail(-1, 0);
    segmo__file_hook(NULL, NULL);
    exit(0); /* where leaks are looked for */
}

static int wait_for(pid_t child)
{
    int how = 0;

    waitpid(child, &how, 0);
    return how;
}

static void note_dead(const char *list)
{
    const char *at = list;

    while ((at = strstr(at, "\"destination\":\""))) {
        int target = at[15] == 'm' ? TO_MOENGAGE : TO_SEGMENT;
        const char *number = strstr(at, "\"n\":"), *next = strstr(at + 15, "\"destination\":\"");

        if (number && (!next || number < next)) {
            unsigned long n = strtoul(number + 4, NULL, 10);

            if (n < FAULT_MESSAGES)
                atomic_store(&ledger->dead[target][n], 1);
        }
        at += 15;
    }
}

/* The next client, without faults; both destinations, since a message may wait for either. */
static void deliver_the_rest(void)
{
    char *list = NULL;
    size_t len = 0;

    alarm(60);
    both = 1;
    if (!begin())
        exit(2);
    if (segmo_client_flush(client, 30000, NULL) != SEGMO_OK)
        exit(3);
    if (segmo_dead_list(config, NULL, &list, &len, NULL) != SEGMO_OK)
        exit(4);
    note_dead(list);
    forget_text(list);
    end();
    exit(0);
}

static const char *find_lost(void)
{
    static char words[100];

    for (unsigned n = 0; n < atomic_load(&ledger->next); n++) {
        for (int target = 0; target < FAULT_TARGETS; target++) {
            if (!atomic_load(&ledger->wanted[target][n]) || atomic_load(&ledger->excused[n]) ||
                atomic_load(&server->arrived[target][n]) > 0 ||
                atomic_load(&ledger->dead[target][n]))
                continue;
            snprintf(words, sizeof words, "message %u was accepted and is gone for %s", n,
                     target == TO_SEGMENT ? "Segment" : "MoEngage");
            return words;
        }
    }
    return NULL;
}

static void begin_anew(void)
{
    memset((void *)ledger, 0, sizeof *ledger);
    memset((void *)server->arrived, 0, sizeof server->arrived);
    atomic_store(&server->mood, MOOD_OK);
    scratch_dir_remove(dir);
    mkdir(dir, 0700);
    FILE *file = fopen(settings, "w");
    fputs("{\"delivery\":{\"flush_at\":5}}", file);
    fclose(file);
}

/* What is wrong, or NULL. */
static const char *run_once(const fault *run)
{
    static char words[100];
    pid_t child;
    int how;

    begin_anew();
    fflush(NULL);
    if (run->of->prepare) {
        child = fork();
        if (child == 0) {
            run->of->prepare();
            _exit(0);
        }
        if (wait_for(child) != 0)
            return "it could not be prepared";
    }
    child = fork();
    if (child == 0)
        play_in_child(run);
    if ((how = wait_for(child)) != 0) {
        snprintf(words, sizeof words, "the process ended with %s %d",
                 WIFSIGNALED(how) ? "signal" : "exit code",
                 WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how));
        return words;
    }
    atomic_store(&server->mood, MOOD_OK);
    child = fork();
    if (child == 0)
        deliver_the_rest();
    if ((how = wait_for(child)) != 0) {
        snprintf(words, sizeof words, "the next client cannot deliver the rest (%d)", how >> 8);
        return words;
    }
    if (atomic_load(&ledger->mute) > 0)
        return "a call failed without saying why";
    return find_lost();
}

/* ---- all runs ------------------------------------------------------------------------------ */

static unsigned runs, points_seen;

static void check(const fault *run)
{
    const char *wrong = run_once(run);

    runs++;
    if (wrong)
        fail_msg("%s:%s:%ld:%d: %s\nrepeat with: FAULT=%s:%s:%ld:%d build/test/unit/test_faults",
                 run->of->name, kind_names[run->kind], run->nth, run->way, wrong, run->of->name,
                 kind_names[run->kind], run->nth, run->way);
}

static void fail_each_point(const scenario *of, int kind, long points, long step)
{
    long first = step > 1 ? (long)(of - scenarios) * 7 % step : 0;

    for (long nth = first; nth < points; nth += step) {
        int way = (int)((nth / step + (of - scenarios)) % WAYS);
        fault once = {of, kind, nth, kind == FILE_CALL ? way % (int)COUNT(codes) : 0};
        fault on = {of, kind, nth, once.way + (int)COUNT(codes)};

        if (step == 1 || way % 2 == 0)
            check(&once);
        if (kind != DESCRIPTOR && (step == 1 || way % 2 != 0))
            check(&on);
    }
}

static void fail_all_of(const scenario *of)
{
    fault none = {of, ALLOCATION, -1, 0};
    long points[KINDS];

    check(&none);
    for (int kind = 0; kind < KINDS; kind++)
        points[kind] = atomic_load(&ledger->points[kind]);
    for (int kind = 0; kind < KINDS; kind++) {
        points_seen += (unsigned)points[kind];
        if (points[kind] > 0)
            fail_each_point(of, kind, points[kind], getenv("FAULTS") ? 1 : 1 + points[kind] / 2);
    }
}

static const scenario *find_scenario(const char *name)
{
    for (size_t i = 0; i < COUNT(scenarios); i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    fail_msg("no scenario has the name %s", name);
    return NULL;
}

static void no_fault_costs_an_accepted_message_or_the_process(void **state)
{
    const char *one = getenv("FAULT"), *named = getenv("FAULT_SCENARIO");
    char name[64], kind[16];
    fault run;

    (void)state;
    if (one && sscanf(one, "%63[a-z_]:%15[a-z]:%ld:%d", name, kind, &run.nth, &run.way) == 4) {
        run.of = find_scenario(name);
        for (run.kind = 0; run.kind < KINDS - 1 && strcmp(kind, kind_names[run.kind]) != 0;)
            run.kind++;
        check(&run);
        return;
    }
    for (size_t i = 0; i < COUNT(scenarios); i++)
        if (!named || strcmp(named, scenarios[i].name) == 0)
            fail_all_of(&scenarios[i]);
    print_message("%u runs of %zu scenarios with %u points where they can fail\n", runs,
                  named ? (size_t)1 : COUNT(scenarios), points_seen);
}

/* ---- a disk that fills up and gets room again ---- */

static void fill_and_go_on(void)
{
    unsigned before;

    alarm(60);
    if (!begin())
        exit(2);
    atomic_store(&server->mood, MOOD_UNAVAILABLE);
    for (before = 0; atomic_load(&ledger->refused) == 0 && before < 3000; before++)
        put_one(30000, 0);
    if (atomic_load(&ledger->refused) == 0)
        exit(3); /* it never got full */
    atomic_store(&server->mood, MOOD_OK);
    if (segmo_client_flush(client, 30000, NULL) != SEGMO_OK)
        exit(4);
    if (segmo_client_wait_room(client, 10000, NULL) != SEGMO_OK)
        exit(5);
    atomic_store(&ledger->refused, 0);
    for (int i = 0; i < 50; i++)
        put_one(30000, 0);
    if (atomic_load(&ledger->refused) > 0)
        exit(6);
    flush(30000);
    end();
    exit(0);
}

static void a_full_disk_refuses_delivers_and_accepts_again(void **state)
{
    pid_t child;
    int how;

    (void)state;
    begin_anew();
    mkdir(spool, 0700);
    if (mount("none", spool, "tmpfs", 0, "size=20m,mode=0700") != 0) {
        print_message("not run: a small file system cannot be mounted here\n");
        skip();
    }
    fflush(NULL);
    child = fork();
    if (child == 0)
        fill_and_go_on();
    how = wait_for(child);
    umount2(spool, MNT_DETACH);
    assert_int_equal(how, 0);
    assert_null(find_lost());
}

static int set_up(void **state)
{
    (void)state;
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    server = fault_server_start();
    ledger = mmap(NULL, sizeof *ledger, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    dir = scratch_dir_make();
    snprintf(spool, sizeof spool, "%s/spool", dir);
    snprintf(settings, sizeof settings, "%s/settings.json", dir);
    setenv("HOME", dir, 1);
    return ledger == MAP_FAILED;
}

static int tear_down(void **state)
{
    (void)state;
    fault_server_stop(server);
    scratch_dir_remove(dir);
    munmap(ledger, sizeof *ledger);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_fault_costs_an_accepted_message_or_the_process),
        cmocka_unit_test(a_full_disk_refuses_delivers_and_accepts_again),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
