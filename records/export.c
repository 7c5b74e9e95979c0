/* records/export.c: database_export of database.h: the tables as an ordinary SQLite file. */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "records/database.h"
#include "records/schema.h"

/* "CMSC": marks our files (https://sqlite.org/fileformat.html#application_id), big endian at APPLICATION_ID_AT. */
#define APPLICATION_ID 0x434D5343
#define APPLICATION_ID_AT 68
#define SQLITE_HEADER_BYTES 100
#define SQLITE_MAGIC "SQLite format 3"

static bool is_database(struct cursor head)
{
    struct cursor id;
    return head.left >= SQLITE_HEADER_BYTES && cursor_starts(head, SQLITE_MAGIC, sizeof SQLITE_MAGIC) &&
           cursor_slice(head, APPLICATION_ID_AT, 4, &id) && cursor_starts(id, "CMSC", 4);
}

/* Readable by its owner only: what was captured may be confidential. SQLite cannot write to a pipe. */
const struct outfile_kind database_file_kind = {
    .name = "a database made by cmscope", .is_own = is_database, .secret = true};

static int table_create(sqlite3 *db, const struct table_schema *schema)
{
    char *sql = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&sql, &length);
    if (out == NULL)
        return SQLITE_NOMEM;
    schema_print_sql(out, schema, "");
    int result = fclose(out) == 0 ? sqlite3_exec(db, sql, NULL, NULL, NULL) : SQLITE_NOMEM;
    free(sql);
    return result;
}

static int insert_prepare(sqlite3 *db, const struct table_schema *schema, sqlite3_stmt **statement)
{
    char *sql = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&sql, &length);
    if (out == NULL)
        return SQLITE_NOMEM;
    fprintf(out, "INSERT INTO %s VALUES (?", schema->name);
    for (size_t i = 0; i < schema->column_count; i++)
        fputs(", ?", out);
    fputs(")", out);
    int result = fclose(out) == 0 ? sqlite3_prepare_v2(db, sql, -1, statement, NULL) : SQLITE_NOMEM;
    free(sql);
    return result;
}

static int bind_column(sqlite3_stmt *statement, int place, const struct column *column, const void *row)
{
    const char *member = (const char *)row + column->offset;
    if (column->type == COLUMN_TEXT) {
        struct text text;
        memcpy(&text, member, sizeof text);
        return sqlite3_bind_text64(statement, place, text.at, text.length, SQLITE_STATIC, SQLITE_UTF8);
    }
    if (column->type == COLUMN_REAL) {
        double real;
        memcpy(&real, member, sizeof real);
        return isnan(real) ? sqlite3_bind_null(statement, place) : sqlite3_bind_double(statement, place, real);
    }
    int64_t number;
    memcpy(&number, member, sizeof number);
    return number == INT_NULL ? sqlite3_bind_null(statement, place) : sqlite3_bind_int64(statement, place, number);
}

static int row_insert(sqlite3_stmt *statement, const struct table_schema *schema, int64_t id, const void *row)
{
    int result = sqlite3_bind_int64(statement, 1, id);
    for (size_t i = 0; i < schema->column_count && result == SQLITE_OK; i++)
        result = bind_column(statement, (int)i + 2, &schema->columns[i], row);
    if (result != SQLITE_OK)
        return result;
    result = sqlite3_step(statement);
    sqlite3_reset(statement);
    return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int table_export(sqlite3 *db, struct store *store, enum table table)
{
    const struct table_schema *schema = schema_table(table);
    sqlite3_stmt *statement = NULL;
    int result = table_create(db, schema);
    if (result == SQLITE_OK)
        result = insert_prepare(db, schema, &statement);
    int64_t count = store_count(store, table);
    for (int64_t id = 1; id <= count && result == SQLITE_OK; id++)
        result = row_insert(statement, schema, id, store_row(store, table, id));
    sqlite3_finalize(statement);
    return result;
}

#define STRING_OF(number) #number
#define STRING(number) STRING_OF(number)

/* No journal: when writing fails the file is thrown away. */
static int write_tables(sqlite3 *db, struct store *const stores[TABLE_COUNT])
{
    static const char opening[] = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                                  "PRAGMA application_id = " STRING(APPLICATION_ID) "; BEGIN";
    int result = sqlite3_exec(db, opening, NULL, NULL, NULL);
    for (size_t i = 0; i < TABLE_COUNT && result == SQLITE_OK; i++)
        result = table_export(db, stores[i], (enum table)i);
    return result == SQLITE_OK ? sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) : result;
}

/* Fills the empty file. */
static enum outcome write_file(struct store *const stores[TABLE_COUNT], const struct outfile *file, struct error *error)
{
    sqlite3 *db = NULL;
    int result = sqlite3_open_v2(file->made, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (result == SQLITE_OK)
        result = write_tables(db, stores);
    enum outcome outcome = OUTCOME_OK;
    if (result != SQLITE_OK)
        outcome = error_set(error, OUTCOME_SYSTEM, 0, "%s: cannot be written: %s", file->path,
                            db == NULL ? sqlite3_errstr(result) : sqlite3_errmsg(db));
    sqlite3_close(db);
    return outcome;
}

enum outcome database_export(struct database *database, const char *path, struct error *error)
{
    struct store *stores[TABLE_COUNT];
    struct outfile file;
    enum outcome outcome = outfile_check(path, &database_file_kind, error);
    for (size_t i = 0; i < TABLE_COUNT && outcome == OUTCOME_OK; i++)
        outcome = database_rows(database, (enum table)i, &stores[i], error);
    if (outcome == OUTCOME_OK)
        outcome = outfile_open(&file, path, &database_file_kind, error);
    if (outcome != OUTCOME_OK)
        return outcome;
    outcome = write_file(stores, &file, error);
    if (outcome == OUTCOME_OK)
        return outfile_close(&file, error);
    outfile_abandon(&file);
    return outcome;
}
