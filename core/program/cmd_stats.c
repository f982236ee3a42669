/* `segmo stats`: what the spool directory holds. */
#include "command.h"
#include "support/args.h"
#include "support/output.h"
#include "support/setup.h"

#include <stdio.h>

static int print_words(segmo__slice answer)
{
    segmo_error *error = NULL;
    segmo__json *tree = NULL;

    if (segmo__json_parse(&tree, answer, &error) != SEGMO_OK)
        return say_error(error);
    print_outline(tree);
    segmo__json_free(tree);
    return EXIT_DONE;
}

static int run(const struct args *args)
{
    segmo_config *config = NULL;
    segmo_error *error = NULL;
    segmo__slice answer;
    char *text = NULL;
    int code = setup_config(&config, args);

    if (code != EXIT_DONE)
        return code;
    if (segmo_spool_json(config, &text, &answer.len, &error) != SEGMO_OK) {
        code = say_error(error);
    } else {
        answer.at = text;
        if (args_has(args, "json"))
            print_json(answer, 0);
        else
            code = print_words(answer);
    }
    segmo_free(text);
    segmo_config_free(config);
    return code;
}

static const struct exit_words exits[] = {
    {EXIT_DONE, "printed"},
    {EXIT_USAGE, "usage or configuration"},
    {EXIT_INPUT, "the spool directory could not be read"},
    {0, NULL},
};

const struct command command_stats = {
    .name = "stats",
    .summary = "Show what waits in the spool directory",
    .usage = "[options]",
    .about = "Processes that use it (alive or gone), files and bytes, messages per destination and "
             "state, the age of\n"
             "the oldest, damaged records and dead letters. Changes nothing and needs no running "
             "client.",
    .takes = TAKES_CONFIG | TAKES_JSON,
    .examples = "segmo stats --set spool.dir=/var/lib/segmo\n"
                "segmo stats --json\n",
    .exits = exits,
    .run = run,
};
