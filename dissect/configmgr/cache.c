/* dissect/configmgr/cache.c: see cache.h. */
#include "dissect/configmgr/cache.h"

#include <stdlib.h>

struct place {
    const void *owner;
    void *value;
    size_t length;
    uint8_t bytes[];
};

struct ccm_cache {
    size_t places, used, bytes_max;
    void (*free_value)(void *value);
    struct place *at[];
};

struct ccm_cache *ccm_cache_new(size_t places, size_t bytes_max, void (*free_value)(void *value))
{
    struct ccm_cache *cache = calloc(1, sizeof *cache + places * sizeof(cache->at[0]));
    if (cache == NULL)
        return NULL;
    cache->places = places;
    cache->bytes_max = bytes_max;
    cache->free_value = free_value;
    return cache;
}

static void place_empty(struct ccm_cache *cache, struct place *place)
{
    if (place == NULL)
        return;
    cache->used--;
    cache->free_value(place->value);
    free(place);
}

void ccm_cache_free(struct ccm_cache *cache)
{
    for (size_t i = 0; cache != NULL && cache->used > 0; i++)
        place_empty(cache, cache->at[i]);
    free(cache);
}

/* Where these bytes stand if they are known. Multiplying by an odd number loses nothing; the high bits are the mixed ones. */
static size_t place_of(const struct ccm_cache *cache, const void *owner, struct cursor bytes)
{
    uint64_t hash = (uintptr_t)owner, word;
    struct cursor eight;
    while (cursor_take(&bytes, sizeof word, &eight)) {
        memcpy(&word, eight.at, sizeof word);
        hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 32;
    }
    uint8_t byte;
    while (cursor_u8(&bytes, &byte))
        hash = (hash ^ byte) * 0x100000001B3u;
    hash ^= hash >> 32;
    return (size_t)(hash ^ hash >> 16) & (cache->places - 1);
}

void *ccm_cache_find(const struct ccm_cache *cache, const void *owner, struct cursor bytes)
{
    if (bytes.left > cache->bytes_max)
        return NULL;
    const struct place *place = cache->at[place_of(cache, owner, bytes)];
    bool known = place != NULL && place->owner == owner && cursor_equal(cursor_of(place->bytes, place->length), bytes);
    return known ? place->value : NULL;
}

bool ccm_cache_put(struct ccm_cache *cache, const void *owner, struct cursor bytes, void *value)
{
    struct place *place = bytes.left > cache->bytes_max ? NULL : malloc(sizeof *place + bytes.left);
    if (place == NULL) {
        cache->free_value(value);
        return false;
    }
    *place = (struct place){.owner = owner, .value = value, .length = bytes.left};
    if (bytes.left > 0)
        memcpy(place->bytes, bytes.at, bytes.left);
    struct place **at = &cache->at[place_of(cache, owner, bytes)];
    place_empty(cache, *at);
    *at = place;
    cache->used++;
    return true;
}
