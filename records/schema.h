/* records/schema.h: what the tables are, as data: made from records/tables.def. */
#ifndef CMSCOPE_RECORDS_SCHEMA_H
#define CMSCOPE_RECORDS_SCHEMA_H

#include <stddef.h>
#include <stdio.h>

#include "core/row.h"

struct column {
    const char *name; /* in SQL and JSON */
    enum column_type type;
    enum table refers; /* of COLUMN_REF; TABLE_COUNT otherwise */
    unsigned need;     /* set of enum need */
    const char *unit;
    const char *meaning;
    size_t offset; /* of the member in the row struct */
};

struct table_schema {
    const char *name;
    unsigned need;
    const char *meaning;
    size_t row_size;
    const struct column *columns; /* without the implicit id */
    size_t column_count;
};

/* Room for a row of any table. */
union any_row {
#define TABLE_BEGIN(table, need, meaning) struct table##_row table;
#define COLUMN(table, name, type, need, unit, meaning)
#define TABLE_END(table)
#include "records/tables.def"
#undef TABLE_BEGIN
#undef COLUMN
#undef TABLE_END
};

/* The schema of one table (table < TABLE_COUNT); NULL for the name of none. */
const struct table_schema *schema_table(enum table table);
const struct table_schema *schema_find(const char *name);
enum table schema_index(const struct table_schema *schema);
/* A column by its name; NULL for the name of none. `id` is none: every table has it. */
const struct column *schema_column(const struct table_schema *schema, const char *name);

/* Sets the column of a row to NULL (TEXT_NULL, REAL_NULL, INT_NULL). */
void schema_null(const struct column *column, union any_row *row);

/* "CREATE TABLE name(id INTEGER PRIMARY KEY, ...)" with `prefix` ("main." or "") before the name; no final semicolon.
 * */
void schema_print_sql(FILE *out, const struct table_schema *schema, const char *prefix);
/* For people: name, type, unit and meaning of each column. */
void schema_print_text(FILE *out, const struct table_schema *schema);
/* docs/tables.md: all tables. */
void schema_print_markdown(FILE *out);

#endif
