/* `segmo version`: what was built with what. */
#include "segmo.h"
#include "support/args.h"
#include "support/command.h"
#include "support/output.h"

#include <stdio.h>
#include <string.h>

static int run(const struct args *args)
{
    segmo__slice features = segmo__slice_of(segmo_features());
    segmo__json *tree = NULL;

    if (args_has(args, "json")) {
        print_json(features, 0);
        return EXIT_DONE;
    }
    printf("segmo %s (interface %d)\n", segmo_version(), segmo_abi_version());
    if (segmo__json_parse(&tree, features, NULL) == SEGMO_OK)
        print_outline(tree);
    segmo__json_free(tree);
    return EXIT_DONE;
}

static const struct exit_words exits[] = {
    {EXIT_DONE, "printed"},
    {EXIT_USAGE, "usage"},
    {0, NULL},
};

const struct command command_version = {
    .name = "version",
    .summary = "Show the versions of segmo, libcurl and the compressor",
    .usage = "[--json]",
    .about = "What a bug report should start with.",
    .takes = TAKES_JSON,
    .examples = "segmo version --json\n",
    .exits = exits,
    .run = run,
};
