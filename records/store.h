/* records/store.h: rows in memory: what was observed, as tables.
 *
 * Rows are appended to chunked arrays; texts are copied, short ones once however often they occur. One store for each
 * worker; nothing here is global. Ids are 1, 2, 3 ... in the order of appending.
 */
#ifndef CMSCOPE_RECORDS_STORE_H
#define CMSCOPE_RECORDS_STORE_H

#include <stdint.h>

#include "core/row.h"

struct store;

struct store *store_new(void); /* NULL when out of memory */
void store_free(struct store *store);

/* The sink that writes into this store; valid as long as the store. */
struct sink store_sink(struct store *store);

int64_t store_count(const struct store *store, enum table table);

/* The row `id` (1 ... count), to be read or changed in place (numbers only; texts through store_amend's copy). */
void *store_row(struct store *store, enum table table, int64_t id);

/* Rows that could not be kept: no memory, or above ROWS_MAX. */
uint64_t store_lost(const struct store *store);

#endif
