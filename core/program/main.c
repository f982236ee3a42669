/* The `segmo` program: finds the subcommand, reads its command line by its table and runs it. */
#include "sandbox/sandbox.h"
#include "segmo.h"
#include "support/args.h"
#include "support/command.h"
#include "support/help.h"
#include "support/nearest.h"
#include "support/output.h"

#include <stdio.h>
#include <string.h>

static const struct exit_words sandbox_exits[] = {
    {EXIT_DONE, "stopped"},
    {EXIT_USAGE, "usage, or the address is in use"},
    {0, NULL},
};

const struct command command_sandbox = {
    .name = "sandbox",
    .summary = "Play Segment and MoEngage on this machine, without an account",
    .usage = "[options]",
    .about =
        "Answers as strictly as the real services do, can be told to fail, and records what came.\n"
        "`segmo sandbox --help` lists its options.",
    .exits = sandbox_exits,
    .run_raw = segmo_program_sandbox,
};

static int run_help(const struct args *args)
{
    const char *name = args_word(args, 0);
    const struct command *wanted = name ? command_find(name) : NULL;

    if (args_has(args, "markdown")) {
        help_markdown();
        return EXIT_DONE;
    }
    if (!name) {
        help_overview(stdout);
        return EXIT_DONE;
    }
    if (!wanted)
        return args_refuse(args, "there is no command \"%s\"", name);
    help_command(wanted);
    return EXIT_DONE;
}

static const struct flag help_flags[] = {
    {"markdown", NULL, "Print the help of every command as one Markdown page.", NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct exit_words help_exits[] = {
    {EXIT_DONE, "the help was printed"},
    {EXIT_USAGE, "there is no such command"},
    {0, NULL},
};

const struct command command_help = {
    .name = "help",
    .summary = "Show what segmo can do, or the help of one command",
    .usage = "[COMMAND]",
    .about = "The same text as `segmo COMMAND --help`.",
    .flags = help_flags,
    .max_words = 1,
    .examples = "segmo help import\n",
    .exits = help_exits,
    .run = run_help,
};

const struct command *const commands[] = {
    &command_serve,   &command_work, &command_send,    &command_import,  &command_transform,
    &command_explain, &command_dead, &command_stats,   &command_sandbox, &command_doctor,
    &command_config,  &command_e2e,  &command_version, &command_help,    NULL,
};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int refuse_command(const char *name)
{
    struct nearest best;

    nearest_begin(&best, name, strlen(name));
    for (size_t i = 0; commands[i]; i++)
        nearest_offer(&best, commands[i]->name);
    if (best.name)
        say("there is no command \"%s\"; did you mean \"%s\"?", name, best.name);
    else
        say("there is no command \"%s\"", name);
    say("`segmo help` lists the commands");
    return EXIT_USAGE;
}

static const char *command_name(int argc, char **argv)
{
    if (argc < 2)
        return NULL;
    if (strcmp(argv[1], "--version") == 0)
        return "version";
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return "help";
    return argv[1];
}

static int run(const struct command *command, int argc, char **argv)
{
    struct args args;
    int code;

    if (command->run_raw)
        return command->run_raw(argc, argv);
    code = args_parse(&args, command, argc - 1, argv + 1);
    if (code != EXIT_DONE)
        return code;
    if (args_has(&args, "help")) {
        help_command(command);
        return EXIT_DONE;
    }
    return command->run(&args);
}

int main(int argc, char **argv)
{
    const char *name = command_name(argc, argv);
    const struct command *command = name ? command_find(name) : NULL;

    if (!name) {
        help_overview(stderr);
        return EXIT_USAGE;
    }
    if (!command)
        return refuse_command(name);
    return finish_output(run(command, argc - 1, argv + 1));
}
