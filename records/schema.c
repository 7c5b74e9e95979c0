/* records/schema.c: see schema.h. All of it comes from records/tables.def, by other meanings of its macros. */
#include "records/schema.h"

#include <string.h>

/* Where each member stands: OFFSET_flow_packet, ... Taken while names are still those of C. */
enum offset {
#define TABLE_BEGIN(table, need, meaning)
#define COLUMN(table, name, type, need, unit, meaning) OFFSET_##table##_##name = offsetof(struct table##_row, name),
#define TABLE_END(table)
#include "records/tables.def"
#undef TABLE_BEGIN
#undef COLUMN
#undef TABLE_END
    OFFSET_END
};

/* Type and referred table of each TYPE word. */
#define TYPE_INT COLUMN_INT, TABLE_COUNT
#define TYPE_BOOL COLUMN_BOOL, TABLE_COUNT
#define TYPE_REAL COLUMN_REAL, TABLE_COUNT
#define TYPE_TEXT COLUMN_TEXT, TABLE_COUNT
#define TYPE_REF_flow COLUMN_REF, TABLE_flow
#define TYPE_REF_http COLUMN_REF, TABLE_http
#define TYPE_REF_certificate COLUMN_REF, TABLE_certificate
#define TYPE_REF_message COLUMN_REF, TABLE_message
#define TYPE_REF_bits COLUMN_REF, TABLE_bits
#define TYPE_REF_tls COLUMN_REF, TABLE_tls
#define TYPE_REF_smb COLUMN_REF, TABLE_smb
#define TYPE_REF_smb_tree COLUMN_REF, TABLE_smb_tree
#define TYPE_REF_smb_file COLUMN_REF, TABLE_smb_file
#define TYPE_REF_ntlm COLUMN_REF, TABLE_ntlm
#define TYPE_REF_kerberos COLUMN_REF, TABLE_kerberos
#define TYPE_REF_rpc COLUMN_REF, TABLE_rpc
#define TYPE_REF_name_query COLUMN_REF, TABLE_name_query
#define TYPE_REF_ldap_operation COLUMN_REF, TABLE_ldap_operation
#define TYPE_REF_sql_login COLUMN_REF, TABLE_sql_login

/* A member with a trailing underscore is a column without it: one line for each such name (a unit test finds one that
 * was forgotten). STRING replaces it before it makes the string. */
#define signed_ signed
#define STRING_OF(name) #name
#define STRING(name) STRING_OF(name)

/* flow_columns[], http_columns[], ... */
#define TABLE_BEGIN(table, need, meaning) static const struct column table##_columns[] = {
#define COLUMN(table, name, type, need, unit, meaning)                                                                 \
    {STRING(name), TYPE_##type, (unsigned)(need), unit, meaning, OFFSET_##table##_##name},
#define TABLE_END(table)                                                                                               \
    }                                                                                                                  \
    ;
#include "records/tables.def"
#undef TABLE_BEGIN
#undef COLUMN
#undef TABLE_END

static const struct table_schema schemas[TABLE_COUNT] = {
#define TABLE_BEGIN(table, need, meaning)                                                                              \
    {#table,          (unsigned)(need),                                                                                \
     meaning,         sizeof(struct table##_row),                                                                      \
     table##_columns, sizeof table##_columns / sizeof table##_columns[0]},
#define COLUMN(table, name, type, need, unit, meaning)
#define TABLE_END(table)
#include "records/tables.def"
#undef TABLE_BEGIN
#undef COLUMN
#undef TABLE_END
};

#undef signed_

const struct table_schema *schema_table(enum table table)
{
    return (unsigned)table < TABLE_COUNT ? &schemas[table] : NULL;
}

const struct table_schema *schema_find(const char *name)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (strcmp(schemas[i].name, name) == 0)
            return &schemas[i];
    }
    return NULL;
}

enum table schema_index(const struct table_schema *schema)
{
    return (enum table)(schema - schemas);
}

const struct column *schema_column(const struct table_schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->column_count; i++) {
        if (strcmp(schema->columns[i].name, name) == 0)
            return &schema->columns[i];
    }
    return NULL;
}

