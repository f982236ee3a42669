/* hold EVENTS DIR COUNT: the memory of a process whose spool holds COUNT events while the receiver
 * is away, above that of the same process idle. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char spool[4096];
    const char *options[] = {spool, "segment.host=http://127.0.0.1:9",
                             "segment.write_key=bench-write-key", "spool.max_bytes=64GiB", NULL};
    segmo_error *err = NULL;
    bench_events events;
    segmo_client *client;
    long idle_kib, holding_kib = 0;
    size_t count;

    if (argc != 4) {
        fprintf(stderr, "usage: hold EVENTS DIR COUNT\n");
        return 2;
    }
    events = bench_read_events(argv[1]);
    count = strtoul(argv[3], NULL, 10);
    snprintf(spool, sizeof spool, "spool.dir=%s/spool", argv[2]);
    client = bench_open(options);
    idle_kib = bench_resident_kib();
    for (size_t i = 0; i < count; i++) {
        size_t n = i % events.count;

        if (segmo_client_enqueue(client, NULL, events.event[n].at, events.event[n].len, &err) <
            SEGMO_OK)
            bench_fail("enqueue", err);
    }
    for (int second = 0; second < 4; second++) {
        long now_kib = bench_resident_kib();

        holding_kib = now_kib > holding_kib ? now_kib : holding_kib;
        sleep(1);
    }
    printf("{\"idle_kib\":%ld,\"holding_kib\":%ld,\"above_idle_mib\":%.1f}\n", idle_kib,
           holding_kib, (double)(holding_kib - idle_kib) / 1024);
    segmo_client_close(client, 0, NULL);
    segmo_client_free(client);
    return 0;
}
