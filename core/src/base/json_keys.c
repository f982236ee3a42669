/* Keys that are long or escaped, and objects with many keys. Small objects compare each new key
 * with the others; big ones are sorted when they close, so that 10,000 keys cost no more than their
 * sorting. */
#include "base/json_scan.h"
#include "base/mem.h"

#include <stdlib.h>

typedef struct block {
    uint64_t half[2];
    size_t filled;
    size_t len; /* of all */
    uint64_t print;
} block;

static void end_block(block *b)
{
    b->print = segmo__scan_print_step(b->print, b->half[0], b->half[1]);
    memset(b->half, 0, sizeof b->half);
    b->filled = 0;
}

/* Of a key without escapes. */
static uint32_t plain_print(const char *at, size_t len)
{
    block b = {{0, 0}, 0, len, 0};
    size_t left = len;

    for (; left > sizeof b.half; left -= sizeof b.half, at += sizeof b.half) {
        memcpy(b.half, at, sizeof b.half);
        end_block(&b);
    }
    memcpy(b.half, at, left);
    end_block(&b);
    return segmo__scan_print_end(b.print, b.len);
}

uint32_t segmo__scan_print(const char *at, const char *key_end)
{
    block b = {{0, 0}, 0, 0, 0};

    if (!memchr(at, '\\', (size_t)(key_end - at)))
        return plain_print(at, (size_t)(key_end - at));
    while (at < key_end) {
        char bytes[4];
        int count = segmo__json_decode(&at, bytes);

        for (int i = 0; i < count; i++) {
            if (b.filled == sizeof b.half)
                end_block(&b);
            ((char *)b.half)[b.filled++] = bytes[i];
            b.len++;
        }
    }
    end_block(&b);
    return segmo__scan_print_end(b.print, b.len);
}

/* Hands out a key's decoded bytes one by one. */
typedef struct reader {
    const char *at;
    const char *end;
    int taken, count;
    char bytes[4];
} reader;

static int next_byte(reader *in)
{
    if (in->taken == in->count) {
        if (in->at == in->end)
            return -1;
        in->count = segmo__json_decode(&in->at, in->bytes);
        in->taken = 0;
    }
    return (unsigned char)in->bytes[in->taken++];
}

/* A total order of keys as decoded; all that matters is that equal keys become neighbours. */
static int compare_keys(const void *left_key, const void *right_key)
{
    const segmo__scan_key *left = left_key, *right = right_key;
    reader l = {.at = left->at, .end = left->at + left->len};
    reader r = {.at = right->at, .end = right->at + right->len};
    int l_byte, r_byte;

    if (left->print != right->print)
        return left->print < right->print ? -1 : 1;
    do {
        l_byte = next_byte(&l);
        r_byte = next_byte(&r);
    } while (l_byte == r_byte && l_byte >= 0);
    return l_byte - r_byte;
}

int segmo__scan_more_keys(segmo__scan *s)
{
    uint32_t room = s->key_room * 4;
    int is_inline = s->keys == s->inline_keys;
    segmo__scan_key *keys = segmo__realloc(is_inline ? NULL : s->keys, room * sizeof *keys);

    if (!keys)
        return 0;
    if (is_inline)
        memcpy(keys, s->inline_keys, sizeof s->inline_keys);
    s->keys = keys;
    s->key_room = room;
    return 1;
}

int segmo__scan_has_key(const segmo__scan *s)
{
    const segmo__scan_key *last = s->keys + s->key_count - 1, *key = s->keys + s->top->first_key;

    if (last - key >= SEGMO__SCAN_KEYS_COMPARED)
        return 0;
    while (key < last && (key->print != last->print || compare_keys(key, last) != 0))
        key++;
    return key < last;
}

const segmo__scan_key *segmo__scan_find_twin(segmo__scan *s)
{
    segmo__scan_key *key = s->keys + s->top->first_key, *end = s->keys + s->key_count;

    qsort(key, (size_t)(end - key), sizeof *key, compare_keys);
    for (key++; key < end; key++)
        if (compare_keys(key - 1, key) == 0) {
            end[-1] = key->at > key[-1].at ? *key : key[-1];
            return end - 1;
        }
    return NULL;
}
