/* Random numbers that are the same for the same seed, on every machine. */
#ifndef DICE_H
#define DICE_H

#include <stdint.h>

typedef struct dice {
    uint64_t state;
} dice;

static inline dice dice_of(uint64_t seed)
{
    return (dice){seed * 0x9E3779B97F4A7C15u + 0x632BE59BD9B4E019u};
}

static inline uint32_t roll(dice *from, uint32_t sides)
{
    uint64_t mixed;

    from->state += 0x9E3779B97F4A7C15u;
    mixed = (from->state ^ (from->state >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)((mixed ^ (mixed >> 31)) >> 16) % sides;
}

#endif
