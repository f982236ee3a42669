#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

void segmo__buf_init(segmo__buf *buf, size_t max)
{
    *buf = (segmo__buf){.max = max};
}

void segmo__buf_free(segmo__buf *buf)
{
    segmo__free(buf->data);
    *buf = (segmo__buf){.max = buf->max};
}

void segmo__buf_clear(segmo__buf *buf)
{
    buf->len = 0;
    buf->failed = 0;
}

int segmo__buf_reserve(segmo__buf *buf, size_t len)
{
    size_t cap = buf->cap > 0 ? buf->cap : 256;
    char *data;

    if (buf->failed || len > buf->max - buf->len) {
        buf->failed = 1;
        return 0;
    }
    if (len <= buf->cap - buf->len)
        return 1;
    while (cap - buf->len < len)
        cap *= 2;
    if (cap > buf->max)
        cap = buf->max;
    data = segmo__realloc(buf->data, cap);
    if (!data) {
        buf->failed = 1;
        return 0;
    }
    buf->data = data;
    buf->cap = cap;
    return 1;
}

void segmo__buf_add_slow(segmo__buf *buf, const void *bytes, size_t len)
{
    char *at = len > 0 ? segmo__buf_extend(buf, len) : NULL;

    if (at)
        memcpy(at, bytes, len);
}

void segmo__buf_add_str(segmo__buf *buf, const char *text)
{
    segmo__buf_add(buf, text, strlen(text));
}

void segmo__buf_put_before(segmo__buf *buf, segmo__slice head)
{
    if (!segmo__buf_reserve(buf, head.len))
        return;
    memmove(buf->data + head.len, buf->data, buf->len);
    memcpy(buf->data, head.at, head.len);
    buf->len += head.len;
}

void segmo__buf_add_char(segmo__buf *buf, char c)
{
    segmo__buf_add(buf, &c, 1);
}

void segmo__buf_add_u64(segmo__buf *buf, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    segmo__buf_add(buf, digits + at, sizeof digits - at);
}

void segmo__buf_add_i64(segmo__buf *buf, int64_t number)
{
    if (number < 0)
        segmo__buf_add_char(buf, '-');
    segmo__buf_add_u64(buf, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void segmo__buf_addf(segmo__buf *buf, const char *format, ...)
{
    va_list args;
    int len;
    char *at;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !segmo__buf_reserve(buf, (size_t)len + 1))
        return;
    at = buf->data + buf->len;
    va_start(args, format);
    vsnprintf(at, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
}

char *segmo__buf_detach(segmo__buf *buf)
{
    char *data;

    segmo__buf_add_char(buf, '\0');
    data = buf->failed ? NULL : buf->data;
    if (data)
        buf->data = NULL;
    segmo__buf_free(buf);
    return data;
}

int segmo__same_secret(segmo__slice secret, segmo__slice text)
{
    unsigned char differs = 0;

    if (secret.len != text.len)
        return 0;
    for (size_t i = 0; i < text.len; i++)
        differs |= (unsigned char)(secret.at[i] ^ text.at[i]);
    __asm__ volatile("" : "+r"(differs)); /* no compiler may see through it and stop early */
    return differs == 0;
}
