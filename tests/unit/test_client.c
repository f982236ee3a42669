/* Clients under threads, forks and changing settings. */
#include "base/file.h"
#include "base/thread.h"
#include "scratch_dir.h"
#include "segmo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LONG_MS 30000
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

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closing_ends_a_wait_for_room),
        IN_DIR(closing_ends_a_wait_for_a_disk_that_does_not_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
