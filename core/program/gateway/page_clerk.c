/* Reads the dead letters and puts them back, on a thread of its own: they lie in files, and the
 * gateway's one thread must not wait for those. */
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/thread.h"
#include "page_parts.h"
#include "support/setup.h"

#include <stdio.h>

#define LETTERS_SHOWN "500"
#define EVERY_MS      1000 /* looks at most so often, and only when somebody asks */

struct page_clerk {
    segmo_config *config;
    pthread_t thread;
    segmo__mutex lock;
    segmo__cond wanted;
    int stop, wants_list;
    char *query;   /* of letters to put back, or NULL */
    char *letters; /* as they were when it looked last, or NULL */
    size_t letters_len;
    int64_t looked_ms, listed_ms; /* when: monotonic, and as people read it */
    uint64_t retried;             /* letters, since the start */
    uint64_t jobs;                /* put back, whatever came of it */
    char error[256];              /* of the last job; "": none */
};

/* ---- the work, without the lock ---- */

static void put_back(struct page_clerk *clerk, const char *query)
{
    segmo_error *error = NULL;
    uint64_t count = 0;
    int status = segmo_dead_retry(clerk->config, query, &count, &error);

    pthread_mutex_lock(&clerk->lock);
    clerk->retried += count;
    clerk->jobs++;
    clerk->error[0] = '\0';
    if (status != SEGMO_OK)
        snprintf(clerk->error, sizeof clerk->error, "%s", segmo_error_message(error));
    pthread_mutex_unlock(&clerk->lock);
    segmo_error_free(error);
}

static void look(struct page_clerk *clerk)
{
    char *text = NULL;
    size_t len = 0;
    int status = segmo_dead_list(clerk->config, "{\"limit\":" LETTERS_SHOWN "}", &text, &len, NULL);

    pthread_mutex_lock(&clerk->lock);
    if (status == SEGMO_OK) {
        segmo_free(clerk->letters);
        clerk->letters = text;
        clerk->letters_len = len;
        clerk->listed_ms = segmo__clock_wall_ms();
    }
    clerk->looked_ms = segmo__clock_mono_ms();
    pthread_mutex_unlock(&clerk->lock);
}

static void *run(void *arg)
{
    struct page_clerk *clerk = arg;

    pthread_mutex_lock(&clerk->lock);
    while (!clerk->stop) {
        char *query = clerk->query;
        int wants_list = clerk->wants_list || query;

        if (!wants_list) {
            pthread_cond_wait(&clerk->wanted, &clerk->lock);
            continue;
        }
        pthread_mutex_unlock(&clerk->lock);
        if (query)
            put_back(clerk, query);
        look(clerk);
        pthread_mutex_lock(&clerk->lock);
        clerk->wants_list = 0;
        if (query)
            clerk->query = NULL;
        segmo__free(query);
    }
    pthread_mutex_unlock(&clerk->lock);
    return NULL;
}

/* ---- what others ask ---- */

struct page_clerk *page_clerk_start(const struct args *args)
{
    struct page_clerk *clerk = segmo__zalloc(sizeof *clerk);

    if (!clerk)
        return NULL;
    segmo__mutex_init(&clerk->lock);
    segmo__cond_init(&clerk->wanted);
    if (setup_config(&clerk->config, args) == EXIT_DONE &&
        segmo__thread_start(&clerk->thread, run, clerk, "segmo-clerk") == 0)
        return clerk;
    segmo_config_free(clerk->config);
    segmo__free(clerk);
    return NULL;
}

void page_clerk_stop(struct page_clerk *clerk)
{
    if (!clerk)
        return;
    pthread_mutex_lock(&clerk->lock);
    clerk->stop = 1;
    pthread_cond_signal(&clerk->wanted);
    pthread_mutex_unlock(&clerk->lock);
    pthread_join(clerk->thread, NULL);
    segmo_config_free(clerk->config);
    segmo_free(clerk->letters);
    segmo__free(clerk->query);
    segmo__free(clerk);
}

int page_clerk_retry(struct page_clerk *clerk, const char *query)
{
    int taken = 0;

    pthread_mutex_lock(&clerk->lock);
    if (!clerk->query)
        taken = (clerk->query = segmo__strdup(query)) != NULL;
    pthread_cond_signal(&clerk->wanted);
    pthread_mutex_unlock(&clerk->lock);
    return taken;
}

void page_clerk_put(segmo__buf *out, struct page_clerk *clerk)
{
    pthread_mutex_lock(&clerk->lock);
    if (!clerk->letters || segmo__clock_mono_ms() - clerk->looked_ms > EVERY_MS)
        clerk->wants_list = 1;
    pthread_cond_signal(&clerk->wanted);
    segmo__buf_addf(out, "{\"at\":%lld,\"busy\":%s,\"jobs\":%llu,\"retried\":%llu,\"error\":",
                    (long long)clerk->listed_ms, clerk->query ? "true" : "false",
                    (unsigned long long)clerk->jobs, (unsigned long long)clerk->retried);
    segmo__json_put_text(out, clerk->error);
    segmo__buf_add_lit(out, ",\"letters\":");
    if (clerk->letters)
        segmo__buf_add(out, clerk->letters, clerk->letters_len);
    else
        segmo__buf_add_lit(out, "null");
    segmo__buf_add_char(out, '}');
    pthread_mutex_unlock(&clerk->lock);
}
