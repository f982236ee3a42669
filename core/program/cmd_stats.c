/* `segmo stats`: what the spool directory holds. */
#include "support/args.h"
#include "support/command.h"
#include "support/delivery.h"
#include "support/output.h"
#include "support/setup.h"

#include <inttypes.h>
#include <stdio.h>

static uint64_t number_in(const segmo__json *node, const char *name)
{
    return (uint64_t)segmo__json_number(segmo__json_get(node, name), 0);
}

static void print_cell(const segmo__json *node, const char *name)
{
    char text[GROUPED_LEN];

    printf(" %12s", grouped(text, number_in(node, name)));
}

static void print_row(const char *what, const segmo__json *node, const char *name)
{
    printf("%-16s", what);
    print_cell(node, name);
    fputc('\n', stdout);
}

static void print_age(uint64_t ms)
{
    uint64_t s = ms / 1000;

    printf("oldest pending   %" PRIu64 " h %" PRIu64 " min %" PRIu64 " s ago\n", s / 3600,
           s / 60 % 60, s % 60);
}

static void print_destinations(const segmo__json *spool)
{
    static const char *const states[] = {"pending", "delivered", "dead", "skipped"};

    printf("\n%-16s %12s %12s %12s %12s\n", "destination", states[0], states[1], states[2],
           states[3]);
    for (int i = 0; i < DESTINATIONS; i++) {
        const segmo__json *counts =
            segmo__json_get(segmo__json_get(spool, "destinations"), destination_names[i]);

        printf("%-16s", destination_names[i]);
        for (int state = 0; state < 4; state++)
            print_cell(counts, states[state]);
        fputc('\n', stdout);
    }
}

static int print_words(segmo__slice answer)
{
    segmo_error *error = NULL;
    segmo__json *spool = NULL;

    if (segmo__json_parse(&spool, answer, &error) != SEGMO_OK)
        return say_error(error);
    print_row("processes", spool, "processes");
    print_row("  alive", spool, "alive");
    print_row("files", spool, "files");
    print_row("messages", spool, "records");
    print_row("bytes", spool, "bytes");
    print_row("dead letters", spool, "dead_letters");
    print_row("damaged files", spool, "damaged_files");
    if (number_in(spool, "oldest_pending_ms") > 0)
        print_age(number_in(spool, "oldest_pending_ms"));
    print_destinations(spool);
    segmo__json_free(spool);
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
    .about = "Processes that use it (alive or gone), files, messages per destination and\n"
             "state, the age of the oldest one that waits, dead letters, and damaged files\n"
             "that were set aside. A file stays until every message in it has its outcome,\n"
             "so delivered messages are counted too. Changes nothing and needs no running client.",
    .takes = TAKES_CONFIG | TAKES_JSON,
    .examples = "segmo stats --set spool.dir=/var/lib/segmo\n"
                "segmo stats --json\n",
    .exits = exits,
    .run = run,
};
