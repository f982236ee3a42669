#include "support/messages.h"

#include "base/json.h"
#include "support/command.h"
#include "support/interrupt.h"
#include "support/lines.h"
#include "support/output.h"

#include <string.h>

/* A small input may be one JSON text over several lines. */
static int is_one_text(struct lines *lines, segmo__slice *text)
{
    return lines_peek(lines, text) == 1 && segmo__json_check(*text, NULL) == SEGMO_OK;
}

static int each_line(struct lines *lines, const char *from,
                     int (*each)(void *ctx, uint64_t line, segmo__slice message), void *ctx)
{
    int code = EXIT_DONE;
    segmo__slice line;
    int got;

    while (code == EXIT_DONE && (got = lines_next(lines, &line)) > 0) {
        if (interrupted())
            return EXIT_INTERRUPTED;
        if (got == LINES_TOO_LONG) {
            say("line %llu is longer than %u bytes", (unsigned long long)lines->number,
                LINES_PIECE);
            return EXIT_INPUT;
        }
        if (segmo__json_trim(line).len > 0)
            code = each(ctx, lines->number, line);
    }
    if (code == EXIT_DONE && got < 0) {
        say("%s cannot be read: %s", from, strerror(-got));
        return EXIT_INPUT;
    }
    return code;
}

int messages_each(const char *from, int (*each)(void *ctx, uint64_t line, segmo__slice message),
                  void *ctx)
{
    segmo__slice text = segmo__slice_of(from);
    struct lines lines;
    int code;

    if (from[0] == '{')
        return each(ctx, 1, text);
    code = lines_open(&lines, from);
    if (code < 0) {
        say("%s cannot be read: %s", from, strerror(-code));
        code = EXIT_INPUT;
    } else if (is_one_text(&lines, &text)) {
        code = each(ctx, 1, text);
    } else {
        code = each_line(&lines, from, each, ctx);
    }
    lines_close(&lines);
    return code;
}
