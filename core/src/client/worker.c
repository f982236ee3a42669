/* The loop, in the order that keeps duplicates after a crash bounded: answers settle messages, what
 * was settled is written, and only then new requests start. */
#include "client/worker.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "client/forward.h"
#include "client/intake.h"
#include "client/outlet.h"
#include "client/trim.h"

#define TICK_MS        500  /* how often the configuration file is looked at */
#define ADOPT_EVERY_MS 5000 /* how often directories of dead processes are looked for */
#define IDLE_WAIT_MS   5000
#define BODY_MAX       (1u << 20)
#define LEAVE_MS       5000 /* for the last commit, and for telling the group */
#define TRIM_EVERY     1000 /* messages appended between looks at the quota under drop_oldest */
#define NOBODY         UINT64_MAX

struct segmo__worker {
    segmo_client *client;
    pthread_t thread;
    segmo__outlet_shop shop;
    segmo__outlet **outlets;
    size_t outlet_count;
    segmo__forward *forward; /* NULL while no brokers are named */
    atomic_int stopping;
    atomic_uint_least64_t appended; /* messages appended while this worker lives */
    atomic_uint_least64_t
        wake_at; /* wakes the worker when `appended` reaches it; NOBODY: it is awake */
    atomic_int flushers;
    atomic_int_least64_t leave_by_ms; /* a worker of Kafka is asked to leave; 0: it is not */
    atomic_int has_left;
    segmo__mutex lock; /* of `rounds` */
    segmo__cond turned;
    uint64_t rounds;          /* of the loop, for flushers to wait on */
    segmo__config_stamp file; /* as it was read last */
    int64_t next_tick_ms;
    int64_t next_adopt_ms;
    segmo__rules *seen_rules; /* compared by identity only */
};

/* ---- settings and outlets ---------------------------------------------------------------- */

static void look_at_file(segmo__worker *worker)
{
    const char *path = segmo__config_file(worker->client->config);
    segmo__config_stamp now;

    if (!path)
        return;
    now = segmo__config_stamp_of(path);
    if (now.mtime_ns == worker->file.mtime_ns && now.size == worker->file.size)
        return;
    worker->file = now;
    segmo__client_reload(worker->client, NULL); /* reports what is wrong */
}

static segmo__outlet *find_outlet(const segmo__worker *worker, segmo__destination destination,
                                  uint64_t source)
{
    for (size_t i = 0; i < worker->outlet_count; i++)
        if (segmo__outlet_destination(worker->outlets[i]) == destination &&
            segmo__outlet_source(worker->outlets[i]) == source)
            return worker->outlets[i];
    return NULL;
}

static int add_outlet(segmo__worker *worker, segmo__destination destination, uint64_t source)
{
    segmo__outlet **grown;
    segmo__outlet *outlet;

    if (find_outlet(worker, destination, source))
        return 1;
    grown = segmo__realloc(worker->outlets, (worker->outlet_count + 1) * sizeof(segmo__outlet *));
    if (!grown)
        return 0;
    worker->outlets = grown;
    outlet = segmo__outlet_new(&worker->shop, destination, source);
    if (!outlet)
        return 0;
    worker->outlets[worker->outlet_count++] = outlet;
    return 1;
}

/* Makes an outlet for every source and destination of the settings. Outlets of sources that are
 * gone stay and rest, since answers may still be on their way to them. */
static int make_outlets(segmo__worker *worker, const segmo__rules *rules)
{
    int only = rules->limits.work_for;

    for (size_t i = 0; i < rules->settings->source_count; i++)
        for (unsigned d = 0; d < SEGMO__DESTINATION_SERVICES; d++)
            if ((only < 0 || d == (unsigned)only) &&
                !add_outlet(worker, (segmo__destination)d, rules->settings->sources[i].hash))
                return 0;
    return 1;
}

static int make_forward(segmo__worker *worker, const segmo__rules *rules)
{
    if (rules->limits.has_kafka && rules->limits.work_for < 0 && !worker->forward) {
        worker->forward = segmo__forward_new(worker->client, worker->shop.http);
        return worker->forward != NULL;
    }
    return 1;
}

