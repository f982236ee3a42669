/* What the library says of itself, and its memory. */
#include "base/buf.h"
#include "base/mem.h"
#include "deliver/compress.h"
#include "deliver/http.h"
#include "segmo.h"

#include <pthread.h>

const char *segmo_version(void)
{
    return SEGMO_VERSION;
}

int segmo_abi_version(void)
{
    return SEGMO_ABI_VERSION;
}

const char *segmo_features(void)
{
    static char text[256];
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

    pthread_mutex_lock(&lock);
    if (!text[0]) {
        segmo__buf out = {.data = text, .cap = sizeof text, .max = sizeof text};

        segmo__buf_addf(&out, "{\"version\":\"%s\",\"abi\":%d,\"gzip\":\"%s\",\"curl\":\"%s\"}",
                        SEGMO_VERSION, SEGMO_ABI_VERSION, segmo__gzip_name(), segmo__http_name());
        segmo__buf_add_char(&out, '\0');
    }
    pthread_mutex_unlock(&lock);
    return text;
}

void segmo_free(void *memory)
{
    segmo__free(memory);
}
