#include "support/nearest.h"

#include <string.h>

#define NAME_MAX_LEN 63

static size_t least(size_t a, size_t b, size_t c)
{
    size_t smaller = a < b ? a : b;

    return smaller < c ? smaller : c;
}

/* Levenshtein's distance, one row at a time. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[NAME_MAX_LEN + 1];

    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t above = row[j];

            row[j] = least(row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_len];
}

void nearest_begin(struct nearest *nearest, const char *wanted, size_t len)
{
    nearest->wanted = wanted;
    nearest->wanted_len = len;
    nearest->name = NULL;
    nearest->distance = len / 3 + 2; /* farther than that is another word */
}

void nearest_offer(struct nearest *nearest, const char *name)
{
    size_t len = strlen(name);
    size_t here;

    if (len > NAME_MAX_LEN || nearest->wanted_len > NAME_MAX_LEN)
        return;
    here = distance(nearest->wanted, nearest->wanted_len, name, len);
    if (here < nearest->distance) {
        nearest->distance = here;
        nearest->name = name;
    }
}
