/* `segmo work`: delivers what waits in Kafka. */
#include "support/command.h"
#include "work/work.h"

static const struct flag flags[] = {
    {"for", "NAME", "Deliver to segment or to moengage only (default: what sources send to).",
     NULL},
    {"listen", "ADDRESS", "Where to serve /metrics; the same as --set work.listen=ADDRESS.", NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct exit_words exits[] = {
    {EXIT_DONE, "stopped in order"},
    {EXIT_USAGE, "usage or configuration, librdkafka is missing, or the address is in use"},
    {0, NULL},
};

const struct command command_work = {
    .name = "work",
    .summary = "Deliver what waits in Kafka",
    .usage = "[options]",
    .about =
        "Takes messages from the topic, in a consumer group for each destination, and delivers\n"
        "them as the settings of their source say. A message is committed when it has its "
        "outcome;\n"
        "dead ones go to kafka.dead_topic. Run as many as the receivers need, at most one for "
        "each\n"
        "partition. SIGTERM finishes what is under way and leaves the groups. /healthz, /readyz\n"
        "and /metrics are served at work.listen. Logs are JSON lines on stderr.",
    .flags = flags,
    .takes = TAKES_CONFIG,
    .max_words = 0,
    .examples = "segmo work --config /etc/segmo.json\n"
                "segmo work --set kafka.bootstrap.servers=k1:9092 --for moengage\n",
    .exits = exits,
    .run = work_run,
};
