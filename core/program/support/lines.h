/* Lines of a file or of stdin, read in large pieces. A line lives until the next one is asked for.
 */
#ifndef SEGMO_PROGRAM_LINES_H
#define SEGMO_PROGRAM_LINES_H

#include "base/buf.h"

#include <stdint.h>

#define LINES_PIECE                                                                                \
    (1u << 20) /* bytes read at once, and the longest line that is handed out whole */
#define LINES_TOO_LONG 2

struct lines {
    int fd;
    char *room;
    size_t from, to;  /* unread bytes in `room` */
    int at_end;       /* the file has no more */
    uint64_t offset;  /* in the file, of `from` */
    uint64_t number;  /* of the line handed out last; 1 is the first */
    uint64_t line_at; /* its offset */
};

/* `path` "-" is stdin. 0 or -errno. */
int lines_open(struct lines *lines, const char *path);
void lines_close(struct lines *lines);
/* 1 and a line without its end, LINES_TOO_LONG when it was longer than LINES_PIECE (and passed
 * over), 0 at the end, -errno. `lines->offset` is then where the next line starts. */
int lines_next(struct lines *lines, segmo__slice *line);
/* 1 and all that is unread when it is less than LINES_PIECE, without taking it; 0 when it is more,
 * -errno. */
int lines_peek(struct lines *lines, segmo__slice *text);
/* Passes over everything before `offset`, counting lines. 1, 0 when the file ends before it,
 * -errno. */
int lines_seek(struct lines *lines, uint64_t offset);

#endif
