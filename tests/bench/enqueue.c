/* enqueue EVENTS DIR COUNT: what a caller pays for an accepted event, beside the bare write() of
 * the same bytes.
 *
 * Both store COUNT events so that they survive a kill of the process; the client also scans,
 * validates and completes them. Deliveries are off, so that nothing else runs in the process but
 * the spool's keeper.
 */
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct cost {
    double calls_per_s;
    double us_per_call;
    double p50_us;
    double p99_us;
    double cpu_s_per_100k;
};

static struct cost cost_of(uint32_t *took_ns, size_t count, uint64_t started_ns, double cpu_s)
{
    double all_s = (double)(bench_now_ns() - started_ns) / 1e9;
    struct cost cost = {.calls_per_s = (double)count / all_s,
                        .us_per_call = all_s * 1e6 / (double)count};

    cost.cpu_s_per_100k = (bench_cpu_s() - cpu_s) * 100000 / (double)count;
    qsort(took_ns, count, sizeof *took_ns, bench_compare_u32);
    cost.p50_us = took_ns[count / 2] / 1e3;
    cost.p99_us = took_ns[count - count / 100] / 1e3;
    return cost;
}

static struct cost enqueue_all(const bench_events *events, const char *dir, size_t count,
                               uint32_t *took_ns)
{
    char spool[4096];
    const char *options[] = {spool, "segment.write_key=bench-write-key", "delivery.enabled=false",
                             "spool.max_bytes=64GiB", NULL};
    segmo_error *err = NULL;
    segmo_client *client;
    struct cost cost;
    uint64_t started_ns, before, after;
    double cpu_s;

    snprintf(spool, sizeof spool, "spool.dir=%s/spool", dir);
    client = bench_open(options);
    cpu_s = bench_cpu_s();
    started_ns = before = bench_now_ns();
    for (size_t i = 0; i < count; i++) {
        size_t n = i % events->count;

        if (segmo_client_enqueue(client, NULL, events->event[n].at, events->event[n].len, &err) <
            SEGMO_OK)
            bench_fail("enqueue", err);
        after = bench_now_ns();
        took_ns[i] = (uint32_t)(after - before);
        before = after;
    }
    cost = cost_of(took_ns, count, started_ns, cpu_s);
    segmo_client_close(client, 0, NULL);
    segmo_client_free(client);
    return cost;
}

static struct cost write_all(const bench_events *events, const char *dir, size_t count,
                             uint32_t *took_ns)
{
    char path[4096];
    struct cost cost;
    uint64_t started_ns, before, after;
    double cpu_s = bench_cpu_s();
    int fd;

    snprintf(path, sizeof path, "%s/bare", dir);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
        perror(path);
        exit(1);
    }
    started_ns = before = bench_now_ns();
    for (size_t i = 0; i < count; i++) {
        size_t n = i % events->count;

        if (write(fd, events->event[n].at, events->event[n].len) != (ssize_t)events->event[n].len) {
            perror("write");
            exit(1);
        }
        after = bench_now_ns();
        took_ns[i] = (uint32_t)(after - before);
        before = after;
    }
    cost = cost_of(took_ns, count, started_ns, cpu_s);
    close(fd);
    unlink(path);
    return cost;
}

static void put(const char *name, struct cost cost)
{
    printf("\"%s\":{\"calls_per_s\":%.0f,\"us_per_call\":%.3f,\"p50_us\":%.3f,\"p99_us\":%.3f,"
           "\"cpu_s_per_100k\":%.4f}",
           name, cost.calls_per_s, cost.us_per_call, cost.p50_us, cost.p99_us, cost.cpu_s_per_100k);
}

int main(int argc, char **argv)
{
    bench_events events;
    uint32_t *took_ns;
    size_t count;

    if (argc != 4) {
        fprintf(stderr, "usage: enqueue EVENTS DIR COUNT\n");
        return 2;
    }
    events = bench_read_events(argv[1]);
    count = strtoul(argv[3], NULL, 10);
    took_ns = calloc(count, sizeof *took_ns);
    if (!took_ns)
        return 1;
    printf("{");
    put("write", write_all(&events, argv[2], count, took_ns));
    printf(",");
    put("segmo", enqueue_all(&events, argv[2], count, took_ns));
    printf("}\n");
    return 0;
}
