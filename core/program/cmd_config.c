/* `segmo config`: the options there are, the values in force and where they come from. */
#include "support/args.h"
#include "support/command.h"
#include "support/output.h"
#include "support/setup.h"

#include <stdio.h>
#include <string.h>

static const char *text_of(const segmo__json *node, const char *name)
{
    const char *text = segmo__json_string(segmo__json_get(node, name));

    return text ? text : "";
}

/* ---- show ---- */

static void print_values(const segmo__json *options, int all)
{
    for (const segmo__json *option = segmo__json_first(options); option;
         option = segmo__json_after(option)) {
        const segmo__json *value = segmo__json_get(option, "value");
        const char *from = text_of(option, "from");

        if (!all && strcmp(from, "default") == 0)
            continue;
        printf("%-30s  %-11s  ", segmo__json_name(option), from);
        if (segmo__json_tree_kind(value) < SEGMO__JSON_ARRAY)
            print_outline(value);
        else
            puts("(see --json)");
    }
}

static int show_values(const struct args *args)
{
    segmo_config *config = NULL;
    segmo_error *error = NULL;
    segmo__json *tree = NULL;
    segmo__slice answer;
    char *text = NULL;
    int code = setup_config(&config, args);

    if (code != EXIT_DONE)
        return code;
    if (segmo_config_json(config, &text, &answer.len, &error) != SEGMO_OK) {
        say_error(error);
        code = EXIT_USAGE;
        goto done;
    }
    answer.at = text;
    if (args_has(args, "json"))
        print_json(answer, 0);
    else if (segmo__json_parse(&tree, answer, &error) == SEGMO_OK)
        print_values(tree, args_has(args, "all"));
    else
        code = say_error(error);
done:
    segmo__json_free(tree);
    segmo_free(text);
    segmo_config_free(config);
    return code;
}

/* ---- check ---- */

/* Checks the file alone: what the environment of this shell says does not matter to another
 * machine. */
static int check_file(const struct args *args)
{
    const char *path = args_word(args, 1);
    segmo_config *config = NULL;
    segmo_error *error = NULL;
    char *text = NULL;
    size_t len;
    int code = EXIT_DONE;

    if (!path)
        return args_refuse(args, "check needs a file");
    if (segmo_config_new(&config, &error) != SEGMO_OK ||
        segmo_config_load(config, path, &error) != SEGMO_OK ||
        segmo_config_json(config, &text, &len, &error) != SEGMO_OK) {
        code = segmo_error_status(error) == SEGMO_ERR_IO ? EXIT_INPUT : EXIT_USAGE;
        say_error(error);
    } else if (args_has(args, "json")) {
        print_line(text, len);
    } else {
        printf("%s is fine\n", path);
    }
    segmo_free(text);
    segmo_config_free(config);
    return code;
}

/* ---- options ---- */

#define TEXT_WIDTH 96

/* Prints words in lines of at most TEXT_WIDTH, indented. */
static void print_wrapped(const char *words)
{
    size_t column = 0;

    while (*words) {
        size_t len = strcspn(words, " ");

        if (column > 0 && column + 1 + len > TEXT_WIDTH - 4) {
            fputc('\n', stdout);
            column = 0;
        }
        printf("%s%.*s", column == 0 ? "    " : " ", (int)len, words);
        column += len + 1;
        words += len + (words[len] == ' ');
    }
    fputs("\n\n", stdout);
}

static void print_options(const segmo__json *options)
{
    for (const segmo__json *option = segmo__json_first(options); option;
         option = segmo__json_after(option)) {
        const char *fallback = text_of(option, "default");

        printf("%s (%s%s%s)\n", text_of(option, "name"), text_of(option, "type"),
               *fallback ? ", default " : "", fallback);
        print_wrapped(text_of(option, "help"));
    }
}

static int list_options(const struct args *args)
{
    segmo_error *error = NULL;
    segmo__json *tree = NULL;
    segmo__slice answer;
    char *text = NULL;
    int code = EXIT_DONE;

    if (segmo_options_json(&text, &answer.len, &error) != SEGMO_OK)
        return say_error(error);
    answer.at = text;
    if (args_has(args, "json"))
        print_json(answer, 0);
    else if (segmo__json_parse(&tree, answer, &error) == SEGMO_OK)
        print_options(tree);
    else
        code = say_error(error);
    segmo__json_free(tree);
    segmo_free(text);
    return code;
}

static int run(const struct args *args)
{
    const char *verb = args_word(args, 0) ? args_word(args, 0) : "show";

    if (strcmp(verb, "check") == 0)
        return check_file(args);
    if (args_word(args, 1))
        return args_refuse(args, "\"%s\" is one word too many", args_word(args, 1));
    if (strcmp(verb, "show") == 0)
        return show_values(args);
    if (strcmp(verb, "options") == 0)
        return list_options(args);
    return args_refuse(args, "\"%s\" is none of show, check, options", verb);
}

static const struct flag flags[] = {
    {"all", NULL, "show: defaults too.", NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct exit_words exits[] = {
    {EXIT_DONE, "the configuration is fine"},
    {EXIT_USAGE, "usage, or an option is unknown, malformed or contradicts another"},
    {EXIT_INPUT, "the file could not be read"},
    {0, NULL},
};

const struct command command_config = {
    .name = "config",
    .summary = "Show the values in force and where they come from, check a file, list all options",
    .usage = "[show|check FILE|options] [options]",
    .about = "Secrets are masked.",
    .flags = flags,
    .takes = TAKES_CONFIG | TAKES_JSON,
    .max_words = 2,
    .examples = "segmo config show --all\n"
                "segmo config check /etc/segmo.json\n"
                "segmo config options\n",
    .exits = exits,
    .run = run,
};
