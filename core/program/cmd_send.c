/* `segmo send`: one message from the command line, and what became of it at each destination. */
#include "base/id.h"
#include "base/mem.h"
#include "support/args.h"
#include "support/command.h"
#include "support/delivery.h"
#include "support/interrupt.h"
#include "support/message_id.h"
#include "support/output.h"
#include "support/setup.h"
#include "support/text.h"

#include <stdio.h>
#include <string.h>

#define MESSAGE_MAX        (1u << 20)
#define DEFAULT_TIMEOUT_MS 10000

/* Which flag fills which member of the message. */
static const struct {
    const char *flag;
    const char *member;
    int is_json;
} members[] = {
    {"user", "userId", 0},
    {"anonymous", "anonymousId", 0},
    {"group", "groupId", 0},
    {"previous", "previousId", 0},
    {"event", "event", 0},
    {"name", "name", 0},
    {"category", "category", 0},
    {"properties", "properties", 1},
    {"traits", "traits", 1},
    {"context", "context", 1},
    {"integrations", "integrations", 1},
    {"timestamp", "timestamp", 0},
    {"message-id", "messageId", 0},
};

#define MEMBERS (sizeof members / sizeof members[0])

/* ---- the message ---- */

static int check_json(const struct args *args, const char *flag, const char *value)
{
    segmo_error *error = NULL;

    if (segmo__json_check(segmo__slice_of(value), &error) == SEGMO_OK)
        return EXIT_DONE;
    args_refuse(args, "--%s is not JSON: %s", flag, segmo_error_message(error));
    segmo_error_free(error);
    return EXIT_USAGE;
}

static void put_member(segmo__buf *out, const char *name, const char *value, int is_json)
{
    segmo__buf_add_char(out, ',');
    segmo__json_put_text(out, name);
    segmo__buf_add_char(out, ':');
    if (is_json)
        segmo__buf_add_str(out, value);
    else
        segmo__json_put_text(out, value);
}

static int build_message(segmo__buf *out, const struct args *args, const char *type)
{
    segmo__buf_add_lit(out, "{\"type\":");
    segmo__json_put_text(out, type);
    for (size_t i = 0; i < MEMBERS; i++) {
        const char *value = args_value(args, members[i].flag);

        if (!value)
            continue;
        if (members[i].is_json && check_json(args, members[i].flag, value) != EXIT_DONE)
            return EXIT_USAGE;
        put_member(out, members[i].member, value, members[i].is_json);
    }
    segmo__buf_add_char(out, '}');
    return EXIT_DONE;
}

static int refuse_members(const struct args *args)
{
    for (size_t i = 0; i < MEMBERS; i++)
        if (args_has(args, members[i].flag))
            return args_refuse(args, "--%s does not go with a message given as JSON",
                               members[i].flag);
    return EXIT_DONE;
}

static int take_json(segmo__buf *out, const struct args *args, const char *json)
{
    int code = refuse_members(args);

    if (code != EXIT_DONE)
        return code;
    if (strcmp(json, "-") == 0)
        return text_read_file(out, "-", MESSAGE_MAX);
    segmo__buf_add_str(out, json);
    return EXIT_DONE;
}

/* The message as it was given: by flags, as JSON, or on stdin. */
static int read_message(segmo__buf *out, const struct args *args)
{
    const char *word = args_word(args, 0);
    const char *type = args_value(args, "type");
    const char *json = args_value(args, "json-message");

    if (word && strcmp(word, "-") == 0 && !json)
        json = "-";
    else if (word && type && strcmp(word, type) != 0)
        return args_refuse(args, "both \"%s\" and --type %s were given", word, type);
    else if (word)
        type = word;
    if (json)
        return take_json(out, args, json);
    if (!type)
        return args_refuse(args, "name the call: identify, track, page, screen, group or alias");
    return build_message(out, args, type);
}

/* Makes sure that the message has an id, so that its reports can be told from others'. */
static int complete_id(segmo__buf *message, char *id, size_t id_size)
{
    segmo_error *error = NULL;
    segmo__buf with_id, scratch;
    segmo__slice given;
    int code = EXIT_DONE;

    if (segmo__json_check(segmo__buf_slice(message), &error) != SEGMO_OK)
        return say_error(error);
    segmo__buf_init(&scratch, MESSAGE_MAX);
    given = message_id_of(segmo__buf_slice(message), &scratch);
    if (given.len > 0) {
        snprintf(id, id_size, "%.*s", (int)given.len, given.at);
    } else if (segmo__json_kind_of(segmo__json_trim(segmo__buf_slice(message))) ==
               SEGMO__JSON_OBJECT) {
        segmo__id_uuid(id);
        segmo__buf_init(&with_id, MESSAGE_MAX + 128);
        message_id_put(&with_id, segmo__buf_slice(message), id);
        segmo__buf_free(message);
        *message = with_id;
    }
    segmo__buf_free(&scratch);
    return code;
}

