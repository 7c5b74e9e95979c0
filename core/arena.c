/* core/arena.c: see arena.h. */
#include "core/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK_MIN ((size_t)64 * 1024)
#define ARENA_KEEP_MAX ((size_t)1024 * 1024) /* a rare giant is given back to the system */

struct arena_block {
    struct arena_block *next;
    size_t size; /* of bytes[] */
    size_t used;
    alignas(max_align_t) uint8_t bytes[];
};

void arena_init(struct arena *arena, size_t limit)
{
    *arena = (struct arena){.limit = limit};
}

/* Each block is twice the one before, so that a user of much soon has one block that is kept for the next time. */
static struct arena_block *arena_grow(struct arena *arena, size_t size)
{
    size_t block_size = arena->blocks == NULL ? ARENA_BLOCK_MIN : 2 * arena->blocks->size;
    block_size = block_size > ARENA_KEEP_MAX ? ARENA_KEEP_MAX : block_size;
    block_size = block_size > size ? block_size : size;
    struct arena_block *block = malloc(sizeof *block + block_size);
    if (block == NULL)
        return NULL;
    *block = (struct arena_block){.next = arena->blocks, .size = block_size};
    arena->blocks = block;
    return block;
}

static void *refuse(struct arena *arena)
{
    arena->refused++;
    return NULL;
}

void *arena_take(struct arena *arena, size_t size)
{
    if (size > arena->limit || arena->used > arena->limit - size)
        return refuse(arena);
    size_t rounded = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct arena_block *block = arena->blocks;
    if (block == NULL || block->size - block->used < rounded) {
        block = arena_grow(arena, rounded);
        if (block == NULL)
            return refuse(arena);
    }
    void *memory = block->bytes + block->used;
    block->used += rounded;
    arena->used += rounded;
    return memory;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    void *memory = arena_take(arena, size);
    return memory == NULL ? NULL : memset(memory, 0, size);
}

static void arena_release(struct arena *arena, const struct arena_block *keep)
{
    struct arena_block *block = arena->blocks;
    while (block != NULL) {
        struct arena_block *next = block->next;
        if (block != keep)
            free(block);
        block = next;
    }
}

void arena_reset(struct arena *arena)
{
    struct arena_block *keep = NULL;
    for (struct arena_block *block = arena->blocks; block != NULL; block = block->next) {
        if (block->size <= ARENA_KEEP_MAX && (keep == NULL || block->size > keep->size))
            keep = block;
    }
    arena_release(arena, keep);
    if (keep != NULL) {
        keep->next = NULL;
        keep->used = 0;
    }
    arena->blocks = keep;
    arena->used = 0;
}

void arena_free(struct arena *arena)
{
    arena_release(arena, NULL);
    *arena = (struct arena){.limit = arena->limit, .refused = arena->refused};
}
