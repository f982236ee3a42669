/* A configuration: what was said in code, in the environment and in a file.
 *
 * Every value is kept as text, checked and brought into one spelling when it arrives. Each way in
 * has a layer of its own, so the order of the calls never matters: set beats environment beats file
 * beats default. Behind this file nobody meets a value that its option does not allow.
 */
#include "client/options.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "client/option_json.h"
#include "client/option_passed.h"
#include "client/option_table.h"
#include "client/option_value.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAYER_COUNT   SEGMO__FROM_SET /* file, environment, set; the default needs no layer */
#define COUNT_OF(all) (sizeof(all) / sizeof(all)[0])

struct segmo_config {
    char *values[LAYER_COUNT][SEGMO__OPTION_SLOTS];
    char *spool_dir; /* the computed default of spool.dir; NULL when there is none */
    char *file;
    segmo__config_stamp stamp; /* of the file as it was read */
    void *_Atomic derived;
    segmo__release_fn release_derived;
};

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
    int status = segmo__need(out, "out", err);
    segmo_config *config;

    if (status != SEGMO_OK)
        return status;
    config = segmo__zalloc(sizeof *config);
    if (!config || !find_spool_dir(config)) {
        segmo_config_free(config);
        return segmo__fail_memory(err);
    }
    *out = config;
    return SEGMO_OK;
}

static void forget_derived(segmo_config *config)
{
    void *derived = atomic_exchange(&config->derived, NULL);

    if (derived)
        config->release_derived(derived);
}

void *segmo__config_derived(const segmo_config *config)
{
    return atomic_load_explicit(&((segmo_config *)(uintptr_t)config)->derived,
                                memory_order_acquire);
}

void *segmo__config_keep(const segmo_config *config, void *value, segmo__release_fn release)
{
    segmo_config *owner = (segmo_config *)(uintptr_t)config;
    void *kept = NULL;

    owner->release_derived = release;
    if (atomic_compare_exchange_strong(&owner->derived, &kept, value))
        return value;
    release(value);
    return kept;
}

void segmo_config_free(segmo_config *config)
{
    if (!config)
        return;
    forget_derived(config);
    for (size_t i = 0; i < LAYER_COUNT; i++)
        segmo__option_clear(config->values[i]);
    segmo__free(config->spool_dir);
    segmo__free(config->file);
    segmo__free(config);
}

static int need_both(const segmo_config *config, const char *text, const char *name,
                     segmo_error **err)
{
    int status = segmo__need(config, "config", err);

    return status == SEGMO_OK ? segmo__need(text, name, err) : status;
}

static int set_passed(segmo_config *config, const char *name, const char *value, segmo_error **err)
{
    char **slot = &layer(config, SEGMO__FROM_SET)[SEGMO__OPTION_PASSED];
    segmo__slice text = segmo__slice_of(value);

    forget_derived(config);
    return segmo__passed_store(slot, segmo__passed_name(name), value ? &text : NULL, name, err);
}

int segmo_config_set(segmo_config *config, const char *name, const char *value, segmo_error **err)
{
    int status = need_both(config, name, "name", err);
    const segmo__option *opt = status == SEGMO_OK ? segmo__option_find(name) : NULL;
    char **slot;

    if (status != SEGMO_OK)
        return status;
    if (!opt && segmo__passed_name(name))
        return set_passed(config, name, value, err);
    if (!opt)
        return segmo__config_unknown(name, err);
    forget_derived(config);
    slot = &layer(config, SEGMO__FROM_SET)[segmo__option_index(opt)];
    if (value)
        return segmo__option_store(slot, opt, segmo__slice_of(value), name, err);
    segmo__free(*slot);
    *slot = NULL;
    return SEGMO_OK;
}

static void replace_layer(segmo_config *config, segmo__option_from from, char **slots)
{
    forget_derived(config);
    segmo__option_clear(layer(config, from));
    memcpy(layer(config, from), slots, SEGMO__OPTION_SLOTS * sizeof *slots);
}

