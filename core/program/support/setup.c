#include "support/setup.h"

#include "base/mem.h"
#include "support/output.h"

#include <stdlib.h>
#include <string.h>

static int load_file(segmo_config *config, const char *path)
{
    segmo_error *error = NULL;

    if (segmo_config_load(config, path, &error) == SEGMO_OK)
        return EXIT_DONE;
    say_error(error);
    return EXIT_USAGE;
}

static int load_environment(segmo_config *config)
{
    segmo_error *error = NULL;

    if (segmo_config_load_env(config, &error) == SEGMO_OK)
        return EXIT_DONE;
    say_error(error);
    return EXIT_USAGE;
}

int setup_option(segmo_config *config, const char *name, const char *value)
{
    segmo_error *error = NULL;

    if (segmo_config_set(config, name, value, &error) == SEGMO_OK)
        return EXIT_DONE;
    say_error(error);
    return EXIT_USAGE;
}

static int set_pair(segmo_config *config, const struct args *args, const char *pair)
{
    const char *equals = strchr(pair, '=');
    char *name;
    int code;

    if (!equals || equals == pair)
        return args_refuse(args,
                           "--set needs NAME=VALUE, for example --set spool.dir=/var/lib/segmo");
    name = segmo__strndup(pair, (size_t)(equals - pair));
    if (!name) {
        say("memory ran out");
        return EXIT_INPUT;
    }
    code = setup_option(config, name, equals + 1);
    segmo__free(name);
    return code;
}

static int set_given(segmo_config *config, const struct args *args)
{
    int code = EXIT_DONE;

    for (size_t i = 0; i < args->given_count && code == EXIT_DONE; i++)
        if (strcmp(args->given[i].flag->name, "set") == 0)
            code = set_pair(config, args, args->given[i].value);
    return code;
}

int setup_config(segmo_config **out, const struct args *args)
{
    const char *path = args_value(args, "config");
    segmo_error *error = NULL;
    int code = EXIT_DONE;

    if (!path)
        path = getenv("SEGMO_CONFIG");
    *out = NULL;
    if (segmo_config_new(out, &error) != SEGMO_OK)
        return say_error(error);
    if (path && *path)
        code = load_file(*out, path);
    if (code == EXIT_DONE)
        code = load_environment(*out);
    if (code == EXIT_DONE)
        code = set_given(*out, args);
    if (code != EXIT_DONE) {
        segmo_config_free(*out);
        *out = NULL;
    }
    return code;
}

char *setup_value(const segmo_config *config, const char *name)
{
    segmo_error *error = NULL;
    char *value = NULL;

    if (segmo_config_get(config, name, &value, &error) != SEGMO_OK)
        say_error(error);
    return value;
}

int64_t setup_number(const segmo_config *config, const char *name)
{
    uint64_t value = 0;

    segmo_config_number(config, name, &value, NULL); /* every number has a default */
    return (int64_t)value;
}

int setup_is_on(const segmo_config *config, const char *name)
{
    char *value = setup_value(config, name);
    int on = value && strcmp(value, "true") == 0;

    segmo_free(value);
    return on;
}

char *setup_spool_dir(const segmo_config *config)
{
    return setup_is_on(config, "spool.memory_only") ? NULL : setup_value(config, "spool.dir");
}

int setup_client(segmo_client **out, const segmo_config *config)
{
    segmo_error *error = NULL;

    return segmo_client_open(out, config, &error) == SEGMO_OK ? EXIT_DONE : say_error(error);
}
