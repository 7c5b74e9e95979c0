/* records/textpool.c: see textpool.h. */
#define _GNU_SOURCE
#include "records/textpool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define SLOTS_FIRST 1024
/* 512 KB. Beyond this a new text takes the place of another, which is copied again when it comes again. */
#define SLOTS_MAX ((size_t)32 * 1024)
/* Places near its hash where a text may stand: no sequence of texts makes looking up slow. */
#define PROBES_MAX 16

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

void textpool_init(struct textpool *pool, struct spill_pool *memory)
{
    *pool = (struct textpool){.memory = memory, .seed = hash_seed()};
}

void textpool_free(struct textpool *pool)
{
    for (size_t i = 0; i < pool->spill_count; i++)
        spill_free(pool->spills[i]);
    free(pool->spills);
    free(pool->slots);
    *pool = (struct textpool){.memory = pool->memory, .seed = pool->seed};
}

/* Room for `count` more spills. */
static bool spills_reserve(struct textpool *pool, size_t count)
{
    struct spill **spills = realloc(pool->spills, (pool->spill_count + count) * sizeof(struct spill *));
    if (spills == NULL)
        return false;
    pool->spills = spills;
    return true;
}

bool textpool_adopt(struct textpool *pool, struct textpool *from)
{
    if (from->spill_count == 0)
        return true;
    if (!spills_reserve(pool, from->spill_count))
        return false;
    for (size_t i = 0; i < from->spill_count; i++) {
        spill_adopt(from->spills[i], pool->memory);
        pool->spills[pool->spill_count++] = from->spills[i];
    }
    from->spill_count = 0;
    textpool_free(from);
    return true;
}

static bool copy(struct textpool *pool, struct text *text)
{
    if (pool->spill_count == 0) {
        if (!spills_reserve(pool, 1) || (pool->spills[0] = spill_new(pool->memory)) == NULL)
            return false;
        pool->spill_count = 1;
    }
    const char *at = spill_append(pool->spills[0], text->at, text->length);
    if (at == NULL)
        return false;
    text->at = at;
    return true;
}

/* Texts that went to the file are not looked up any more: reading them would bring them in again. */
static bool is_free(const struct textpool *pool, const struct text_slot *slot)
{
    return slot->at == NULL || spill_is_written(pool->spills[0], slot->at);
}

/* The slot of the text, or one for it: free, or that of another text when all near its hash are taken. */
static struct text_slot *slot_find(const struct textpool *pool, struct text text, uint32_t hash)
{
    struct text_slot *place = &pool->slots[hash & (pool->slot_count - 1)];
    for (size_t i = 0; i < PROBES_MAX; i++) {
        struct text_slot *slot = &pool->slots[(hash + i) & (pool->slot_count - 1)];
        if (is_free(pool, slot))
            return slot;
        if (slot->hash == hash && text_equal((struct text){slot->at, slot->length}, text))
            return slot;
    }
    return place;
}

static void slots_grow(struct textpool *pool)
{
    size_t count = pool->slot_count == 0 ? SLOTS_FIRST : pool->slot_count * 2, before = pool->slot_count;
    struct text_slot *slots = count > SLOTS_MAX ? NULL : calloc(count, sizeof *slots);
    struct text_slot *smaller = pool->slots;
    if (slots == NULL)
        return;
    pool->slots = slots;
    pool->slot_count = count;
    pool->slot_used = 0;
    for (size_t i = 0; i < before; i++) {
        const struct text_slot *old = &smaller[i];
        if (is_free(pool, old))
            continue;
        *slot_find(pool, (struct text){old->at, old->length}, old->hash) = *old;
        pool->slot_used++;
    }
    free(smaller);
}

static bool intern(struct textpool *pool, struct text *text)
{
    if (pool->slot_used >= pool->slot_count / 2)
        slots_grow(pool);
    if (pool->slots == NULL)
        return copy(pool, text);
    uint32_t hash = (uint32_t)text_hash(pool->seed, *text);
    struct text_slot *slot = slot_find(pool, *text, hash);
    if (!is_free(pool, slot) && slot->hash == hash && text_equal((struct text){slot->at, slot->length}, *text)) {
        text->at = slot->at;
        return true;
    }
    if (!copy(pool, text))
        return false;
    pool->slot_used += slot->at == NULL;
    *slot = (struct text_slot){text->at, (uint32_t)text->length, hash};
    return true;
}

bool textpool_keep(struct textpool *pool, struct text *text)
{
    if (text->at == NULL)
        return true;
    if (text->length == 0) {
        text->at = "";
        return true;
    }
    if (text->length <= INTERN_LENGTH ? intern(pool, text) : copy(pool, text))
        return true;
    *text = TEXT_NULL;
    return false;
}

bool textpool_seen(struct textpool *pool, struct text text)
{
    for (size_t i = 0; i < pool->spill_count; i++) {
        if (spill_seen(pool->spills[i], text.at, text.length))
            return spill_is_written(pool->spills[i], text.at);
    }
    return false;
}
