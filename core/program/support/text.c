#include "support/text.h"

#include "support/command.h"
#include "support/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PIECE (64u << 10)

static int read_all(segmo__buf *out, int fd, size_t max)
{
    for (;;) {
        ssize_t got;

        if (!segmo__buf_reserve(out, PIECE) || out->len > max)
            return -EFBIG;
        got = read(fd, out->data + out->len, PIECE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : 0;
        out->len += (size_t)got;
    }
}

int text_read_file(segmo__buf *out, const char *path, size_t max)
{
    int is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    int code;

    if (fd < 0) {
        say("%s cannot be read: %s", path, strerror(errno));
        return EXIT_INPUT;
    }
    out->max = max + PIECE;
    code = read_all(out, fd, max);
    if (!is_stdin)
        close(fd);
    if (code == -EFBIG)
        say("%s is larger than the %zu bytes that are taken here", is_stdin ? "the input" : path,
            max);
    else if (code < 0)
        say("%s cannot be read: %s", is_stdin ? "the input" : path, strerror(-code));
    return code < 0 ? EXIT_INPUT : EXIT_DONE;
}
