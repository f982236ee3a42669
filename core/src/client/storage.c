#include "client/storage.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "client/dead_topic.h"
#include "client/options.h"
#include "model/destination.h"
#include "model/message.h"
#include "spool/dead_letters.h"
#include "spool/spool.h"

#include <errno.h>
#include <stdlib.h>

#define LIMIT_MAX 1e18 /* of letters: all */

static int spool_dir(const segmo_config *config, const char **dir, segmo_error **err)
{
    *dir = segmo__config_value(config, "spool.dir");
    return *dir ? SEGMO_OK
                : segmo__fail(err, SEGMO_ERR_OPTION, "spool.dir", "no directory is set; name one");
}

/* ---- contents ---------------------------------------------------------------------------- */

static const char *const state_names[] = {"pending", "delivered", "dead", "skipped"};

struct census {
    uint64_t records;
    uint64_t bytes;
    uint64_t states[SEGMO__DESTINATION_COUNT][4];
    int64_t oldest_ms;
    uint64_t processes;
    uint64_t alive;
    uint64_t files;
    char process[256]; /* seen last: sights come directory by directory, file by file */
    char file[256];
    segmo__message message;
};

static int is_new_name(char *last, size_t size, const char *name)
{
    size_t len = strlen(name) < size ? strlen(name) : size - 1;

    if (strncmp(last, name, size) == 0)
        return 0;
    memcpy(last, name, len);
    last[len] = '\0';
    return 1;
}

static int waits_for_any(const uint8_t *settled)
{
    for (unsigned d = 0; d < SEGMO__DESTINATION_COUNT; d++)
        if (settled[d] == SEGMO__PENDING)
            return 1;
    return 0;
}

static int count_sight(void *ctx, const segmo__spool_sight *sight)
{
    struct census *census = ctx;

    if (is_new_name(census->process, sizeof census->process, sight->process)) {
        census->processes++;
        census->alive += sight->alive ? 1 : 0;
        census->file[0] = '\0';
    }
    census->files += (uint64_t)is_new_name(census->file, sizeof census->file, sight->file);
    census->records++;
    census->bytes += sight->payload.len;
    for (unsigned d = 0; d < SEGMO__DESTINATION_COUNT; d++)
        census->states[d][sight->settled[d] & 3]++;
    if (!waits_for_any(sight->settled))
        return 0;
    if (segmo__message_read(&census->message, sight->payload, NULL) == SEGMO_OK &&
        (census->oldest_ms == 0 || census->message.accepted_ms < census->oldest_ms))
        census->oldest_ms = census->message.accepted_ms;
    return 0;
}

static int count_letter(void *ctx, segmo__slice line)
{
    (void)line;
    ++*(uint64_t *)ctx;
    return 0;
}

static int path_below(segmo__buf *out, const char *dir, const char *name, segmo_error **err)
{
    segmo__buf_addf(out, "%s/%s", dir, name);
    segmo__buf_add_char(out, '\0');
    return out->failed ? segmo__fail_memory(err) : SEGMO_OK;
}

static int letters_dir(segmo__buf *out, const char *dir, segmo_error **err)
{
    return path_below(out, dir, "dead", err);
}

static int count_name(void *ctx, const char *name)
{
    (void)name;
    ++*(uint64_t *)ctx;
    return 0;
}

/* Files that were set aside because something in them could not be read. */
static int count_damaged(const char *dir, uint64_t *count, segmo_error **err)
{
    segmo__buf path;
    int status, code;

    segmo__buf_init(&path, 8192);
    status = path_below(&path, dir, "damaged", err);
    if (status == SEGMO_OK) {
        code = segmo__file_list(path.data, count_name, count);
        if (code < 0 && code != -ENOENT)
            status = segmo__fail_io(err, code, "cannot look into", path.data);
    }
    segmo__buf_free(&path);
    return status;
}

