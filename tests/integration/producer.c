/* producer: a host program for the integration tests. It records what it was told is accepted in a
 * file that outlives it, one byte a message, and is then killed, forked or cut off by the test.
 *
 *     producer MODE ACCEPTED SPOOL URL FIRST COUNT MANY [name=value ...]
 *
 * - produce: MANY threads enqueue, then wait for ever
 * - finish: they enqueue, the client is flushed and closed, the stats are printed
 * - leave: they enqueue, the process ends without a word (_exit)
 * - kills: MANY children produce, one after the other, and are killed
 * - forks: 8 threads produce while MANY children are forked, each of which enqueues COUNT messages
 *   and ends
 * - crowd: 16 threads call everything while one of them closes; the stats and how many messages
 *   were accepted are printed
 *
 * Messages are tracks with a property `seq`, FIRST and up; users are seq % 50 (of a thread of its
 * own).
 */
#include "segmo.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SEQ_MAX (8u << 20)
#define USERS   50

struct job {
    segmo_client *client;
    uint32_t first;
    uint32_t count;
    uint32_t user_base;
};

static unsigned char *accepted; /* shared with whoever looks at the file */
static const char *const *options;
static int option_count;
static const char *spool, *url;

static void die(const char *what, segmo_error *err)
{
    fprintf(stderr, "producer: %s: %s [%s]\n", what, segmo_error_message(err),
            segmo_error_field(err));
    _exit(9);
}

static void set(segmo_config *config, const char *name, const char *value)
{
    segmo_error *err = NULL;

    if (segmo_config_set(config, name, value, &err) != SEGMO_OK)
        die(name, err);
}

static segmo_client *open_client(void)
{
    segmo_config *config = NULL;
    segmo_client *client = NULL;
    segmo_error *err = NULL;
    char name[128];

    segmo_config_new(&config, NULL);
    set(config, "spool.dir", spool);
    set(config, "segment.host", url);
    set(config, "segment.write_key", "WK-producer");
    for (int i = 0; i < option_count; i++) {
        const char *equals = strchr(options[i], '=');

        snprintf(name, sizeof name, "%.*s", (int)(equals - options[i]), options[i]);
        set(config, name, equals + 1);
    }
    if (segmo_client_open(&client, config, &err) != SEGMO_OK)
        die("open", err);
    segmo_config_free(config);
    return client;
}

static void enqueue(segmo_client *client, uint32_t seq, uint32_t user)
{
    char message[512];
    segmo_error *err = NULL;
    int len = snprintf(
        message, sizeof message,
        "{\"type\":\"track\",\"userId\":\"user-%u\",\"event\":\"Produced\",\"messageId\":\"m-%u\","
        "\"properties\":{\"seq\":%u,\"note\":\"a message of middling length, so that files "
        "fill\"}}",
        user, seq, seq);
    int status;

    while ((status = segmo_client_enqueue(client, NULL, message, (size_t)len, &err)) ==
           SEGMO_ERR_FULL) {
        segmo_error_free(err);
        err = NULL;
        segmo_client_wait_room(client, 100, NULL);
    }
    if (status == SEGMO_SYNC_WANTED)
        status = segmo_client_sync(client, 10000, &err);
    if (status < SEGMO_OK)
        die("enqueue", err);
    accepted[seq] = 1;
}

static void *produce(void *arg)
{
    const struct job *job = arg;

    for (uint32_t i = 0; i < job->count; i++)
        enqueue(job->client, job->first + i, job->user_base + i % USERS);
    return NULL;
}

/* Each thread has its own numbers and users, so that order per user is defined. */
static void produce_with_threads(segmo_client *client, uint32_t first, uint32_t count,
                                 uint32_t threads)
{
    pthread_t thread[64];
    struct job jobs[64];

    for (uint32_t t = 0; t < threads; t++) {
        jobs[t] = (struct job){client, first + t * (count / threads), count / threads, t * USERS};
        pthread_create(&thread[t], NULL, produce, &jobs[t]);
    }
    for (uint32_t t = 0; t < threads; t++)
        pthread_join(thread[t], NULL);
}

static void finish(segmo_client *client)
{
    segmo_error *err = NULL;
    char *stats = NULL;
    size_t len;

    if (segmo_client_flush(client, 60000, &err) != SEGMO_OK)
        die("flush", err);
    segmo_client_stats_json(client, &stats, &len, NULL);
    printf("%s\n", stats);
    segmo_free(stats);
    segmo_client_close(client, 5000, NULL);
    segmo_client_free(client);
}

static void sleep_us(long us)
{
    struct timespec left = {us / 1000000, us % 1000000 * 1000};

    nanosleep(&left, NULL);
}

static void wait_for_first(uint32_t seq)
{
    for (int i = 0; i < 20000 && !accepted[seq]; i++)
        sleep_us(500);
}

/* Each child opens a client of its own on the directory (adopting what the last one left) and dies
 * at some moment: every other one at any moment, the rest once their first message is accepted. */
