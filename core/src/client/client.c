#include "client/client.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "client/kafka_settings.h"
#include "client/worker.h"
#include "model/message.h"

#define DEAD_DIR      "dead"
#define LEAVE_WAIT_MS 2000

/* ---- storage ----------------------------------------------------------------------------- */

static void spool_notice(void *ctx, const char *code, const char *words, uint64_t count)
{
    segmo_client *client = ctx;
    segmo__buf members;

    segmo__buf_init(&members, 4096);
    segmo__buf_addf(&members, "\"code\":\"%s\",\"count\":%llu,\"message\":", code,
                    (unsigned long long)count);
    segmo__json_put_text(&members, words);
    segmo__reports_add(client->reports, SEGMO_REPORT_SPOOL, segmo__buf_slice(&members));
    segmo__buf_free(&members);
}

static int is_mine(void *ctx, segmo__slice stored)
{
    segmo_client *client = ctx;
    segmo__message message;
    segmo__rules *rules;
    int mine;

    if (segmo__message_read(&message, stored, NULL) != SEGMO_OK)
        return 0;
    rules = segmo__client_rules(client);
    mine = segmo__settings_source_by_hash(rules->settings, message.source) != NULL;
    segmo__rules_release(rules);
    return mine;
}

/* A power cut must not find a message settled as dead and its letter gone. */
static int sync_letters(void *ctx)
{
    segmo_client *client = ctx;

    return segmo__dead_letters_sync(client->letters, NULL);
}

static int dead_letter_dir(segmo__buf *out, const char *spool_dir)
{
    segmo__buf_addf(out, "%s/" DEAD_DIR, spool_dir);
    segmo__buf_add_char(out, '\0');
    return !out->failed;
}

static int open_letters(segmo_client *client, const char *spool_dir, segmo_error **err)
{
    uint64_t max_bytes = segmo__config_number(client->config, "dead_letters.max_bytes");
    segmo__buf dir;
    int status;

    if (!spool_dir)
        return segmo__dead_letters_open(&client->letters, NULL, max_bytes, err);
    segmo__buf_init(&dir, 8192);
    status = dead_letter_dir(&dir, spool_dir)
                 ? segmo__dead_letters_open(&client->letters, dir.data, max_bytes, err)
                 : segmo__fail_memory(err);
    segmo__buf_free(&dir);
    return status;
}

/* Adopted messages enter the accounts when their directory is taken over. */
static void count_adopted(segmo_client *client)
{
    segmo__spool_counts counts;

    segmo__spool_count(client->spool, &counts);
    for (unsigned d = 0; d < SEGMO__DESTINATION_COUNT; d++) {
        segmo__count(&client->tally[d].accepted, counts.pending_records[d]);
        segmo__count(&client->tally[d].adopted, counts.pending_records[d]);
    }
}

/* Asked of rules that are held: a change of the settings frees the old ones at any moment. */
static int is_worker(segmo_client *client)
{
    segmo__rules *rules = segmo__client_rules(client);
    int works = rules->limits.work_for >= 0;

    segmo__rules_release(rules);
    return works;
}

static int open_storage(segmo_client *client, segmo_error **err)
{
    const segmo_config *config = client->config;
    int in_memory = segmo__config_flag(config, "spool.memory_only") ||
                    is_worker(client); /* Kafka is a worker's spool */
    const char *dir = in_memory ? NULL : segmo__config_value(config, "spool.dir");
    segmo__spool_options options = {
        .dir = dir,
        .max_bytes = segmo__config_number(config, "spool.max_bytes"),
        .sync_ms = (uint32_t)segmo__config_number(config, "spool.sync_ms"),
        .destinations = (1u << SEGMO__DESTINATION_COUNT) - 1,
        .mine = is_mine,
        .before_commit = sync_letters,
        .notice = spool_notice,
        .ctx = client,
    };
    int status;

    if (!in_memory && !dir)
        return segmo__fail(
            err, SEGMO_ERR_OPTION, "spool.dir",
            "no directory is set and none can be derived from HOME; set spool.dir, or "
            "spool.memory_only = true to do without durability");
    status = open_letters(client, dir, err);
    if (status == SEGMO_OK)
        status = segmo__spool_open(&client->spool, &options, err);
    if (status == SEGMO_OK) {
        count_adopted(client);
        return SEGMO_OK;
    }
    segmo__dead_letters_free(client->letters); /* a forked child tries again at every call */
    client->letters = NULL;
    return status;
}

/* ---- fork -------------------------------------------------------------------------------- */

static void fork_prepare(void *arg)
{
    segmo_client *client = arg;

    pthread_mutex_lock(&client->lock);
    pthread_mutex_lock(&client->change_lock);
    pthread_mutex_lock(&client->rules_lock);
    if (client->spool)
        segmo__spool_fork_prepare(client->spool);
    segmo__reports_fork_prepare(client->reports);
}

