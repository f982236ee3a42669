/* Message ids come from the events' uuids, so a payload that is imported again makes the same
 * messages: there is no state to keep. */
#include "import_streams.h"

#include "support/command.h"
#include "support/delivery.h"
#include "support/interrupt.h"
#include "support/messages.h"
#include "support/output.h"
#include "support/setup.h"

#include <inttypes.h>
#include <stdio.h>

struct streams {
    const struct args *args;
    segmo_client *client;
    uint64_t payloads;
    uint64_t events;
    uint64_t accepted;
    uint64_t skipped;
    uint64_t rejected;
};

static uint64_t number_of(const segmo__json *node, const char *name)
{
    return (uint64_t)segmo__json_number(segmo__json_get(node, name), 0);
}

static const char *words_of(const segmo__json *node, const char *name)
{
    const char *words = segmo__json_string(segmo__json_get(node, name));

    return words ? words : "";
}

static void take_result(struct streams *streams, uint64_t line, segmo__slice result)
{
    segmo__json *tree = NULL;
    const segmo__json *node;

    if (segmo__json_parse(&tree, result, NULL) != SEGMO_OK)
        return;
    streams->events += number_of(tree, "events");
    streams->accepted += number_of(tree, "accepted");
    node = segmo__json_first(segmo__json_get(tree, "skipped"));
    for (; node; node = segmo__json_after(node))
        streams->skipped += (uint64_t)segmo__json_number(node, 0);
    node = segmo__json_first(segmo__json_get(tree, "rejected"));
    for (; node; node = segmo__json_after(node), streams->rejected++)
        say("line %" PRIu64 ", event %" PRIu64 ": %s: %s", line, number_of(node, "index"),
            words_of(node, "field"), words_of(node, "message"));
    segmo__json_free(tree);
}

static int import_payload(void *ctx, uint64_t line, segmo__slice payload)
{
    struct streams *streams = ctx;
    segmo_error *error = NULL;
    char *result = NULL;
    size_t len = 0;

    if (segmo_client_import_streams(streams->client, args_value(streams->args, "source"),
                                    payload.at, payload.len, &result, &len, &error) < SEGMO_OK)
        return say_error(error);
    streams->payloads++;
    take_result(streams, line, (segmo__slice){result, len});
    segmo_free(result);
    return EXIT_DONE;
}

static void print_outcome(const struct streams *streams)
{
    char *stats = NULL;
    struct counts now[DESTINATIONS];

    if (!delivery_counts(streams->client, now, &stats))
        return;
    if (args_has(streams->args, "json"))
        printf("{\"payloads\":%" PRIu64 ",\"events\":%" PRIu64 ",\"accepted\":%" PRIu64
               ",\"skipped\":%" PRIu64 ",\"rejected\":%" PRIu64 ",\"stats\":%s}\n",
               streams->payloads, streams->events, streams->accepted, streams->skipped,
               streams->rejected, stats);
    else
        printf("payloads %" PRIu64 ", events %" PRIu64 ": %" PRIu64 " messages accepted, %" PRIu64
               " events skipped, %" PRIu64 " rejected; delivered to Segment: %" PRIu64 "\n",
               streams->payloads, streams->events, streams->accepted, streams->skipped,
               streams->rejected, now[0].delivered);
    segmo_free(stats);
}

static int import_all(struct streams *streams, const char *from)
{
    struct delivery delivery = {.client = streams->client};
    int code = args_number(streams->args, "timeout-ms", 0, &delivery.timeout_ms);

    if (code == EXIT_DONE)
        code = messages_each(from, import_payload, streams);
    if (code == EXIT_DONE && !args_has(streams->args, "no-wait"))
        code = delivery_wait(&delivery);
    print_outcome(streams);
    return code == EXIT_DONE && streams->rejected > 0 ? EXIT_REFUSED : code;
}

int import_streams(const struct args *args)
{
    struct streams streams = {.args = args};
    segmo_config *config = NULL;
    int code = setup_config(&config, args);

    interrupt_watch();
    if (code == EXIT_DONE)
        code = setup_client(&streams.client, config);
    if (code == EXIT_DONE)
        code = import_all(&streams, args_word(args, 0));
    if (streams.client)
        segmo_client_close(streams.client, 0, NULL);
    segmo_client_free(streams.client);
    segmo_config_free(config);
    return code;
}
