/* core/arena.h: memory that lives as long as one message, one report, one anything.
 *
 * Allocation is a pointer increment; everything is freed at once. An arena has a limit, and past it every allocation
 * fails: that is how one hostile message cannot take all memory.
 */
#ifndef CMSCOPE_CORE_ARENA_H
#define CMSCOPE_CORE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used;                /* bytes handed out since the last reset */
    size_t limit;
    uint64_t refused; /* allocations that the limit or the system refused, since arena_init */
};

void arena_init(struct arena *arena, size_t limit);
/* Zeroed memory aligned for any type; NULL when the limit or the system's memory is reached. */
MUST_USE void *arena_alloc(struct arena *arena, size_t size);
/* The same, but not zeroed: for what is written at once. */
MUST_USE void *arena_take(struct arena *arena, size_t size);
/* Forgets everything; keeps the largest block for the next use. */
void arena_reset(struct arena *arena);
void arena_free(struct arena *arena);

#endif