static void fork_parent(void *arg)
{
    segmo_client *client = arg;

    segmo__reports_fork_parent(client->reports);
    if (client->spool)
        segmo__spool_fork_parent(client->spool);
    pthread_mutex_unlock(&client->rules_lock);
    pthread_mutex_unlock(&client->change_lock);
    pthread_mutex_unlock(&client->lock);
}

static void fork_child(void *arg)
{
    segmo_client *client = arg;
    segmo__worker *worker = atomic_load(&client->worker);

    atomic_store(&client->calls, 0); /* the threads that were inside are the parent's */
    segmo__reports_fork_child(client->reports);
    if (client->spool)
        segmo__spool_fork_child(client->spool);
    if (worker)
        segmo__worker_fork_child(worker);
    segmo__mutex_init(&client->rules_lock);
    segmo__mutex_init(&client->change_lock);
    segmo__mutex_init(&client->lock);
}

static void zero_tally(segmo_client *client)
{
    memset((void *)client->tally, 0, sizeof client->tally);
    memset((void *)client->paused, 0, sizeof client->paused);
}

/* The parent's spool, worker and letters belong to the parent: they are forgotten, not freed, since
 * another thread of the parent may have been inside any of them when it forked. A failure leaves
 * the generation as it was, so that the next call tries again. */
static int be_born_in_child(segmo_client *client, segmo_error **err)
{
    int status = SEGMO_OK;

    pthread_mutex_lock(&client->lock);
    if (atomic_load(&client->generation) != segmo__fork_generation()) {
        segmo__spool_close(client->spool, 1);
        client->spool = NULL;
        client->letters = NULL;
        atomic_store(&client->worker, NULL);
        zero_tally(client);
        if (atomic_load(&client->state) == SEGMO__CLIENT_OPEN)
            status = open_storage(client, err);
        if (status == SEGMO_OK)
            atomic_store(&client->generation, segmo__fork_generation());
    }
    pthread_mutex_unlock(&client->lock);
    return status;
}

/* ---- admission and life ------------------------------------------------------------------- */

static int fail_closed(segmo_error **err)
{
    return segmo__fail(err, SEGMO_ERR_CLOSED, NULL, "the client was closed; open another one");
}

/* Counted before the state is asked, so that closing either sees the call or the call sees the
 * closing. */
int segmo__client_enter(segmo_client *client, segmo_error **err)
{
    int status = SEGMO_OK;

    if (!client)
        return segmo__fail(err, SEGMO_ERR_INVALID, "client", "is NULL; open one first");
    atomic_fetch_add(&client->calls, 1);
    if (atomic_load_explicit(&client->generation, memory_order_acquire) != segmo__fork_generation())
        status = be_born_in_child(client, err);
    if (status == SEGMO_OK && atomic_load(&client->state) != SEGMO__CLIENT_OPEN)
        status = fail_closed(err);
    if (status != SEGMO_OK)
        segmo__client_leave(client);
    return status;
}

void segmo__client_leave(segmo_client *client)
{
    atomic_fetch_sub_explicit(&client->calls, 1, memory_order_release);
}

int segmo__client_start(segmo_client *client, segmo_error **err)
{
    segmo__worker *worker = atomic_load_explicit(&client->worker, memory_order_acquire);
    int status = SEGMO_OK;

    if (worker)
        return SEGMO_OK;
    pthread_mutex_lock(&client->lock);
    if (atomic_load(&client->state) != SEGMO__CLIENT_OPEN) {
        status = fail_closed(err);
    } else if (!atomic_load(&client->worker)) {
        if (!is_worker(client))
            segmo__spool_start(client->spool);
        status = segmo__worker_start(&worker, client, err);
        if (status == SEGMO_OK)
            atomic_store_explicit(&client->worker, worker, memory_order_release);
    }
    pthread_mutex_unlock(&client->lock);
    return status;
}

static int has_pending(segmo_client *client)
{
    segmo__spool_counts counts;

    segmo__spool_count(client->spool, &counts);
    for (unsigned d = 0; d < SEGMO__DESTINATION_COUNT; d++)
        if (counts.pending_records[d] > 0)
            return 1;
    return 0;
}

