/* records/derived.h: tables that follow from other tables: who a host is, and which role it has.
 *
 * Such a table is marked NEED_DERIVED in tables.def, and records/sql/<table>.sql is the SELECT that makes its rows: its
 * columns but `id`, in their order. It is run when a statement first reads the table, so it costs nothing when nobody
 * asks. Its rows lie in a store of their own, with indexes as those of any table; it shares the memory of what was
 * observed, which stays as it is.
 */
#ifndef CMSCOPE_RECORDS_DERIVED_H
#define CMSCOPE_RECORDS_DERIVED_H

#include <sqlite3.h>

#include "core/embedded.h"
#include "records/index.h"
#include "records/store.h"

/* The files of records/sql/; the last row has a NULL path. */
extern const struct embedded_file derived_files[];

struct derived;

/* The SELECT of a table, which lives for ever; NULL when the table is not a derived one. */
const char *derived_sql(enum table table);

/* A derived table without rows. `base` is what it follows from; both must outlive it. NULL when out of memory. */
struct derived *derived_new(sqlite3 *db, struct index_list *base, enum table table);
void derived_free(struct derived *derived); /* NULL is allowed */

/* Makes the rows, unless they are those of the base as it is now. *indexes becomes the list of the store that has them.
 * Returns a result code of SQLite; *message then is a sentence for sqlite3_free, or NULL. */
MUST_USE int derived_fill(struct derived *derived, struct index_list **indexes, char **message);

#endif
