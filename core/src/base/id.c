/* Random identifiers, XXH64 and CRC-32C. Both hashes are written to disk, so they follow the
 * published algorithms to the bit and read bytes as little-endian on every machine. */
#include "base/id.h"

#include "base/thread.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* ---- random ---- */

#define POOL_IDS 256

static _Thread_local struct {
    unsigned char bytes[POOL_IDS * 16];
    size_t used;
    uint32_t
        generation; /* of the process that fetched them; a child must not repeat its parent's ids */
} pool;

/* Where a sandbox forbids the kernel's generator, the next best: what differs between threads,
 * processes and moments. An id must differ from all others; nobody has to be unable to guess it. */
static void mix_random(unsigned char *out, size_t len)
{
    static atomic_uint_least64_t turn;
    struct timespec now;
    uint64_t seed[4], word;

    clock_gettime(CLOCK_REALTIME, &now);
    seed[0] = (uint64_t)now.tv_sec << 32 ^ (uint64_t)now.tv_nsec;
    seed[1] = (uint64_t)getpid() << 32 ^ segmo__fork_generation();
    seed[2] = (uint64_t)(uintptr_t)out;
    for (size_t i = 0; i < len; i += sizeof word) {
        seed[3] = atomic_fetch_add(&turn, 1);
        word = segmo__id_hash(seed, sizeof seed, i);
        memcpy(out + i, &word, len - i < sizeof word ? len - i : sizeof word);
    }
}

#ifdef SEGMO_FAULTS
static atomic_int without_kernel;

void segmo__id_without_kernel(int without)
{
    without_kernel = without;
    pool.used = sizeof pool.bytes;
}
#else
enum { without_kernel = 0 };
#endif

static ssize_t ask_kernel(unsigned char *out, size_t len)
{
    if (!without_kernel)
        return getrandom(out, len, 0);
    errno = ENOSYS;
    return -1;
}

