/* records/order.h: one store out of those of several workers, in an order that does not depend on their number. */
#ifndef CMSCOPE_RECORDS_ORDER_H
#define CMSCOPE_RECORDS_ORDER_H

#include "core/spill.h"
#include "records/store.h"

#define STORES_MAX 64

/* Works out the order of the rows, so that workers do it side by side; store_merge does it for rows that came later, and
 * does all of it for who did not call this. */
void store_rank(struct store *store);

/* What became of the rows of some stores. Their old ids are counted on from store to store: `bases` is what comes before
 * those of one. */
struct store_order {
    size_t count;
    struct store_part {
        struct store *store;
        int64_t bases[TABLE_COUNT];
        struct spill *ids[TABLE_COUNT]; /* pairs of old and new id; NULL: only the base is added */
    } parts[STORES_MAX];
};

/* Moves all rows and texts into the first of `count` (1 ... STORES_MAX) stores, in the order of their packets (rows of
 * the same packet keep theirs, those of an earlier store first), so that ids are the same however many stores there
 * were, and lets references follow. The others are left empty. The caller frees *order with store_order_free, before
 * the stores.
 * False when memory ran out: then rows stand behind those of the store before, as they were; what does not fit is
 * lost and counted, which makes references to it NULL. */
MUST_USE bool store_merge(struct store *const stores[], size_t count, struct store_order *order);

/* The new id of a row by its old one, counted on from store to store. */
int64_t store_order_id(const struct store_order *order, enum table table, int64_t id);
void store_order_free(struct store_order *order);

#endif