static void put_census(segmo__buf *out, const struct census *census, uint64_t dead_letters,
                       uint64_t damaged_files)
{
    int64_t age_ms = census->oldest_ms ? segmo__clock_wall_ms() - census->oldest_ms : 0;

    segmo__buf_addf(
        out,
        "{\"processes\":%llu,\"alive\":%llu,\"files\":%llu,\"records\":%llu,\"bytes\":%llu,"
        "\"oldest_pending_ms\":%lld,\"dead_letters\":%llu,\"damaged_files\":%llu,"
        "\"destinations\":{",
        (unsigned long long)census->processes, (unsigned long long)census->alive,
        (unsigned long long)census->files, (unsigned long long)census->records,
        (unsigned long long)census->bytes, (long long)age_ms, (unsigned long long)dead_letters,
        (unsigned long long)damaged_files);
    for (unsigned d = 0; d < SEGMO__DESTINATION_COUNT; d++) {
        segmo__buf_addf(out, "%s\"%s\":{", d > 0 ? "," : "",
                        segmo__destination_name((segmo__destination)d));
        for (unsigned state = 0; state < 4; state++)
            segmo__buf_addf(out, "%s\"%s\":%llu", state > 0 ? "," : "", state_names[state],
                            (unsigned long long)census->states[d][state]);
        segmo__buf_add_char(out, '}');
    }
    segmo__buf_add_lit(out, "}}");
}

int segmo__storage_json(const segmo_config *config, segmo__buf *out, segmo_error **err)
{
    struct census *census = segmo__zalloc(sizeof *census);
    uint64_t letters = 0, damaged = 0;
    segmo__buf dead;
    const char *dir = NULL;
    int status;

    if (!census)
        return segmo__fail_memory(err);
    status = spool_dir(config, &dir, err);
    segmo__buf_init(&dead, 8192);
    if (status == SEGMO_OK)
        status = segmo__spool_look(dir, count_sight, census, err);
    if (status == SEGMO_OK)
        status = letters_dir(&dead, dir, err);
    if (status == SEGMO_OK)
        status = segmo__dead_letters_each(dead.data, count_letter, &letters, err);
    if (status == SEGMO_OK)
        status = count_damaged(dir, &damaged, err);
    if (status == SEGMO_OK)
        put_census(out, census, letters, damaged);
    segmo__buf_free(&dead);
    segmo__free(census);
    return status;
}

struct wanted_id {
    segmo__slice id;
    uint64_t hash;
    segmo__buf scratch;
    int found;
};

static int find_id(void *ctx, const segmo__spool_sight *sight)
{
    struct wanted_id *wanted = ctx;
    segmo__message message;
    segmo__slice text;

    if (segmo__message_read(&message, sight->payload, NULL) != SEGMO_OK)
        return 0;
    segmo__buf_clear(&wanted->scratch);
    text =
        segmo__json_text(segmo__message_part(&message, SEGMO__PART_MESSAGE_ID), &wanted->scratch);
    wanted->found = text.len == wanted->id.len && memcmp(text.at, wanted->id.at, text.len) == 0;
    return wanted->found;
}

int segmo__storage_holds(const segmo_config *config, const char *message_id, int *found,
                         segmo_error **err)
{
    struct wanted_id wanted = {.id = segmo__slice_of(message_id)};
    const char *dir;
    int status = spool_dir(config, &dir, err);

    segmo__buf_init(&wanted.scratch, SEGMO__MESSAGE_STORED_MAX);
    if (status == SEGMO_OK)
        status = segmo__spool_look(dir, find_id, &wanted, err);
    segmo__buf_free(&wanted.scratch);
    *found = wanted.found;
    return status >= SEGMO_OK ? SEGMO_OK : status;
}

/* ---- dead letters ------------------------------------------------------------------------ */

struct letters {
    segmo__json *query; /* NULL: all */
    uint64_t limit;
    uint64_t count;
    segmo__buf *out;
    segmo__buf stored; /* messages to put back, framed: length u32, presets, payload */
    segmo__buf taken;  /* the ids of their letters, each SEGMO__UUID_LEN bytes */
    segmo_error *error;
};

static int text_is(segmo__slice line, const char *member, const char *wanted)
{
    segmo__slice value;

    return segmo__json_member(line, member, &value) && value.len == strlen(wanted) + 2 &&
           memcmp(value.at + 1, wanted, value.len - 2) == 0;
}

