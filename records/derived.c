/* records/derived.c: see derived.h. */
#include "records/derived.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "records/database.h"
#include "records/schema.h"

struct derived {
    sqlite3 *db;
    struct index_list *base;
    enum table table;
    struct store *store; /* NULL: not filled yet */
    struct index_list indexes;
    uint64_t generation; /* of the base when it was filled */
    bool filling;
};

#define PATH_MAX_LENGTH 64 /* "sql/", the longest name of a table, ".sql", with room */

const char *derived_sql(enum table table)
{
    char path[PATH_MAX_LENGTH];
    snprintf(path, sizeof path, "sql/%s.sql", schema_table(table)->name);
    for (const struct embedded_file *file = derived_files; file->path != NULL; file++) {
        if (strcmp(file->path, path) == 0)
            return file->bytes;
    }
    return NULL;
}

struct derived *derived_new(sqlite3 *db, struct index_list *base, enum table table)
{
    struct derived *derived = calloc(1, sizeof *derived);
    if (derived != NULL)
        *derived = (struct derived){.db = db, .base = base, .table = table};
    return derived;
}

static void forget(struct derived *derived)
{
    if (derived->store == NULL)
        return;
    index_list_free(&derived->indexes);
    store_free(derived->store);
    derived->store = NULL;
}

void derived_free(struct derived *derived)
{
    if (derived == NULL)
        return;
    forget(derived);
    free(derived);
}

/* One value of a result as the member of a row; its text lives until the next step. */
static void member_set(char *member, const struct column *column, sqlite3_stmt *statement, int place)
{
    bool null = sqlite3_column_type(statement, place) == SQLITE_NULL;
    if (column->type == COLUMN_TEXT) {
        struct text text = database_text(statement, place);
        memcpy(member, &text, sizeof text);
    } else if (column->type == COLUMN_REAL) {
        double real = null ? REAL_NULL : sqlite3_column_double(statement, place);
        memcpy(member, &real, sizeof real);
    } else {
        int64_t number = null ? INT_NULL : sqlite3_column_int64(statement, place);
        memcpy(member, &number, sizeof number);
    }
}

static int append_rows(struct derived *derived, const struct table_schema *schema, sqlite3_stmt *statement)
{
    struct sink sink = store_sink(derived->store);
    char *row = calloc(1, schema->row_size);
    int result = row == NULL ? SQLITE_NOMEM : SQLITE_ROW;
    while (result == SQLITE_ROW && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        for (size_t i = 0; i < schema->column_count; i++)
            member_set(row + schema->columns[i].offset, &schema->columns[i], statement, (int)i);
        sink_append(&sink, derived->table, row);
    }
    free(row);
    if (result == SQLITE_DONE)
        return store_lost(derived->store) == 0 ? SQLITE_OK : SQLITE_FULL;
    return result;
}

static bool is_column_list(const struct table_schema *schema, sqlite3_stmt *statement)
{
    bool same = (size_t)sqlite3_column_count(statement) == schema->column_count;
    for (size_t i = 0; same && i < schema->column_count; i++)
        same = strcmp(sqlite3_column_name(statement, (int)i), schema->columns[i].name) == 0;
    return same;
}

static int run(struct derived *derived, char **message)
{
    const struct table_schema *schema = schema_table(derived->table);
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(derived->db, derived_sql(derived->table), -1, &statement, NULL);
    bool fits = result == SQLITE_OK && is_column_list(schema, statement);
    if (fits)
        result = append_rows(derived, schema, statement);
    if (result == SQLITE_FULL && *message == NULL)
        *message = sqlite3_mprintf("table %s: its rows take more memory than there is", schema->name);
    else if (result != SQLITE_OK)
        *message = sqlite3_mprintf("table %s: %s", schema->name, sqlite3_errmsg(derived->db));
    else if (!fits)
        *message = sqlite3_mprintf("table %s: its query has other columns than the table", schema->name);
    sqlite3_finalize(statement);
    return result == SQLITE_OK && !fits ? SQLITE_ERROR : result;
}

static bool start(struct derived *derived)
{
    forget(derived);
    derived->store = store_new_beside(derived->base->store);
    if (derived->store != NULL && index_list_init(&derived->indexes, derived->store))
        return true;
    store_free(derived->store);
    derived->store = NULL;
    return false;
}

int derived_fill(struct derived *derived, struct index_list **indexes, char **message)
{
    uint64_t generation = store_generation(derived->base->store);
    if (derived->store != NULL && derived->generation == generation && !derived->filling)
        return SQLITE_OK;
    if (derived->filling) {
        *message = sqlite3_mprintf("table %s: follows from itself", schema_table(derived->table)->name);
        return SQLITE_ERROR;
    }
    *indexes = derived->base;
    if (!start(derived))
        return SQLITE_NOMEM;
    derived->filling = true;
    int result = run(derived, message);
    derived->filling = false;
    derived->generation = generation;
    if (result == SQLITE_OK)
        *indexes = &derived->indexes;
    else
        forget(derived);
    return result;
}
