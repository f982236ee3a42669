/* Power cuts under a whole client: its threads accept, send, retry, bury and put back while every
 * change of the disk is recorded. What was synced before the cut must have arrived before it, or
 * wait in the spool that the cut left, or stand in its dead letters.
 *
 *     CLIENT_CUTS=5000 build/test/unit/test_client_power_cuts    so many cuts
 *
 * Threads make each history another one, so a cut cannot be repeated to the letter.
 */
#include "dice.h"
#include "fault_server.h"
#include "how_many.h"
#include "power_disk.h"
#include "scratch_dir.h"
#include "segmo.h"
#include "spool/dead_letters.h"
#include "spool/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define USUAL_CUTS       120
#define CUTS_PER_HISTORY 40
#define LIVES            3
#define ACTIONS          25
#define NEVER            UINT32_MAX

static fault_server *server;
static const char *dir;
static char live[512], cut_dir[512];
static uint32_t safe_at[FAULT_MESSAGES];
static unsigned count; /* of messages */
static unsigned checked, arrived, waiting, buried;

/* ---- a client's life ---------------------------------------------------------------------- */

static void set(segmo_config *config, const char *name, const char *value)
{
    assert_int_equal(segmo_config_set(config, name, value, NULL), SEGMO_OK);
}

static segmo_config *configure(const char *policy)
{
    segmo_config *config = NULL;
    char url[64], spool[600];

    snprintf(url, sizeof url, "http://127.0.0.1:%u", server->port);
    snprintf(spool, sizeof spool, "%s/spool", live);
    assert_int_equal(segmo_config_new(&config, NULL), SEGMO_OK);
    set(config, "spool.dir", spool);
    set(config, "spool.max_bytes", "1MiB");
    set(config, "spool.when_full", policy);
    set(config, "segment.host", url);
    set(config, "segment.write_key", "WK");
    set(config, "moengage.url", url);
    set(config, "moengage.app_id", "APP");
    set(config, "moengage.data_api_key", "KEY");
    set(config, "delivery.gzip", "false");
    set(config, "delivery.flush_interval_ms", "1");
    set(config, "delivery.flush_at", "5");
    set(config, "delivery.backoff_base_ms", "2");
    set(config, "delivery.backoff_cap_ms", "4");
    return config;
}

static uint32_t patience_ms = 200;

static void put(segmo_client *client, dice *from)
{
    char text[16384];
    int len = snprintf(text, sizeof text,
                       "{\"type\":\"track\",\"userId\":\"u-%u\",\"event\":\"Tried\",\"messageId\":"
                       "\"m-%u\",\"properties\":{%s\"n\":%u,\"note\":\"%0*d\"}}",
                       count % 5, count, roll(from, 6) == 0 ? "\"bad\":true," : "", count,
                       (int)roll(from, 12000), 0);

    if (segmo_client_enqueue(client, NULL, text, (size_t)len, NULL) == SEGMO_OK) {
        safe_at[count] = NEVER;
        count++;
    }
}

static void sync_all(segmo_client *client)
{
    if (segmo_client_sync(client, 10000, NULL) != SEGMO_OK)
        return;
    for (unsigned n = 0; n < count; n++)
        if (safe_at[n] == NEVER)
            safe_at[n] = power_disk_now();
}

static void act(segmo_client *client, const segmo_config *config, dice *from)
{
    static const server_mood moods[] = {MOOD_OK, MOOD_REFUSES_BAD, MOOD_REFUSES_BAD,
                                        MOOD_UNAVAILABLE, MOOD_RESETS};
    uint64_t back;

    switch (roll(from, 8)) {
    case 0:
        atomic_store(&server->mood, moods[roll(from, 5)]);
        break;
    case 1:
        usleep(roll(from, 8000));
        break;
    case 2:
        segmo_client_flush(client, roll(from, 3) ? 1 + roll(from, 20) : patience_ms, NULL);
        break;
    case 3:
        segmo_dead_retry(config, NULL, &back, NULL);
        break;
    case 4:
        sync_all(client);
        break;
    default:
        for (unsigned more = 1 + roll(from, 8); more > 0; more--)
            put(client, from);
        sync_all(client);
    }
}

static void live_once(dice *from)
{
    segmo_config *config = configure(roll(from, 2) ? "drop_oldest" : "refuse");
    segmo_client *client = NULL;

    assert_int_equal(segmo_client_open(&client, config, NULL), SEGMO_OK);
    for (int i = 0; i < ACTIONS; i++)
        act(client, config, from);
    segmo_client_close(client, 1 + roll(from, 20), NULL);
    segmo_client_free(client);
    segmo_config_free(config);
}

