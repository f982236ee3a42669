/* `segmo transform`: what a destination would get for messages, without sending them. */
#include "support/args.h"
#include "support/command.h"
#include "support/delivery.h"
#include "support/interrupt.h"
#include "support/messages.h"
#include "support/output.h"
#include "support/setup.h"
#include "support/text.h"

#include <stdio.h>
#include <string.h>

#define OUTPUT_BUFFER (1u << 20)
#define PAYLOAD_MAX   (64u << 20)

struct transform {
    const struct args *args;
    segmo_config *config;
    const char *source;
    int wanted[SERVICES];
    int wanted_count;
    uint64_t refused;
};

static int choose_destinations(struct transform *transform)
{
    const char *to = args_value(transform->args, "to");
    int at = destination_index(to);

    if (to && strcmp(to, "all") != 0 && (at < 0 || at >= SERVICES))
        return args_refuse(transform->args, "--to must be segment, moengage or all");
    for (int i = 0; i < SERVICES; i++) {
        transform->wanted[i] = at < 0 || at == i;
        transform->wanted_count += transform->wanted[i];
    }
    return EXIT_DONE;
}

/* ---- messages ---- */

static int refuse(struct transform *transform, uint64_t line, segmo_error *error)
{
    const char *field = segmo_error_field(error);
    int status = segmo_error_status(error);

    if (status == SEGMO_ERR_OPTION || status == SEGMO_ERR_NOT_FOUND || status == SEGMO_ERR_MEMORY)
        return say_error(error);
    say("line %llu: %s%s%s", (unsigned long long)line, field, *field ? ": " : "",
        segmo_error_message(error));
    segmo_error_free(error);
    transform->refused++;
    return EXIT_DONE;
}

static int add_destination(struct transform *transform, segmo__slice message, int at,
                           segmo__buf *out, segmo_error **error)
{
    char *answer = NULL;
    size_t len;
    int status = segmo_transform(transform->config, transform->source, destination_names[at],
                                 message.at, message.len, &answer, &len, error);

    if (status != SEGMO_OK)
        return status;
    segmo__buf_addf(out, "%s\"%s\":", out->len > 1 ? "," : "", destination_names[at]);
    segmo__buf_add(out, answer, len);
    segmo_free(answer);
    return SEGMO_OK;
}

static int transform_for_all(struct transform *transform, uint64_t line, segmo__slice message)
{
    segmo_error *error = NULL;
    int status = SEGMO_OK;
    segmo__buf out;

    segmo__buf_init(&out, 16u << 20);
    segmo__buf_add_char(&out, '{');
    for (int i = 0; i < SERVICES && status == SEGMO_OK; i++)
        status = add_destination(transform, message, i, &out, &error);
    segmo__buf_add_char(&out, '}');
    if (status == SEGMO_OK)
        print_json(segmo__buf_slice(&out), args_has(transform->args, "pretty"));
    segmo__buf_free(&out);
    return status == SEGMO_OK ? EXIT_DONE : refuse(transform, line, error);
}

static int transform_for_one(struct transform *transform, uint64_t line, segmo__slice message)
{
    const char *destination = destination_names[transform->wanted[0] ? 0 : 1];
    segmo_error *error = NULL;
    char *answer = NULL;
    size_t len;

    if (segmo_transform(transform->config, transform->source, destination, message.at, message.len,
                        &answer, &len, &error) != SEGMO_OK)
        return refuse(transform, line, error);
    print_json((segmo__slice){answer, len}, args_has(transform->args, "pretty"));
    segmo_free(answer);
    return EXIT_DONE;
}

static int transform_message(void *ctx, uint64_t line, segmo__slice message)
{
    struct transform *transform = ctx;

    return transform->wanted_count == 1 ? transform_for_one(transform, line, message)
                                        : transform_for_all(transform, line, message);
}

static int transform_messages(struct transform *transform, const char *from)
{
    int code = choose_destinations(transform);

    if (code == EXIT_DONE)
        code = messages_each(from, transform_message, transform);
    return code == EXIT_DONE && transform->refused > 0 ? EXIT_REFUSED : code;
}

/* ---- MoEngage Streams payloads ---- */

static void print_messages(segmo__slice answer, int pretty)
{
    segmo__json_walk walk;
    segmo__slice messages, key, message;

    if (!segmo__json_member(answer, "messages", &messages))
        return;
    segmo__json_walk_begin(&walk, messages);
    while (segmo__json_next(&walk, &key, &message))
        print_json(message, pretty);
}

