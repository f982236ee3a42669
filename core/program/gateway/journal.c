/* Structured log: one JSON object a line on stderr, never a secret or a payload value. */
#include "base/clock.h"
#include "base/json.h"
#include "gateway.h"

#include <unistd.h>

#define LINE_MAX (64 * 1024)

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
    if (!line.failed && write(STDERR_FILENO, line.data, line.len) < 0)
        segmo__buf_clear(&line); /* nobody reads it: nowhere to say so */
    segmo__buf_free(&line);
}

void journal_words(const char *level, const char *event, const char *words)
{
    segmo__buf members;

    segmo__buf_init(&members, LINE_MAX);
    segmo__buf_add_lit(&members, ",\"message\":");
    segmo__json_put_text(&members, words);
    segmo__buf_add_char(&members, '\0');
    journal(level, event, members.failed ? NULL : members.data);
    segmo__buf_free(&members);
}