static void kill_children(uint32_t first, uint32_t count, uint32_t rounds)
{
    srandom(first + rounds);
    for (uint32_t round = 0; round < rounds; round++) {
        pid_t child = fork();

        if (child == 0) {
            struct job job = {open_client(), first + round * count, count, 0};

            produce(&job);
            for (;;)
                pause();
        }
        if (round % 2)
            wait_for_first(first + round * count);
        sleep_us(random() % 30000);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
}

static void fork_children(segmo_client *client, uint32_t first, uint32_t count, uint32_t rounds)
{
    pthread_t thread[8];
    struct job jobs[8];
    uint32_t own = 20000, seq = first + 8 * own;
    int failed = 0;

    for (uint32_t t = 0; t < 8; t++) {
        jobs[t] = (struct job){client, first + t * own, own, t * USERS};
        pthread_create(&thread[t], NULL, produce, &jobs[t]);
    }
    for (uint32_t round = 0; round < rounds; round++, seq += count) {
        pid_t child = fork();
        int status;

        if (child == 0) {
            struct job job = {client, seq, count, 1000 + round};

            alarm(30); /* a deadlock must not hang the suite */
            produce(&job);
            if (round % 2)
                _exit(0); /* what was accepted is on disk: someone adopts it */
            segmo_client_close(client, 10000, NULL);
            segmo_client_free(client);
            _exit(0);
        }
        waitpid(child, &status, 0);
        failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    }
    for (uint32_t t = 0; t < 8; t++)
        pthread_join(thread[t], NULL);
    if (failed) {
        fprintf(stderr, "producer: %d children failed\n", failed);
        exit(8);
    }
    finish(client);
}

/* ---- everything at once ------------------------------------------------------------------- */

struct crowd {
    segmo_client *client;
    atomic_uint next;
    uint32_t end;
    atomic_uint taken;
};

/* One message, and whatever else a thread may think of; 0 once the client was closed. */
static int do_something(struct crowd *crowd, uint32_t seq)
{
    segmo_report *report = NULL;
    char message[160], *stats = NULL;
    size_t stats_len;
    int len = snprintf(message, sizeof message,
                       "{\"type\":\"track\",\"userId\":\"u-%u\",\"event\":\"Produced\","
                       "\"messageId\":\"m-%u\",\"properties\":{\"seq\":%u}}",
                       seq, seq, seq);
    int status = segmo_client_enqueue(crowd->client, NULL, message, (size_t)len, NULL);

    if (status >= SEGMO_OK) {
        accepted[seq] = 1;
        atomic_fetch_add(&crowd->taken, 1);
    }
    if (seq % 7 == 0)
        segmo_client_flush(crowd->client, seq % 50, NULL);
    if (seq % 5 == 0 &&
        segmo_client_stats_json(crowd->client, &stats, &stats_len, NULL) == SEGMO_OK)
        segmo_free(stats);
    if (seq % 3 == 0 && segmo_client_poll(crowd->client, &report, seq % 4, NULL) == SEGMO_OK)
        segmo_report_free(report);
    if (seq == crowd->end - crowd->end / 4)
        segmo_client_close(crowd->client, 100, NULL);
    return status != SEGMO_ERR_CLOSED;
}

static void *mill_about(void *arg)
{
    struct crowd *crowd = arg;
    uint32_t seq;

    while ((seq = atomic_fetch_add(&crowd->next, 1)) < crowd->end)
        if (!do_something(crowd, seq))
            break;
    return NULL;
}

/* 16 threads call everything while one of them closes the client under the others. */
static void crowd_in(segmo_client *client, uint32_t first, uint32_t count)
{
    struct crowd crowd = {.client = client, .next = first, .end = first + count};
    pthread_t thread[16];
    char *stats = NULL;
    size_t len;

    for (int t = 0; t < 16; t++)
        pthread_create(&thread[t], NULL, mill_about, &crowd);
    for (int t = 0; t < 16; t++)
        pthread_join(thread[t], NULL);
    segmo_client_close(client, 100, NULL);
    segmo_client_stats_json(client, &stats, &len, NULL);
    printf("{\"taken\":%u,\"stats\":%s}\n", atomic_load(&crowd.taken), stats);
    segmo_free(stats);
    segmo_client_free(client);
}

int main(int argc, char **argv)
{
    uint32_t first, count, many;
    segmo_client *client;
    int fd;

    if (argc < 8) {
        fprintf(stderr, "usage: see the head of producer.c\n");
        return 2;
    }
    fd = open(argv[2], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, SEQ_MAX) != 0) {
        perror(argv[2]);
        return 1;
    }
    accepted = mmap(NULL, SEQ_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    spool = argv[3];
    url = argv[4];
    first = (uint32_t)strtoul(argv[5], NULL, 10);
    count = (uint32_t)strtoul(argv[6], NULL, 10);
    many = (uint32_t)strtoul(argv[7], NULL, 10);
    options = (const char *const *)argv + 8;
    option_count = argc - 8;
    if (strcmp(argv[1], "kills") == 0) {
        kill_children(first, count, many);
        return 0;
    }
    client = open_client();
    if (strcmp(argv[1], "forks") == 0) {
        fork_children(client, first, count, many);
        return 0;
    }
    if (strcmp(argv[1], "crowd") == 0) {
        crowd_in(client, first, count);
        return 0;
    }
    produce_with_threads(client, first, count, many);
    if (strcmp(argv[1], "leave") == 0)
        _exit(0);
    if (strcmp(argv[1], "produce") == 0)
        for (;;)
            pause();
    finish(client);
    return 0;
}
