/* records/vtab.c: see vtab.h. Eponymous virtual tables (https://sqlite.org/vtab.html), read only.
 *
 * A plan is one number: which equality answers the query. PLAN_SCAN walks all rows, PLAN_ID takes one, PLAN_COLUMN + n
 * asks the hash index of column n, PLAN_FILTER + n walks all rows and shows those where column n is equal. SQLite checks every constraint again (omit stays 0), so a plan may only ever return
 * too many rows: where types differ or memory is short, xFilter walks all.
 */
#define _GNU_SOURCE
#include "records/vtab.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum plan {
    PLAN_SCAN,
    PLAN_ID,
    PLAN_COLUMN,
    PLAN_FILTER = 4096 /* a table has 2,000 columns at most (sqlite.org/limits.html) */
};

#define COPIED_MAX ((size_t)64 * 1024) /* of a text in a file: what SQLite keeps of it must not bring it in again */
#define COST_LOOKUP 3.0                /* of a hash look-up, in rows of a scan */
#define FILTER_SHARE 16 /* of the rows: where more have the value, walking all costs less than an index */

struct table_vtab {
    sqlite3_vtab base;
    struct vtab_source *source;
    const struct table_schema *schema;
};

struct table_cursor {
    sqlite3_vtab_cursor base;
    int64_t id;          /* the row it stands on; 0 past the end */
    int64_t last;        /* of a scan */
    struct index *index; /* NULL in a scan */
    struct index_place place;
    bool filtered; /* a scan: rows without the key are passed over */
    const struct column *column;
    struct key key;
    char *key_text; /* copy of key.text */
    bool started;   /* it may stand on rows: they stay as they are until it is closed */
};

static struct table_cursor *cursor_from(sqlite3_vtab_cursor *base)
{
    return (struct table_cursor *)(void *)base;
}

static const struct table_vtab *vtab_from(const sqlite3_vtab *base)
{
    return (const struct table_vtab *)(const void *)base;
}

static int declare(sqlite3 *db, const struct table_schema *schema)
{
    char *sql = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&sql, &length);
    if (out == NULL)
        return SQLITE_NOMEM;
    schema_print_sql(out, schema, "");
    int result = fclose(out) == 0 ? sqlite3_declare_vtab(db, sql) : SQLITE_NOMEM;
    free(sql);
    return result;
}

static int table_connect(sqlite3 *db, void *context, int argc, const char *const *argv, sqlite3_vtab **vtab,
                         char **error)
{
    (void)argc;
    (void)argv;
    (void)error;
    struct vtab_source *source = context;
    const struct table_schema *schema = schema_table(source->table);
    int result = declare(db, schema);
    struct table_vtab *made = result == SQLITE_OK ? calloc(1, sizeof *made) : NULL;
    if (made == NULL)
        return result == SQLITE_OK ? SQLITE_NOMEM : result;
    made->source = source;
    made->schema = schema;
    *vtab = &made->base;
    return SQLITE_OK;
}

static int table_disconnect(sqlite3_vtab *vtab)
{
    free(vtab);
    return SQLITE_OK;
}

struct choice {
    int plan;
    int constraint;
    double rows;
};

/* Whether an index on the column can answer this constraint, and with how many rows. */
static bool constraint_rows(const struct table_vtab *vtab, sqlite3_index_info *info, int i, struct choice *choice)
{
    const struct sqlite3_index_constraint *constraint = &info->aConstraint[i];
    if (!constraint->usable || constraint->op != SQLITE_INDEX_CONSTRAINT_EQ)
        return false;
    if (constraint->iColumn <= 0) {
        *choice = (struct choice){PLAN_ID, i, 1};
        return true;
    }
    const struct column *column = &vtab->schema->columns[constraint->iColumn - 1];
    if (column->type == COLUMN_TEXT && sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY") != 0)
        return false;
    double rows = index_estimate(vtab->source->indexes, vtab->source->table, (size_t)constraint->iColumn - 1);
    *choice = (struct choice){PLAN_COLUMN + constraint->iColumn - 1, i, rows};
    return true;
}

/* A value that the query itself names, and that many rows have. Others may be looked up again and again. */
static bool is_better_filtered(const struct table_vtab *vtab, sqlite3_index_info *info, const struct choice *choice)
{
    sqlite3_value *value = NULL;
    double count = (double)store_count(vtab->source->indexes->store, vtab->source->table);
    return choice->plan >= PLAN_COLUMN && choice->rows > count / FILTER_SHARE &&
           sqlite3_vtab_rhs_value(info, choice->constraint, &value) == SQLITE_OK;
}

/* Every plan returns rows by ascending id. */
static bool is_order_by_id(const sqlite3_index_info *info)
{
    return info->nOrderBy == 1 && info->aOrderBy[0].iColumn <= 0 && !info->aOrderBy[0].desc;
}

static int table_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    const struct table_vtab *vtab = vtab_from(base);
    double count = (double)store_count(vtab->source->indexes->store, vtab->source->table);
    struct choice best = {PLAN_SCAN, -1, count};
    for (int i = 0; i < info->nConstraint; i++) {
        struct choice choice;
        if (constraint_rows(vtab, info, i, &choice) && (best.constraint < 0 || choice.rows < best.rows))
            best = choice;
    }
    info->orderByConsumed = is_order_by_id(info);
    info->estimatedRows = (sqlite3_int64)best.rows;
    info->estimatedCost = best.rows + (best.plan >= PLAN_COLUMN ? COST_LOOKUP : 1);
    if (is_better_filtered(vtab, info, &best)) {
        best.plan += PLAN_FILTER - PLAN_COLUMN;
        info->estimatedCost = count;
    }
    info->idxNum = best.plan;
    if (best.constraint >= 0)
        info->aConstraintUsage[best.constraint].argvIndex = 1;
    return SQLITE_OK;
}

