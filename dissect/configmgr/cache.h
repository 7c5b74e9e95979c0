/* dissect/configmgr/cache.h: what was expensive to find out about some bytes, for when they come again.
 *
 * A fixed number of places; a newcomer drives out what stands in its place. All bytes are compared, so a wrong answer is
 * impossible, and the most that a sender can do is make it useless.
 */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_CACHE_H
#define CMSCOPE_DISSECT_CONFIGMGR_CACHE_H

#include "core/cursor.h"

struct ccm_cache;

/* `places` is a power of two; more than `bytes_max` bytes are not remembered. `free_value` frees what was put. NULL when out
 * of memory. */
struct ccm_cache *ccm_cache_new(size_t places, size_t bytes_max, void (*free_value)(void *value));
void ccm_cache_free(struct ccm_cache *cache);

/* What was put for these bytes and this owner (any pointer, or NULL); NULL when it is not known (any more). It is the
 * cache's, and lives until the next ccm_cache_put. */
void *ccm_cache_find(const struct ccm_cache *cache, const void *owner, struct cursor bytes);
/* Gives `value` to the cache, which frees it at once when it cannot keep it: false then. */
bool ccm_cache_put(struct ccm_cache *cache, const void *owner, struct cursor bytes, void *value);

#endif
