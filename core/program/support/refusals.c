#include "support/refusals.h"

#include "support/command.h"
#include "support/output.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define LINE_MAX_BYTES (64u << 10)

int refusals_open(struct refusals *refusals, const char *path, int append)
{
    refusals->path = path;
    if (!path)
        return EXIT_DONE;
    refusals->file = fopen(path, append ? "ae" : "we");
    if (refusals->file)
        return EXIT_DONE;
    say("%s cannot be written: %s", path, strerror(errno));
    return EXIT_INPUT;
}

void refusals_close(struct refusals *refusals)
{
    if (refusals->file)
        fclose(refusals->file);
    refusals->file = NULL;
}

static void count(struct refusals *refusals, int status, const char *field)
{
    char words[sizeof refusals->reasons[0].words];
    size_t i = 0;

    snprintf(words, sizeof words, "%s%s%s", segmo_status_name(status), *field ? " " : "", field);
    while (i < refusals->reason_count && strcmp(refusals->reasons[i].words, words) != 0)
        i++;
    if (i >= REFUSALS_REASONS - 1) {
        i = REFUSALS_REASONS - 1;
        memcpy(words, "other", sizeof "other");
    }
    if (i >= refusals->reason_count) {
        refusals->reason_count = i + 1;
        memcpy(refusals->reasons[i].words, words, sizeof words);
    }
    refusals->reasons[i].count++;
}

static int write_line(struct refusals *refusals, uint64_t line, uint64_t offset, int status,
                      const char *field, const char *message)
{
    segmo__buf json;
    int stands;

    segmo__buf_init(&json, LINE_MAX_BYTES);
    segmo__buf_addf(
        &json, "{\"line\":%" PRIu64 ",\"offset\":%" PRIu64 ",\"status\":\"%s\",\"field\":", line,
        offset, segmo_status_name(status));
    segmo__json_put_text(&json, field);
    segmo__buf_add_lit(&json, ",\"message\":");
    segmo__json_put_text(&json, message);
    segmo__buf_add_lit(&json, "}\n");
    stands =
        fwrite(json.data, 1, json.len, refusals->file) == json.len && fflush(refusals->file) == 0;
    segmo__buf_free(&json);
    if (stands)
        return EXIT_DONE;
    say("%s cannot be written: %s", refusals->path, strerror(errno));
    return EXIT_INPUT;
}

int refusals_add(struct refusals *refusals, uint64_t line, uint64_t offset, int status,
                 const char *field, const char *message)
{
    refusals->count++;
    count(refusals, status, field);
    if (refusals->count <= REFUSALS_SAID)
        say("line %" PRIu64 ": %s%s%s", line, field, *field ? ": " : "", message);
    else if (refusals->count == REFUSALS_SAID + 1)
        say("further refused lines are %s", refusals->file ? "in the file only" : "counted only");
    return refusals->file ? write_line(refusals, line, offset, status, field, message) : EXIT_DONE;
}