/* ---- its outcome ---- */

struct outcome {
    char id[256];
    segmo__buf words[DESTINATIONS]; /* what became of it; empty: nothing yet */
    char skipped[DESTINATIONS][64]; /* the last reason for which a destination skipped something */
};

static int lists_id(const segmo__json *ids, const char *id)
{
    for (const segmo__json *node = segmo__json_first(ids); node; node = segmo__json_after(node)) {
        const char *text = segmo__json_string(node);

        if (text && strcmp(text, id) == 0)
            return 1;
    }
    return 0;
}

static int is_about(const segmo__json *report, const char *id)
{
    const char *text = segmo__json_string(segmo__json_get(report, "messageId"));

    return text && strcmp(text, id) == 0;
}

static const char *reason_of(const segmo__json *report)
{
    const char *reason = segmo__json_string(segmo__json_get(report, "reason"));

    return reason ? reason : "";
}

static void note_report(void *ctx, int kind, const segmo__json *report)
{
    struct outcome *outcome = ctx;
    int at = destination_index(segmo__json_string(segmo__json_get(report, "destination")));

    if (at < 0)
        return;
    if (kind == SEGMO_REPORT_DELIVERED &&
        lists_id(segmo__json_get(report, "messageIds"), outcome->id))
        segmo__buf_add_lit(&outcome->words[at], "delivered");
    else if (kind == SEGMO_REPORT_DEAD && is_about(report, outcome->id))
        segmo__buf_addf(&outcome->words[at], "dead: %s", reason_of(report));
    else if (kind == SEGMO_REPORT_SKIPPED)
        snprintf(outcome->skipped[at], sizeof outcome->skipped[at], "%s", reason_of(report));
    else if (kind == SEGMO_REPORT_WARNING && is_about(report, outcome->id))
        say("%s: %s", destination_names[at],
            segmo__json_string(segmo__json_get(report, "message")));
}

/* What has no report of its own was skipped, or waits; a destination that is not set up has no
 * outcome. */
static void fill_silent(struct outcome *outcome, segmo_client *client)
{
    struct counts now[DESTINATIONS];

    if (!delivery_counts(client, now, NULL))
        return;
    for (int i = 0; i < DESTINATIONS; i++) {
        if (outcome->words[i].len > 0)
            continue;
        if (outcome->skipped[i][0])
            segmo__buf_addf(&outcome->words[i], "skipped: %s", outcome->skipped[i]);
        else if (now[i].pending > 0)
            segmo__buf_add_lit(&outcome->words[i], "pending");
    }
}

static void print_outcome(const struct outcome *outcome)
{
    for (int i = 0; i < DESTINATIONS; i++)
        if (outcome->words[i].len > 0)
            printf("%-9s %.*s\n", destination_names[i], (int)outcome->words[i].len,
                   outcome->words[i].data);
}

static void print_outcome_json(const struct outcome *outcome)
{
    segmo__buf json;
    int count = 0;

    segmo__buf_init(&json, MESSAGE_MAX);
    segmo__buf_add_lit(&json, "{\"messageId\":");
    segmo__json_put_text(&json, outcome->id);
    segmo__buf_add_lit(&json, ",\"destinations\":{");
    for (int i = 0; i < DESTINATIONS; i++) {
        if (outcome->words[i].len == 0)
            continue;
        segmo__buf_addf(&json, "%s\"%s\":", count++ ? "," : "", destination_names[i]);
        segmo__json_put_string(&json, outcome->words[i].data, outcome->words[i].len);
    }
    segmo__buf_add_lit(&json, "}}");
    print_line(json.data, json.len);
    segmo__buf_free(&json);
}

static int code_of_outcome(const struct outcome *outcome)
{
    for (int i = 0; i < DESTINATIONS; i++)
        if (outcome->words[i].len >= 4 && memcmp(outcome->words[i].data, "dead", 4) == 0)
            return EXIT_REFUSED;
    return EXIT_DONE;
}

/* ---- the command ---- */

static int deliver(segmo_client *client, const struct args *args, const segmo__buf *message,
                   struct outcome *outcome, uint64_t timeout_ms, int in_memory)
{
    struct delivery delivery = {
        .client = client, .timeout_ms = timeout_ms, .on_report = note_report, .ctx = outcome};
    segmo_error *error = NULL;
    int code;

    if (segmo_client_enqueue(client, args_value(args, "source"), message->data, message->len,
                             &error) < SEGMO_OK)
        return say_error(error);
    code = delivery_wait(&delivery);
    if (code != EXIT_DONE && in_memory)
        say("spool.memory_only: what was not delivered is lost now");
    fill_silent(outcome, client);
    if (args_has(args, "json"))
        print_outcome_json(outcome);
    else
        print_outcome(outcome);
    return code == EXIT_DONE ? code_of_outcome(outcome) : code;
}

