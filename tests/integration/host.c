/* host: a host program that a test leads line by line, so that a test can stand between any two
 * calls. Reads a command a line, answers each with one line of JSON: {"status", "field", "message",
 * "result"}.
 *
 *   use N                                  the client that the following commands mean (0 to 7)
 *   open [@FILE] [NAME=VALUE] ...          separated by tabs; @FILE is a configuration file
 *   put JSON | put_for SOURCE JSON         accept a message
 *   flush MS | sync MS | room MS | close MS | poll MS
 *   set NAME=VALUE                         of the running client
 *   mark | flush_to MS                     up to the client's last mark
 *   stats | free
 *   shift WALL_MS MONO_MS                  moves the clocks (builds with fault points only)
 */
#include "segmo.h"

#ifdef SEGMO_FAULTS
#include "base/clock.h"
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CLIENTS 8

static segmo_client *clients[CLIENTS];
static segmo_client **client = &clients[0];
static uint64_t marks[CLIENTS];
static segmo_error *error;
static char *result; /* JSON, or NULL */

static void put_text(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar((unsigned char)*text < ' ' ? ' ' : *text);
    }
    putchar('"');
}

static void answer(int status)
{
    fputs("{\"status\":", stdout);
    put_text(segmo_status_name(status));
    fputs(",\"field\":", stdout);
    put_text(segmo_error_field(error));
    fputs(",\"message\":", stdout);
    put_text(error ? segmo_error_message(error) : "");
    printf(",\"result\":%s}\n", result ? result : "null");
    fflush(stdout);
    segmo_error_free(error);
    segmo_free(result);
    error = NULL;
    result = NULL;
}

static int set_option(segmo_config *config, char *word)
{
    char *equals = strchr(word, '=');

    if (word[0] == '@')
        return segmo_config_load(config, word + 1, &error);
    *equals = '\0';
    return segmo_config_set(config, word, equals + 1, &error);
}

static int open_client(char *words)
{
    segmo_config *config = NULL;
    int status = segmo_config_new(&config, &error);
    char *rest = NULL;

    for (char *word = strtok_r(words, "\t", &rest); word && status == SEGMO_OK;
         word = strtok_r(NULL, "\t", &rest))
        status = set_option(config, word);
    if (status == SEGMO_OK)
        status = segmo_client_open(client, config, &error);
    segmo_config_free(config);
    return status;
}

static int change_option(char *word)
{
    char *equals = strchr(word, '=');

    *equals = '\0';
    return segmo_client_set(*client, word, equals + 1, &error);
}

static int poll_report(uint32_t timeout_ms)
{
    segmo_report *report = NULL;
    int status = segmo_client_poll(*client, &report, timeout_ms, &error);
    size_t len = 0;
    const char *json = segmo_report_json(report, &len);
    size_t size = len + 64;

    if (!report)
        return status;
    result = malloc(size);
    snprintf(result, size, "{\"kind\":%d,\"report\":%s}", segmo_report_kind(report), json);
    segmo_report_free(report);
    return status;
}

static int run(const char *verb, char *rest)
{
    uint32_t ms = (uint32_t)strtoul(rest, NULL, 10);
    char *json = strchr(rest, ' ');
    size_t len;

    if (strcmp(verb, "put") == 0)
        return segmo_client_enqueue(*client, SEGMO_SOURCE_DEFAULT, rest, strlen(rest), &error);
    if (strcmp(verb, "put_for") == 0) {
        *json++ = '\0';
        return segmo_client_enqueue(*client, rest, json, strlen(json), &error);
    }
    if (strcmp(verb, "open") == 0)
        return open_client(rest);
    if (strcmp(verb, "set") == 0)
        return change_option(rest);
    if (strcmp(verb, "flush") == 0)
        return segmo_client_flush(*client, ms, &error);
    if (strcmp(verb, "mark") == 0)
        return segmo_client_mark(*client, &marks[client - clients], &error);
    if (strcmp(verb, "flush_to") == 0)
        return segmo_client_flush_to(*client, marks[client - clients], ms, &error);
    if (strcmp(verb, "sync") == 0)
        return segmo_client_sync(*client, ms, &error);
    if (strcmp(verb, "room") == 0)
        return segmo_client_wait_room(*client, ms, &error);
    if (strcmp(verb, "close") == 0)
        return segmo_client_close(*client, ms, &error);
    if (strcmp(verb, "poll") == 0)
        return poll_report(ms);
    if (strcmp(verb, "stats") == 0)
        return segmo_client_stats_json(*client, &result, &len, &error);
    if (strcmp(verb, "free") == 0) {
        segmo_client_free(*client);
        *client = NULL;
    } else if (strcmp(verb, "use") == 0) {
        client = &clients[ms % CLIENTS];
    }
#ifdef SEGMO_FAULTS
    if (strcmp(verb, "shift") == 0) {
        long long wall_ms = strtoll(rest, &rest, 10);

        segmo__clock_shift(wall_ms, strtoll(rest, NULL, 10));
    }
#endif
    return SEGMO_OK;
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;

    umask(0); /* what is private must be so whatever the host's mask */
    while ((len = getline(&line, &size, stdin)) > 0) {
        char *rest;

        line[len - 1] = '\0';
        rest = strchr(line, ' ');
        if (rest)
            *rest++ = '\0';
        answer(run(line, rest ? rest : line + strlen(line)));
    }
    for (int i = 0; i < CLIENTS; i++)
        segmo_client_free(clients[i]);
    free(line);
    return 0;
}
