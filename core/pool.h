/* core/pool.h: memory for what comes and goes by the ten thousand: connections, exchanges, their bodies.
 *
 *   chunk |span|span|span| ... |      a span holds pieces of one size; what is given back is the next to be taken
 *
 * Faster than malloc where many pieces are in use, and close together: what was used last is taken first. A span
 * without a piece in use serves any size again, and a chunk without one goes back to the system. Whether its pages are
 * large ones is the system's choice: asking for them made guests slower whose host takes free memory back (300 MB took
 * 1.2 s in place of 0.2). Pieces above POOL_PIECE_MAX are those of malloc.
 *
 * For one thread. With AddressSanitizer every piece is one of malloc, so that it sees what is used after it was given
 * back.
 */
#ifndef CMSCOPE_CORE_POOL_H
#define CMSCOPE_CORE_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

#define POOL_PIECE_MAX ((size_t)8192)
/* Sizes: multiples of 64 up to 2 KB, then of 512. */
#define POOL_SIZES 44

struct pool_span;
struct pool_chunk;

struct pool {
    struct pool_span *partial[POOL_SIZES]; /* spans with room, by size; the one used last is first */
    struct pool_span *empty;               /* spans that serve no size */
    struct pool_chunk *chunks;
    size_t empty_count, chunk_count;
};

void pool_init(struct pool *pool);
/* All pieces must have been given back. */
void pool_free(struct pool *pool);

/* `size` bytes aligned to a line of the cache (above POOL_PIECE_MAX: for any type), not zeroed; NULL when out of memory.
 * pool_zero: zeroed. */
MUST_USE void *pool_take(struct pool *pool, size_t size);
MUST_USE void *pool_zero(struct pool *pool, size_t size);
/* A piece of `wanted` bytes with the first `used` ones of the piece (NULL: none) of `size` bytes, which is given back. NULL
 * when out of memory: then the old one is as it was. */
MUST_USE void *pool_resize(struct pool *pool, void *piece, size_t size, size_t used, size_t wanted);
/* Gives back a piece that was taken with that size. NULL is allowed. */
void pool_give(struct pool *pool, void *piece, size_t size);
/* How much a piece of that size really has; the same piece may be given back with either. */
size_t pool_room(size_t size);

#endif
