/* records/store_private.h: how a store is built, for store.c, order.c and index.c only. */
#ifndef CMSCOPE_RECORDS_STORE_PRIVATE_H
#define CMSCOPE_RECORDS_STORE_PRIVATE_H

#include "core/spill.h"
#include "records/schema.h"
#include "records/store.h"
#include "records/textpool.h"

#define ROW_TEXTS_MAX (sizeof(union any_row) / sizeof(struct text))

struct rows {
    struct spill *bytes; /* NULL: no row yet */
    int64_t count;
    size_t size;                   /* of a row, as far as it is kept */
    column_set read;               /* columns that are */
    uint16_t texts[ROW_TEXTS_MAX]; /* which of the kept columns are texts */
    size_t text_count;
};

struct store {
    struct spill_pool *pool; /* its own, or that of another store */
    struct spill_pool own;
    struct rows tables[TABLE_COUNT];
    struct spill *ranks[TABLE_COUNT]; /* see order.c; NULL: not worked out */
    struct textpool texts;
    uint64_t lost;
    uint64_t generation;
    table_set dropped;
    union any_row wide; /* the row that was asked for last, where a table is narrowed */
};

/* Appends a row whose texts already live in the store's pool. False when it could not be kept (counted). */
MUST_USE bool store_append_kept(struct store *store, enum table table, const void *row);

/* Replaces the row `id`, which must be there, by one whose texts already live in the store's pool. */
MUST_USE bool store_replace_kept(struct store *store, enum table table, int64_t id, const void *row);

/* Whether the column is kept at all. */
static inline bool store_has(const struct rows *rows, const struct column *column)
{
    return column->offset < rows->size;
}

#endif