static const char *words_of(const segmo__json *node, const char *name)
{
    const char *words = segmo__json_string(segmo__json_get(node, name));

    return words ? words : "";
}

/* Says which events made no message; 1 when one of them was refused. */
static int say_left_out(segmo__slice answer)
{
    segmo__json *tree = NULL;
    const segmo__json *node;
    int refused;

    if (segmo__json_parse(&tree, answer, NULL) != SEGMO_OK)
        return 0;
    for (node = segmo__json_first(segmo__json_get(tree, "skipped")); node;
         node = segmo__json_after(node))
        say("skipped %s: %.0f", segmo__json_name(node), segmo__json_number(node, 0));
    node = segmo__json_first(segmo__json_get(tree, "rejected"));
    refused = node != NULL;
    for (; node; node = segmo__json_after(node))
        say("event %.0f: %s: %s", segmo__json_number(segmo__json_get(node, "index"), 0),
            words_of(node, "field"), words_of(node, "reason"));
    segmo__json_free(tree);
    return refused;
}

static int convert_streams(struct transform *transform, const char *from)
{
    segmo_error *error = NULL;
    segmo__buf payload;
    segmo__slice answer = {NULL, 0};
    char *text = NULL;
    int code = EXIT_DONE;

    segmo__buf_init(&payload, PAYLOAD_MAX);
    if (from[0] == '{')
        segmo__buf_add_str(&payload, from);
    else
        code = text_read_file(&payload, from, PAYLOAD_MAX);
    if (code != EXIT_DONE)
        goto done;
    if (segmo_convert_streams(transform->config, payload.data, payload.len, &text, &answer.len,
                              &error) != SEGMO_OK) {
        code = say_error(error);
        goto done;
    }
    answer.at = text;
    if (args_has(transform->args, "json"))
        print_json(answer, args_has(transform->args, "pretty"));
    else
        print_messages(answer, args_has(transform->args, "pretty"));
    code = say_left_out(answer) ? EXIT_REFUSED : EXIT_DONE;
done:
    segmo_free(text);
    segmo__buf_free(&payload);
    return code;
}

/* ---- the command ---- */

static int run(const struct args *args)
{
    struct transform transform = {.args = args, .source = args_value(args, "source")};
    const char *from = args_word(args, 0);
    int code;

    if (!from)
        return args_refuse(args, "name a file with messages, - for stdin, or give one as JSON");
    if (args_has(args, "streams") && args_has(args, "to"))
        return args_refuse(args, "--streams makes Segment messages; --to does not go with it");
    interrupt_watch();
    setvbuf(stdout, NULL, _IOFBF, OUTPUT_BUFFER);
    code = setup_config(&transform.config, args);
    if (code == EXIT_DONE)
        code = args_has(args, "streams") ? convert_streams(&transform, from)
                                         : transform_messages(&transform, from);
    segmo_config_free(transform.config);
    return code;
}

static const struct flag flags[] = {
    {"to", "DESTINATION", "segment, moengage or all (default: all).", NULL},
    {"pretty", NULL, "Indent the JSON.", NULL},
    {"source", "ID", "Which source the messages belong to, when several are configured.", NULL},
    {"streams", NULL,
     "The input is a MoEngage Streams payload: print the messages it becomes, one a line.", NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct exit_words exits[] = {
    {EXIT_DONE, "every message was transformed, or would be skipped on purpose"},
    {EXIT_REFUSED, "some messages would be refused"},
    {EXIT_USAGE, "usage or configuration"},
    {EXIT_INPUT, "the input could not be read"},
    {EXIT_INTERRUPTED, "interrupted"},
    {0, NULL},
};

const struct command command_transform = {
    .name = "transform",
    .summary = "Show what a destination would get, without sending",
    .usage = "FILE|-|JSON [options]",
    .about = "Prints a JSON object a message: the requests with method, URL and body, why it\n"
             "would be skipped, and notes on what the destination would cut or drop. With --to\n"
             "all there is one per destination.",
    .flags = flags,
    .takes = TAKES_CONFIG | TAKES_JSON,
    .max_words = 1,
    .examples = "segmo transform '{\"type\":\"track\",\"userId\":\"u1\",\"event\":\"Order "
                "Completed\"}' --pretty\n"
                "segmo transform events.ndjson --to moengage --set moengage.app_id=APP --set "
                "moengage.data_api_key=KEY\n"
                "segmo transform campaign.json --streams | segmo import -\n",
    .exits = exits,
    .run = run,
};
