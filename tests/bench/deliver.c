/* deliver EVENTS DIR URL COUNT [name=value ...]: COUNT events end to end, enqueue to the last
 * answer, and beside it what the same libcurl and the same compressor do with the same batches
 * built in memory.
 */
#include "bench.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef SEGMO_LIBDEFLATE
#include <libdeflate.h>
#else
#include <zlib.h>
#endif

#define BATCH     100
#define IN_FLIGHT 32
#define LEVEL     1

struct outcome {
    double events_per_s;
    double cpu_s_per_100k;
    double seconds;
};

static struct outcome outcome_of(size_t count, uint64_t started_ns, double cpu_s)
{
    struct outcome outcome = {.seconds = (double)(bench_now_ns() - started_ns) / 1e9};

    outcome.events_per_s = (double)count / outcome.seconds;
    outcome.cpu_s_per_100k = (bench_cpu_s() - cpu_s) * 100000 / (double)count;
    return outcome;
}

/* ---- segmo ------------------------------------------------------------------------------- */

static void enqueue(segmo_client *client, const char *json, size_t len)
{
    segmo_error *err = NULL;

    while (segmo_client_enqueue(client, NULL, json, len, &err) < SEGMO_OK) {
        if (segmo_error_status(err) != SEGMO_ERR_FULL)
            bench_fail("enqueue", err);
        segmo_error_free(err);
        err = NULL;
        segmo_client_wait_room(client, 1000, NULL);
    }
}

static struct outcome with_segmo(const bench_events *events, size_t count, const char *dir,
                                 const char *url, char **more, char **stats)
{
    const char *options[64] = {NULL};
    char spool[4096], host[4096];
    size_t n = 0, len;
    segmo_error *err = NULL;
    segmo_client *client;
    struct outcome outcome;
    uint64_t started_ns;
    double cpu_s;

    snprintf(spool, sizeof spool, "spool.dir=%s/spool", dir);
    snprintf(host, sizeof host, "segment.host=%s", url);
    options[n++] = spool;
    options[n++] = host;
    options[n++] = "segment.write_key=bench-write-key";
    while (*more && n < 63)
        options[n++] = *more++;
    client = bench_open(options);
    cpu_s = bench_cpu_s();
    started_ns = bench_now_ns();
    for (size_t i = 0; i < count; i++)
        enqueue(client, events->event[i % events->count].at, events->event[i % events->count].len);
    if (segmo_client_flush(client, 600000, &err) != SEGMO_OK)
        bench_fail("flush", err);
    outcome = outcome_of(count, started_ns, cpu_s);
    segmo_client_stats_json(client, stats, &len, NULL);
    segmo_client_close(client, 1000, NULL);
    segmo_client_free(client);
    return outcome;
}

/* ---- bare libcurl ------------------------------------------------------------------------ */

struct batch {
    CURL *easy;
    char *raw;
    size_t raw_len;
    char *packed;
    size_t room;
};

static size_t swallow(char *bytes, size_t size, size_t count, void *ctx)
{
    (void)bytes, (void)ctx;
    return size * count;
}

static size_t join(char *out, const bench_events *events, size_t first, size_t count)
{
    static const char head[] = "{\"batch\":[";
    static const char tail[] =
        "],\"sentAt\":\"2026-01-01T00:00:00.000Z\",\"writeKey\":\"bench-write-key\"}";
    char *at = out;

    memcpy(at, head, sizeof head - 1);
    at += sizeof head - 1;
    for (size_t i = 0; i < count; i++) {
        size_t n = (first + i) % events->count;

        if (i > 0)
            *at++ = ',';
        memcpy(at, events->event[n].at, events->event[n].len);
        at += events->event[n].len;
    }
    memcpy(at, tail, sizeof tail - 1);
    return (size_t)(at + sizeof tail - 1 - out);
}