static int open_client(segmo_client **client, segmo_config **config, const struct args *args)
{
    const char *write_key = args_value(args, "write-key");
    int code = setup_config(config, args);

    if (code == EXIT_DONE && write_key)
        code = setup_option(*config, "segment.write_key", write_key);
    if (code == EXIT_DONE)
        code = setup_option(*config, "reports.delivered", "true");
    if (code == EXIT_DONE)
        code = setup_client(client, *config);
    return code;
}

static int run(const struct args *args)
{
    segmo_config *config = NULL;
    segmo_client *client = NULL;
    struct outcome outcome = {.id = ""};
    uint64_t timeout_ms;
    segmo__buf message;
    int code;

    segmo__buf_init(&message, MESSAGE_MAX);
    for (int i = 0; i < DESTINATIONS; i++)
        segmo__buf_init(&outcome.words[i], 4096);
    interrupt_watch();
    code = args_number(args, "timeout-ms", DEFAULT_TIMEOUT_MS, &timeout_ms);
    if (code == EXIT_DONE)
        code = read_message(&message, args);
    if (code == EXIT_DONE)
        code = complete_id(&message, outcome.id, sizeof outcome.id);
    if (code == EXIT_DONE)
        code = open_client(&client, &config, args);
    if (code == EXIT_DONE)
        code = deliver(client, args, &message, &outcome, timeout_ms,
                       setup_is_on(config, "spool.memory_only"));
    if (client)
        segmo_client_close(client, 0, NULL);
    segmo_client_free(client);
    segmo_config_free(config);
    for (int i = 0; i < DESTINATIONS; i++)
        segmo__buf_free(&outcome.words[i]);
    segmo__buf_free(&message);
    return code;
}

static const struct flag flags[] = {
    {"user", "ID", "Who: the user's id.", "userId"},
    {"anonymous", "ID", "Who, when there is no user id yet.", "anonymousId"},
    {"event", "NAME", "track: what happened.", NULL},
    {"properties", "JSON", "track, page, screen: an object with details.", NULL},
    {"traits", "JSON", "identify, group: an object with attributes.", NULL},
    {"name", "NAME", "page, screen: its name.", NULL},
    {"category", "NAME", "page, screen: its category.", NULL},
    {"group", "ID", "group: the group's id.", "groupId"},
    {"previous", "ID", "alias: the id to merge into the user's.", "previousId"},
    {"context", "JSON", "An object with circumstances (ip, device, campaign ...).", NULL},
    {"integrations", "JSON", "An object that says which destinations get it.", NULL},
    {"timestamp", "TIME", "When it happened, ISO 8601 (default: now).", NULL},
    {"message-id", "ID", "The message's id (default: a new one).", "messageId"},
    {"type", "CALL", "The call, instead of the first word.", NULL},
    {"json-message", "JSON", "The whole message as JSON, or - for stdin.", NULL},
    {"source", "ID", "Which source it belongs to, when several are configured.", NULL},
    {"write-key", "KEY", "The same as --set segment.write_key=KEY.", "writeKey"},
    {"timeout-ms", "N", "Wait at most this long for the outcome (default 10000; 0: no limit).",
     NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct exit_words exits[] = {
    {EXIT_DONE, "every destination took it, or skipped it on purpose"},
    {EXIT_REFUSED, "the message was refused, is dead, or waits for a paused destination"},
    {EXIT_USAGE, "usage or configuration"},
    {EXIT_INPUT, "the input or the spool directory could not be used"},
    {EXIT_TIMEOUT, "it was not delivered in time; it waits in the spool"},
    {EXIT_INTERRUPTED, "interrupted; an accepted message waits in the spool"},
    {0, NULL},
};

const struct command command_send = {
    .name = "send",
    .summary = "Send one message and wait for its outcome",
    .usage = "CALL [options]\n       segmo send - [options] < message.json",
    .about = "CALL is identify, track, page, screen, group or alias. Prints what became of the\n"
             "message at each destination. What cannot be delivered in time waits in the spool\n"
             "directory for the next client.",
    .flags = flags,
    .takes = TAKES_CONFIG | TAKES_JSON,
    .max_words = 1,
    .examples =
        "segmo send track --user u1 --event \"Order Completed\" --properties '{\"total\":9.99}'\n"
        "segmo send identify --user u1 --traits '{\"plan\":\"gold\"}' --write-key WK123\n"
        "echo '{\"type\":\"page\",\"userId\":\"u1\",\"name\":\"Home\"}' | segmo send -\n",
    .exits = exits,
    .run = run,
};
