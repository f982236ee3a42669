/* The index in front of a stored message, little-endian, 128 bytes:
 *
 *      0  version u8 | call u8 | flags u8 | wants u8[4] | 0 u8 | json_len u32 | 0 u32
 *     16  source u64 | user u64 | id_hash u64 | accepted_ms i64 | timestamp_ms i64
 *     56  parts (at u16, len u16)[14] | 0 u8[16]
 */
#include "model/message_index.h"

#define INDEX_VERSION 1

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LE16(number) ((uint16_t)(number))
#define LE32(number) ((uint32_t)(number))
#define LE64(number) ((uint64_t)(number))
#else
#define LE16(number) __builtin_bswap16((uint16_t)(number))
#define LE32(number) __builtin_bswap32((uint32_t)(number))
#define LE64(number) __builtin_bswap64((uint64_t)(number))
#endif

typedef struct stored_index {
    uint8_t version, call, flags, wants[SEGMO__INTEGRATION_COUNT], zero;
    uint32_t json_len, zero_32;
    uint64_t source, user, id_hash, accepted_ms, timestamp_ms;
    struct {
        uint16_t at, len;
    } part[SEGMO__PART_COUNT];
    uint8_t room[16];
} stored_index;

_Static_assert(sizeof(stored_index) == SEGMO__MESSAGE_INDEX_SIZE, "the index has no gaps");

void segmo__message_put_index(char *out, const segmo__message *message)
{
    stored_index index = {.version = INDEX_VERSION, .call = message->call, .flags = message->flags};

    memcpy(index.wants, message->wants, sizeof index.wants);
    index.json_len = LE32(message->json_len);
    index.source = LE64(message->source);
    index.user = LE64(message->user);
    index.id_hash = LE64(message->id_hash);
    index.accepted_ms = LE64(message->accepted_ms);
    index.timestamp_ms = LE64(message->timestamp_ms);
    for (int part = 0; part < SEGMO__PART_COUNT; part++) {
        index.part[part].at = LE16(message->part[part].at);
        index.part[part].len = LE16(message->part[part].len);
    }
    memcpy(out, &index, sizeof index);
}

static void get_index(const char *stored, segmo__message *message)
{
    stored_index index;

    memcpy(&index, stored, sizeof index);
    message->call = index.call;
    message->flags = index.flags;
    memcpy(message->wants, index.wants, sizeof index.wants);
    message->json_len = LE32(index.json_len);
    message->source = LE64(index.source);
    message->user = LE64(index.user);
    message->id_hash = LE64(index.id_hash);
    message->accepted_ms = (int64_t)LE64(index.accepted_ms);
    message->timestamp_ms = (int64_t)LE64(index.timestamp_ms);
    for (int part = 0; part < SEGMO__PART_COUNT; part++) {
        message->part[part].at = LE16(index.part[part].at);
        message->part[part].len = LE16(index.part[part].len);
    }
}

static int index_fits(const segmo__message *message, size_t json_len)
{
    int fits = message->json_len == json_len && message->call <= SEGMO__CALL_ALIAS;

    for (int i = 0; i < SEGMO__INTEGRATION_COUNT; i++)
        fits &= message->wants[i] <= SEGMO__WISH_YES;
    for (int part = 0; part < SEGMO__PART_COUNT; part++)
        fits &= (size_t)message->part[part].at + message->part[part].len <= json_len;
    return fits;
}

int segmo__message_read(segmo__message *out, segmo__slice stored, segmo_error **err)
{
    if (stored.len > SEGMO__MESSAGE_INDEX_SIZE && *stored.at == INDEX_VERSION) {
        out->json = stored.at + SEGMO__MESSAGE_INDEX_SIZE;
        get_index(stored.at, out);
        if (index_fits(out, stored.len - SEGMO__MESSAGE_INDEX_SIZE))
            return SEGMO_OK;
    }
    return segmo__fail(err, SEGMO_ERR_INVALID, NULL,
                       "a stored message has an index that does not fit it; read it with the "
                       "release that wrote it");
}
