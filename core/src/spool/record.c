/* Framing of records: a header with a checksum over itself and the payload. */
#include "spool/record.h"

#include "base/id.h"

#include <endian.h>
#include <string.h>

/* 0xFB is never part of valid UTF-8. */
#define MAGIC_0 0xFB
#define MAGIC_1 0x5E

static uint32_t get_u32(const unsigned char *at)
{
    uint32_t number;

    memcpy(&number, at, sizeof number);
    return le32toh(number);
}

static void put_u32(unsigned char *at, uint32_t number)
{
    number = htole32(number);
    memcpy(at, &number, sizeof number);
}

static uint32_t checksum(const unsigned char *header, const void *payload, size_t len)
{
    return segmo__id_crc32c(segmo__id_crc32c(0, header, 8), payload, len);
}

void segmo__record_header(unsigned char out[SEGMO__RECORD_HEADER], uint8_t flags,
                          const void *payload, size_t len)
{
    out[0] = MAGIC_0;
    out[1] = MAGIC_1;
    out[2] = SEGMO__RECORD_VERSION;
    out[3] = flags;
    put_u32(out + 4, (uint32_t)len);
    put_u32(out + 8, checksum(out, payload, len));
}

uint32_t segmo__record_word(const unsigned char header[SEGMO__RECORD_HEADER])
{
    return get_u32(header);
}

segmo__record_state segmo__record_look(const unsigned char *bytes, size_t len, size_t max_payload,
                                       size_t *payload_len)
{
    static const unsigned char start[3] = {MAGIC_0, MAGIC_1, SEGMO__RECORD_VERSION};
    static const unsigned char zeros[4];
    size_t payload;

    if (len < sizeof zeros)
        return SEGMO__RECORD_SHORT;
    if (memcmp(bytes, zeros, sizeof zeros) == 0)
        return SEGMO__RECORD_NONE;
    if (memcmp(bytes, start, sizeof start) != 0)
        return SEGMO__RECORD_DAMAGED;
    if (len < SEGMO__RECORD_HEADER)
        return SEGMO__RECORD_SHORT;
    payload = get_u32(bytes + 4);
    if (payload > max_payload)
        return SEGMO__RECORD_DAMAGED;
    *payload_len = payload;
    if (len - SEGMO__RECORD_HEADER < payload)
        return SEGMO__RECORD_SHORT;
    if (get_u32(bytes + 8) != checksum(bytes, bytes + SEGMO__RECORD_HEADER, payload))
        return SEGMO__RECORD_DAMAGED;
    return SEGMO__RECORD_WHOLE;
}
