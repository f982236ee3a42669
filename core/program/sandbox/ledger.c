/* Counting. Everything is bounded: tables of reasons and of users out of order have a fixed number
 * of rows, the ring a fixed number of messages, and what was seen has the ceilings of seen.h. */
#include "ledger.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "seen.h"

#include <errno.h>
#include <stdio.h>

#define WORDS_MAX     64
#define UNRULY_MAX    100
#define STATUS_END    600
#define USER_NAME_MAX 200

/* How often each of a few static words was said. */
typedef struct sandbox_tally {
    struct {
        const char *word;
        uint64_t times;
    } rows[WORDS_MAX];
    size_t count;
} sandbox_tally;

typedef struct sandbox_unruly {
    uint64_t user_hash;
    uint64_t times;
    char name[USER_NAME_MAX]; /* as written in JSON, cut when longer */
    size_t name_len;
} sandbox_unruly;

typedef struct sandbox_account {
    uint64_t requests, connections, bytes_wire, bytes_body;
    uint64_t statuses[STATUS_END];
    uint64_t accepted, unique, duplicates, untold;
    uint64_t calls[SANDBOX_CALLS];
    uint64_t seq_unique, seq_duplicates;
    int64_t seq_max;
    uint64_t order_violations;
    sandbox_tally rejected, discarded, noted, scripted;
    sandbox_ids ids;
    sandbox_numbers seqs[SANDBOX_CALLS];
    sandbox_order order;
    sandbox_unruly unruly[UNRULY_MAX];
    size_t unruly_count;
} sandbox_account;

typedef struct sandbox_kept {
    sandbox_service service;
    sandbox_call call;
    int64_t at_ms;
    segmo__buf text;
} sandbox_kept;

struct sandbox_ledger {
    sandbox_account accounts[SANDBOX_SERVICES];
    uint64_t opened, open, unknown_paths;
    int64_t since_ms;
    sandbox_kept *ring;
    size_t ring_size;
    uint64_t ring_written;
    FILE *record;
    segmo__buf line;
};

/* ---- life ---- */

sandbox_ledger *sandbox_ledger_new(size_t keep)
{
    sandbox_ledger *ledger = segmo__zalloc(sizeof *ledger);

    if (!ledger)
        return NULL;
    ledger->ring = segmo__zalloc((keep > 0 ? keep : 1) * sizeof *ledger->ring);
    if (!ledger->ring) {
        segmo__free(ledger);
        return NULL;
    }
    ledger->ring_size = keep;
    for (size_t i = 0; i < keep; i++)
        segmo__buf_init(&ledger->ring[i].text, 1u << 20);
    segmo__buf_init(&ledger->line, 2u << 20);
    sandbox_ledger_reset(ledger);
    return ledger;
}

static void clear_account(sandbox_account *account)
{
    sandbox_ids_free(&account->ids);
    for (int i = 0; i < SANDBOX_CALLS; i++)
        sandbox_numbers_free(&account->seqs[i]);
    sandbox_order_free(&account->order);
    memset(account, 0, sizeof *account);
    account->seq_max = -1;
}

void sandbox_ledger_reset(sandbox_ledger *ledger)
{
    for (int i = 0; i < SANDBOX_SERVICES; i++)
        clear_account(&ledger->accounts[i]);
    ledger->unknown_paths = 0;
    ledger->opened = ledger->open;
    ledger->ring_written = 0;
    ledger->since_ms = segmo__clock_mono_ms();
}

void sandbox_ledger_free(sandbox_ledger *ledger)
{
    if (!ledger)
        return;
    for (int i = 0; i < SANDBOX_SERVICES; i++)
        clear_account(&ledger->accounts[i]);
    for (size_t i = 0; i < ledger->ring_size; i++)
        segmo__buf_free(&ledger->ring[i].text);
    segmo__free(ledger->ring);
    segmo__buf_free(&ledger->line);
    if (ledger->record)
        fclose(ledger->record);
    segmo__free(ledger);
}

int sandbox_ledger_record_to(sandbox_ledger *ledger, const char *path)
{
    ledger->record = fopen(path, "ae");
    return ledger->record ? 0 : errno;
}

/* ---- counting ---- */

