/* Clients under threads, forks and changing settings. */
#include "base/file.h"
#include "base/thread.h"
#include "scratch_dir.h"
#include "segmo.h"

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_MS 30000
#define STARTS  20
#define CALLS   1000 /* and bytes: less than one of each call is none of each */
#define NOWHERE "http://127.0.0.1:9"

static const char *dir; /* of the running test */

static int make_dir(void **state)
{
    (void)state;
    dir = scratch_dir_make();
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    segmo__file_hook(NULL, NULL);
    scratch_dir_remove(dir);
    return 0;
}

/* A client of the options given as pairs of names and values, ended by NULL. */
static segmo_client *open_client(const char *const *options)
{
    segmo_config *config = NULL;
    segmo_client *client = NULL;

    assert_int_equal(segmo_config_new(&config, NULL), SEGMO_OK);
    assert_int_equal(segmo_config_set(config, "segment.write_key", "WK1", NULL), SEGMO_OK);
    assert_int_equal(segmo_config_set(config, "segment.host", NOWHERE, NULL), SEGMO_OK);
    for (; options && *options; options += 2)
        assert_int_equal(segmo_config_set(config, options[0], options[1], NULL), SEGMO_OK);
    assert_int_equal(segmo_client_open(&client, config, NULL), SEGMO_OK);
    segmo_config_free(config);
    return client;
}

/* ---- waits ---- */

struct waiter {
    segmo_client *client;
    int (*wait)(segmo_client *client, uint32_t timeout_ms, segmo_error **err);
    atomic_int has_begun;
    int status;
};

static void *wait_long(void *arg)
{
    struct waiter *waiter = arg;

    atomic_store(&waiter->has_begun, 1);
    waiter->status = waiter->wait(waiter->client, LONG_MS, NULL);
    return NULL;
}

static void begin_waiting(struct waiter *waiter, pthread_t *thread)
{
    assert_int_equal(segmo__thread_start(thread, wait_long, waiter, "waiter"), 0);
    while (!atomic_load(&waiter->has_begun))
        segmo__sleep_ms(1);
    segmo__sleep_ms(50); /* it is inside by now; if not, it is refused, which is right as well */
}

static void closing_ends_a_wait_for_room(void **state)
{
    static const char *const options[] = {"spool.memory_only", "true", "spool.max_bytes", "1MiB",
                                          NULL};
    struct waiter waiter = {.client = open_client(options), .wait = segmo_client_wait_room};
    pthread_t thread;

    (void)state;
    while (segmo_track(waiter.client, "user-1", "Lamp Lit", NULL, NULL, NULL) == SEGMO_OK)
        ;
    begin_waiting(&waiter, &thread);
    assert_int_equal(segmo_client_close(waiter.client, 0, NULL), SEGMO_ERR_TIMEOUT);
    segmo_client_free(waiter.client);
    pthread_join(thread, NULL);
    assert_int_equal(waiter.status, SEGMO_ERR_CLOSED);
}

/* A disk that does not answer until it is told to. */
static atomic_int disk_hangs;

static int hang(void *ctx, segmo__file_op op, const char *path, int fd, uint64_t offset,
                size_t *len)
{
    (void)ctx, (void)path, (void)fd, (void)offset, (void)len;
    while (op == SEGMO__FILE_SYNC && atomic_load(&disk_hangs))
        segmo__sleep_ms(1);
    return 0;
}

static int sync_and_release(segmo_client *client, uint32_t timeout_ms, segmo_error **err)
{
    int status = segmo_client_sync(client, timeout_ms, err);

    atomic_store(&disk_hangs, 0);
    return status;
}

static void closing_ends_a_wait_for_a_disk_that_does_not_answer(void **state)
{
    const char *const options[] = {"spool.dir", dir, NULL};
    struct waiter waiter = {.client = open_client(options), .wait = sync_and_release};
    pthread_t thread;

    (void)state;
    atomic_store(&disk_hangs, 1);
    segmo__file_hook(hang, NULL);
    assert_int_equal(segmo_track(waiter.client, "user-1", "Lamp Lit", NULL, NULL, NULL), SEGMO_OK);
    begin_waiting(&waiter, &thread);
    assert_int_equal(segmo_client_close(waiter.client, 0, NULL), SEGMO_ERR_TIMEOUT);
    segmo_client_free(waiter.client);
    pthread_join(thread, NULL);
    assert_int_equal(waiter.status, SEGMO_ERR_CLOSED);
}

/* ---- the campaign export ---- */

static int broken_disk(void *ctx, segmo__file_op op, const char *path, int fd, uint64_t offset,
                       size_t *len)
{
    (void)ctx, (void)path, (void)fd, (void)offset, (void)len;
    return op == SEGMO__FILE_CREATE ? -EIO : 0;
}

