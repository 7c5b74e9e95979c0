/* records/vtab.h: the tables of a store as tables of SQLite. */
#ifndef CMSCOPE_RECORDS_VTAB_H
#define CMSCOPE_RECORDS_VTAB_H

#include <sqlite3.h>

#include "records/derived.h"
#include "records/index.h"

/* What one table of SQLite stands for. */
struct vtab_source {
    struct index_list *indexes; /* of the store that has the rows */
    enum table table;
    struct derived *derived; /* NULL: what was observed */
    unsigned started;        /* cursors that may stand on rows of it */
};

/* Makes every table known to `db` under its name. sources[TABLE_COUNT], already all zero but for
 * `derived`, and `indexes` must outlive `db`. Returns a
 * result code of SQLite. */
MUST_USE int vtab_register(sqlite3 *db, struct index_list *indexes, struct vtab_source *sources);

#endif
