/* The shared object is indexed once, by the hashes of its names, and each of the own members is
 * looked up in it. */
#include "model/merge.h"

#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>

typedef struct shared_member {
    segmo__slice key, value;
    int is_own_too;
} shared_member;

typedef struct named {
    uint64_t hash;
    size_t member;
} named;

typedef struct shared_index {
    shared_member *members; /* as they stand there */
    named *by_hash;         /* sorted */
    size_t count;
} shared_index;

static size_t count_members(segmo__slice object)
{
    segmo__json_walk walk;
    segmo__slice key, value;
    size_t count = 0;

    segmo__json_walk_begin(&walk, object);
    while (segmo__json_next(&walk, &key, &value))
        count++;
    return count;
}

static int by_hash(const void *a, const void *b)
{
    uint64_t left = ((const named *)a)->hash, right = ((const named *)b)->hash;

    return (left > right) - (left < right);
}

static uint64_t hash_of(segmo__slice name)
{
    return segmo__id_hash(name.at, name.len, 0);
}

static int index_shared(shared_index *index, segmo__slice shared, segmo__buf *scratch)
{
    size_t room = count_members(shared);
    segmo__json_walk walk;
    shared_member member = {.is_own_too = 0};

    index->count = 0;
    index->members = segmo__alloc((room + 1) * sizeof *index->members);
    index->by_hash = segmo__alloc((room + 1) * sizeof *index->by_hash);
    if (!index->members || !index->by_hash)
        return 0;
    segmo__json_walk_begin(&walk, shared);
    while (segmo__json_next(&walk, &member.key, &member.value)) {
        index->by_hash[index->count] =
            (named){hash_of(segmo__json_text(member.key, scratch)), index->count};
        index->members[index->count++] = member;
    }
    qsort(index->by_hash, index->count, sizeof *index->by_hash, by_hash);
    return 1;
}

static shared_member *find(const shared_index *index, segmo__slice name)
{
    uint64_t hash = hash_of(name);
    size_t from = 0, to = index->count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (index->by_hash[middle].hash < hash)
            from = middle + 1;
        else
            to = middle;
    }
    for (; from < index->count && index->by_hash[from].hash == hash; from++) {
        shared_member *member = &index->members[index->by_hash[from].member];

        if (segmo__json_key_means(member->key, name))
            return member;
    }
    return NULL;
}

static void put_key(segmo__buf *out, segmo__slice key, int *first)
{
    segmo__buf_add(out, *first ? "\"" : ",\"", *first ? 1 : 2);
    segmo__buf_add_slice(out, key);
    segmo__buf_add_lit(out, "\":");
    *first = 0;
}

static int is_object(segmo__slice value)
{
    return segmo__json_kind_of(value) == SEGMO__JSON_OBJECT;
}

static void put_all(segmo__buf *out, segmo__slice own, const shared_index *index, int deep,
                    segmo__buf *scratch)
{
    segmo__json_walk walk;
    segmo__slice key, value;
    int first = 1;

    segmo__json_walk_begin(&walk, own);
    while (segmo__json_next(&walk, &key, &value)) {
        shared_member *other = find(index, segmo__json_text(key, scratch));
        int is_again = other && other->is_own_too; /* a name twice: the message will be refused */

        put_key(out, key, &first);
        if (other && !is_again && deep && is_object(value) && is_object(other->value))
            segmo__merge(out, value, other->value, deep, scratch);
        else
            segmo__buf_add_slice(out, value);
        if (other)
            other->is_own_too = 1;
    }
    for (size_t i = 0; i < index->count; i++) {
        if (index->members[i].is_own_too)
            continue;
        put_key(out, index->members[i].key, &first);
        segmo__buf_add_slice(out, index->members[i].value);
    }
}

void segmo__merge(segmo__buf *out, segmo__slice own, segmo__slice shared, int deep,
                  segmo__buf *scratch)
{
    shared_index index;

    segmo__buf_add_lit(out, "{");
    if (index_shared(&index, shared, scratch))
        put_all(out, own, &index, deep, scratch);
    else
        out->failed = 1;
    segmo__buf_add_lit(out, "}");
    segmo__free(index.members);
    segmo__free(index.by_hash);
}