static void count_word(sandbox_tally *tally, const char *word)
{
    size_t i = 0;

    while (i < tally->count && strcmp(tally->rows[i].word, word) != 0)
        i++;
    if (i == WORDS_MAX)
        return;
    if (i == tally->count)
        tally->rows[tally->count++].word = word;
    tally->rows[i].times++;
}

static void count_words(sandbox_tally *tally, const segmo__buf *words)
{
    const char *const *word = (const char *const *)(const void *)words->data;

    for (size_t i = 0; i < words->len / sizeof *word; i++)
        count_word(tally, word[i]);
}

void sandbox_ledger_connection(sandbox_ledger *ledger, int opened)
{
    ledger->opened += opened ? 1 : 0;
    ledger->open += opened ? 1 : (uint64_t)-1;
}

void sandbox_ledger_speaker(sandbox_ledger *ledger, sandbox_service service)
{
    ledger->accounts[service].connections++;
}

void sandbox_ledger_request(sandbox_ledger *ledger, sandbox_service service, size_t wire_bytes,
                            size_t body_bytes)
{
    sandbox_account *account = &ledger->accounts[service];

    account->requests++;
    account->bytes_wire += wire_bytes;
    account->bytes_body += body_bytes;
}

void sandbox_ledger_scripted(sandbox_ledger *ledger, sandbox_service service, const char *what)
{
    count_word(&ledger->accounts[service].scripted, what);
}

void sandbox_ledger_answered(sandbox_ledger *ledger, sandbox_service service, int status)
{
    ledger->accounts[service].statuses[status]++;
}

void sandbox_ledger_unknown_path(sandbox_ledger *ledger)
{
    ledger->unknown_paths++;
}

static sandbox_novelty count_seq(sandbox_account *account, sandbox_call call, int64_t seq)
{
    sandbox_novelty novelty = sandbox_numbers_add(&account->seqs[call], seq);

    account->seq_unique += novelty == SANDBOX_NEW;
    account->seq_duplicates += novelty == SANDBOX_AGAIN;
    if (seq > account->seq_max)
        account->seq_max = seq;
    return novelty;
}

static void count_novelty(sandbox_account *account, sandbox_novelty novelty)
{
    account->accepted++;
    account->unique += novelty == SANDBOX_NEW;
    account->duplicates += novelty == SANDBOX_AGAIN;
    account->untold += novelty == SANDBOX_UNTOLD;
}

static void blame(sandbox_account *account, const sandbox_message *message)
{
    size_t i = 0;

    account->order_violations++;
    while (i < account->unruly_count && account->unruly[i].user_hash != message->user_hash)
        i++;
    if (i == UNRULY_MAX)
        return;
    if (i == account->unruly_count) {
        sandbox_unruly *fresh = &account->unruly[account->unruly_count++];

        /* A cut could fall into an escape, so a longer name is shown by its number. */
        if (message->user.len < USER_NAME_MAX) {
            memcpy(fresh->name, message->user.at, message->user.len);
            fresh->name_len = message->user.len;
        } else {
            fresh->name_len = (size_t)snprintf(fresh->name, USER_NAME_MAX, "user-%016llx",
                                               (unsigned long long)message->user_hash);
        }
        fresh->user_hash = message->user_hash;
    }
    account->unruly[i].times++;
}

static void count_message(sandbox_account *account, const sandbox_message *message)
{
    sandbox_novelty by_seq = SANDBOX_UNTOLD, novelty;

    account->calls[message->call]++;
    if (message->seq >= 0)
        by_seq = count_seq(account, message->call, message->seq);
    novelty = message->id_hash ? sandbox_ids_add(&account->ids, message->id_hash) : by_seq;
    count_novelty(account, novelty);
    if (novelty == SANDBOX_NEW && message->seq >= 0 && message->user_hash &&
        sandbox_order_broken(&account->order, message->user_hash, message->seq))
        blame(account, message);
}

/* ---- keeping ---- */

static void keep(sandbox_kept *slot, sandbox_service service, const sandbox_message *message,
                 int64_t at_ms)
{
    slot->service = service;
    slot->call = message->call;
    slot->at_ms = at_ms;
    segmo__buf_clear(&slot->text);
    segmo__buf_add_slice(&slot->text, message->text);
}

