/* `segmo explain`: which destination gets a message, how, and why or why not. */
#include "support/args.h"
#include "support/command.h"
#include "support/messages.h"
#include "support/output.h"
#include "support/setup.h"

#include <stdio.h>

struct explain {
    const struct args *args;
    segmo_config *config;
    const char *source;
    int code;
};

static const char *text_of(const segmo__json *node, const char *name)
{
    const char *text = segmo__json_string(segmo__json_get(node, name));

    return text ? text : "";
}

/* One line: does this destination get it, and why or why not? */
static void print_decision(const segmo__json *answer, const char *name)
{
    const segmo__json *decision = segmo__json_get(answer, name);
    const char *words = text_of(decision, "words");

    if (segmo__json_bool(segmo__json_get(decision, "send"), 0))
        printf("%-9s yes  to %s%s%s\n", name, text_of(decision, "host"), *words ? "; " : "", words);
    else
        printf("%-9s no   %s: %s\n", name, text_of(decision, "reason"), words);
}

static void print_limits(const segmo__json *cannot)
{
    for (const segmo__json *at = segmo__json_first(cannot); at; at = segmo__json_after(at))
        printf("            %-24s %s\n", segmo__json_name(at), segmo__json_string(at));
}

static void print_mode(const segmo__json *moengage)
{
    printf("          %s mode: %s\n", text_of(moengage, "mode"), text_of(moengage, "mode_reason"));
    printf("          %s, kind %s, api %s, naming %s, objects %s, limits %s\n",
           text_of(moengage, "environment"), text_of(moengage, "kind"), text_of(moengage, "api"),
           text_of(moengage, "naming"), text_of(moengage, "objects"), text_of(moengage, "limits"));
    printf("          what this mode cannot do, or only so:\n");
    print_limits(segmo__json_get(moengage, "cannot"));
}

static void print_words(segmo__slice answer)
{
    segmo__json *tree = NULL;
    const segmo__json *source;

    if (segmo__json_parse(&tree, answer, NULL) != SEGMO_OK) {
        print_line(answer.at, answer.len);
        return;
    }
    source = segmo__json_get(tree, "source");
    printf("%s from source %s (%s)\n", text_of(tree, "type"), text_of(source, "id"),
           text_of(source, "type"));
    print_decision(tree, "segment");
    print_decision(tree, "moengage");
    if (*text_of(segmo__json_get(tree, "moengage"), "app_id"))
        print_mode(segmo__json_get(tree, "moengage"));
    segmo__json_free(tree);
}

static int explain_message(void *ctx, uint64_t line, segmo__slice message)
{
    struct explain *explain = ctx;
    segmo_error *error = NULL;
    segmo__slice answer;
    char *text = NULL;

    if (segmo_explain(explain->config, explain->source, message.at, message.len, &text, &answer.len,
                      &error) != SEGMO_OK) {
        int code = exit_code_of(segmo_error_status(error));

        if (line > 1)
            say("line %llu:", (unsigned long long)line);
        say_error(error);
        explain->code = EXIT_REFUSED;
        return code == EXIT_REFUSED ? EXIT_DONE : code;
    }
    answer.at = text;
    if (args_has(explain->args, "json"))
        print_json(answer, 0);
    else
        print_words(answer);
    segmo_free(text);
    return EXIT_DONE;
}

static int run(const struct args *args)
{
    struct explain explain = {.args = args, .source = args_value(args, "source")};
    const char *from = args_word(args, 0);
    int code;

    if (!from)
        return args_refuse(args, "name a file with a message, - for stdin, or give one as JSON");
    code = setup_config(&explain.config, args);
    if (code == EXIT_DONE)
        code = messages_each(from, explain_message, &explain);
    segmo_config_free(explain.config);
    return code == EXIT_DONE ? explain.code : code;
}

static const struct flag flags[] = {
    {"source", "ID", "Which source the message belongs to, when several are configured.", NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct exit_words exits[] = {
    {EXIT_DONE, "the message would be accepted"},
    {EXIT_REFUSED, "the message would be refused"},
    {EXIT_USAGE, "usage or configuration"},
    {EXIT_INPUT, "the input could not be read"},
    {0, NULL},
};

const struct command command_explain = {
    .name = "explain",
    .summary = "Say which destination gets a message, in which mode, and why or why not",
    .usage = "FILE|-|JSON [options]",
    .about = "Uses the configuration that a client would use, and sends nothing. Also says\n"
             "what the connection mode cannot do.",
    .flags = flags,
    .takes = TAKES_CONFIG | TAKES_JSON,
    .max_words = 1,
    .examples =
        "segmo explain '{\"type\":\"track\",\"anonymousId\":\"a1\",\"event\":\"Cart Viewed\"}'\n"
        "segmo explain message.json --config segmo.json --json\n",
    .exits = exits,
    .run = run,
};