static int is_listed(segmo__slice line, const segmo__json *ids)
{
    for (const segmo__json *id = segmo__json_first(ids); id; id = segmo__json_after(id))
        if (segmo__json_string(id) && text_is(line, "id", segmo__json_string(id)))
            return 1;
    return 0;
}

static int fits(const struct letters *letters, segmo__slice line)
{
    const segmo__json *ids = segmo__json_get(letters->query, "id");
    const char *destination = segmo__json_string(segmo__json_get(letters->query, "destination"));
    const char *reason = segmo__json_string(segmo__json_get(letters->query, "reason"));

    return (!ids || is_listed(line, ids)) &&
           (!destination || text_is(line, "destination", destination)) &&
           (!reason || text_is(line, "reason", reason));
}

static int destination_named(const char *name)
{
    for (unsigned d = 0; d < SEGMO__DESTINATION_COUNT; d++)
        if (strcmp(name, segmo__destination_name((segmo__destination)d)) == 0)
            return 1;
    return 0;
}

/* What a query may say. One that is misread could mean every letter, and letters can be dropped. */
static const char *rule_broken(const segmo__json *member)
{
    const char *name = segmo__json_name(member), *text = segmo__json_string(member);
    segmo__json_kind kind = segmo__json_tree_kind(member);
    double number = segmo__json_number(member, -1);

    if (strcmp(name, "id") == 0)
        return kind == SEGMO__JSON_ARRAY ? NULL : "must be an array of ids";
    if (strcmp(name, "destination") == 0)
        return text && destination_named(text) ? NULL : "must be segment, moengage or kafka";
    if (strcmp(name, "reason") == 0)
        return text ? NULL : "must be a string";
    if (strcmp(name, "limit") == 0)
        return number >= 0 && number <= LIMIT_MAX ? NULL : "must be a number from 0 on";
    if (strcmp(name, "from") == 0)
        return text && strcmp(text, "kafka") == 0 ? NULL : "must be \"kafka\", or be left out";
    return "is none of id, destination, reason, limit and from";
}

static int read_query(struct letters *letters, const char *query, segmo_error **err)
{
    int status = query ? segmo__json_parse(&letters->query, segmo__slice_of(query), err) : SEGMO_OK;

    if (status != SEGMO_OK)
        return status;
    if (letters->query && segmo__json_tree_kind(letters->query) != SEGMO__JSON_OBJECT)
        return segmo__fail(err, SEGMO_ERR_INVALID, "query", "must be a JSON object");
    for (const segmo__json *member = segmo__json_first(letters->query); member;
         member = segmo__json_after(member)) {
        const char *broken = rule_broken(member);

        if (broken)
            return segmo__fail(err, SEGMO_ERR_INVALID, "query", "%.32s %s",
                               segmo__json_name(member), broken);
    }
    letters->limit =
        (uint64_t)segmo__json_number(segmo__json_get(letters->query, "limit"), LIMIT_MAX);
    return SEGMO_OK;
}

static int is_from_kafka(const struct letters *letters)
{
    const char *from = segmo__json_string(segmo__json_get(letters->query, "from"));

    return from && strcmp(from, "kafka") == 0;
}

static int list_letter(void *ctx, segmo__slice line)
{
    struct letters *letters = ctx;

    if (letters->count >= letters->limit || !fits(letters, line))
        return 0;
    if (letters->count++ > 0)
        segmo__buf_add_char(letters->out, ',');
    segmo__buf_add_slice(letters->out, line);
    return 0;
}

static segmo__letter_fate look_at_letter(void *ctx, segmo__slice line)
{
    list_letter(ctx, line);
    return SEGMO__LETTER_STAYS;
}

static int list_from_kafka(const segmo_config *config, struct letters *letters, segmo_error **err)
{
    int status;

    segmo__buf_add_char(letters->out, '[');
    status = segmo__dead_topic_each(config, 1, look_at_letter, letters, err);
    segmo__buf_add_char(letters->out, ']');
    return status;
}

