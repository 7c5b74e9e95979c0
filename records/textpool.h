/* records/textpool.h: copies of texts that live as long as a store. Texts of up to INTERN_LENGTH bytes are kept once.
 * */
#ifndef CMSCOPE_RECORDS_TEXTPOOL_H
#define CMSCOPE_RECORDS_TEXTPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/spill.h"
#include "core/text.h"

/* Addresses, host names, GUIDs, SHA-256 in hex: what repeats is at most this long. */
#define INTERN_LENGTH 64

struct text_slot;

struct textpool {
    struct spill_pool *memory;
    struct spill **spills; /* the first is the one in use, the others were adopted */
    size_t spill_count;
    struct text_slot *slots; /* hash table of short texts: a power of two, or none */
    size_t slot_count;
    size_t slot_used;
    uint64_t seed;
};

/* Texts will be kept in `memory`, which must outlive the pool. */
void textpool_init(struct textpool *pool, struct spill_pool *memory);
void textpool_free(struct textpool *pool);

/* Takes over all texts of `from`, which becomes empty: they stay where they are. False when out of memory: nothing was
 * changed. */
MUST_USE bool textpool_adopt(struct textpool *pool, struct textpool *from);

/* *text becomes its copy. False, and *text TEXT_NULL, when there is no memory for it. */
MUST_USE bool textpool_keep(struct textpool *pool, struct text *text);

/* A text of the pool will be read. */
bool textpool_seen(struct textpool *pool, struct text text);

/* A 64-bit hash of bytes; for tables in memory only, never stored. Who does not know `seed` cannot choose collisions
 * cheaply. */
uint64_t text_hash(uint64_t seed, struct text text);

/* A seed that an outsider does not know. */
uint64_t hash_seed(void);

#endif
