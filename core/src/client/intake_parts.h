/* What the files of an intake share. From the top: intake.c (the loop), intake_rebalance.c (giving
 * up partitions), intake_letters.c (dead letters), intake_entry.c (messages at hand) and
 * intake_partition.c (offsets). */
#ifndef SEGMO_CLIENT_INTAKE_PARTS_H
#define SEGMO_CLIENT_INTAKE_PARTS_H

#include "client/intake.h"
#include "client/kafka_settings.h"

#define SEGMO__INTAKE_WINDOW      131072 /* offsets from the lowest open one to the newest */
#define SEGMO__INTAKE_ENTRIES_MAX 131072

/* ---- intake_partition.c: which offsets are done ---- */

typedef struct segmo__partition {
    int32_t id;
    int is_ours;
    int is_leaving;
    int is_paused;
    int is_read;       /* `base` and `next` are known */
    int64_t base;      /* the lowest offset that is not done: what is to be committed */
    int64_t next;      /* one past the newest that was read */
    int64_t committed; /* -1: not known */
    int note_changed;
    uint32_t open;
    uint64_t *done; /* a bit per offset from `base`, in a ring of SEGMO__INTAKE_WINDOW */
    char *note; /* what the one before had done above its commit; taken up with the first read */
    int64_t note_base;
} segmo__partition;

/* An offset is open from now on. 0: it is done already, as its note says. */
int segmo__partition_open(segmo__partition *partition, int64_t offset);
void segmo__partition_done(segmo__partition *partition, int64_t offset);
int segmo__partition_is_full(const segmo__partition *partition);
void segmo__partition_forget(segmo__partition *partition); /* it is another worker's */
/* Writes which offsets above `base` are done, as runs, as far as they fit into what brokers keep.
 */
void segmo__partition_put_note(const segmo__partition *partition, segmo__buf *out);

/* ---- intake_entry.c: messages ---- */

typedef enum segmo__entry_state {
    SEGMO__ENTRY_WAITS,
    SEGMO__ENTRY_BURIED /* its letter is on the way */
} segmo__entry_state;

typedef struct segmo__entry {
    struct segmo__entry *next, *prev; /* in its queue, or among the buried */
    uint32_t slot;
    uint32_t generation;
    uint32_t partition; /* index */
    segmo__entry_state state;
    int64_t offset;
    int64_t accepted_ms;
    char *letter; /* of a buried one, with what goes into its headers */
    size_t letter_len;
    const char *reason;
    char *source; /* of a buried one */
    int status;
    uint32_t attempts;
    int letter_sent;
    uint32_t stored_len;
    uint32_t key_len;
    char bytes[]; /* stored message, then key */
} segmo__entry;

typedef struct segmo__entry_list {
    segmo__entry *first, *last;
} segmo__entry_list;

typedef struct segmo__queue {
    uint64_t source;
    segmo__entry_list waiting; /* oldest first, read or not */
    segmo__entry *at;          /* the next to be read */
} segmo__queue;

struct segmo__intake {
    segmo_client *client;
    segmo__http *http;
    segmo__destination destination;
    segmo__tally *tally;
    segmo__kafka *reader; /* NULL: to be opened */
    segmo__kafka *burier;
    uint64_t settings_hash;
    int settings_changed;
    int64_t hold_until_ms;
    uint32_t failures;
    const char *paused;

    segmo__partition *partitions;
    size_t partition_count;

    segmo__entry **slots;
    uint32_t slot_count, slot_room, *free_slots, free_count;
    uint32_t generation;
    segmo__queue *queues;
    size_t queue_count;
    segmo__entry_list buried;
    int64_t letters_again_ms;
    uint64_t open_bytes, waiting, open; /* `open`: with the buried ones */
    segmo__buf stored;                  /* a message in the making */

    int64_t full_since_ms; /* 0: there is room */
    int stops;             /* nothing is fetched, for want of room */
    int64_t next_commit_ms;
    int64_t next_count_ms;

    int gives_up; /* partitions that are leaving are waited for */
    int lost;     /* they have gone */
    int64_t give_up_by_ms;
    int leaving;    /* the group, once nothing is open */
    int is_closing; /* the handle was told */
    int64_t leave_by_ms;
    int has_left;
};

segmo__entry *segmo__entry_new(segmo__intake *intake, uint32_t partition, int64_t offset,
                               segmo__slice stored, segmo__slice key);
/* Puts it behind the others of its source. 0: no memory. */
int segmo__entry_queue(segmo__intake *intake, segmo__entry *entry, uint64_t source);
segmo__entry *segmo__entry_find(const segmo__intake *intake, uint32_t slot, uint32_t generation);
void segmo__entry_list_add(segmo__entry_list *list, segmo__entry *entry);
void segmo__entry_list_take(segmo__entry_list *list, segmo__entry *entry);
void segmo__entry_unqueue(segmo__intake *intake, segmo__entry *entry);
/* Its offset is done, and it is freed. */
void segmo__entry_end(segmo__intake *intake, segmo__entry *entry);
void segmo__entry_free(segmo__intake *intake, segmo__entry *entry);
int64_t segmo__entries_oldest_ms(const segmo__intake *intake); /* 0: none waits */

/* ---- intake_letters.c ---- */
int segmo__intake_bury_raw(segmo__intake *intake, segmo__entry *entry, segmo__slice value,
                           const char *source, const char *reason, const char *words);
void segmo__intake_send_letters(segmo__intake *intake, const char *topic, int64_t now_ms);

/* ---- intake_rebalance.c ---- */
segmo__partition *segmo__intake_partition(segmo__intake *intake, int32_t id);
void segmo__intake_take(segmo__intake *intake, const segmo__kafka_event *event);
void segmo__intake_lose(segmo__intake *intake, const segmo__rules *rules,
                        const segmo__kafka_event *event, int64_t now_ms);
void segmo__intake_commit(segmo__intake *intake, int only_leaving, int waits);
/* Messages of a partition (NULL: of all) that nobody answers for go back to the brokers. */
void segmo__intake_withdraw(segmo__intake *intake, const segmo__partition *partition,
                            const uint64_t *away, size_t count, const char *reason);

#endif
