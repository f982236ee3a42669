/* `segmo stats`: what the spool directory holds. */
#include "support/args.h"
#include "support/command.h"
#include "support/delivery.h"
#include "support/output.h"
#include "support/setup.h"

#include <inttypes.h>
#include <stdio.h>

#define KAFKA_TIMEOUT_MS 10000

static uint64_t number_in(const segmo__json *node, const char *name)
{
    return (uint64_t)segmo__json_number(segmo__json_get(node, name), 0);
}

static void print_cell(const segmo__json *node, const char *name)
{
    char text[GROUPED_LEN];

    printf(" %12s", grouped(text, number_in(node, name)));
}

static void print_seconds(const segmo__json *node, const char *name)
{
    char text[GROUPED_LEN];

    if (segmo__json_tree_kind(segmo__json_get(node, name)) == SEGMO__JSON_NUMBER)
        printf(" %12s", grouped(text, number_in(node, name) / 1000));
    else
        printf(" %12s", "unknown");
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

static int print_spool(segmo__slice answer)
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

/* ---- Kafka ---- */

static void print_known(const segmo__json *group, const char *name)
{
    if (segmo__json_tree_kind(segmo__json_get(group, name)) == SEGMO__JSON_NUMBER)
        print_cell(group, name);
    else
        printf(" %12s", "unknown");
}

static int print_topic(segmo__slice answer)
{
    segmo_error *error = NULL;
    segmo__json *topic = NULL;

    if (segmo__json_parse(&topic, answer, &error) != SEGMO_OK)
        return say_error(error);
    printf("\n%-16s %12s %12s %12s %12s   (topic %s, %" PRIu64 " partitions)\n", "kafka", "lag",
           "oldest s", "assigned", "workers", segmo__json_string(segmo__json_get(topic, "topic")),
           number_in(topic, "partitions"));
    for (const segmo__json *group = segmo__json_first(segmo__json_get(topic, "groups")); group;
         group = segmo__json_after(group)) {
        printf("%-16s", segmo__json_string(segmo__json_get(group, "destination")));
        print_known(group, "lag");
        print_seconds(group, "oldest_ms");
        print_known(group, "assigned");
        print_known(group, "workers");
        fputc('\n', stdout);
    }
    segmo__json_free(topic);
    return EXIT_DONE;
}

/* ---- both ---- */

/* What could be asked for: the spool's members, and "kafka" as one more. */
static void print_as_json(segmo__slice spool, segmo__slice topic)
{
    segmo__buf all;

    segmo__buf_init(&all, spool.len + topic.len + 16);
    segmo__buf_add(&all, spool.len > 0 ? spool.at : "{", spool.len > 0 ? spool.len - 1 : 1);
    if (topic.len > 0) {
        segmo__buf_add_str(&all, spool.len > 0 ? ",\"kafka\":" : "\"kafka\":");
        segmo__buf_add_slice(&all, topic);
    }
    segmo__buf_add_char(&all, '}');
    print_json(segmo__buf_slice(&all), 0);
    segmo__buf_free(&all);
}

static int print_words(segmo__slice spool, segmo__slice topic)
{
    int code = spool.len > 0 ? print_spool(spool) : EXIT_DONE;

    return code == EXIT_DONE && topic.len > 0 ? print_topic(topic) : code;
}

static int print_stats(const segmo_config *config, int as_json)
{
    segmo_error *error = NULL;
    segmo__slice spool = {"", 0}, topic = {"", 0};
    char *spool_text = NULL, *topic_text = NULL, *servers;
    int code = EXIT_DONE, kafka_code = EXIT_DONE;

    if (segmo_spool_json(config, &spool_text, &spool.len, &error) != SEGMO_OK)
        code = say_error(error);
    servers = setup_value(config, "kafka.bootstrap.servers");
    error = NULL;
    if (servers &&
        segmo_topic_json(config, KAFKA_TIMEOUT_MS, &topic_text, &topic.len, &error) != SEGMO_OK)
        kafka_code = say_error(error);
    spool.at = spool_text;
    topic.at = topic_text;
    if (as_json && (spool.len > 0 || topic.len > 0))
        print_as_json(spool, topic);
    else if (!as_json && print_words(spool, topic) != EXIT_DONE)
        code = EXIT_INPUT;
    segmo_free(servers);
    segmo_free(spool_text);
    segmo_free(topic_text);
    return code == EXIT_DONE ? kafka_code : code;
}

static int run(const struct args *args)
{
    segmo_config *config = NULL;
    int code = setup_config(&config, args);

    if (code == EXIT_DONE)
        code = print_stats(config, args_has(args, "json"));
    segmo_config_free(config);
    return code;
}

static const struct exit_words exits[] = {
    {EXIT_DONE, "printed"},
    {EXIT_USAGE, "usage or configuration"},
    {EXIT_INPUT, "the spool directory could not be read"},
    {EXIT_TIMEOUT, "the brokers of Kafka did not answer"},
    {0, NULL},
};

const struct command command_stats = {
    .name = "stats",
    .summary = "Show what waits in the spool directory and in Kafka",
    .usage = "[options]",
    .about = "Processes that use it (alive or gone), files, messages per destination and\n"
             "state, the age of the oldest one that waits, dead letters, and damaged files\n"
             "that were set aside. A file stays until every message in it has its outcome,\n"
             "so delivered messages are counted too. Where kafka.bootstrap.servers is set, also "
             "how the\n"
             "topic stands for the workers of each destination, as the brokers tell: records that\n"
             "are not done, the age of the oldest one, partitions that workers have. Changes\n"
             "nothing and needs no running client.",
    .takes = TAKES_CONFIG | TAKES_JSON,
    .examples = "segmo stats --set spool.dir=/var/lib/segmo\n"
                "segmo stats --json\n",
    .exits = exits,
    .run = run,
};