static void put_entry(segmo__buf *out, sandbox_service service, sandbox_call call, int64_t at_ms,
                      segmo__slice text)
{
    char at[SEGMO__ISO_LEN + 1];

    segmo__clock_iso(at, at_ms);
    segmo__buf_addf(out, "{\"service\":\"%s\",\"call\":\"%s\",\"receivedAt\":\"%s\",\"message\":",
                    sandbox_service_names[service], sandbox_call_names[call], at);
    segmo__json_put_compact(out, text);
    segmo__buf_add_lit(out, "}");
}

static void record(sandbox_ledger *ledger, sandbox_service service, const sandbox_message *message,
                   int64_t at_ms)
{
    segmo__buf_clear(&ledger->line);
    put_entry(&ledger->line, service, message->call, at_ms, message->text);
    segmo__buf_add_lit(&ledger->line, "\n");
    fwrite(ledger->line.data, 1, ledger->line.len, ledger->record);
}

void sandbox_ledger_judged(sandbox_ledger *ledger, sandbox_service service,
                           const sandbox_verdict *verdict)
{
    sandbox_account *account = &ledger->accounts[service];
    const sandbox_message *messages = (const sandbox_message *)(const void *)verdict->messages.data;
    size_t count = sandbox_verdict_message_count(verdict), size = ledger->ring_size;
    int64_t now_ms = segmo__clock_wall_ms();

    if (verdict->reason)
        count_word(&account->rejected, verdict->reason);
    count_words(&account->discarded, &verdict->discards);
    count_words(&account->noted, &verdict->notes);
    for (size_t i = 0; i < count; i++) {
        count_message(account, &messages[i]);
        if (ledger->record)
            record(ledger, service, &messages[i], now_ms);
        if (size > 0 && count - i <= size)
            keep(&ledger->ring[ledger->ring_written++ % size], service, &messages[i], now_ms);
    }
    if (ledger->record && count > 0)
        fflush(ledger->record);
}

void sandbox_ledger_counted(sandbox_ledger *ledger, sandbox_service service, size_t messages,
                            const segmo__buf *seqs)
{
    sandbox_account *account = &ledger->accounts[service];
    const int64_t *seq = (const int64_t *)(const void *)seqs->data;
    size_t told = seqs->len / sizeof *seq;

    for (size_t i = 0; i < told; i++)
        count_novelty(account, count_seq(account, 0, seq[i]));
    if (messages > told) {
        account->accepted += messages - told;
        account->untold += messages - told;
    }
}

/* ---- telling ---- */

static void put_u64(segmo__buf *out, const char *name, uint64_t value)
{
    segmo__buf_addf(out, ",\"%s\":%llu", name, (unsigned long long)value);
}

static void put_separator(segmo__buf *out)
{
    if (out->len > 0 && out->data[out->len - 1] != '{')
        segmo__buf_add_lit(out, ",");
}

static void put_tally(segmo__buf *out, const char *name, const sandbox_tally *tally)
{
    segmo__buf_addf(out, ",\"%s\":{", name);
    for (size_t i = 0; i < tally->count; i++) {
        put_separator(out);
        segmo__json_put_text(out, tally->rows[i].word);
        segmo__buf_addf(out, ":%llu", (unsigned long long)tally->rows[i].times);
    }
    segmo__buf_add_lit(out, "}");
}

static void put_statuses(segmo__buf *out, const sandbox_account *account)
{
    segmo__buf_add_lit(out, ",\"statuses\":{");
    for (int status = 0; status < STATUS_END; status++) {
        if (account->statuses[status] == 0)
            continue;
        put_separator(out);
        segmo__buf_addf(out, "\"%d\":%llu", status, (unsigned long long)account->statuses[status]);
    }
    segmo__buf_add_lit(out, "}");
}

static void put_calls(segmo__buf *out, const sandbox_account *account)
{
    segmo__buf_add_lit(out, ",\"calls\":{");
    for (int call = 0; call < SANDBOX_CALLS; call++) {
        if (account->calls[call] == 0)
            continue;
        put_separator(out);
        segmo__buf_addf(out, "\"%s\":%llu", sandbox_call_names[call],
                        (unsigned long long)account->calls[call]);
    }
    segmo__buf_add_lit(out, "}");
}

