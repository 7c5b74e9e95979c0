/* records/store.h: rows in memory: what was observed, as tables.
 *
 * Rows are appended to chunked arrays, which never move; texts are copied, short ones once however often they occur.
 * One store for each worker; nothing here is global. Ids are 1, 2, 3 ... in the order of appending.
 *
 *   table --> directory --> chunk of CHUNK_ROWS rows --> struct text --> pool (own block after block of bytes)
 *
 * Nothing that is appended can make it fail or grow without end: a row that does not fit is lost and counted.
 */
#ifndef CMSCOPE_RECORDS_STORE_H
#define CMSCOPE_RECORDS_STORE_H

#include <stdint.h>

#include "core/row.h"

struct store;

/* Most rows of one table: 600 bytes a message make this 10 GB, far above any budget. Ids also fit in 32 bits, which
 * halves the indexes. */
#define ROWS_MAX ((int64_t)16 * 1024 * 1024)

/* Bytes of rows and texts that a new store may hold: what a machine of 8 GB can spare. */
#define STORE_BYTES_MAX ((uint64_t)4 * 1024 * 1024 * 1024)

struct store *store_new(void); /* NULL when out of memory */
void store_free(struct store *store);

/* Another budget than STORE_BYTES_MAX. What is already held stays. */
void store_limit(struct store *store, uint64_t bytes);

/* The sink that writes into this store; valid as long as the store. */
struct sink store_sink(struct store *store);

int64_t store_count(const struct store *store, enum table table);

/* The row `id` (1 ... count; NULL for any other), to be read or changed in place (numbers only; texts through the
 * sink's amend, which copies them). After a change in place: database_refresh. */
void *store_row(struct store *store, enum table table, int64_t id);

/* Rows that could not be kept (no memory, ROWS_MAX, the budget), and changes of rows that could not. */
uint64_t store_lost(const struct store *store);

/* Bytes of rows and texts held now. */
uint64_t store_bytes(const struct store *store);

/* A number that is another one after every append and amend: so that an index knows that it is stale. */
uint64_t store_generation(const struct store *store);

#endif