static int table_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **cursor)
{
    struct table_cursor *made = calloc(1, sizeof *made);
    if (made == NULL)
        return SQLITE_NOMEM;
    (void)vtab;
    *cursor = &made->base;
    return SQLITE_OK;
}

static void cursor_forget(struct table_cursor *cursor)
{
    index_release(cursor->index);
    free(cursor->key_text);
    cursor->index = NULL;
    cursor->filtered = false;
    cursor->key_text = NULL;
    cursor->id = 0;
}

static void cursor_mark(struct table_cursor *cursor, bool started)
{
    struct vtab_source *source = vtab_from(cursor->base.pVtab)->source;
    source->started += (started ? 1U : 0U) - (cursor->started ? 1U : 0U);
    cursor->started = started;
}

static int table_close(sqlite3_vtab_cursor *base)
{
    cursor_forget(cursor_from(base));
    cursor_mark(cursor_from(base), false);
    free(base);
    return SQLITE_OK;
}

static void cursor_stand(struct table_cursor *cursor, int64_t id)
{
    const struct vtab_source *source = vtab_from(cursor->base.pVtab)->source;
    cursor->id = store_row(source->indexes->store, source->table, id) == NULL ? 0 : id;
}

/* To the row `id` of a scan, or to the next one with the key. */
static void scan_to(struct table_cursor *cursor, int64_t id)
{
    const struct vtab_source *source = vtab_from(cursor->base.pVtab)->source;
    struct store *store = source->indexes->store;
    while (cursor->filtered && id <= cursor->last &&
           !index_row_is(store, store_row(store, source->table, id), cursor->column, &cursor->key))
        id++;
    cursor_stand(cursor, id <= cursor->last ? id : 0);
}

static int scan_start(struct table_cursor *cursor)
{
    const struct vtab_source *source = vtab_from(cursor->base.pVtab)->source;
    cursor->last = store_count(source->indexes->store, source->table);
    scan_to(cursor, 1);
    return SQLITE_OK;
}

static int id_start(struct table_cursor *cursor, sqlite3_value *value)
{
    int type = sqlite3_value_type(value);
    if (type == SQLITE_NULL)
        return SQLITE_OK;
    if (type != SQLITE_INTEGER)
        return scan_start(cursor);
    cursor->last = sqlite3_value_int64(value);
    cursor_stand(cursor, cursor->last);
    return SQLITE_OK;
}

/* The text of the value lives only during xFilter. */
static int key_own(struct table_cursor *cursor)
{
    if (cursor->key.text.at == NULL)
        return SQLITE_OK;
    cursor->key_text = malloc(cursor->key.text.length + 1);
    if (cursor->key_text == NULL)
        return SQLITE_NOMEM;
    memcpy(cursor->key_text, cursor->key.text.at, cursor->key.text.length);
    cursor->key.text.at = cursor->key_text;
    return SQLITE_OK;
}