static const char *sql_type(enum column_type type)
{
    switch (type) {
    case COLUMN_REAL:
        return "REAL";
    case COLUMN_TEXT:
        return "TEXT";
    case COLUMN_INT:
    case COLUMN_BOOL:
    case COLUMN_REF:
        break;
    }
    return "INTEGER";
}

void schema_null(const struct column *column, union any_row *row)
{
    char *member = (char *)row + column->offset;
    if (column->type == COLUMN_TEXT)
        memcpy(member, &TEXT_NULL, sizeof TEXT_NULL);
    else if (column->type == COLUMN_REAL)
        memcpy(member, &(double){REAL_NULL}, sizeof(double));
    else
        memcpy(member, &(int64_t){INT_NULL}, sizeof(int64_t));
}

void schema_print_sql(FILE *out, const struct table_schema *schema, const char *prefix)
{
    fprintf(out, "CREATE TABLE %s%s(\n    id INTEGER PRIMARY KEY", prefix, schema->name);
    for (size_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        fprintf(out, ",\n    \"%s\" %s", column->name, sql_type(column->type));
        if (column->type == COLUMN_REF)
            fprintf(out, " REFERENCES %s(id)", schemas[column->refers].name);
    }
    fputs("\n)", out);
}

#define TYPE_WIDTH 32 /* "ref " and the longest name of a table, with room */

/* The type for people: "int", "bool", "ref flow". */
static void type_text(const struct column *column, char text[static TYPE_WIDTH])
{
    static const char *const names[] = {"int", "bool", "real", "text", "ref"};
    bool refers = column->type == COLUMN_REF;
    snprintf(text, TYPE_WIDTH, "%s%s%s", names[column->type], refers ? " " : "",
             refers ? schemas[column->refers].name : "");
}

static size_t name_width(const struct table_schema *schema)
{
    size_t width = strlen("id");
    for (size_t i = 0; i < schema->column_count; i++) {
        size_t length = strlen(schema->columns[i].name);
        width = length > width ? length : width;
    }
    return width;
}

#define TYPE_COLUMNS 13 /* "ref message" and two blanks */

void schema_print_text(FILE *out, const struct table_schema *schema)
{
    int width = (int)name_width(schema);
    fprintf(out, "%s: %s\n", schema->name, schema->meaning);
    fprintf(out, "  %-*s  %-*s%s\n", width, "id", TYPE_COLUMNS, "int", "1, 2, 3 ... in the order of recording");
    for (size_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        char type[TYPE_WIDTH];
        type_text(column, type);
        fprintf(out, "  %-*s  %-*s%s", width, column->name, TYPE_COLUMNS, type, column->meaning);
        if (column->unit[0] != '\0')
            fprintf(out, " (%s)", column->unit);
        fputc('\n', out);
    }
}

/* Text inside a cell of a Markdown table. */
static void print_cell(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|' || *text == '<')
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void print_markdown_row(FILE *out, const struct column *column)
{
    char type[TYPE_WIDTH];
    type_text(column, type);
    fprintf(out, "| `%s` | %s | %s | ", column->name, type, column->unit);
    print_cell(out, column->meaning);
    fputs(" |\n", out);
}

static void print_markdown_table(FILE *out, const struct table_schema *schema)
{
    fprintf(out, "\n## %s\n\n%s.\n\n| column | type | unit | meaning |\n|---|---|---|---|\n", schema->name,
            schema->meaning);
    fputs("| `id` | int |  | 1, 2, 3 ... in the order of recording |\n", out);
    for (size_t i = 0; i < schema->column_count; i++)
        print_markdown_row(out, &schema->columns[i]);
}

void schema_print_markdown(FILE *out)
{
    fputs(
        "# Tables\n\n<!-- Made by `cmscope schema --markdown` from records/tables.def. -->\n\n"
        "What cmscope records, and what `cmscope query` and the rules read. Times are seconds since 1970-01-01 UTC\n"
        "with their fraction, booleans are 0 or 1, and what is not known is NULL. A column of type `ref` holds the id\n"
        "of a row of the table it names.\n",
        out);
    for (size_t i = 0; i < TABLE_COUNT; i++)
        print_markdown_table(out, &schemas[i]);
}
