/* `segmo dead`: the messages that could not be delivered, with their reasons. */
#include "support/args.h"
#include "support/command.h"
#include "support/output.h"
#include "support/setup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define QUERY_MAX (64u << 10)

/* ---- which letters ---- */

static int has_filter(const struct args *args)
{
    return args_has(args, "id") || args_has(args, "destination") || args_has(args, "reason");
}

static void put_ids(segmo__buf *query, const struct args *args, const char *word)
{
    const char *comma = "";

    segmo__buf_add_lit(query, "\"id\":[");
    if (word) {
        segmo__json_put_text(query, word);
        comma = ",";
    }
    for (size_t i = 0; i < args->given_count; i++) {
        if (strcmp(args->given[i].flag->name, "id") != 0)
            continue;
        segmo__buf_add_str(query, comma);
        segmo__json_put_text(query, args->given[i].value);
        comma = ",";
    }
    segmo__buf_add_char(query, ']');
}

static void put_text(segmo__buf *query, const struct args *args, const char *name)
{
    const char *value = args_value(args, name);

    if (!value)
        return;
    if (query->len > 1)
        segmo__buf_add_char(query, ',');
    segmo__buf_addf(query, "\"%s\":", name);
    segmo__json_put_text(query, value);
}

/* The query as NUL terminated JSON; free with segmo__buf_free(). */
static int build_query(segmo__buf *query, const struct args *args, const char *id)
{
    uint64_t limit;
    int code = args_number(args, "limit", 0, &limit);

    segmo__buf_init(query, QUERY_MAX);
    segmo__buf_add_char(query, '{');
    if (id || args_has(args, "id"))
        put_ids(query, args, id);
    put_text(query, args, "destination");
    put_text(query, args, "reason");
    put_text(query, args, "from");
    if (limit > 0)
        segmo__buf_addf(query, "%s\"limit\":%" PRIu64, query->len > 1 ? "," : "", limit);
    segmo__buf_add_char(query, '}');
    segmo__buf_add_char(query, '\0');
    return code;
}

/* ---- list, show ---- */

static const char *text_of(const segmo__json *letter, const char *name)
{
    const char *text = segmo__json_string(segmo__json_get(letter, name));

    return text ? text : "";
}

static void print_table(const segmo__json *letters)
{
    printf("%-36s  %-9s  %-20s  %6s  %-20s  %s\n", "id", "to", "reason", "status", "died",
           "message");
    for (const segmo__json *letter = segmo__json_first(letters); letter;
         letter = segmo__json_after(letter)) {
        const segmo__json *message = segmo__json_get(letter, "message");

        printf("%-36s  %-9s  %-20s  %6.0f  %.19sZ  %s %s\n", text_of(letter, "id"),
               text_of(letter, "destination"), text_of(letter, "reason"),
               segmo__json_number(segmo__json_get(letter, "status"), 0), text_of(letter, "died_at"),
               text_of(message, "type"), text_of(message, "event"));
    }
}

static int list_letters(const struct args *args, const segmo_config *config, const char *query)
{
    segmo_error *error = NULL;
    segmo__json *tree = NULL;
    segmo__slice answer;
    char *text = NULL;
    int code = EXIT_DONE;

    if (segmo_dead_list(config, query, &text, &answer.len, &error) != SEGMO_OK)
        return say_error(error);
    answer.at = text;
    if (args_has(args, "json"))
        print_json(answer, 0);
    else if (segmo__json_parse(&tree, answer, &error) != SEGMO_OK)
        code = say_error(error);
    else if (segmo__json_count(tree) == 0)
        say("there are no dead letters%s", has_filter(args) ? " like that" : "");
    else
        print_table(tree);
    segmo__json_free(tree);
    segmo_free(text);
    return code;
}

static int show_letter(const segmo_config *config, const char *query, const char *id)
{
    segmo_error *error = NULL;
    segmo__json_walk walk;
    segmo__slice key, letter;
    char *text = NULL;
    size_t len;
    int found;

    if (segmo_dead_list(config, query, &text, &len, &error) != SEGMO_OK)
        return say_error(error);
    segmo__json_walk_begin(&walk, (segmo__slice){text, len});
    found = segmo__json_next(&walk, &key, &letter);
    if (found)
        print_json(letter, 1);
    else
        say("no dead letter has the id %s", id);
    segmo_free(text);
    return found ? EXIT_DONE : EXIT_REFUSED;
}

/* ---- retry, drop ---- */

