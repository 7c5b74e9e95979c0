/* records/store.h: rows: what was observed, as tables.
 *
 * Rows are appended to arrays that never move; texts are copied, short ones once however often they occur. What is
 * above the store's memory lies in a temporary file, at the same addresses (core/spill.h).
 * One store for each worker; nothing here is global. Ids are 1, 2, 3 ... in the order of appending.
 *
 *   table --> array of rows --> struct text --> pool of texts
 *
 * Nothing that is appended can make it fail or grow without end: a row that does not fit is lost and counted.
 */
#ifndef CMSCOPE_RECORDS_STORE_H
#define CMSCOPE_RECORDS_STORE_H

#include <stdint.h>

#include "core/error.h"
#include "core/row.h"

struct store;

/* Most rows of one table: they fill a disk of several hundred GB. */
#define ROWS_MAX ((int64_t)1 << 30)

/* Bytes of rows, texts and indexes that a new store holds in memory. More makes little faster: the system caches the
 * temporary file where memory is free. */
#define STORE_MEMORY ((uint64_t)8 * 1024 * 1024)
/* The same when no temporary file can be written. */
#define STORE_MEMORY_MOST ((uint64_t)512 * 1024 * 1024)

struct store *store_new(void); /* NULL when out of memory */
/* A store whose rows are held in the memory of another one, within its limits; the other must outlive it. NULL when out of
 * memory. */
struct store *store_new_beside(struct store *other);
void store_free(struct store *store);

/* Other limits than STORE_MEMORY and STORE_MEMORY_MOST. What is already held stays until more is appended. */
void store_limit(struct store *store, uint64_t memory, uint64_t most);

/* Tables that nobody will read: no rows of them are kept. To be told before store_sink. */
void store_drop(struct store *store, table_set tables);
/* Columns of a table that somebody will read (all, when this is not called). Texts of others are not kept, and rows end
 * behind the last of these: store_row has no more of them. Likewise. */
void store_narrow(struct store *store, enum table table, column_set read);
/* Drops and narrows what `other` does. */
void store_spare_like(struct store *store, const struct store *other);

/* The sink that writes into this store; valid as long as the store. */
struct sink store_sink(struct store *store);

int64_t store_count(const struct store *store, enum table table);

/* The row `id` (1 ... count; NULL for any other), to be read, as far as it is kept (store_narrow). Its texts are told to store_seen before they are read,
 * where many are. The address stays valid until stores are merged. */
const void *store_row(struct store *store, enum table table, int64_t id);

/* A text of a row will be read: keeps the memory for texts that are in the file small. Whether this one is there. */
bool store_seen(struct store *store, struct text text);

/* Rows that could not be kept (no memory, ROWS_MAX, the limits), and changes of rows that could not. */
uint64_t store_lost(const struct store *store);

/* Bytes of rows, texts and indexes in memory, and in temporary files, now. */
uint64_t store_memory(const struct store *store);
uint64_t store_written(const struct store *store);
/* Why temporary files could not be written: a sentence. False when nothing is wrong. */
bool store_problem(const struct store *store, struct error *error);

/* A number that is another one after every append and amend: so that an index knows that it is stale. */
uint64_t store_generation(const struct store *store);

#endif
