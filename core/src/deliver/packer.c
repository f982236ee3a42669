/* A ring of bodies: handed in, packed and taken in the same order. */
#include "deliver/packer.h"

#include "base/mem.h"
#include "base/thread.h"
#include "deliver/compress.h"

#define DEPTH 4 /* a body takes as long to pack as to build, so more would only hold memory */

typedef struct parcel {
    segmo__buf raw;
    segmo__buf *out;
    void *tag;
    int gzipped;
} parcel;

struct segmo__packer {
    segmo__http *http;
    segmo__gzip *gzip;
    pthread_t thread;
    int runs;
    segmo__mutex lock; /* of what follows */
    segmo__cond wake;
    int stopping;
    unsigned given, packed, taken; /* parcels so far: taken <= packed <= given <= taken + DEPTH */
    parcel ring[DEPTH];
};

static void swap(segmo__buf *a, segmo__buf *b)
{
    segmo__buf kept = *a;

    *a = *b;
    *b = kept;
}

static void pack(segmo__packer *packer, parcel *p)
{
    p->gzipped = segmo__gzip_run(packer->gzip, segmo__buf_slice(&p->raw), p->out);
    if (!p->gzipped)
        swap(&p->raw, p->out);
}

static void *run(void *arg)
{
    segmo__packer *packer = arg;

    pthread_mutex_lock(&packer->lock);
    while (!packer->stopping) {
        if (packer->packed == packer->given) {
            pthread_cond_wait(&packer->wake, &packer->lock);
            continue;
        }
        pthread_mutex_unlock(&packer->lock);
        pack(packer, &packer->ring[packer->packed % DEPTH]);
        pthread_mutex_lock(&packer->lock);
        packer->packed++;
        segmo__http_wake(packer->http);
    }
    pthread_mutex_unlock(&packer->lock);
    return NULL;
}

segmo__packer *segmo__packer_new(int level, segmo__http *http)
{
    segmo__packer *packer = segmo__zalloc(sizeof *packer);

    if (!packer)
        return NULL;
    packer->http = http;
    packer->gzip = segmo__gzip_new(level);
    if (!packer->gzip) {
        segmo__free(packer);
        return NULL;
    }
    segmo__mutex_init(&packer->lock);
    segmo__cond_init(&packer->wake);
    return packer;
}

void segmo__packer_free(segmo__packer *packer)
{
    if (!packer)
        return;
    if (packer->runs) {
        pthread_mutex_lock(&packer->lock);
        packer->stopping = 1;
        pthread_cond_signal(&packer->wake);
        pthread_mutex_unlock(&packer->lock);
        pthread_join(packer->thread, NULL);
    }
    for (int i = 0; i < DEPTH; i++)
        segmo__buf_free(&packer->ring[i].raw);
    segmo__gzip_free(packer->gzip);
    segmo__free(packer);
}

static int has_thread(segmo__packer *packer)
{
    if (!packer->runs)
        packer->runs = segmo__thread_start(&packer->thread, run, packer, "segmo-packer") == 0;
    return packer->runs;
}

int segmo__packer_give(segmo__packer *packer, segmo__buf *raw, segmo__buf *out, void *tag)
{
    parcel *p = &packer->ring[packer->given % DEPTH];

    if (packer->given - packer->taken == DEPTH || !has_thread(packer))
        return 0;
    if (p->raw.max == 0)
        segmo__buf_init(&p->raw, raw->max);
    swap(&p->raw, raw);
    p->out = out;
    p->tag = tag;
    pthread_mutex_lock(&packer->lock);
    packer->given++;
    pthread_cond_signal(&packer->wake);
    pthread_mutex_unlock(&packer->lock);
    return 1;
}

int segmo__packer_take(segmo__packer *packer, void **tag, int *gzipped)
{
    const parcel *p = &packer->ring[packer->taken % DEPTH];
    int is_there;

    pthread_mutex_lock(&packer->lock);
    is_there = packer->taken != packer->packed;
    packer->taken += (unsigned)is_there;
    pthread_mutex_unlock(&packer->lock);
    if (is_there) {
        *tag = p->tag;
        *gzipped = p->gzipped;
    }
    return is_there;
}