static int column_start(struct table_cursor *cursor, int plan, sqlite3_value *value)
{
    size_t number = (size_t)(plan >= PLAN_FILTER ? plan - PLAN_FILTER : plan - PLAN_COLUMN);
    const struct table_vtab *vtab = vtab_from(cursor->base.pVtab);
    const struct vtab_source *source = vtab->source;
    cursor->column = &vtab->schema->columns[number];
    enum key_kind kind = key_of(cursor->column, value, &cursor->key);
    if (kind == KEY_NEVER)
        return SQLITE_OK;
    if (kind == KEY_FOREIGN)
        return scan_start(cursor);
    if (key_own(cursor) != SQLITE_OK)
        return SQLITE_NOMEM;
    cursor->filtered = plan >= PLAN_FILTER;
    if (!cursor->filtered)
        cursor->index = index_acquire(source->indexes, source->table, number);
    if (cursor->index == NULL)
        return scan_start(cursor);
    cursor_stand(cursor, index_first(cursor->index, source->indexes->store, source->table, cursor->column, &cursor->key,
                                     &cursor->place));
    return SQLITE_OK;
}

/* A derived table is made when it is first read, and again when there is more to read: rows that a cursor stands on stay. */
static int source_fill(struct vtab_source *source, sqlite3_vtab *vtab)
{
    if (source->derived == NULL || source->started > 0)
        return SQLITE_OK;
    return derived_fill(source->derived, &source->indexes, &vtab->zErrMsg);
}

static int table_filter(sqlite3_vtab_cursor *base, int plan, const char *text, int argc, sqlite3_value **argv)
{
    (void)text;
    struct table_cursor *cursor = cursor_from(base);
    cursor_forget(cursor);
    cursor_mark(cursor, false);
    int result = source_fill(vtab_from(base->pVtab)->source, base->pVtab);
    if (result != SQLITE_OK)
        return result;
    cursor_mark(cursor, true);
    if (plan == PLAN_SCAN || argc < 1)
        return scan_start(cursor);
    if (plan == PLAN_ID)
        return id_start(cursor, argv[0]);
    return column_start(cursor, plan, argv[0]);
}

static int table_next(sqlite3_vtab_cursor *base)
{
    struct table_cursor *cursor = cursor_from(base);
    const struct vtab_source *source = vtab_from(base->pVtab)->source;
    if (cursor->index != NULL)
        cursor_stand(cursor, index_next(cursor->index, source->indexes->store, source->table, cursor->column,
                                        &cursor->key, &cursor->place));
    else
        scan_to(cursor, cursor->id + 1);
    return SQLITE_OK;
}

static int table_eof(sqlite3_vtab_cursor *base)
{
    return cursor_from(base)->id == 0;
}

static void column_result(sqlite3_context *context, struct store *store, const struct column *column, const void *row)
{
    const char *member = (const char *)row + column->offset;
    if (column->type == COLUMN_TEXT) {
        struct text text;
        memcpy(&text, member, sizeof text);
        if (text.at == NULL)
            return;
        bool copied = store_seen(store, text) && text.length <= COPIED_MAX;
        sqlite3_result_text64(context, text.at, text.length, copied ? SQLITE_TRANSIENT : SQLITE_STATIC, SQLITE_UTF8);
    } else if (column->type == COLUMN_REAL) {
        double real;
        memcpy(&real, member, sizeof real);
        if (!isnan(real))
            sqlite3_result_double(context, real);
    } else {
        int64_t number;
        memcpy(&number, member, sizeof number);
        if (number != INT_NULL)
            sqlite3_result_int64(context, number);
    }
}

static int table_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
    const struct table_cursor *cursor = cursor_from(base);
    const struct table_vtab *vtab = vtab_from(base->pVtab);
    struct store *store = vtab->source->indexes->store;
    if (column == 0)
        sqlite3_result_int64(context, cursor->id);
    else /* the row is looked up each time: other cursors may have read much since this one came to stand on it */
        column_result(context, store, &vtab->schema->columns[column - 1],
                      store_row(store, vtab->source->table, cursor->id));
    return SQLITE_OK;
}

static int table_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid)
{
    *rowid = cursor_from(base)->id;
    return SQLITE_OK;
}

/* Without xCreate a module is eponymous-only: the table is there by its name, and no other can be made. */
static const sqlite3_module module = {
    .iVersion = 0,
    .xConnect = table_connect,
    .xBestIndex = table_best_index,
    .xDisconnect = table_disconnect,
    .xOpen = table_open,
    .xClose = table_close,
    .xFilter = table_filter,
    .xNext = table_next,
    .xEof = table_eof,
    .xColumn = table_column,
    .xRowid = table_rowid,
};

int vtab_register(sqlite3 *db, struct index_list *indexes, struct vtab_source *sources)
{
    int result = SQLITE_OK;
    for (size_t i = 0; i < TABLE_COUNT && result == SQLITE_OK; i++) {
        sources[i].indexes = indexes;
        sources[i].table = (enum table)i;
        result = sqlite3_create_module_v2(db, schema_table(sources[i].table)->name, &module, &sources[i], NULL);
    }
    return result;
}
