/* `segmo serve`: the gateway. */
#include "gateway/gateway.h"
#include "support/command.h"

static const struct flag flags[] = {
    {"listen", "ADDRESS", "Where to listen; the same as --set gateway.listen=ADDRESS.", NULL},
    {NULL, NULL, NULL, NULL},
};

static const struct exit_words exits[] = {
    {EXIT_DONE, "stopped in order"},
    {EXIT_USAGE, "usage or configuration, or the address is in use"},
    {EXIT_INPUT, "the spool directory could not be used"},
    {0, NULL},
};

const struct command command_serve = {
    .name = "serve",
    .summary = "Be the HTTP API that any Segment library can send to",
    .usage = "[options]",
    .about =
        "Takes messages by Segment's HTTP API and MoEngage's campaign export, answers when they\n"
        "are on disk, and delivers them as the settings of their source say. SIGHUP or a changed\n"
        "file puts new settings in force, SIGTERM stops in order. Logs are JSON lines on stderr.",
    .flags = flags,
    .takes = TAKES_CONFIG,
    .max_words = 0,
    .examples = "segmo serve --config /etc/segmo.json\n"
                "segmo serve --set segment.write_key=WK123 --listen 127.0.0.1:8080\n",
    .exits = exits,
    .run = gateway_run,
};
