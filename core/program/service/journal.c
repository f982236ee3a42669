#include "journal.h"

#include "base/clock.h"
#include "base/json.h"

#include <poll.h>
#include <unistd.h>

#define LINE_MAX (64 * 1024)

/* A reader that has stopped must not stop the service: a line that has no room is left out. */
static void write_line(const segmo__buf *line)
{
    struct pollfd err = {.fd = STDERR_FILENO, .events = POLLOUT};

    if (!line->failed && poll(&err, 1, 0) == 1 && (err.revents & POLLOUT) &&
        write(STDERR_FILENO, line->data, line->len) < 0)
        return; /* nobody reads it: nowhere to say so */
}

void journal(const char *level, const char *event, const char *members)
{
    char time[SEGMO__ISO_LEN + 1];
    segmo__buf line;

    segmo__clock_iso(time, segmo__clock_wall_ms());
    segmo__buf_init(&line, LINE_MAX);
    segmo__buf_addf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":", time, level);
    segmo__json_put_text(&line, event);
    segmo__buf_add_str(&line, members ? members : "");
    segmo__buf_add_lit(&line, "}\n");
    write_line(&line);
    segmo__buf_free(&line);
}

/* One member, whose value is JSON already. */
static void journal_member(const char *level, const char *event, const char *name,
                           segmo__slice value)
{
    segmo__buf members;

    segmo__buf_init(&members, LINE_MAX);
    segmo__buf_addf(&members, ",\"%s\":", name);
    segmo__buf_add_slice(&members, value);
    segmo__buf_add_char(&members, '\0');
    journal(level, event, members.failed ? NULL : members.data);
    segmo__buf_free(&members);
}

void journal_words(const char *level, const char *event, const char *words)
{
    segmo__buf text;

    segmo__buf_init(&text, LINE_MAX);
    segmo__json_put_text(&text, words);
    journal_member(level, event, "message", segmo__buf_slice(&text));
    segmo__buf_free(&text);
}

void journal_report(const char *level, const char *event, segmo__slice report)
{
    journal_member(level, event, "report", report);
}