static void follow_rules(segmo__worker *worker, segmo__rules *rules, int64_t now_ms)
{
    if (rules == worker->seen_rules || !make_outlets(worker, rules) || !make_forward(worker, rules))
        return;
    for (size_t i = 0; worker->seen_rules && i < worker->outlet_count; i++)
        segmo__outlet_settings_changed(worker->outlets[i], rules, now_ms);
    if (worker->seen_rules && worker->forward)
        segmo__forward_settings_changed(worker->forward);
    if (worker->seen_rules && worker->shop.intake)
        segmo__intake_settings_changed(worker->shop.intake);
    if (worker->seen_rules) { /* the dead may have left something of a source that is new here */
        segmo__spool_look_again(worker->client->spool);
        worker->next_adopt_ms = now_ms;
    }
    segmo__rules_release(worker->seen_rules);
    segmo__rules_retain(rules);
    worker->seen_rules = rules;
}

static void adopt(segmo__worker *worker)
{
    segmo_client *client = worker->client;
    uint64_t pending[SEGMO__SPOOL_DESTINATIONS] = {0};

    if (segmo__spool_adopt(client->spool, pending) == 0)
        return;
    for (unsigned d = 0; d < SEGMO__DESTINATION_COUNT; d++) {
        segmo__count(&client->tally[d].accepted, pending[d]);
        segmo__count(&client->tally[d].adopted, pending[d]);
    }
}

static void tick(segmo__worker *worker, int64_t now_ms)
{
    if (now_ms >= worker->next_tick_ms) {
        worker->next_tick_ms = now_ms + TICK_MS;
        look_at_file(worker);
    }
    if (now_ms >= worker->next_adopt_ms) {
        worker->next_adopt_ms = now_ms + ADOPT_EVERY_MS;
        adopt(worker);
    }
}

/* ---- sleeping ---------------------------------------------------------------------------- */

/* Wakes us as soon as some outlet can make use of more; in an outage none can, and nobody is
 * disturbed. */
static void ask_to_be_woken(segmo__worker *worker, const segmo__rules *rules, uint64_t seen,
                            int64_t now_ms)
{
    uint64_t least = NOBODY - seen - 1;

    if (worker->forward && segmo__forward_wants(worker->forward, rules, now_ms))
        least = 1;
    for (size_t i = 0; i < worker->outlet_count; i++) {
        uint32_t wanted = segmo__outlet_wanted(worker->outlets[i], rules, now_ms);

        if (wanted > 0 && wanted < least)
            least = wanted;
    }
    if (rules->limits.when_full == SEGMO__FULL_DROP_OLDEST && least > TRIM_EVERY)
        least = TRIM_EVERY;
    atomic_store(&worker->wake_at, seen + least);
}

void segmo__worker_appended(segmo__worker *worker)
{
    uint64_t appended = atomic_fetch_add(&worker->appended, 1) + 1;

    if (appended >= atomic_load(&worker->wake_at) &&
        atomic_exchange(&worker->wake_at, NOBODY) != NOBODY)
        segmo__http_wake(worker->shop.http);
}

void segmo__worker_wake(segmo__worker *worker)
{
    segmo__http_wake(worker->shop.http);
}

static uint32_t time_to_wait(const segmo__worker *worker, int64_t now_ms, int64_t next_ms)
{
    int64_t until_ms = next_ms;

    if (worker->next_adopt_ms < until_ms)
        until_ms = worker->next_adopt_ms;
    if (segmo__config_file(worker->client->config) && worker->next_tick_ms < until_ms)
        until_ms = worker->next_tick_ms;
    return until_ms <= now_ms ? 0 : (uint32_t)(until_ms - now_ms);
}

/* ---- the loop ---------------------------------------------------------------------------- */

static void take_answers(segmo__worker *worker, const segmo__rules *rules)
{
    segmo__http_answer answer;

    while (segmo__http_next(worker->shop.http, &answer))
        segmo__outlet_answer(answer.tag, rules, &answer, segmo__clock_mono_ms());
}

static void commit(segmo__worker *worker)
{
    segmo_error *error = NULL;

    if (segmo__spool_commit(worker->client->spool, &error) != SEGMO_OK)
        segmo__reports_tell(worker->client->reports, SEGMO_REPORT_SPOOL,
                            "\"code\":\"settled_not_written\"");
    segmo_error_free(error);
}

/* ---- the intake of a worker of Kafka ---- */

/* What is on its way may be answered; the rest of what has to go goes at once. */
static void give_up(segmo__worker *worker, int64_t now_ms)
{
    size_t count = 0;
    uint64_t *away;

    for (size_t i = 0; i < worker->outlet_count; i++)
        count += segmo__outlet_away(worker->outlets[i], NULL);
    away = segmo__alloc((count + 1) * sizeof *away);
    if (!away)
        return; /* tried again in the next round */
    count = 0;
    for (size_t i = 0; i < worker->outlet_count; i++)
        count += segmo__outlet_away(worker->outlets[i], away + count);
    segmo__intake_give_up(worker->shop.intake, away, count, now_ms);
    segmo__free(away);
}