int segmo__dead_list_json(const segmo_config *config, const char *query, segmo__buf *out,
                          segmo_error **err)
{
    struct letters letters = {.out = out};
    segmo__buf dir;
    const char *spool;
    int status = read_query(&letters, query, err);

    if (status == SEGMO_OK && is_from_kafka(&letters)) {
        status = list_from_kafka(config, &letters, err);
        segmo__json_free(letters.query);
        return status;
    }
    segmo__buf_init(&dir, 8192);
    if (status == SEGMO_OK)
        status = spool_dir(config, &spool, err);
    if (status == SEGMO_OK)
        status = letters_dir(&dir, spool, err);
    segmo__buf_add_char(out, '[');
    if (status == SEGMO_OK)
        status = segmo__dead_letters_each(dir.data, list_letter, &letters, err);
    segmo__buf_add_char(out, ']');
    segmo__json_free(letters.query);
    segmo__buf_free(&dir);
    return status;
}

static segmo__destination destination_of(segmo__slice line)
{
    for (unsigned d = 1; d < SEGMO__DESTINATION_COUNT; d++)
        if (text_is(line, "destination", segmo__destination_name((segmo__destination)d)))
            return (segmo__destination)d;
    return SEGMO__DESTINATION_SEGMENT;
}

/* A letter becomes a stored message again, pending for its own destination only. */
static int frame_letter(struct letters *letters, segmo__slice line)
{
    segmo__slice message, source;
    segmo__buf scratch;
    segmo__message_rules rules = {
        .library = segmo__slice_of("{\"name\":\"segmo\",\"version\":\"" SEGMO_VERSION "\"}"),
        .call = -1,
        .is_stored = 1};
    uint32_t at = (uint32_t)letters->stored.len, len;
    uint8_t head[4 + SEGMO__SPOOL_DESTINATIONS];
    char *id;
    int status;

    if (!segmo__json_member(line, "message", &message) ||
        !segmo__json_member(line, "source", &source))
        return segmo__fail(&letters->error, SEGMO_ERR_INVALID, "message",
                           "a dead letter has no message");
    segmo__buf_init(&scratch, 4096);
    source = segmo__json_text(source, &scratch);
    id = segmo__strndup(source.at, source.len);
    segmo__buf_free(&scratch);
    if (!id)
        return segmo__fail_memory(&letters->error);
    rules.source = segmo__message_source_hash(id);
    segmo__free(id);
    memset(head, SEGMO__SKIPPED, sizeof head);
    head[4 + destination_of(line)] = SEGMO__PENDING;
    segmo__buf_add(&letters->stored, head, sizeof head);
    status = segmo__message_complete(&letters->stored, message, &rules, &letters->error);
    if (status != SEGMO_OK)
        return status;
    len = (uint32_t)(letters->stored.len - at - sizeof head);
    memcpy(letters->stored.data + at, &len, sizeof len);
    return SEGMO_OK;
}

static int letter_id(segmo__slice line, segmo__slice *id)
{
    if (!segmo__json_member(line, "id", id) || id->len != SEGMO__UUID_LEN + 2)
        return 0;
    *id = (segmo__slice){id->at + 1, SEGMO__UUID_LEN};
    return 1;
}

static int note_taken(struct letters *letters, segmo__slice line)
{
    segmo__slice id;

    if (letter_id(line, &id))
        segmo__buf_add_slice(&letters->taken, id);
    else
        segmo__fail(&letters->error, SEGMO_ERR_INVALID, "id", "a dead letter has no id");
    return !letters->error;
}

static int collect_letter(void *ctx, segmo__slice line)
{
    struct letters *letters = ctx;

    if (letters->count >= letters->limit || !fits(letters, line))
        return 0;
    letters->count++;
    return frame_letter(letters, line) != SEGMO_OK || !note_taken(letters, line);
}

struct planter {
    const segmo__buf *stored;
    size_t at;
};

static int next_payload(void *ctx, segmo__slice *payload, uint8_t preset[SEGMO__SPOOL_DESTINATIONS])
{
    struct planter *planter = ctx;
    uint32_t len;

    if (planter->at >= planter->stored->len)
        return 0;
    memcpy(&len, planter->stored->data + planter->at, sizeof len);
    memcpy(preset, planter->stored->data + planter->at + 4, SEGMO__SPOOL_DESTINATIONS);
    *payload =
        (segmo__slice){planter->stored->data + planter->at + 4 + SEGMO__SPOOL_DESTINATIONS, len};
    planter->at += 4 + SEGMO__SPOOL_DESTINATIONS + len;
    return 1;
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, SEGMO__UUID_LEN);
}