#ifdef SEGMO_LIBDEFLATE
static size_t pack(struct batch *batch)
{
    static struct libdeflate_compressor *compressor;

    if (!compressor)
        compressor = libdeflate_alloc_compressor(LEVEL);
    return libdeflate_gzip_compress(compressor, batch->raw, batch->raw_len, batch->packed,
                                    batch->room);
}
#else
static size_t pack(struct batch *batch)
{
    z_stream stream = {0};
    size_t len;

    deflateInit2(&stream, LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    stream.next_in = (unsigned char *)batch->raw;
    stream.avail_in = (unsigned)batch->raw_len;
    stream.next_out = (unsigned char *)batch->packed;
    stream.avail_out = (unsigned)batch->room;
    deflate(&stream, Z_FINISH);
    len = stream.total_out;
    deflateEnd(&stream);
    return len;
}
#endif

static void start(CURLM *multi, struct batch *batch, const bench_events *events, size_t first,
                  size_t count)
{
    batch->raw_len = join(batch->raw, events, first, count);
    curl_easy_setopt(batch->easy, CURLOPT_POSTFIELDSIZE, (long)pack(batch));
    curl_easy_setopt(batch->easy, CURLOPT_POSTFIELDS, batch->packed);
    curl_multi_add_handle(multi, batch->easy);
}

static void prepare(struct batch *batch, const char *url, struct curl_slist *headers)
{
    batch->room = 1 << 20;
    batch->raw = malloc(batch->room);
    batch->packed = malloc(batch->room);
    batch->easy = curl_easy_init();
    curl_easy_setopt(batch->easy, CURLOPT_URL, url);
    curl_easy_setopt(batch->easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(batch->easy, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(batch->easy, CURLOPT_USERNAME, "bench-write-key");
    curl_easy_setopt(batch->easy, CURLOPT_PASSWORD, "");
    curl_easy_setopt(batch->easy, CURLOPT_PRIVATE, batch);
    curl_easy_setopt(batch->easy, CURLOPT_TCP_NODELAY, 1L);
}

static struct outcome with_bare_curl(const bench_events *events, size_t count, const char *host)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    struct batch batches[IN_FLIGHT];
    CURLM *multi = curl_multi_init();
    char url[4096];
    size_t sent = 0, answered = 0;
    uint64_t started_ns;
    double cpu_s = bench_cpu_s();

    headers = curl_slist_append(headers, "Content-Encoding: gzip");
    headers = curl_slist_append(headers, "Expect:");
    snprintf(url, sizeof url, "%s/v1/batch", host);
    for (size_t i = 0; i < IN_FLIGHT; i++)
        prepare(&batches[i], url, headers);
    started_ns = bench_now_ns();
    for (size_t i = 0; i < IN_FLIGHT && sent < count; i++, sent += BATCH)
        start(multi, &batches[i], events, sent, BATCH);
    while (answered < count) {
        CURLMsg *message;
        int running, left;

        curl_multi_perform(multi, &running);
        while ((message = curl_multi_info_read(multi, &left)) != NULL) {
            struct batch *batch;
            CURL *easy = message->easy_handle;

            if (message->data.result != CURLE_OK) {
                fprintf(stderr, "bare: %s\n", curl_easy_strerror(message->data.result));
                exit(1);
            }
            curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&batch);
            curl_multi_remove_handle(multi, easy);
            answered += BATCH;
            if (sent < count) {
                start(multi, batch, events, sent, BATCH);
                sent += BATCH;
            }
        }
        if (answered < count)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    return outcome_of(count, started_ns, cpu_s);
}

static void put(const char *name, struct outcome outcome)
{
    printf("\"%s\":{\"events_per_s\":%.0f,\"cpu_s_per_100k\":%.4f,\"seconds\":%.3f}", name,
           outcome.events_per_s, outcome.cpu_s_per_100k, outcome.seconds);
}

int main(int argc, char **argv)
{
    bench_events events;
    char *stats = NULL;
    size_t count;
    int bare;

    if (argc < 6) {
        fprintf(stderr, "usage: deliver EVENTS DIR URL COUNT segmo|both [name=value ...]\n");
        return 2;
    }
    events = bench_read_events(argv[1]);
    count = strtoul(argv[4], NULL, 10);
    bare = strcmp(argv[5], "both") == 0;
    printf("{");
    if (bare) {
        put("bare", with_bare_curl(&events, count, argv[3]));
        printf(",");
    }
    put("segmo", with_segmo(&events, count, argv[2], argv[3], argv + 6, &stats));
    printf(",\"stats\":%s}\n", stats ? stats : "null");
    segmo_free(stats);
    return 0;
}
