/* records/database.h: SQL over a store.
 *
 * The tables of a store appear as virtual tables in an in-memory SQLite database, so appending costs no SQL and a
 * question costs only what it reads. Equality constraints are answered by a hash index that is built the first time a
 * query asks for it, so joins are not quadratic. What a set of statements reads is known before the first packet:
 * database_prepare asks SQLite's authorizer.
 */
#ifndef CMSCOPE_RECORDS_DATABASE_H
#define CMSCOPE_RECORDS_DATABASE_H

#include <sqlite3.h>

#include "core/error.h"
#include "core/outfile.h"
#include "records/store.h"

struct database;

/* A database over `store`, which must outlive it. Read only: statements that write, attach, load extensions or use
 * pragmas are refused. OUTCOME_SYSTEM when SQLite cannot start. */
MUST_USE enum outcome database_open(struct store *store, struct database **database, struct error *error);
void database_close(struct database *database); /* NULL is allowed; statements must be finalized before */

/* How long each statement may run: steps of SQLite's machine (0: any number), and seconds (0: any time). No limit when it
 * is not called. */
void database_limit(struct database *database, uint64_t steps, unsigned seconds);

/* Why a statement stopped with this result code of SQLite: OUTCOME_MALFORMED when the statement is wrong; OUTCOME_SYSTEM
 * when something was lacking (memory, disk, descriptors); OUTCOME_LIMIT when it was stopped (database_limit, a signal). */
MUST_USE enum outcome database_failure(const struct database *database, int result, struct error *error);

/* The store that has the rows of a table: that it was opened over, or of a derived table, whose rows are then made, its
 * own. It is valid until more is recorded. OUTCOME_SYSTEM when they cannot be made. */
MUST_USE enum outcome database_rows(struct database *database, enum table table, struct store **store,
                                    struct error *error);

/* Prepares one statement. OUTCOME_MALFORMED with SQLite's message when it is not valid, is more than one statement or
 * would change something; error->offset then is the place in `sql`, MISTAKE_PLACE_UNKNOWN (records/mistake.h) when there
 * is none. OUTCOME_SYSTEM when memory, disk or descriptors are lacking. `needs` (may be NULL) gets the NEED_... flags of
 * all it reads, added to what is there. The caller finalizes *statement. Rows that come
 * while it is being stepped may or may not be in its result. Beside SQLite's own functions there are those
 * of records/functions.h. A "name in double quotes" is only ever a name. */
MUST_USE enum outcome database_prepare(struct database *database, const char *sql, sqlite3_stmt **statement,
                                       unsigned *needs, struct error *error);

/* The text in a column of the row that the statement stands at, until it is stepped; TEXT_NULL for NULL. */
struct text database_text(sqlite3_stmt *statement, int column);

/* The tables of which no rows are needed for the statements so far, when captures are decoded for `needs`: for
 * store_drop. None when a statement reads what is filled from rows of other tables. */
table_set database_unread(const struct database *database, unsigned needs);
/* Likewise the columns of a table that are needed: for store_narrow. */
column_set database_columns(const struct database *database, enum table table, unsigned needs);
/* Whether a statement that was prepared reads the table. */
bool database_reads(const struct database *database, enum table table);

/* The files that database_export makes. */
extern const struct outfile_kind database_file_kind;

/* Copies all tables into the SQLite file `path`, which must not exist, be empty, or be a database made by this function
 * (it is replaced, all at once). Same names of tables and columns, same ids. Only its owner can read the file.
 * OUTCOME_SYSTEM names the file and what to do. */
MUST_USE enum outcome database_export(struct database *database, const char *path, struct error *error);

#endif