/* Exactly those that were put back: a running client may have added letters since. */
static int drop_taken(void *ctx, segmo__slice line)
{
    const struct letters *letters = ctx;
    segmo__slice id;

    return letter_id(line, &id) && letters->taken.len > 0 &&
           bsearch(id.at, letters->taken.data, letters->taken.len / SEGMO__UUID_LEN,
                   SEGMO__UUID_LEN, by_bytes) != NULL;
}

static int drop_letter(void *ctx, segmo__slice line)
{
    struct letters *letters = ctx;

    if (letters->count >= letters->limit || !fits(letters, line))
        return 0;
    letters->count++;
    return 1;
}

static segmo__letter_fate revive_letter(void *ctx, segmo__slice line)
{
    return drop_letter(ctx, line) ? SEGMO__LETTER_AGAIN : SEGMO__LETTER_STAYS;
}

static segmo__letter_fate delete_letter(void *ctx, segmo__slice line)
{
    return drop_letter(ctx, line) ? SEGMO__LETTER_GOES : SEGMO__LETTER_STAYS;
}

/* 1 when the query asks for those in Kafka: done then, as `status` says. */
static int dealt_with_in_kafka(const segmo_config *config, const char *query, int put_back,
                               uint64_t *count, int *status, segmo_error **err)
{
    struct letters letters = {.count = 0};
    int asked;

    *status = read_query(&letters, query, err);
    asked = *status == SEGMO_OK && is_from_kafka(&letters);
    if (asked)
        *status = segmo__dead_topic_each(config, 0, put_back ? revive_letter : delete_letter,
                                         &letters, err);
    *count = letters.count;
    segmo__json_free(letters.query);
    return asked;
}

static int for_letters(const segmo_config *config, const char *query, int put_back, uint64_t *count,
                       segmo_error **err)
{
    struct letters letters = {.stored = {.max = 1u << 30}, .taken = {.max = 1u << 30}};
    struct planter planter = {.stored = &letters.stored};
    segmo__buf dir;
    const char *spool;
    int status;

    if (dealt_with_in_kafka(config, query, put_back, count, &status, err))
        return status;
    *count = 0;
    status = spool_dir(config, &spool, err);
    segmo__buf_init(&dir, 8192);
    if (status == SEGMO_OK)
        status = read_query(&letters, query, err);
    if (status == SEGMO_OK)
        status = letters_dir(&dir, spool, err);
    if (status == SEGMO_OK && put_back) {
        status = segmo__dead_letters_each(dir.data, collect_letter, &letters, err);
        if (letters.error) {
            status = segmo_error_status(letters.error);
            segmo__fail(err, status, segmo_error_field(letters.error), "%s",
                        segmo_error_message(letters.error));
        } else if (letters.stored.failed || letters.taken.failed) {
            status = segmo__fail_memory(err);
        }
        if (status == SEGMO_OK && letters.count > 0)
            status = segmo__spool_plant(spool, next_payload, &planter, err);
        if (letters.taken.len > 0)
            qsort(letters.taken.data, letters.taken.len / SEGMO__UUID_LEN, SEGMO__UUID_LEN,
                  by_bytes);
    }
    if (status == SEGMO_OK)
        status = segmo__dead_letters_remove(dir.data, put_back ? drop_taken : drop_letter, &letters,
                                            count, err);
    segmo__buf_free(&letters.taken);
    segmo_error_free(letters.error);
    segmo__json_free(letters.query);
    segmo__buf_free(&letters.stored);
    segmo__buf_free(&dir);
    return status;
}

int segmo__dead_put_back(const segmo_config *config, const char *query, uint64_t *count,
                         segmo_error **err)
{
    return for_letters(config, query, 1, count, err);
}

int segmo__dead_delete(const segmo_config *config, const char *query, uint64_t *count,
                       segmo_error **err)
{
    return for_letters(config, query, 0, count, err);
}
