#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void bench_fail(const char *what, segmo_error *err)
{
    fprintf(stderr, "%s: %s (%s)\n", what, segmo_error_message(err), segmo_error_field(err));
    exit(1);
}

static char *read_all(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    char *bytes;

    if (!file || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    *len = (size_t)ftell(file);
    rewind(file);
    bytes = malloc(*len + 1);
    if (!bytes || fread(bytes, 1, *len, file) != *len) {
        perror(path);
        exit(1);
    }
    fclose(file);
    return bytes;
}

bench_events bench_read_events(const char *path)
{
    bench_events events = {0};
    size_t len, room = 0;

    events.bytes = read_all(path, &len);
    for (char *at = events.bytes, *end = at + len; at < end;) {
        char *line_end = memchr(at, '\n', (size_t)(end - at));

        if (!line_end)
            line_end = end;
        if (events.count == room) {
            room = room ? 2 * room : 1024;
            events.event = realloc(events.event, room * sizeof *events.event);
            if (!events.event)
                exit(1);
        }
        events.event[events.count].at = at;
        events.event[events.count++].len = (size_t)(line_end - at);
        at = line_end + 1;
    }
    return events;
}

uint64_t bench_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

double bench_cpu_s(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           ((double)usage.ru_utime.tv_usec + (double)usage.ru_stime.tv_usec) / 1e6;
}

long bench_resident_kib(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long pages = 0, ignored;

    if (!file || fscanf(file, "%ld %ld", &ignored, &pages) != 2)
        exit(1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

int bench_compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

segmo_client *bench_open(const char *const *options)
{
    segmo_config *config = NULL;
    segmo_client *client = NULL;
    segmo_error *err = NULL;
    char name[128];

    if (segmo_config_new(&config, &err) != SEGMO_OK)
        bench_fail("config", err);
    for (; *options; options++) {
        const char *equals = strchr(*options, '=');

        snprintf(name, sizeof name, "%.*s", (int)(equals - *options), *options);
        if (segmo_config_set(config, name, equals + 1, &err) != SEGMO_OK)
            bench_fail(name, err);
    }
    if (segmo_client_open(&client, config, &err) != SEGMO_OK)
        bench_fail("open", err);
    segmo_config_free(config);
    return client;
}