static void take_in(segmo__worker *worker, const segmo__rules *rules, int64_t now_ms,
                    int64_t *next_ms)
{
    segmo__intake *intake = worker->shop.intake;
    int64_t leave_by_ms = atomic_load(&worker->leave_by_ms);

    if (!intake)
        return;
    if (leave_by_ms > 0)
        segmo__intake_leave(intake, leave_by_ms);
    segmo__intake_pump(intake, rules, now_ms, next_ms);
    if (segmo__intake_gives_up(intake))
        give_up(worker, now_ms);
    if (segmo__intake_has_left(intake))
        atomic_store(&worker->has_left, 1);
}

/* Everything that was settled in a round is visible to flushers after it. */
static void end_round(segmo__worker *worker)
{
    if (atomic_load(&worker->flushers) == 0)
        return;
    pthread_mutex_lock(&worker->lock);
    worker->rounds++;
    pthread_cond_broadcast(&worker->turned);
    pthread_mutex_unlock(&worker->lock);
}

static void one_round(segmo__worker *worker)
{
    segmo__rules *rules = segmo__client_rules(worker->client);
    uint64_t seen = atomic_load(&worker->appended);
    int64_t now_ms = segmo__clock_mono_ms();
    int64_t next_ms = now_ms + IDLE_WAIT_MS;
    int hurry = atomic_load(&worker->flushers) > 0;

    follow_rules(worker, rules, now_ms);
    tick(worker, now_ms);
    if (rules->limits.when_full == SEGMO__FULL_DROP_OLDEST)
        segmo__trim_oldest(worker->client, rules, worker->outlets, worker->outlet_count,
                           worker->forward);
    take_in(worker, rules, now_ms, &next_ms);
    for (size_t i = 0; i < worker->outlet_count; i++)
        if (segmo__direct_has_way(worker->client, rules))
            segmo__outlet_pump(worker->outlets[i], rules, now_ms, hurry, &next_ms);
    if (worker->forward)
        segmo__forward_pump(worker->forward, rules, now_ms, &next_ms);
    ask_to_be_woken(worker, rules, seen, now_ms);
    if (atomic_load(&worker->appended) >= atomic_load(&worker->wake_at) ||
        hurry != (atomic_load(&worker->flushers) > 0) || atomic_load(&worker->stopping))
        next_ms = now_ms;
    commit(worker); /* what was skipped or buried in the pump */
    end_round(worker);
    segmo__http_run(worker->shop.http, time_to_wait(worker, now_ms, next_ms));
    atomic_store(&worker->wake_at, NOBODY);
    take_answers(worker, rules);
    commit(worker);
    segmo__outlets_start_packed(&worker->shop, rules, segmo__clock_mono_ms());
    segmo__rules_release(rules);
}

static void *run(void *arg)
{
    segmo__worker *worker = arg;

    while (!atomic_load(&worker->stopping))
        one_round(worker);
    segmo__http_abort(worker->shop.http);
    commit(worker);
    end_round(worker);
    return NULL;
}

/* ---- life -------------------------------------------------------------------------------- */

static void forget(segmo__worker *worker)
{
    for (size_t i = 0; i < worker->outlet_count; i++)
        segmo__outlet_free(worker->outlets[i]);
    segmo__free(worker->outlets);

    segmo__rules_release(worker->seen_rules);
    segmo__gzip_free(worker->shop.gzip);
    segmo__buf_free(&worker->shop.raw);
    segmo__buf_free(&worker->shop.notes.kept);
    segmo__free(worker);
}

/* With the rules of this moment; 0: no memory. */
static int open_shop(segmo__outlet_shop *shop)
{
    segmo__rules *rules = segmo__client_rules(shop->client);
    int works = rules->limits.work_for >= 0;

    shop->gzip = segmo__gzip_new((int)rules->limits.gzip_level);
    shop->packer = segmo__packer_new((int)rules->limits.gzip_level, shop->http);
    if (works)
        shop->intake = segmo__intake_new(shop->client, shop->http, rules);
    segmo__rules_release(rules);
    return shop->gzip && shop->packer && (!works || shop->intake);
}

