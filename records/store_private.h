/* records/store_private.h: how a store is built, for store.c and order.c only. */
#ifndef CMSCOPE_RECORDS_STORE_PRIVATE_H
#define CMSCOPE_RECORDS_STORE_PRIVATE_H

#include "records/store.h"
#include "records/textpool.h"

#define CHUNK_ROWS 1024 /* a power of two: the row of an id is a shift and a mask away */

struct rows {
    char **chunks; /* the directory: only this small array is ever reallocated */
    size_t chunk_count;
    size_t chunk_capacity;
    int64_t count;
};

struct store {
    struct rows tables[TABLE_COUNT];
    struct textpool texts;
    uint64_t chunk_bytes;
    uint64_t limit;
    uint64_t lost;
    uint64_t generation;
};

/* Appends a row whose texts already live in the store's pool. False when it could not be kept (counted). */
MUST_USE bool store_append_kept(struct store *store, enum table table, const void *row);

#endif
