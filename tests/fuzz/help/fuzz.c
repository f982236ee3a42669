#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void fuzz_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, what);
    abort();
}

const char *fuzz_file(segmo__slice content)
{
    static int fd = -1;
    static char path[64];

    if (fd < 0)
        fd = memfd_create("input", MFD_CLOEXEC);
    must(fd >= 0 && ftruncate(fd, 0) == 0);
    must(pwrite(fd, content.at ? content.at : "", content.len, 0) == (ssize_t)content.len);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}