static void put_order(segmo__buf *out, const sandbox_account *account)
{
    put_u64(out, "order_violations", account->order_violations);
    segmo__buf_add_lit(out, ",\"order_violations_by_user\":{");
    for (size_t i = 0; i < account->unruly_count; i++) {
        const sandbox_unruly *user = &account->unruly[i];

        segmo__buf_addf(out, "%s\"%.*s\":%llu", i ? "," : "", (int)user->name_len, user->name,
                        (unsigned long long)user->times);
    }
    segmo__buf_add_lit(out, "}");
}

static void put_account(segmo__buf *out, const sandbox_account *account)
{
    segmo__buf_addf(out, "{\"requests\":%llu", (unsigned long long)account->requests);
    put_u64(out, "connections", account->connections);
    put_u64(out, "bytes_wire", account->bytes_wire);
    put_u64(out, "bytes_body", account->bytes_body);
    put_statuses(out, account);
    put_u64(out, "accepted", account->accepted);
    put_u64(out, "unique", account->unique);
    put_u64(out, "duplicates", account->duplicates);
    put_u64(out, "untold", account->untold);
    put_calls(out, account);
    put_tally(out, "rejected", &account->rejected);
    put_tally(out, "discarded", &account->discarded);
    put_tally(out, "noted", &account->noted);
    put_tally(out, "scripted", &account->scripted);
    segmo__buf_addf(out, ",\"seq\":{\"unique\":%llu,\"duplicates\":%llu,\"max\":%lld}",
                    (unsigned long long)account->seq_unique,
                    (unsigned long long)account->seq_duplicates, (long long)account->seq_max);
    put_u64(out, "users", account->order.used);
    put_order(out, account);
    segmo__buf_add_lit(out, "}");
}

void sandbox_ledger_stats(const sandbox_ledger *ledger, segmo__buf *out)
{
    segmo__buf_addf(out, "{\"since_ms\":%lld",
                    (long long)(segmo__clock_mono_ms() - ledger->since_ms));
    segmo__buf_addf(out, ",\"connections\":{\"opened\":%llu,\"open\":%llu}",
                    (unsigned long long)ledger->opened, (unsigned long long)ledger->open);
    put_u64(out, "unknown_paths", ledger->unknown_paths);
    for (int i = 0; i < SANDBOX_SERVICES; i++) {
        segmo__buf_addf(out, ",\"%s\":", sandbox_service_names[i]);
        put_account(out, &ledger->accounts[i]);
    }
    segmo__buf_add_lit(out, "}");
}

void sandbox_ledger_messages(const sandbox_ledger *ledger, size_t limit, segmo__buf *out)
{
    uint64_t held = ledger->ring_written < ledger->ring_size ? ledger->ring_written
                                                             : (uint64_t)ledger->ring_size;
    uint64_t first = ledger->ring_written - (held < limit ? held : (uint64_t)limit);

    segmo__buf_add_lit(out, "{\"messages\":[");
    for (uint64_t i = first; i < ledger->ring_written; i++) {
        const sandbox_kept *slot = &ledger->ring[i % ledger->ring_size];

        if (i > first)
            segmo__buf_add_lit(out, ",");
        put_entry(out, slot->service, slot->call, slot->at_ms, segmo__buf_slice(&slot->text));
    }
    segmo__buf_add_lit(out, "]}");
}

void sandbox_ledger_summary(const sandbox_ledger *ledger, segmo__buf *out)
{
    for (int i = 0; i < SANDBOX_SERVICES; i++) {
        const sandbox_account *account = &ledger->accounts[i];

        if (account->requests == 0)
            continue;
        segmo__buf_addf(
            out,
            "segmo sandbox: %s: %llu requests, %llu messages (%llu unique, %llu duplicates), "
            "%llu order violations\n",
            sandbox_service_names[i], (unsigned long long)account->requests,
            (unsigned long long)account->accepted, (unsigned long long)account->unique,
            (unsigned long long)account->duplicates, (unsigned long long)account->order_violations);
    }
}