/* Whoever posted it would count it as delivered. */
static void an_export_that_could_not_be_stored_fails(void **state)
{
    static const char payload[] =
        "{\"source\":\"MOENGAGE\",\"events\":[{\"event_name\":\"Email Clicked\",\"event_code\":"
        "\"MOE_EMAIL_CLICK\",\"event_uuid\":\"ev-1\",\"event_time\":1767607872,\"event_type\":"
        "\"CAMPAIGN_EVENT\",\"uid\":\"u-1\",\"event_attributes\":{}}]}";
    const char *const options[] = {"spool.dir", dir, NULL};
    segmo_client *client = open_client(options);
    char *out = NULL;

    (void)state;
    segmo__file_hook(broken_disk, NULL);
    assert_int_equal(
        segmo_client_import_streams(client, NULL, payload, sizeof payload - 1, &out, NULL, NULL),
        SEGMO_ERR_IO);
    assert_null(out);
    segmo__file_hook(NULL, NULL);
    while (segmo_client_import_streams(client, NULL, payload, sizeof payload - 1, &out, NULL,
                                       NULL) == SEGMO_ERR_IO)
        segmo__sleep_ms(10); /* a disk that failed is not tried again at once */
    assert_non_null(strstr(out, "\"accepted\":1"));
    segmo_free(out);
    segmo_client_free(client);
}

/* ---- changing settings ---- */

static void write_settings(const char *text)
{
    FILE *file = fopen(scratch_path(dir, "segmo.json"), "w");

    assert_non_null(file);
    assert_int_equal(fputs(text, file) < 0, 0);
    assert_int_equal(fclose(file), 0);
}

static segmo_client *open_by_file(const char *text)
{
    segmo_config *config = NULL;
    segmo_client *client = NULL;

    write_settings(text);
    assert_int_equal(segmo_config_new(&config, NULL), SEGMO_OK);
    assert_int_equal(segmo_config_set(config, "spool.dir", scratch_path(dir, "spool"), NULL),
                     SEGMO_OK);
    assert_int_equal(segmo_config_load(config, scratch_path(dir, "segmo.json"), NULL), SEGMO_OK);
    assert_int_equal(segmo_client_open(&client, config, NULL), SEGMO_OK);
    segmo_config_free(config);
    return client;
}

static void refuses(segmo_client *client, const char *settings, const char *field)
{
    segmo_error *error = NULL;

    write_settings(settings);
    assert_int_equal(segmo_client_reload(client, &error), SEGMO_ERR_OPTION);
    assert_string_equal(segmo_error_field(error), field);
    segmo_error_free(error);
}

#define KEY "\"segment.write_key\":\"WK1\",\"segment.host\":\"" NOWHERE "\""

/* "accepted for nowhere": the call answered OK and no destination had the message. */
static void settings_without_a_destination_are_refused_while_it_runs(void **state)
{
    segmo_client *client = open_by_file("{" KEY "}");
    char *stats = NULL;

    (void)state;
    refuses(client, "{}", "segment.write_key");
    assert_int_equal(segmo_track(client, "user-1", "Lamp Lit", NULL, NULL, NULL), SEGMO_OK);
    assert_int_equal(segmo_client_stats_json(client, &stats, NULL, NULL), SEGMO_OK);
    assert_non_null(strstr(stats, "\"segment\":{\"accepted\":1"));
    segmo_free(stats);
    segmo_client_free(client);
}

static void a_client_does_not_become_a_worker_while_it_runs(void **state)
{
    segmo_client *client = open_by_file("{" KEY "}");

    (void)state;
    refuses(client,
            "{" KEY ",\"kafka.bootstrap.servers\":\"127.0.0.1:9\",\"kafka.work_for\":\"segment\"}",
            "kafka.work_for");
    assert_int_equal(segmo_track(client, "user-1", "Lamp Lit", NULL, NULL, NULL), SEGMO_OK);
    segmo_client_free(client);
}

static void a_reload_that_fails_again_frees_the_error_of_before(void **state)
{
    segmo_client *client = open_by_file("{" KEY "}");
    segmo_error *error = NULL;

    (void)state;
    write_settings("{");
    assert_int_equal(segmo_client_reload(client, &error), SEGMO_ERR_JSON);
    assert_int_equal(segmo_client_reload(client, &error), SEGMO_ERR_JSON);
    segmo_error_free(error);
    segmo_client_free(client);
}

#define SOURCE(name)                                                                               \
    "{\"id\":\"" name "\",\"segment.write_key\":\"WK-" name "\",\"segment.host\":\"" NOWHERE "\"}"
#define ONE_SOURCE  "{\"sources\":[" SOURCE("web") "]}"
#define TWO_SOURCES "{\"sources\":[" SOURCE("web") "," SOURCE("app") "]}"

