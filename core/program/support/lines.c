#include "support/lines.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int lines_open(struct lines *lines, const char *path)
{
    memset(lines, 0, sizeof *lines);
    lines->room = segmo__alloc(LINES_PIECE);
    if (!lines->room)
        return -ENOMEM;
    lines->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    return lines->fd < 0 ? -errno : 0;
}

void lines_close(struct lines *lines)
{
    if (lines->fd > STDIN_FILENO)
        close(lines->fd);
    segmo__free(lines->room);
    lines->room = NULL;
}

/* Moves what is unread to the front and reads behind it. Bytes read, 0 at the end, -errno. */
static ssize_t fill(struct lines *lines)
{
    ssize_t got;

    memmove(lines->room, lines->room + lines->from, lines->to - lines->from);
    lines->to -= lines->from;
    lines->from = 0;
    do
        got = read(lines->fd, lines->room + lines->to, LINES_PIECE - lines->to);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    lines->to += (size_t)got;
    lines->at_end = got == 0;
    return got;
}

static void consume(struct lines *lines, size_t len)
{
    lines->from += len;
    lines->offset += len;
}

/* Where the line that starts at `from` ends, reading on as needed: its length with the newline,
 * LINES_PIECE + 1 when it has none within a piece, 0 at the end of the file, -errno. */
static ssize_t line_length(struct lines *lines)
{
    size_t searched = 0;

    for (;;) {
        const char *start = lines->room + lines->from;
        const char *newline = memchr(start + searched, '\n', lines->to - lines->from - searched);
        ssize_t got;

        if (newline)
            return newline - start + 1;
        searched = lines->to - lines->from;
        if (searched == LINES_PIECE)
            return LINES_PIECE + 1;
        if (lines->at_end)
            return (ssize_t)searched;
        got = fill(lines);
        if (got < 0)
            return got;
    }
}

/* Passes over the rest of a line that is longer than the room. */
static int skip_line(struct lines *lines)
{
    for (;;) {
        ssize_t len;

        consume(lines, lines->to - lines->from);
        len = line_length(lines);
        if (len < 0)
            return (int)len;
        if (len <= LINES_PIECE) {
            consume(lines, (size_t)len);
            return LINES_TOO_LONG;
        }
    }
}

static void cut_end(segmo__slice *line)
{
    if (line->len > 0 && line->at[line->len - 1] == '\n')
        line->len--;
    if (line->len > 0 && line->at[line->len - 1] == '\r')
        line->len--;
}

/* Editors on some systems start a UTF-8 file with this mark. */
static void cut_mark(segmo__slice *line)
{
    if (line->len >= 3 && memcmp(line->at, "\xef\xbb\xbf", 3) == 0)
        *line = (segmo__slice){line->at + 3, line->len - 3};
}

int lines_next(struct lines *lines, segmo__slice *line)
{
    ssize_t len = line_length(lines);

    if (len <= 0)
        return (int)len;
    lines->line_at = lines->offset;
    lines->number++;
    if (len > LINES_PIECE)
        return skip_line(lines);
    *line = (segmo__slice){lines->room + lines->from, (size_t)len};
    consume(lines, (size_t)len);
    cut_end(line);
    if (lines->line_at == 0)
        cut_mark(line);
    return 1;
}

int lines_peek(struct lines *lines, segmo__slice *text)
{
    while (!lines->at_end && lines->to - lines->from < LINES_PIECE) {
        ssize_t got = fill(lines);

        if (got < 0)
            return (int)got;
    }
    *text = (segmo__slice){lines->room + lines->from, lines->to - lines->from};
    cut_mark(text);
    return lines->at_end;
}

int lines_seek(struct lines *lines, uint64_t offset)
{
    segmo__slice line;

    while (lines->offset < offset) {
        int got = lines_next(lines, &line);

        if (got <= 0)
            return got;
    }
    return 1;
}