static int print_count(const struct args *args, const char *done, uint64_t count)
{
    if (args_has(args, "json"))
        printf("{\"%s\":%" PRIu64 "}\n", done, count);
    else
        printf("%s %" PRIu64 "\n", done, count);
    return EXIT_DONE;
}

static int retry_letters(const struct args *args, const segmo_config *config, const char *query)
{
    segmo_error *error = NULL;
    uint64_t count = 0;

    if (segmo_dead_retry(config, query, &count, &error) != SEGMO_OK)
        return say_error(error);
    if (count > 0)
        say("they wait in the spool; a running client sends them within seconds, else the next one "
            "does");
    return print_count(args, "retried", count);
}

static int drop_letters(const struct args *args, const segmo_config *config, const char *query)
{
    segmo_error *error = NULL;
    uint64_t count = 0;

    if (!args_has(args, "yes"))
        return args_refuse(args, "drop deletes messages for good; add --yes to do it");
    if (segmo_dead_drop(config, query, &count, &error) != SEGMO_OK)
        return say_error(error);
    return print_count(args, "dropped", count);
}

/* ---- the command ---- */

static int check_words(const struct args *args, const char *verb)
{
    int shows = strcmp(verb, "show") == 0;
    int changes = strcmp(verb, "retry") == 0 || strcmp(verb, "drop") == 0;

    if (!shows && !changes && strcmp(verb, "list") != 0)
        return args_refuse(args, "\"%s\" is none of list, show, retry, drop", verb);
    if (shows && !args_word(args, 1) && !args_has(args, "id"))
        return args_refuse(args, "show needs an id; `segmo dead list` prints them");
    if (changes && !args_word(args, 1) && !has_filter(args) && !args_has(args, "all"))
        return args_refuse(args, "say which: --id, --destination, --reason, or --all");
    return EXIT_DONE;
}

static int act(const struct args *args, const segmo_config *config, const char *verb,
               const char *query)
{
    if (strcmp(verb, "show") == 0)
        return show_letter(config, query,
                           args_word(args, 1) ? args_word(args, 1) : args_value(args, "id"));
    if (strcmp(verb, "retry") == 0)
        return retry_letters(args, config, query);
    if (strcmp(verb, "drop") == 0)
        return drop_letters(args, config, query);
    return list_letters(args, config, query);
}

static int run(const struct args *args)
{
    const char *verb = args_word(args, 0) ? args_word(args, 0) : "list";
    segmo_config *config = NULL;
    segmo__buf query;
    int code = check_words(args, verb);

    if (code != EXIT_DONE)
        return code;
    code = build_query(&query, args, args_word(args, 1));
    if (code == EXIT_DONE)
        code = setup_config(&config, args);
    if (code == EXIT_DONE)
        code = act(args, config, verb, query.data);
    segmo_config_free(config);
    segmo__buf_free(&query);
    return code;
}

static const struct flag flags[] = {
    {"id", "ID", "This letter; may be repeated.", NULL},
    {"destination", "NAME", "Letters for segment or for moengage.", NULL},
    {"reason", "REASON", "Letters with this reason, as the list shows it.", NULL},
    {"from", "PLACE", "kafka: those of workers, in kafka.dead_topic (default: the spool's).", NULL},
    {"limit", "N", "At most so many (default: all).", NULL},
    {"all", NULL, "retry, drop: every letter.", NULL},
    {"yes", NULL, "drop: really delete.", NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct exit_words exits[] = {
    {EXIT_DONE, "done, even when no letter fitted"},
    {EXIT_REFUSED, "no letter has the id, or the spool is full"},
    {EXIT_USAGE, "usage or configuration"},
    {EXIT_INPUT, "the spool directory could not be used"},
    {0, NULL},
};

const struct command command_dead = {
    .name = "dead",
    .summary = "Look at dead letters, send them again or delete them",
    .usage = "[list|show|retry|drop] [ID] [options]",
    .about =
        "A dead letter is a message that a destination refused for good, or that grew too old; it "
        "keeps its\n"
        "reason and the last answer. retry puts it back into the spool for its destination only.",
    .flags = flags,
    .takes = TAKES_CONFIG | TAKES_JSON,
    .max_words = 2,
    .examples = "segmo dead list --destination moengage\n"
                "segmo dead show 3f0c2a86-0d0b-4a8e-9f58-3a2f1b9c7d11\n"
                "segmo dead retry --reason refused\n"
                "segmo dead retry --from kafka --all\n"
                "segmo dead drop --all --yes\n",
    .exits = exits,
    .run = run,
};
