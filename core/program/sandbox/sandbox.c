/* The sandbox's life: read the command line, serve until a signal comes, tell what came. */
#include "sandbox.h"

#include "options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { ENDED = 0, UNUSABLE = 1, MISUSED = 2 };

/* Blocked in every thread that is started later, so that only wait_for_end() receives them. */
static sigset_t block_endings(void)
{
    sigset_t endings;

    sigemptyset(&endings);
    sigaddset(&endings, SIGTERM);
    sigaddset(&endings, SIGINT);
    pthread_sigmask(SIG_BLOCK, &endings, NULL);
    signal(SIGPIPE, SIG_IGN);
    return endings;
}

static void wait_for_end(const sigset_t *endings)
{
    int signal_number;

    while (sigwait(endings, &signal_number) != 0)
        continue;
}

static void announce(const sandbox_options *options, const sandbox_server *server)
{
    char address[INET_ADDRSTRLEN] = "";

    inet_ntop(AF_INET, &options->setup.address.sin_addr, address, sizeof address);
    printf("segmo sandbox: http://%s:%d\n", address, sandbox_server_port(server));
    fflush(stdout);
}

static void summarize(const sandbox_ledger *ledger)
{
    segmo__buf text;

    segmo__buf_init(&text, 1u << 20);
    sandbox_ledger_summary(ledger, &text);
    fwrite(text.data, 1, text.len, stderr);
    segmo__buf_free(&text);
}

static int run(sandbox_options *options, sandbox_ledger *ledger)
{
    sigset_t endings = block_endings();
    sandbox_server *server = sandbox_server_start(&options->setup);

    if (!server) {
        fprintf(stderr, "segmo sandbox: cannot listen on port %d: %s; choose another with --port\n",
                ntohs(options->setup.address.sin_port), strerror(errno));
        return UNUSABLE;
    }
    announce(options, server);
    wait_for_end(&endings);
    sandbox_server_stop(server);
    if (!options->quiet)
        summarize(ledger);
    return ENDED;
}

static int prepare(sandbox_options *options, sandbox_ledger **ledger)
{
    int code;

    *ledger = sandbox_ledger_new(options->keep);
    if (!*ledger) {
        fputs("segmo sandbox: memory ran out; try a smaller --keep\n", stderr);
        return UNUSABLE;
    }
    code = options->record ? sandbox_ledger_record_to(*ledger, options->record) : 0;
    if (code != 0) {
        fprintf(stderr, "segmo sandbox: --record %s: %s\n", options->record, strerror(code));
        return UNUSABLE;
    }
    options->setup.ledger = *ledger;
    return ENDED;
}

int segmo_program_sandbox(int argc, char **argv)
{
    static sandbox_script script;
    sandbox_options options;
    sandbox_ledger *ledger = NULL;
    sandbox_parsed parsed = sandbox_options_parse(&options, &script, argc, argv);
    int exit_code = parsed == SANDBOX_HELPED    ? ENDED
                    : parsed == SANDBOX_MISUSED ? MISUSED
                                                : UNUSABLE;

    if (parsed == SANDBOX_RUN) {
        options.setup.script = &script;
        exit_code = prepare(&options, &ledger);
        if (exit_code == ENDED)
            exit_code = run(&options, ledger);
    }
    sandbox_ledger_free(ledger);
    sandbox_script_free(&script);
    return exit_code;
}