static void make_history(dice *from)
{
    count = 0;
    memset((void *)server->arrived, 0, sizeof server->arrived);
    mkdir(live, 0700);
    power_disk_record(live);
    power_disk_publish(&server->now);
    for (int i = 0; i < LIVES; i++)
        live_once(from);
    power_disk_stop();
}

/* ---- the cut ------------------------------------------------------------------------------ */

typedef struct found {
    unsigned char pending[FAULT_TARGETS][FAULT_MESSAGES], dead[FAULT_TARGETS][FAULT_MESSAGES];
} found;

static long number_in(segmo__slice text)
{
    const char *at = memmem(text.at, text.len, "\"n\":", 4);
    unsigned long number = at ? strtoul(at + 4, NULL, 10) : FAULT_MESSAGES;

    return number < FAULT_MESSAGES ? (long)number : -1;
}

static int see_record(void *ctx, const segmo__spool_sight *sight)
{
    found *all = ctx;
    long number = number_in(sight->payload);

    for (unsigned target = 0; target < FAULT_TARGETS && number >= 0; target++)
        all->pending[target][number] |= sight->settled[target] == SEGMO__PENDING;
    return 0;
}

static int see_letter(void *ctx, segmo__slice line)
{
    found *all = ctx;
    long number = number_in(line);
    unsigned target = memmem(line.at, line.len, "\"destination\":\"moengage\"", 24) != NULL;

    if (number >= 0)
        all->dead[target][number] = 1;
    return 0;
}

static int is_found(const found *all, unsigned n, unsigned target, uint32_t moment)
{
    int came = server->arrived[target][n] > 0 && server->arrived_at[target][n] <= moment;

    checked++;
    arrived += (unsigned)came;
    waiting += !came && all->pending[target][n];
    buried += !came && !all->pending[target][n] && all->dead[target][n];
    return came || all->pending[target][n] || all->dead[target][n];
}

static void cut_once(uint32_t moment, uint64_t seed)
{
    static found all;
    char spool[600], letters[700];

    memset(&all, 0, sizeof all);
    mkdir(cut_dir, 0700);
    power_disk_cut(cut_dir, moment, seed);
    snprintf(spool, sizeof spool, "%s/spool", cut_dir);
    snprintf(letters, sizeof letters, "%s/dead", spool);
    if (access(spool, F_OK) == 0)
        assert_int_equal(segmo__spool_look(spool, see_record, &all, NULL), SEGMO_OK);
    assert_int_equal(segmo__dead_letters_each(letters, see_letter, &all, NULL), SEGMO_OK);
    for (unsigned n = 0; n < count; n++)
        for (unsigned target = 0; target < FAULT_TARGETS; target++)
            if (safe_at[n] <= moment && !is_found(&all, n, target, moment))
                fail_msg("message %u, synced at change %u, is gone for %s after a cut at change %u",
                         n, safe_at[n], target ? "MoEngage" : "Segment", moment);
    scratch_dir_remove(cut_dir);
}

static void what_a_client_confirmed_survives_a_power_cut(void **state)
{
    unsigned cuts = 0, wanted = (unsigned)how_many("CLIENT_CUTS", USUAL_CUTS);

    (void)state;
    /* Delivery has a pace of its own: on a slow machine it takes more lives, and more patience. */
    while (cuts < wanted || (!(arrived && waiting && buried) && cuts < 10 * wanted)) {
        unsigned from = cuts;
        dice luck = dice_of(from);

        if (cuts >= wanted && patience_ms < 5000)
            patience_ms *= 2;
        make_history(&luck);
        for (unsigned number = from; number < from + CUTS_PER_HISTORY; number++)
            cut_once(roll(&luck, power_disk_now() + 1), number);
        cuts += CUTS_PER_HISTORY;
        power_disk_forget();
        scratch_dir_remove(live);
    }
    print_message(
        "%u power cuts under a client: of %u confirmed messages %u had arrived, %u waited, "
        "%u were dead letters, none was lost\n",
        cuts, checked, arrived, waiting, buried);
    assert_true(arrived > 0 && waiting > 0 && buried > 0);
}

static int set_up(void **state)
{
    (void)state;
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    server = fault_server_start();
    dir = scratch_dir_make();
    snprintf(live, sizeof live, "%s/live", dir);
    snprintf(cut_dir, sizeof cut_dir, "%s/cut", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fault_server_stop(server);
    scratch_dir_remove(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_client_confirmed_survives_a_power_cut),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
