/* records/order.h: one store out of those of several workers, in an order that does not depend on their number. */
#ifndef CMSCOPE_RECORDS_ORDER_H
#define CMSCOPE_RECORDS_ORDER_H

#include "core/spill.h"
#include "records/store.h"

/* Moves all rows and texts of `from` behind those of `into`; `from` is left empty. References among the moved rows
 * follow them. bases[t] gets what was added to the ids of table t. Rows that do not fit are lost and counted, which
 * makes references to them NULL. */
void store_absorb(struct store *into, struct store *from, int64_t bases[TABLE_COUNT]);

/* New ids by old ids, in the memory of the store that was sorted; NULL where a table stays as it was. */
struct store_order {
    struct spill *ids[TABLE_COUNT];
};

/* Puts the rows of each table in the order of their packets (rows of the same packet keep theirs), so that ids are
 * the same however many workers there were, and lets references follow. The caller frees *order with
 * store_order_free, before the store. False when memory ran out: nothing was changed. */
MUST_USE bool store_sort(struct store *store, struct store_order *order);

int64_t store_order_id(const struct store_order *order, enum table table, int64_t id);
void store_order_free(struct store_order *order);

#endif
