#include "support/args.h"

#include "support/nearest.h"
#include "support/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct flag args_common[] = {
    {"config", "FILE", "Read options from this JSON file (default: $SEGMO_CONFIG, if set).", NULL},
    {"set", "NAME=VALUE", "Set any option; may be repeated. `segmo config options` lists them.",
     NULL},
    {"json", NULL, "Print JSON for machines instead of words for people.", NULL},
    {"help", NULL, "Show this help.", NULL},
    {NULL, NULL, NULL, NULL},
};

int args_takes_common(const struct command *command, const struct flag *common)
{
    if (strcmp(common->name, "help") == 0)
        return 1;
    return (command->takes & (strcmp(common->name, "json") == 0 ? TAKES_JSON : TAKES_CONFIG)) != 0;
}

int args_refuse(const struct args *args, const char *format, ...)
{
    char words[512];
    va_list list;

    va_start(list, format);
    vsnprintf(words, sizeof words, format, list);
    va_end(list);
    say("%s: %s", args->command->name, words);
    say("`segmo %s --help` shows what it takes", args->command->name);
    return EXIT_USAGE;
}

static int is_named(const struct flag *flag, const char *name, size_t len)
{
    if (strlen(flag->name) == len && memcmp(flag->name, name, len) == 0)
        return 1;
    return flag->also && strlen(flag->also) == len && memcmp(flag->also, name, len) == 0;
}

static const struct flag *find_flag(const struct command *command, const char *name, size_t len)
{
    for (const struct flag *flag = command->flags; flag && flag->name; flag++)
        if (is_named(flag, name, len))
            return flag;
    for (const struct flag *flag = args_common; flag->name; flag++)
        if (args_takes_common(command, flag) && is_named(flag, name, len))
            return flag;
    return NULL;
}

static int refuse_unknown(const struct args *args, const char *name, size_t len)
{
    struct nearest best;

    nearest_begin(&best, name, len);
    for (const struct flag *flag = args->command->flags; flag && flag->name; flag++)
        nearest_offer(&best, flag->name);
    for (const struct flag *flag = args_common; flag->name; flag++)
        if (args_takes_common(args->command, flag))
            nearest_offer(&best, flag->name);
    if (best.name)
        return args_refuse(args, "there is no --%.*s; did you mean --%s?", (int)len, name,
                           best.name);
    return args_refuse(args, "there is no --%.*s", (int)len, name);
}

static int keep_flag(struct args *args, const struct flag *flag, const char *value)
{
    if (args->given_count == ARGS_MAX)
        return args_refuse(args, "more than %d options", ARGS_MAX);
    args->given[args->given_count].flag = flag;
    args->given[args->given_count++].value = value;
    return EXIT_DONE;
}

/* Reads the flag at argv[*at] and moves `*at` over its value. */
static int parse_flag(struct args *args, int argc, char **argv, int *at)
{
    const char *name = argv[*at] + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const struct flag *flag = find_flag(args->command, name, len);
    const char *value = equals ? equals + 1 : NULL;

    if (!flag)
        return refuse_unknown(args, name, len);
    if (!flag->value && value)
        return args_refuse(args, "--%s takes no value", flag->name);
    if (flag->value && !value) {
        if (*at + 1 >= argc)
            return args_refuse(args, "--%s needs a value: %s", flag->name, flag->value);
        value = argv[++*at];
    }
    return keep_flag(args, flag, value);
}

static int parse_word(struct args *args, const char *word)
{
    if (args->word_count == args->command->max_words || args->word_count == ARGS_MAX)
        return args_refuse(args, "\"%s\" is one word too many", word);
    args->words[args->word_count++] = word;
    return EXIT_DONE;
}

int args_parse(struct args *out, const struct command *command, int argc, char **argv)
{
    int only_words = 0;
    int status = EXIT_DONE;

    memset(out, 0, sizeof *out);
    out->command = command;
    for (int at = 0; at < argc && status == EXIT_DONE; at++) {
        if (!only_words && strcmp(argv[at], "--") == 0)
            only_words = 1;
        else if (!only_words && strcmp(argv[at], "-h") == 0)
            status = keep_flag(out, find_flag(command, "help", 4), NULL);
        else if (!only_words && strncmp(argv[at], "--", 2) == 0)
            status = parse_flag(out, argc, argv, &at);
        else if (!only_words && argv[at][0] == '-' && argv[at][1] != '\0')
            status = args_refuse(out, "options start with two dashes: \"%s\"", argv[at]);
        else
            status = parse_word(out, argv[at]);
    }
    return status;
}

const char *args_value(const struct args *args, const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < args->given_count; i++)
        if (strcmp(args->given[i].flag->name, name) == 0)
            value = args->given[i].value ? args->given[i].value : "";
    return value;
}

int args_has(const struct args *args, const char *name)
{
    return args_value(args, name) != NULL;
}

int args_number(const struct args *args, const char *name, uint64_t fallback, uint64_t *out)
{
    const char *value = args_value(args, name);
    char *end;

    *out = fallback;
    if (!value)
        return EXIT_DONE;
    errno = 0;
    *out = strtoull(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0' || value[0] == '-' || *out > UINT32_MAX)
        return args_refuse(args, "--%s needs a number from 0 to %u", name, UINT32_MAX);
    return EXIT_DONE;
}

const char *args_word(const struct args *args, size_t index)
{
    return index < args->word_count ? args->words[index] : NULL;
}
