#include "gauge.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/thread.h"
#include "segmo.h"
#include "support/setup.h"

#define EVERY_MS 1000
#define SHARE    20 /* of the time at most one part in so many is spent reading */
#define SLICE_MS 20

struct gauge {
    segmo_config *config;
    pthread_t thread;
    atomic_int_least64_t oldest_ms; /* wall clock; 0: nothing waits */
    atomic_uint_least64_t dead_letters;
    atomic_int stop;
};

static void keep(struct gauge *gauge, const segmo__json *tree)
{
    double age = segmo__json_number(segmo__json_get(tree, "oldest_pending_ms"), 0);

    atomic_store(&gauge->oldest_ms, age > 0 ? segmo__clock_wall_ms() - (int64_t)age : 0);
    atomic_store(&gauge->dead_letters,
                 (uint64_t)segmo__json_number(segmo__json_get(tree, "dead_letters"), 0));
}

static void measure(struct gauge *gauge)
{
    segmo__json *tree = NULL;
    segmo__slice json;
    char *text = NULL;

    if (segmo_spool_json(gauge->config, &text, &json.len, NULL) != SEGMO_OK)
        return;
    json.at = text;
    if (segmo__json_parse(&tree, json, NULL) == SEGMO_OK)
        keep(gauge, tree);
    segmo__json_free(tree);
    segmo_free(text);
}

static void *run(void *arg)
{
    struct gauge *gauge = arg;

    while (!atomic_load(&gauge->stop)) {
        int64_t begin = segmo__clock_mono_ms(), next;

        measure(gauge);
        next = segmo__clock_mono_ms() + SHARE * (segmo__clock_mono_ms() - begin) + EVERY_MS;
        while (!atomic_load(&gauge->stop) && segmo__clock_mono_ms() < next)
            segmo__sleep_ms(SLICE_MS);
    }
    return NULL;
}

struct gauge *gauge_start(const struct args *args)
{
    struct gauge *gauge = segmo__zalloc(sizeof *gauge);

    if (!gauge)
        return NULL;
    if (setup_config(&gauge->config, args) == EXIT_DONE &&
        segmo__thread_start(&gauge->thread, run, gauge, "segmo-gauge") == 0)
        return gauge;
    segmo_config_free(gauge->config);
    segmo__free(gauge);
    return NULL;
}

int64_t gauge_age_ms(struct gauge *gauge)
{
    int64_t oldest = gauge ? atomic_load(&gauge->oldest_ms) : 0;

    return oldest > 0 ? segmo__clock_wall_ms() - oldest : 0;
}

uint64_t gauge_dead_letters(const struct gauge *gauge)
{
    return gauge ? atomic_load(&gauge->dead_letters) : 0;
}

void gauge_stop(struct gauge *gauge)
{
    if (!gauge)
        return;
    atomic_store(&gauge->stop, 1);
    pthread_join(gauge->thread, NULL);
    segmo_config_free(gauge->config);
    segmo__free(gauge);
}
