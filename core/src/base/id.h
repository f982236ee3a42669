/* Identifiers: random UUIDs from the kernel, and hashes that tell users and sources apart. */
#ifndef SEGMO_BASE_ID_H
#define SEGMO_BASE_ID_H

#include "base/buf.h"

#include <stdint.h>

#define SEGMO__UUID_LEN 36

/* A version 4 UUID: SEGMO__UUID_LEN bytes and a NUL. Random bytes are fetched for many ids at once,
 * per thread, and thrown away in a forked child. */
void segmo__id_uuid(char out[SEGMO__UUID_LEN + 1]);
uint64_t segmo__id_random(void);

/* A 64-bit hash (XXH64); the same on every machine and in every release, since it is stored on
 * disk. */
uint64_t segmo__id_hash(const void *bytes, size_t len, uint64_t seed);

/* CRC-32C (Castagnoli), by the processor's instruction where there is one. */
uint32_t segmo__id_crc32c(uint32_t crc, const void *bytes, size_t len);

#ifdef SEGMO_FAULTS
void segmo__id_crc32c_use_table(int by_table); /* as on a processor without the instruction */
void segmo__id_without_kernel(int without);    /* as where its generator is forbidden */
#endif

#endif