int segmo__client_new(segmo_client **out, const segmo_config *config, segmo_error **err)
{
    segmo_client *client = segmo__zalloc(sizeof *client);
    int status;

    if (!client)
        return segmo__fail_memory(err);
    segmo__mutex_init(&client->lock);
    segmo__mutex_init(&client->change_lock);
    segmo__mutex_init(&client->rules_lock);
    atomic_store(&client->generation, segmo__fork_generation());
    status = segmo__config_copy(&client->config, config, err);
    if (status == SEGMO_OK)
        status = segmo__config_copy(&client->in_force, config, err);
    if (status == SEGMO_OK)
        status = segmo__rules_new(&client->rules, client->in_force, err);
    if (status == SEGMO_OK)
        status = segmo__client_need_destination(client->rules, err);
    if (status == SEGMO_OK &&
        (client->rules->limits.to_kafka || client->rules->limits.work_for >= 0))
        status = segmo__kafka_settings_check(client->config, err);
    if (status != SEGMO_OK)
        goto fail;
    client->reports =
        segmo__reports_new((uint32_t)segmo__config_number(client->config, "reports.max"));
    status = client->reports ? open_storage(client, err) : segmo__fail_memory(err);
    if (status != SEGMO_OK)
        goto fail;
    client->guard = (segmo__fork_guard){fork_prepare, fork_parent, fork_child, client, NULL, NULL};
    segmo__fork_guard_add(&client->guard);
    if (is_worker(client) ||
        has_pending(client)) /* adopted: deliver it without waiting for a first message */
        status = segmo__client_start(client, err);
    if (status != SEGMO_OK) {
        segmo__client_free(client);
        return status;
    }
    *out = client;
    return SEGMO_OK;
fail:
    segmo__spool_close(client->spool, 0);
    segmo__dead_letters_free(client->letters);
    segmo__reports_free(client->reports);
    segmo__rules_release(client->rules);
    segmo_config_free(client->in_force);
    segmo_config_free(client->config);
    segmo__free(client);
    return status;
}

int segmo__client_set(segmo_client *client, const char *name, const char *value, segmo_error **err)
{
    int status = segmo__client_change(client, name, value, err);
    segmo__worker *worker = atomic_load(&client->worker);

    if (status == SEGMO_OK && worker)
        segmo__worker_wake(worker);
    return status;
}

segmo__spool_mark segmo__client_mark(segmo_client *client)
{
    segmo__spool_mark mark;

    segmo__spool_mark_end(client->spool, &mark);
    return mark;
}

int segmo__client_flush(segmo_client *client, segmo__spool_mark mark, int64_t deadline_ms,
                        segmo_error **err)
{
    segmo__worker *worker = atomic_load(&client->worker);

    return worker ? segmo__worker_flush(worker, mark, deadline_ms, err) : SEGMO_OK;
}

/* Other threads' calls end soon: waits are woken, and new calls are refused. */
static int others_have_left(segmo_client *client, int64_t deadline_ms)
{
    segmo__worker *worker = atomic_load(&client->worker);

    while (atomic_load_explicit(&client->calls, memory_order_acquire) > 0) {
        if (segmo__clock_mono_ms() > deadline_ms)
            return 0;
        segmo__reports_wake(client->reports);
        segmo__spool_end_waits(client->spool);
        if (worker)
            segmo__worker_wake_flushers(worker);
        segmo__sleep_ms(1);
    }
    return 1;
}

static void close_parts(segmo_client *client)
{
    segmo__worker_stop(atomic_exchange(&client->worker, NULL));
    segmo__spool_count(client->spool, &client->last_counts);
    segmo__spool_close(client->spool, 0);
    segmo__dead_letters_free(client->letters);
    client->spool = NULL;
    client->letters = NULL;
}

int segmo__client_stop(segmo_client *client, int64_t deadline_ms, segmo_error **err)
{
    int open = SEGMO__CLIENT_OPEN;
    int status = SEGMO_OK;
    segmo__worker *worker;

    if (atomic_load(&client->generation) != segmo__fork_generation())
        status = be_born_in_child(client, err);
    if (status != SEGMO_OK)
        return status;
    if (!atomic_compare_exchange_strong(&client->state, &open, SEGMO__CLIENT_CLOSING))
        return fail_closed(err);
    worker = atomic_load(&client->worker);
    if (worker)
        status =
            segmo__worker_flush_and_leave(worker, segmo__client_mark(client), deadline_ms, err);
    if (others_have_left(client, segmo__clock_mono_ms() + LEAVE_WAIT_MS)) {
        pthread_mutex_lock(&client->lock);
        close_parts(client);
        pthread_mutex_unlock(&client->lock);
    }
    atomic_store(&client->state, SEGMO__CLIENT_CLOSED);
    return status;
}

void segmo__client_free(segmo_client *client)
{
    if (!client)
        return;
    segmo__fork_guard_remove(&client->guard);
    if (client->spool && atomic_load(&client->generation) == segmo__fork_generation())
        close_parts(client);
    else
        segmo__spool_close(client->spool, 1);
    segmo__reports_free(client->reports);
    segmo__rules_release(client->rules);
    segmo_config_free(client->in_force);
    segmo_config_free(client->config);
    segmo__free(client);
}