int segmo__worker_start(segmo__worker **out, segmo_client *client, segmo_error **err)
{
    segmo__worker *worker = segmo__zalloc(sizeof *worker);
    segmo__http_options options = segmo__config_http_options(client->config);
    int status, code;

    if (!worker)
        return segmo__fail_memory(err);
    worker->client = client;
    worker->shop.client = client;
    segmo__buf_init(&worker->shop.raw, BODY_MAX);
    segmo__buf_init(&worker->shop.notes.kept, BODY_MAX);
    segmo__mutex_init(&worker->lock);
    segmo__cond_init(&worker->turned);
    atomic_store(&worker->wake_at, NOBODY);
    worker->next_adopt_ms = segmo__clock_mono_ms() + ADOPT_EVERY_MS;
    worker->file = segmo__config_file_stamp(client->config);
    status = segmo__http_open(&worker->shop.http, &options, err);
    if (status != SEGMO_OK)
        goto fail;
    if (!open_shop(&worker->shop)) {
        status = segmo__fail_memory(err);
        goto fail;
    }
    code = segmo__thread_start(&worker->thread, run, worker, "segmo-worker");
    if (code == 0) {
        *out = worker;
        return SEGMO_OK;
    }
    status = segmo__fail(err, SEGMO_ERR_MEMORY, NULL,
                         "the system allows no further thread (%d); raise the limit", code);
fail:
    segmo__intake_free(worker->shop.intake);
    segmo__packer_free(worker->shop.packer);
    segmo__http_close(worker->shop.http, 0);
    forget(worker);
    return status;
}

void segmo__worker_stop(segmo__worker *worker)
{
    if (!worker)
        return;
    atomic_store(&worker->stopping, 1);
    segmo__http_wake(worker->shop.http);
    pthread_join(worker->thread, NULL);
    segmo__intake_free(worker->shop.intake); /* before what they wake */
    segmo__forward_free(worker->forward);
    segmo__packer_free(worker->shop.packer); /* before the flights it packs and what it wakes */
    segmo__http_close(worker->shop.http, 0);
    forget(worker);
}

void segmo__worker_fork_child(segmo__worker *worker)
{
    segmo__http_fork_child(worker->shop.http);
}

/* ---- flush ------------------------------------------------------------------------------- */

/* A flusher of a client that another thread is closing gives up; the closing itself flushes on. */
static int should_give_up(const segmo__worker *worker, int called_by_close)
{
    return !called_by_close && atomic_load(&worker->client->state) != SEGMO__CLIENT_OPEN;
}

/* A worker of Kafka is through when it has left its group. */
static int is_through(const segmo__worker *worker, const segmo__spool_mark *mark, int is_closing)
{
    if (worker->shop.intake && is_closing)
        return atomic_load(&worker->has_left);
    return segmo__spool_passed(worker->client->spool, mark);
}

static int flush(segmo__worker *worker, segmo__spool_mark mark, int64_t deadline_ms,
                 int called_by_close, segmo_error **err)
{
    int passed;

    atomic_fetch_add(&worker->flushers, 1);
    segmo__http_wake(worker->shop.http);
    pthread_mutex_lock(&worker->lock);
    while (!(passed = is_through(worker, &mark, called_by_close)) &&
           segmo__clock_mono_ms() < deadline_ms && !should_give_up(worker, called_by_close))
        segmo__cond_wait_until(&worker->turned, &worker->lock, deadline_ms);
    pthread_mutex_unlock(&worker->lock);
    atomic_fetch_sub(&worker->flushers, 1);
    if (passed)
        return SEGMO_OK;
    return segmo__fail(err, SEGMO_ERR_TIMEOUT, NULL,
                       "messages are still pending; they stay in the spool and go on being sent");
}

int segmo__worker_flush(segmo__worker *worker, segmo__spool_mark mark, int64_t deadline_ms,
                        segmo_error **err)
{
    return flush(worker, mark, deadline_ms, 0, err);
}

int segmo__worker_flush_and_leave(segmo__worker *worker, segmo__spool_mark mark,
                                  int64_t deadline_ms, segmo_error **err)
{
    atomic_store(&worker->leave_by_ms, deadline_ms > 0 ? deadline_ms : 1);
    if (worker->shop.intake)
        deadline_ms += LEAVE_MS;
    return flush(worker, mark, deadline_ms, 1, err);
}

void segmo__worker_wake_flushers(segmo__worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    pthread_cond_broadcast(&worker->turned);
    pthread_mutex_unlock(&worker->lock);
}
