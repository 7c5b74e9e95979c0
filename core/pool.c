/* core/pool.c: see pool.h. */
#include "core/pool.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define POOL_IS_MALLOC true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_IS_MALLOC true
#endif
#endif
#ifndef POOL_IS_MALLOC
#define POOL_IS_MALLOC false
#endif

#define LINE ((size_t)64)
#define SPAN_BYTES ((size_t)128 * 1024)
#define SPANS 16
/* A large page of x86-64 and of most arm64. */
#define CHUNK_BYTES (SPANS * SPAN_BYTES)

struct piece {
    struct piece *next;
};

/* Stands at the start of each span. */
struct pool_span {
    struct pool_span *next, *previous; /* of the list it is on */
    struct pool_chunk *chunk;
    struct piece *given; /* back: these are taken first */
    uint32_t fresh;      /* offset of the first piece that was never taken */
    uint32_t size;       /* of its pieces; 0: it serves no size */
    uint32_t live;       /* pieces in use */
    bool is_listed;
};

struct pool_chunk {
    struct pool_chunk *next, *previous;
    char *bytes;
    unsigned live; /* spans that serve a size */
};

_Static_assert(sizeof(struct pool_span) <= LINE, "pieces start one line behind the start of the span");

/* ---- Sizes ---- */

static size_t round_up(size_t size, size_t step)
{
    return (size + step - 1) & ~(step - 1);
}

size_t pool_room(size_t size)
{
    if (size > POOL_PIECE_MAX)
        return size;
    return size <= 2048 ? round_up(size == 0 ? 1 : size, LINE) : round_up(size, 512);
}

/* The number of a size that pool_room returns: 1 to 32, 33 to 44; from 0. */
static size_t number_of(size_t room)
{
    return room <= 2048 ? room / LINE - 1 : 32 + (room - 2048) / 512 - 1;
}

/* ---- Lists ---- */

static void list_add(struct pool_span **list, struct pool_span *span)
{
    span->previous = NULL;
    span->next = *list;
    if (*list != NULL)
        (*list)->previous = span;
    *list = span;
    span->is_listed = true;
}

static void list_remove(struct pool_span **list, struct pool_span *span)
{
    *(span->previous == NULL ? list : &span->previous->next) = span->next;
    if (span->next != NULL)
        span->next->previous = span->previous;
    span->is_listed = false;
}

/* ---- Chunks ---- */

static struct pool_span *span_at(const struct pool_chunk *chunk, size_t number)
{
    return (struct pool_span *)(void *)(chunk->bytes + number * SPAN_BYTES);
}

static bool add_chunk(struct pool *pool)
{
    struct pool_chunk *chunk = calloc(1, sizeof *chunk);
    if (chunk != NULL)
        chunk->bytes = aligned_alloc(CHUNK_BYTES, CHUNK_BYTES);
    if (chunk == NULL || chunk->bytes == NULL) {
        free(chunk);
        return false;
    }
    chunk->next = pool->chunks;
    if (pool->chunks != NULL)
        pool->chunks->previous = chunk;
    pool->chunks = chunk;
    pool->chunk_count++;
    for (size_t i = SPANS; i-- > 0;) {
        struct pool_span *span = span_at(chunk, i);
        *span = (struct pool_span){.chunk = chunk};
        list_add(&pool->empty, span);
    }
    pool->empty_count += SPANS;
    return true;
}

static void remove_chunk(struct pool *pool, struct pool_chunk *chunk)
{
    for (size_t i = 0; i < SPANS; i++)
        list_remove(&pool->empty, span_at(chunk, i));
    pool->empty_count -= SPANS;
    pool->chunk_count--;
    *(chunk->previous == NULL ? &pool->chunks : &chunk->previous->next) = chunk->next;
    if (chunk->next != NULL)
        chunk->next->previous = chunk->previous;
    free(chunk->bytes);
    free(chunk);
}

/* ---- Pieces ---- */

void pool_init(struct pool *pool)
{
    *pool = (struct pool){0};
}

void pool_free(struct pool *pool)
{
    while (pool->chunks != NULL) {
        struct pool_chunk *chunk = pool->chunks;
        pool->chunks = chunk->next;
        free(chunk->bytes);
        free(chunk);
    }
    pool_init(pool);
}

static struct pool_span *span_for(struct pool *pool, size_t room)
{
    if (pool->empty == NULL && !add_chunk(pool))
        return NULL;
    struct pool_span *span = pool->empty;
    list_remove(&pool->empty, span);
    pool->empty_count--;
    span->chunk->live++;
    span->given = NULL;
    span->fresh = LINE;
    span->size = (uint32_t)room;
    span->live = 0;
    list_add(&pool->partial[number_of(room)], span);
    return span;
}

void *pool_take(struct pool *pool, size_t size)
{
    if (POOL_IS_MALLOC || size > POOL_PIECE_MAX)
        return malloc(pool_room(size));
    size_t room = pool_room(size);
    struct pool_span **partial = &pool->partial[number_of(room)];
    struct pool_span *span = *partial != NULL ? *partial : span_for(pool, room);
    if (span == NULL)
        return NULL;
    void *taken = span->given;
    if (taken != NULL) {
        span->given = span->given->next;
    } else {
        taken = (char *)span + span->fresh;
        span->fresh += span->size;
    }
    span->live++;
    if (span->given == NULL && span->fresh + span->size > SPAN_BYTES)
        list_remove(partial, span);
    return taken;
}

void *pool_zero(struct pool *pool, size_t size)
{
    void *piece = pool_take(pool, size);
    return piece == NULL ? NULL : memset(piece, 0, size);
}

/* One chunk's worth of empty spans stays: a pool that breathes does not ask the system each time. */
static void empty(struct pool *pool, struct pool_span *span)
{
    list_remove(&pool->partial[number_of(span->size)], span);
    span->size = 0;
    list_add(&pool->empty, span);
    pool->empty_count++;
    if (--span->chunk->live == 0 && pool->empty_count > SPANS)
        remove_chunk(pool, span->chunk);
}

void pool_give(struct pool *pool, void *piece, size_t size)
{
    if (piece == NULL)
        return;
    if (POOL_IS_MALLOC || size > POOL_PIECE_MAX) {
        free(piece);
        return;
    }
    struct pool_span *span = (struct pool_span *)(void *)((char *)piece - (uintptr_t)piece % SPAN_BYTES);
    struct piece *given = piece;
    given->next = span->given;
    span->given = given;
    if (!span->is_listed)
        list_add(&pool->partial[number_of(span->size)], span);
    if (--span->live == 0)
        empty(pool, span);
}

void *pool_resize(struct pool *pool, void *piece, size_t size, size_t used, size_t wanted)
{
    if (piece != NULL && size > POOL_PIECE_MAX && wanted > POOL_PIECE_MAX)
        return realloc(piece, pool_room(wanted)); /* both are of malloc, which moves pages in place of bytes */
    void *larger = pool_take(pool, wanted);
    if (larger == NULL)
        return NULL;
    if (piece != NULL)
        memcpy(larger, piece, used);
    pool_give(pool, piece, size);
    return larger;
}
