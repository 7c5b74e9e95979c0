/* bench/dice.h: the generator's random numbers: the same for the same seed on every machine. */
#ifndef CMSCOPE_BENCH_DICE_H
#define CMSCOPE_BENCH_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

/* SplitMix64 (Steele, Lea, Flood 2014). */
static inline uint64_t dice_next(struct dice *dice)
{
    uint64_t value = dice->state += 0x9e3779b97f4a7c15;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
}

/* 0 to count - 1; count is not 0. */
static inline uint32_t dice_below(struct dice *dice, uint32_t count)
{
    return (uint32_t)((dice_next(dice) >> 32) * count >> 32);
}

static inline uint32_t dice_between(struct dice *dice, uint32_t least, uint32_t most)
{
    return least + dice_below(dice, most - least + 1);
}

static inline bool dice_hits(struct dice *dice, uint32_t of_100000)
{
    return dice_below(dice, 100000) < of_100000;
}

#endif
