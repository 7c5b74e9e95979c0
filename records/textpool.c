/* records/textpool.c: see textpool.h. */
#define _GNU_SOURCE
#include "records/textpool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define BLOCK_BYTES ((size_t)64 * 1024)
#define BLOCK_SHARED (BLOCK_BYTES / 4) /* a longer text gets a block of its own, so that little is wasted */

#define SLOTS_FIRST 1024
/* Beyond this the table costs more than it saves: captures with so many different short texts repeat few of them. */
#define SLOTS_MAX ((size_t)2 * 1024 * 1024)
/* A text that finds no place near its hash is just copied: no sequence of texts makes looking up slow. */
#define PROBES_MAX 16

struct text_block {
    struct text_block *next;
    size_t size; /* of bytes[] */
    size_t used;
    char bytes[];
};

struct text_slot {
    const char *at; /* NULL: free */
    uint32_t length;
    uint32_t hash;
};

/* A multiplication of 64 by 64 bits folded into 64: mixes every bit of both (the step of wyhash, public domain). */
static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t word(const char *at, size_t length)
{
    uint64_t value = 0;
    memcpy(&value, at, length);
    return value;
}

uint64_t text_hash(uint64_t seed, struct text text)
{
    const uint64_t odd_a = 0xA0761D6478BD642FULL;
    const uint64_t odd_b = 0xE7037ED1A0B428DBULL;
    uint64_t hash = seed ^ odd_a;
    size_t left = text.length;
    const char *at = text.at;
    for (; left >= 8; at += 8, left -= 8)
        hash = mix(hash ^ word(at, 8), odd_b);
    if (left > 0)
        hash = mix(hash ^ word(at, left), odd_b);
    return mix(hash ^ (uint64_t)text.length, odd_a ^ seed);
}

uint64_t hash_seed(void)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == (ssize_t)sizeof seed)
        return seed;
    struct timespec now = {0};
    timespec_get(&now, TIME_UTC);
    return mix((uint64_t)now.tv_nsec ^ (uint64_t)(uintptr_t)&seed, (uint64_t)now.tv_sec);
}

void textpool_init(struct textpool *pool)
{
    *pool = (struct textpool){.seed = hash_seed()};
}

void textpool_free(struct textpool *pool)
{
    for (struct text_block *block = pool->blocks; block != NULL;) {
        struct text_block *next = block->next;
        free(block);
        block = next;
    }
    free(pool->slots);
    *pool = (struct textpool){.seed = pool->seed};
}

void textpool_adopt(struct textpool *pool, struct textpool *from)
{
    struct text_block **end = &pool->blocks; /* behind the block in use */
    while (*end != NULL)
        end = &(*end)->next;
    *end = from->blocks;
    pool->bytes += from->bytes - from->slot_count * sizeof(struct text_slot);
    free(from->slots);
    *from = (struct textpool){.seed = from->seed};
}

/* A new block, first in the list. One of its own for a long text is put second, so that the shared one stays in use. */
static struct text_block *block_add(struct textpool *pool, size_t size, uint64_t budget)
{
    size_t total = 0;
    bool possible = !__builtin_add_overflow(sizeof(struct text_block), size, &total) && total <= budget;
    struct text_block *block = possible && total > 0 ? malloc(total) : NULL;
    if (block == NULL)
        return NULL;
    bool own = size != BLOCK_BYTES && pool->blocks != NULL;
    struct text_block **place = own ? &pool->blocks->next : &pool->blocks;
    *block = (struct text_block){.next = *place, .size = size};
    *place = block;
    pool->bytes += total;
    return block;
}

static bool copy(struct textpool *pool, struct text *text, uint64_t budget)
{
    struct text_block *block = pool->blocks;
    if (text->length > BLOCK_SHARED)
        block = block_add(pool, text->length, budget);
    else if (block == NULL || block->size - block->used < text->length)
        block = block_add(pool, BLOCK_BYTES, budget);
    if (block == NULL)
        return false;
    char *at = block->bytes + block->used;
    if (text->length > 0)
        memcpy(at, text->at, text->length);
    block->used += text->length;
    text->at = at;
    return true;
}

/* The slot where `text` is or could be; NULL when all near its hash are taken by others. */
static struct text_slot *slot_find(const struct textpool *pool, struct text text, uint32_t hash)
{
    size_t mask = pool->slot_count - 1;
    for (size_t i = 0; pool->slot_count > 0 && i < PROBES_MAX; i++) {
        struct text_slot *slot = &pool->slots[(hash + i) & mask];
        if (slot->at == NULL)
            return slot;
        if (slot->hash == hash && slot->length == text.length && memcmp(slot->at, text.at, text.length) == 0)
            return slot;
    }
    return NULL;
}

/* Doubles the table. When that is not possible it stays as it is: texts are then only copied. */
static void slots_grow(struct textpool *pool, uint64_t budget)
{
    size_t count = pool->slot_count == 0 ? SLOTS_FIRST : pool->slot_count * 2;
    uint64_t cost = (count - pool->slot_count) * sizeof(struct text_slot);
    if (count > SLOTS_MAX || cost > budget)
        return;
    struct textpool larger = {.slots = calloc(count, sizeof *larger.slots), .slot_count = count};
    if (larger.slots == NULL)
        return;
    for (size_t i = 0; i < pool->slot_count; i++) {
        const struct text_slot *old = &pool->slots[i];
        struct text_slot *slot =
            old->at == NULL ? NULL : slot_find(&larger, (struct text){old->at, old->length}, old->hash);
        if (slot != NULL && slot->at == NULL) {
            *slot = *old;
            larger.slot_used++;
        }
    }
    free(pool->slots);
    pool->slots = larger.slots;
    pool->slot_count = count;
    pool->slot_used = larger.slot_used;
    pool->bytes += cost;
}

static bool intern(struct textpool *pool, struct text *text, uint64_t budget)
{
    if (pool->slot_used >= pool->slot_count / 2)
        slots_grow(pool, budget);
    uint32_t hash = (uint32_t)text_hash(pool->seed, *text);
    struct text_slot *slot = slot_find(pool, *text, hash);
    if (slot != NULL && slot->at != NULL) {
        text->at = slot->at;
        return true;
    }
    if (!copy(pool, text, budget))
        return false;
    if (slot != NULL && pool->slot_used < pool->slot_count / 4 * 3) {
        *slot = (struct text_slot){text->at, (uint32_t)text->length, hash};
        pool->slot_used++;
    }
    return true;
}

bool textpool_keep(struct textpool *pool, struct text *text, uint64_t budget)
{
    if (text->at == NULL)
        return true;
    if (text->length == 0) {
        text->at = "";
        return true;
    }
    uint64_t left = budget > pool->bytes ? budget - pool->bytes : 0;
    if (text->length <= INTERN_LENGTH ? intern(pool, text, left) : copy(pool, text, left))
        return true;
    *text = TEXT_NULL;
    return false;
}
