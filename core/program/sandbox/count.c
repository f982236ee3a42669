/* Keys are found by their rarest letter with memchr(), which looks at 32 bytes at a time; only
 * around a hit the whole key is compared.
 */
#include "count.h"

typedef struct landmark {
    const char *key; /* with its quotes */
    size_t len;
    size_t rare; /* where in the key its rarest letter stands */
} landmark;

#define LANDMARK(literal, at)                                                                      \
    {                                                                                              \
        "\"" literal "\"", sizeof(literal) + 1, (at) + 1                                           \
    }

/* The next place behind a key, or NULL; `at` may stand anywhere. */
static const char *find_key(const landmark *mark, const char *start, const char *at,
                            const char *end)
{
    while (at < end && (at = memchr(at, mark->key[mark->rare], (size_t)(end - at)))) {
        const char *key = at - mark->rare;

        if ((size_t)(at - start) >= mark->rare && (size_t)(end - key) >= mark->len &&
            memcmp(key, mark->key, mark->len) == 0)
            return key + mark->len;
        at++;
    }
    return NULL;
}

static size_t count_key(const landmark *mark, segmo__slice body)
{
    const char *end = body.at + body.len, *at = body.at;
    size_t count = 0;

    while ((at = find_key(mark, body.at, at, end)))
        count++;
    return count;
}

static const char *read_number(const char *at, const char *end, segmo__buf *seqs)
{
    int64_t number = 0;
    const char *first;

    while (at < end && (*at == ':' || *at == ' '))
        at++;
    for (first = at; at < end && *at >= '0' && *at <= '9' && at - first < 18; at++)
        number = number * 10 + (*at - '0');
    if (at > first)
        segmo__buf_add(seqs, &number, sizeof number);
    return at;
}

size_t sandbox_count(sandbox_service service, segmo__slice body, segmo__buf *seqs)
{
    static const landmark seq = LANDMARK("seq", 2), message_id = LANDMARK("messageId", 7),
                          action = LANDMARK("action", 5), customer = LANDMARK("customer", 4);
    const char *end = body.at + body.len, *at = body.at;

    segmo__buf_clear(seqs);
    while ((at = find_key(&seq, body.at, at, end)))
        at = read_number(at, end, seqs);
    if (service == SANDBOX_SEGMENT)
        return count_key(&message_id, body);
    return count_key(&action, body) + count_key(&customer, body);
}