int segmo_config_load(segmo_config *config, const char *path, segmo_error **err)
{
    char *slots[SEGMO__OPTION_SLOTS] = {NULL};
    int status = need_both(config, path, "path", err);
    segmo__config_stamp stamp;
    char *kept;

    if (status != SEGMO_OK)
        return status;
    stamp = segmo__config_stamp_of(path);
    kept = segmo__strdup(path);
    status = kept ? segmo__option_read_file(path, slots, err) : segmo__fail_memory(err);
    if (status != SEGMO_OK) {
        segmo__option_clear(slots);
        segmo__free(kept);
        return status;
    }
    replace_layer(config, SEGMO__FROM_FILE, slots);
    segmo__free(config->file);
    config->file = kept;
    config->stamp = stamp;
    return SEGMO_OK;
}

segmo__config_stamp segmo__config_stamp_of(const char *path)
{
    return (segmo__config_stamp){segmo__file_mtime_ns(path), segmo__file_size(path)};
}

segmo__config_stamp segmo__config_file_stamp(const segmo_config *config)
{
    return config->stamp;
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

static const segmo__option *option_of_env(const char *name, size_t len)
{
    char expected[SEGMO__OPTION_NAME_MAX + 8];

    for (size_t i = 0; i < SEGMO__OPTION_COUNT; i++) {
        segmo__option_env_name(&segmo__options[i], expected);
        if (strlen(expected) == len && memcmp(expected, name, len) == 0)
            return &segmo__options[i];
    }
    return NULL;
}

static int fail_unknown_env(const char *name, size_t len, segmo_error **err)
{
    char given[SEGMO__OPTION_NAME_MAX + 1], nearest[SEGMO__OPTION_NAME_MAX + 8],
        best[SEGMO__OPTION_NAME_MAX + 8] = "";
    unsigned least = UINT32_MAX;

    len = len < SEGMO__OPTION_NAME_MAX ? len : SEGMO__OPTION_NAME_MAX;
    memcpy(given, name, len);
    given[len] = '\0';
    for (size_t i = 0; i < SEGMO__OPTION_COUNT; i++) {
        segmo__option_env_name(&segmo__options[i], nearest);
        if (segmo__option_distance(given, nearest) < least) {
            least = segmo__option_distance(given, nearest);
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
    char name[SEGMO__OPTION_NAME_MAX + 8];
    const segmo__option *opt;
    segmo__slice value;

    if (len < 6 || memcmp(entry, "SEGMO_", 6) != 0 || is_reserved(entry, len))
        return SEGMO_OK;
    opt = option_of_env(entry, len);
    if (!opt && segmo__passed_of_env(entry, len, name, sizeof name) && segmo__passed_name(name)) {
        value = segmo__slice_of(equals + 1);
        return segmo__passed_store(&slots[SEGMO__OPTION_PASSED], segmo__passed_name(name), &value,
                                   name, err);
    }
    if (!opt)
        return fail_unknown_env(entry, len, err);
    return segmo__option_store(&slots[segmo__option_index(opt)], opt, segmo__slice_of(equals + 1),
                               opt->name, err);
}

int segmo_config_load_env(segmo_config *config, segmo_error **err)
{
    char *slots[SEGMO__OPTION_SLOTS] = {NULL};
    int status = segmo__need(config, "config", err);

    if (status != SEGMO_OK)
        return status;
    for (char **entry = environ; entry && *entry && status == SEGMO_OK; entry++)
        status = read_env(slots, *entry, err);
    if (status == SEGMO_OK)
        replace_layer(config, SEGMO__FROM_ENV, slots);
    else
        segmo__option_clear(slots);
    return status;
}

static int copy_slots(segmo_config *copy, const segmo_config *config)
{
    for (size_t i = 0; i < LAYER_COUNT; i++) {
        for (size_t j = 0; j < SEGMO__OPTION_SLOTS; j++) {
            copy->values[i][j] = segmo__strdup(config->values[i][j]);
            if (config->values[i][j] && !copy->values[i][j])
                return 0;
        }
    }
    copy->spool_dir = segmo__strdup(config->spool_dir);
    copy->file = segmo__strdup(config->file);
    copy->stamp = config->stamp;
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

int segmo__config_unknown(const char *name, segmo_error **err)
{
    return segmo__fail(err, SEGMO_ERR_OPTION, name,
                       "there is no option %.*s; the nearest one is %s", SEGMO__OPTION_NAME_MAX,
                       name, segmo__option_nearest(name, 0)->name);
}

const char *segmo__config_find(const segmo_config *config, const segmo__option *opt,
                               segmo__option_from *from)
{
    for (*from = SEGMO__FROM_SET; *from != SEGMO__FROM_DEFAULT; (*from)--)
        if (config->values[*from - 1][segmo__option_index(opt)])
            return config->values[*from - 1][segmo__option_index(opt)];
    return strcmp(opt->name, "spool.dir") == 0 ? config->spool_dir : opt->fallback;
}

int segmo__config_passed(const segmo_config *config, const char *name, segmo__slice *value,
                         segmo__option_from *from)
{
    for (*from = SEGMO__FROM_SET; *from != SEGMO__FROM_DEFAULT; (*from)--)
        if (segmo__passed_find(config->values[*from - 1][SEGMO__OPTION_PASSED], name, value))
            return 1;
    return 0;
}

/* A name that several layers give is told once, by the strongest. */
void segmo__config_each_passed(const segmo_config *config, segmo__passed_fn each, void *ctx)
{
    for (segmo__option_from from = SEGMO__FROM_SET; from != SEGMO__FROM_DEFAULT; from--) {
        const char *object = config->values[from - 1][SEGMO__OPTION_PASSED];
        segmo__slice key, value, strongest;
        segmo__option_from by;
        segmo__json_walk walk;
        char name[SEGMO__OPTION_NAME_MAX + 1];

        if (!object)
            continue;
        segmo__json_walk_begin(&walk, segmo__slice_of(object));
        while (segmo__json_next(&walk, &key, &value)) {
            memcpy(name, key.at, key.len);
            name[key.len] = '\0';
            if (segmo__config_passed(config, name, &strongest, &by) && by == from)
                each(ctx, name, value, from);
        }
    }
}

const char *segmo__config_value(const segmo_config *config, const char *name)
{
    const segmo__option *opt = segmo__option_find(name);
    segmo__option_from from;

    return opt ? segmo__config_find(config, opt, &from) : NULL;
}

uint64_t segmo__config_number(const segmo_config *config, const char *name)
{
    const segmo__option *opt = segmo__option_find(name);
    const char *text = segmo__config_value(config, name);
    uint64_t number = 0;

    return opt && text && segmo__option_number(opt->type, segmo__slice_of(text), &number) ? number
                                                                                          : 0;
}

int segmo__config_flag(const segmo_config *config, const char *name)
{
    const char *text = segmo__config_value(config, name);

    return text && strcmp(text, "true") == 0;
}

segmo__http_options segmo__config_http_options(const segmo_config *config)
{
    return (segmo__http_options){
        .timeout_ms = (uint32_t)segmo__config_number(config, "delivery.timeout_ms"),
        .connect_timeout_ms = (uint32_t)segmo__config_number(config, "delivery.connect_timeout_ms"),
        .max_connections = (uint32_t)segmo__config_number(config, "delivery.max_in_flight"),
        .proxy = segmo__config_value(config, "delivery.proxy"),
        .ca_file = segmo__config_value(config, "delivery.ca_file"),
        .allow_plain_http = segmo__config_flag(config, "delivery.allow_plain_http"),
        .user_agent = "segmo/" SEGMO_VERSION};
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

    segmo__config_find(config, segmo__option_find(name), &from);
    return from != SEGMO__FROM_DEFAULT;
}

/* Options outside the settings that contradict each other. */
static int check_together(const segmo_config *config, segmo_error **err)
{
    int in_memory = segmo__config_flag(config, "spool.memory_only");

    if (in_memory && given(config, "spool.dir"))
        return segmo__fail(err, SEGMO_ERR_OPTION, "spool.memory_only",
                           "spool.memory_only keeps nothing in spool.dir; leave one of them out");
    if (in_memory &&
        segmo__slice_is(segmo__slice_of(segmo__config_value(config, "spool.sync")), "always"))
        return segmo__fail(err, SEGMO_ERR_OPTION, "spool.sync",
                           "spool.sync = always needs a disk; leave out spool.memory_only");
    if ((segmo__config_flag(config, "kafka.enabled") ||
         segmo__config_value(config, "kafka.work_for")) &&
        !segmo__config_value(config, "kafka.bootstrap.servers"))
        return segmo__fail(err, SEGMO_ERR_OPTION, "kafka.bootstrap.servers",
                           "kafka.bootstrap.servers is missing; name the brokers to begin with, or "
                           "leave out kafka.enabled and kafka.work_for");
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