/* A process that leaves a message of the source "app" behind. */
static void leave_one_behind(void)
{
    static const char message[] =
        "{\"type\":\"track\",\"userId\":\"user-1\",\"event\":\"Lamp Lit\"}";
    pid_t child = fork();
    int status = -1;

    if (child == 0)
        _exit(
            segmo_client_enqueue(open_by_file(TWO_SOURCES), "app", message, strlen(message), NULL));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, SEGMO_OK);
}

static int has_adopted(segmo_client *client)
{
    char *stats = NULL;
    int has;

    assert_int_equal(segmo_client_stats_json(client, &stats, NULL, NULL), SEGMO_OK);
    has = strstr(stats, "\"adopted\":1") != NULL;
    segmo_free(stats);
    return has;
}

static void a_source_that_is_new_gets_what_the_dead_left_of_it(void **state)
{
    segmo_client *client;
    int tries = LONG_MS / 10;

    (void)state;
    leave_one_behind();
    client = open_by_file(ONE_SOURCE);
    assert_int_equal(
        segmo_client_enqueue(client, "web", "{\"type\":\"page\",\"userId\":\"u\"}", 28, NULL),
        SEGMO_OK);
    assert_false(has_adopted(client));
    write_settings(TWO_SOURCES);
    assert_int_equal(segmo_client_reload(client, NULL), SEGMO_OK);
    while (!has_adopted(client) && tries-- > 0)
        segmo__sleep_ms(10);
    assert_true(has_adopted(client));
    segmo_client_free(client);
}

struct changer {
    segmo_client *client;
    atomic_int has_begun, stop;
};

static void *change_settings(void *arg)
{
    struct changer *changer = arg;

    while (!atomic_load(&changer->stop)) {
        segmo_client_set(changer->client, "segment.write_key", "WK2", NULL);
        segmo_client_set(changer->client, "segment.write_key", "WK1", NULL);
        atomic_store(&changer->has_begun, 1);
    }
    return NULL;
}

/* The worker's start reads the rules in force, which a change frees. The sanitizers see it. */
static void a_worker_starts_while_settings_change(void **state)
{
    static const char *const options[] = {"spool.memory_only", "true", NULL};

    (void)state;
    for (int i = 0; i < STARTS; i++) {
        struct changer changer = {.client = open_client(options)};
        pthread_t thread;

        assert_int_equal(segmo__thread_start(&thread, change_settings, &changer, "changer"), 0);
        while (!atomic_load(&changer.has_begun))
            segmo__sleep_ms(1);
        assert_int_equal(segmo_track(changer.client, "user-1", "Lamp Lit", NULL, NULL, NULL),
                         SEGMO_OK);
        atomic_store(&changer.stop, 1);
        pthread_join(thread, NULL);
        segmo_client_free(changer.client);
    }
}

/* ---- fork ---- */

static int no_directory(void *ctx, segmo__file_op op, const char *path, int fd, uint64_t offset,
                        size_t *len)
{
    (void)ctx, (void)path, (void)fd, (void)offset, (void)len;
    return op == SEGMO__FILE_MKDIR ? -EACCES : 0;
}

static size_t allocated(void)
{
    return mallinfo2().uordblks; /* 0 under a sanitizer, which has an allocator of its own */
}

static int calls_cost_nothing(segmo_client *client)
{
    size_t before;

    segmo__file_hook(no_directory, NULL);
    segmo_track(client, "user-1", "Lamp Lit", NULL, NULL, NULL);
    before = allocated();
    for (int i = 0; i < CALLS; i++)
        if (segmo_track(client, "user-1", "Lamp Lit", NULL, NULL, NULL) != SEGMO_ERR_IO)
            return 0;
    return allocated() < before + CALLS;
}

static void a_child_that_can_make_no_spool_does_not_grow_with_each_call(void **state)
{
    const char *const options[] = {"spool.dir", dir, NULL};
    segmo_client *client = open_client(options);
    pid_t child = fork();
    int status = -1;

    (void)state;
    if (child == 0)
        _exit(calls_cost_nothing(client) ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    segmo_client_free(client);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closing_ends_a_wait_for_room),
        IN_DIR(closing_ends_a_wait_for_a_disk_that_does_not_answer),
        IN_DIR(an_export_that_could_not_be_stored_fails),
        IN_DIR(settings_without_a_destination_are_refused_while_it_runs),
        IN_DIR(a_client_does_not_become_a_worker_while_it_runs),
        IN_DIR(a_reload_that_fails_again_frees_the_error_of_before),
        IN_DIR(a_source_that_is_new_gets_what_the_dead_left_of_it),
        cmocka_unit_test(a_worker_starts_while_settings_change),
        IN_DIR(a_child_that_can_make_no_spool_does_not_grow_with_each_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