static void fetch_random(void)
{
    size_t done = 0;

    while (done < sizeof pool.bytes) {
        ssize_t got = ask_kernel(pool.bytes + done, sizeof pool.bytes - done);

        if (got < 0 && errno != EINTR) {
            mix_random(pool.bytes + done, sizeof pool.bytes - done);
            break;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    pool.used = 0;
    pool.generation = segmo__fork_generation();
}

static const unsigned char *take_random(size_t len)
{
    const unsigned char *taken;

    if (pool.generation != segmo__fork_generation() || pool.used + len > sizeof pool.bytes)
        fetch_random();
    taken = pool.bytes + pool.used;
    pool.used += len;
    return taken;
}

uint64_t segmo__id_random(void)
{
    uint64_t number;

    memcpy(&number, take_random(sizeof number), sizeof number);
    return number;
}

void segmo__id_uuid(char out[SEGMO__UUID_LEN + 1])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char bytes[16];
    char *at = out;

    memcpy(bytes, take_random(sizeof bytes), sizeof bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x40; /* version 4 */
    bytes[8] = (bytes[8] & 0x3f) | 0x80; /* variant of RFC 9562 */
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = hex[bytes[i] >> 4];
        *at++ = hex[bytes[i] & 15];
    }
    *at = '\0';
}

/* ---- XXH64 ---- */

#define PRIME_1 0x9E3779B185EBCA87u
#define PRIME_2 0xC2B2AE3D27D4EB4Fu
#define PRIME_3 0x165667B19E3779F9u
#define PRIME_4 0x85EBCA77C2B2AE63u
#define PRIME_5 0x27D4EB2F165667C5u

static inline uint64_t read_le64(const unsigned char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline uint32_t read_le32(const unsigned char *at)
{
    uint32_t word;

    memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    return word;
}

static inline uint64_t rotl(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static inline uint64_t xxh_round(uint64_t lane, uint64_t word)
{
    return rotl(lane + word * PRIME_2, 31) * PRIME_1;
}

static inline uint64_t xxh_merge(uint64_t hash, uint64_t lane)
{
    return (hash ^ xxh_round(0, lane)) * PRIME_1 + PRIME_4;
}

/* Whole stripes of 32 bytes; leaves `*at` behind them. */
static uint64_t xxh_stripes(const unsigned char **at, const unsigned char *end, uint64_t seed)
{
    uint64_t lane[4] = {seed + PRIME_1 + PRIME_2, seed + PRIME_2, seed, seed - PRIME_1};
    uint64_t hash;

    for (; end - *at >= 32; *at += 32)
        for (int i = 0; i < 4; i++)
            lane[i] = xxh_round(lane[i], read_le64(*at + 8 * i));
    hash = rotl(lane[0], 1) + rotl(lane[1], 7) + rotl(lane[2], 12) + rotl(lane[3], 18);
    for (int i = 0; i < 4; i++)
        hash = xxh_merge(hash, lane[i]);
    return hash;
}

static uint64_t xxh_tail(uint64_t hash, const unsigned char *at, const unsigned char *end)
{
    for (; end - at >= 8; at += 8)
        hash = rotl(hash ^ xxh_round(0, read_le64(at)), 27) * PRIME_1 + PRIME_4;
    if (end - at >= 4) {
        hash = rotl(hash ^ read_le32(at) * PRIME_1, 23) * PRIME_2 + PRIME_3;
        at += 4;
    }
    for (; at < end; at++)
        hash = rotl(hash ^ *at * PRIME_5, 11) * PRIME_1;
    return hash;
}

uint64_t segmo__id_hash(const void *bytes, size_t len, uint64_t seed)
{
    const unsigned char *at = bytes;
    const unsigned char *end = at + len;
    uint64_t hash = len >= 32 ? xxh_stripes(&at, end, seed) : seed + PRIME_5;

    hash = xxh_tail(hash + len, at, end);
    hash = (hash ^ hash >> 33) * PRIME_2;
    hash = (hash ^ hash >> 29) * PRIME_3;
    return hash ^ hash >> 32;
}

/* ---- CRC-32C ---- */

#define CRC32C_REFLECTED 0x82F63B78u

typedef uint32_t (*crc_fn)(uint32_t crc, const unsigned char *at, size_t len);

static uint32_t crc_table[8][256];

static void fill_crc_table(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;

        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? CRC32C_REFLECTED : 0);
        crc_table[0][byte] = crc;
    }
    for (int slice = 1; slice < 8; slice++)
        for (int byte = 0; byte < 256; byte++) {
            uint32_t before = crc_table[slice - 1][byte];

            crc_table[slice][byte] = before >> 8 ^ crc_table[0][before & 255];
        }
}

/* Eight bytes a step, each by the table of its place ("slicing by 8"). */
static uint32_t crc_by_table(uint32_t crc, const unsigned char *at, size_t len)
{
    for (; len >= 8; len -= 8, at += 8) {
        uint64_t word = read_le64(at) ^ crc;

        crc = 0;
        for (int i = 0; i < 8; i++)
            crc ^= crc_table[7 - i][word >> 8 * i & 255];
    }
    for (; len > 0; len--, at++)
        crc = crc >> 8 ^ crc_table[0][(crc ^ *at) & 255];
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

/* An instruction waits for the one before it but could be begun three times meanwhile, so long
 * texts are taken in three lanes. A lane's checksum counts for the whole once it is moved on by the
 * bytes behind the lane, which is a sum of table entries, since the checksum of a sum is the sum of
 * the checksums. */
#define CRC_LANE 256

static uint32_t crc_lane_table[4][256];

static void fill_lane_table(void)
{
    static const unsigned char zeros[CRC_LANE];

    for (unsigned slice = 0; slice < 4; slice++)
        for (uint32_t byte = 1; byte < 256; byte++) {
            uint32_t *entry = crc_lane_table[slice], bit = byte & -byte;

            entry[byte] = byte == bit ? crc_by_table(bit << 8 * slice, zeros, CRC_LANE)
                                      : entry[byte ^ bit] ^ entry[bit];
        }
}

static inline uint32_t past_a_lane(uint32_t crc)
{
    return crc_lane_table[0][crc & 255] ^ crc_lane_table[1][crc >> 8 & 255] ^
           crc_lane_table[2][crc >> 16 & 255] ^ crc_lane_table[3][crc >> 24];
}

__attribute__((target("sse4.2"))) static uint32_t crc_by_cpu(uint32_t crc, const unsigned char *at,
                                                             size_t len)
{
    uint64_t wide = crc;

    for (; len >= 3 * CRC_LANE; len -= 3 * CRC_LANE, at += 3 * CRC_LANE) {
        uint64_t second = 0, third = 0;

        for (size_t i = 0; i < CRC_LANE; i += 8) {
            wide = _mm_crc32_u64(wide, read_le64(at + i));
            second = _mm_crc32_u64(second, read_le64(at + CRC_LANE + i));
            third = _mm_crc32_u64(third, read_le64(at + 2 * CRC_LANE + i));
        }
        wide = past_a_lane((uint32_t)wide) ^ second;
        wide = past_a_lane((uint32_t)wide) ^ third;
    }
    for (; len >= 8; len -= 8, at += 8)
        wide = _mm_crc32_u64(wide, read_le64(at));
    crc = (uint32_t)wide;
    for (; len > 0; len--, at++)
        crc = _mm_crc32_u8(crc, *at);
    return crc;
}

static crc_fn cpu_crc(void)
{
    __builtin_cpu_init();
    fill_lane_table();
    return __builtin_cpu_supports("sse4.2") ? crc_by_cpu : NULL;
}
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>

static uint32_t crc_by_cpu(uint32_t crc, const unsigned char *at, size_t len)
{
    for (; len >= 8; len -= 8, at += 8)
        crc = __crc32cd(crc, read_le64(at));
    for (; len > 0; len--, at++)
        crc = __crc32cb(crc, *at);
    return crc;
}

static crc_fn cpu_crc(void)
{
    return crc_by_cpu;
}
#else
static crc_fn cpu_crc(void)
{
    return NULL;
}
#endif

static crc_fn chosen_crc;

/* Runs when the library is loaded, before any thread can ask. */
__attribute__((constructor)) static void choose_crc(void)
{
    crc_fn by_cpu;

    fill_crc_table();
    by_cpu = cpu_crc();
    chosen_crc = by_cpu ? by_cpu : crc_by_table;
}

uint32_t segmo__id_crc32c(uint32_t crc, const void *bytes, size_t len)
{
    return ~chosen_crc(~crc, bytes, len);
}

#ifdef SEGMO_FAULTS
void segmo__id_crc32c_use_table(int by_table)
{
    choose_crc();
    if (by_table)
        chosen_crc = crc_by_table;
}
#endif
