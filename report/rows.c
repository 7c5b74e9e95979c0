/* report/rows.c: the rows of a query as a table for people, as CSV or as JSON. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/json.h"
#include "report/report.h"
#include "report/safe.h"

#define CELL_MAX 80       /* characters of a cell of a table; CSV and JSON have all of it */
#define ROWS_MEASURED 512 /* rows that are looked at before the widths of columns are fixed: memory stays flat */
#define COLUMN_GAP 2

/* Upper-case hex in an arena made for it; the caller frees the arena. */
static struct text column_hex(sqlite3_stmt *statement, int column, struct arena *arena)
{
    const void *at = sqlite3_column_blob(statement, column);
    size_t length = (size_t)sqlite3_column_bytes(statement, column);
    arena_init(arena, length * 2 + 64);
    return text_hex(arena, cursor_of(at == NULL ? "" : at, length));
}

static enum outcome rows_end(sqlite3_stmt *statement, int result, struct error *error)
{
    if (result == SQLITE_DONE)
        return OUTCOME_OK;
    return error_set(error, OUTCOME_SYSTEM, 0, "the query stopped: %s", sqlite3_errmsg(sqlite3_db_handle(statement)));
}

/* ---- CSV ---- */

static void csv_cell(FILE *out, sqlite3_stmt *statement, int column)
{
    struct arena arena;
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_NULL:
        break;
    case SQLITE_INTEGER:
        fprintf(out, "%" PRId64, (int64_t)sqlite3_column_int64(statement, column));
        break;
    case SQLITE_FLOAT:
        safe_real(out, sqlite3_column_double(statement, column));
        break;
    case SQLITE_BLOB:
        safe_csv(out, column_hex(statement, column, &arena));
        arena_free(&arena);
        break;
    default:
        safe_csv(out, database_text(statement, column));
    }
}

static void csv_head(FILE *out, sqlite3_stmt *statement)
{
    for (int i = 0; i < sqlite3_column_count(statement); i++) {
        fputs(i == 0 ? "" : ",", out);
        safe_csv(out, text_of(sqlite3_column_name(statement, i)));
    }
    fputs("\r\n", out);
}

static enum outcome rows_csv(FILE *out, sqlite3_stmt *statement, struct error *error)
{
    csv_head(out, statement);
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            fputs(i == 0 ? "" : ",", out);
            csv_cell(out, statement, i);
        }
        fputs("\r\n", out);
    }
    return rows_end(statement, result, error);
}

/* ---- JSON ---- */

/* False when memory ran out. */
static bool json_print_text(FILE *out, struct text text)
{
    json_t *string = json_from_text(text);
    if (string == NULL)
        return false;
    bool printed = json_dumpf(string, out, JSON_STYLE | JSON_ENCODE_ANY) == 0;
    json_decref(string);
    return printed;
}

/* JSON has no NaN and no infinity (RFC 8259 section 6). */
static void json_print_real(FILE *out, double value)
{
    if (!isfinite(value))
        fputs("null", out);
    else
        safe_real(out, value);
}

static bool json_cell(FILE *out, sqlite3_stmt *statement, int column)
{
    struct arena arena;
    bool printed = true;
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_NULL:
        fputs("null", out);
        break;
    case SQLITE_INTEGER:
        fprintf(out, "%" PRId64, (int64_t)sqlite3_column_int64(statement, column));
        break;
    case SQLITE_FLOAT:
        json_print_real(out, sqlite3_column_double(statement, column));
        break;
    case SQLITE_BLOB:
        printed = json_print_text(out, column_hex(statement, column, &arena));
        arena_free(&arena);
        break;
    default:
        printed = json_print_text(out, database_text(statement, column));
    }
    return printed;
}

/* The names of the columns as JSON member names: a name that occurred before gets _2, _3 ... */
static char **json_names(sqlite3_stmt *statement, int count)
{
    char **names = calloc((size_t)count + 1, sizeof *names);
    for (int i = 0; names != NULL && i < count; i++) {
        const char *name = sqlite3_column_name(statement, i);
        int same = 1;
        for (int j = 0; j < i; j++)
            same += strcmp(sqlite3_column_name(statement, j), name) == 0;
        size_t size = strlen(name) + 16;
        names[i] = malloc(size);
        if (names[i] != NULL && same == 1)
            memcpy(names[i], name, strlen(name) + 1);
        else if (names[i] != NULL)
            snprintf(names[i], size, "%s_%d", name, same);
    }
    return names;
}

static void json_names_free(char **names, int count)
{
    for (int i = 0; names != NULL && i < count; i++)
        free(names[i]);
    free(names);
}

static bool json_members(FILE *out, sqlite3_stmt *statement, char *const *names)
{
    for (int i = 0; i < sqlite3_column_count(statement); i++) {
        fputs(i == 0 ? "" : ", ", out);
        if (names[i] == NULL || !json_print_text(out, text_of(names[i])))
            return false;
        fputs(": ", out);
        if (!json_cell(out, statement, i))
            return false;
    }
    return true;
}

/* Rows that belong to a row: those of `statement` with the row's first column bound to its first parameter, as an array
 * under `name`. No statement: none. */
struct json_children {
    const char *name;
    sqlite3_stmt *statement;
    char **names;
};

static bool json_children_print(FILE *out, sqlite3_stmt *row, const struct json_children *children)
{
    if (children == NULL)
        return true;
    sqlite3_stmt *statement = children->statement;
    sqlite3_reset(statement);
    sqlite3_bind_int64(statement, 1, sqlite3_column_int64(row, 0));
    fprintf(out, ", \"%s\": [", children->name);
    bool any = false;
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        fputs(any ? ",\n  {" : "\n  {", out);
        any = true;
        if (!json_members(out, statement, children->names))
            return false;
        fputc('}', out);
    }
    fputc(']', out);
    return result == SQLITE_DONE;
}

static bool json_row(FILE *out, sqlite3_stmt *statement, char *const *names, const struct json_children *children)
{
    fputc('{', out);
    if (!json_members(out, statement, names) || !json_children_print(out, statement, children))
        return false;
    fputc('}', out);
    return true;
}

static enum outcome json_array_of_rows(FILE *out, sqlite3_stmt *statement, char *const *names,
                                       const struct json_children *children, struct error *error)
{
    int result;
    bool any = false;
    fputc('[', out);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        fputs(any ? ",\n " : "\n ", out);
        any = true;
        if (!json_row(out, statement, names, children))
            return error_set(error, OUTCOME_SYSTEM, 0, "a row of the result could not be written");
    }
    enum outcome outcome = rows_end(statement, result, error);
    if (outcome == OUTCOME_OK) /* else the array stays open, so that nobody takes it for the whole result */
        fputs(any ? "\n]\n" : "]\n", out);
    return outcome;
}

static enum outcome rows_json(FILE *out, sqlite3_stmt *statement, const struct json_children *children,
                              struct error *error)
{
    int count = sqlite3_column_count(statement);
    char **names = json_names(statement, count);
    if (names == NULL)
        return error_set(error, OUTCOME_SYSTEM, 0, "no memory for the names of %d columns", count);
    enum outcome outcome = json_array_of_rows(out, statement, names, children, error);
    json_names_free(names, count);
    return outcome;
}

enum outcome report_messages_json(FILE *out, sqlite3_stmt *rows, struct error *error)
{
    static const char sql[] =
        "SELECT part, ordinal, parent, depth, path, name, value, value_bytes, kind, about, meaning,"
        " certainty FROM field WHERE message = ? ORDER BY id";
    struct json_children children = {.name = "fields"};
    sqlite3 *db = sqlite3_db_handle(rows);
    if (sqlite3_prepare_v2(db, sql, -1, &children.statement, NULL) != SQLITE_OK)
        return error_set(error, OUTCOME_SYSTEM, 0, "%s", sqlite3_errmsg(db));
    int count = sqlite3_column_count(children.statement);
    children.names = json_names(children.statement, count);
    enum outcome outcome = children.names == NULL
                               ? error_set(error, OUTCOME_SYSTEM, 0, "no memory for the names of %d columns", count)
                               : rows_json(out, rows, &children, error);
    json_names_free(children.names, count);
    sqlite3_finalize(children.statement);
    return outcome;
}

/* ---- Table ---- */

/* The first rows, kept until the widths of their columns are known. */
struct table_head {
    int columns;
    size_t rows;
    size_t *widths; /* of each column */
    char **cells;   /* ROWS_MEASURED rows of safe_text */
    bool *numbers;  /* of each cell: written to the right */
};

static void head_free(struct table_head *head)
{
    for (size_t i = 0; head->cells != NULL && i < head->rows * (size_t)head->columns; i++)
        safe_free(head->cells[i]);
    free(head->cells);
    free(head->numbers);
    free(head->widths);
}

static bool head_start(struct table_head *head, sqlite3_stmt *statement)
{
    int columns = sqlite3_column_count(statement);
    size_t cells = (size_t)columns * ROWS_MEASURED;
    *head = (struct table_head){
        .columns = columns,
        .widths = calloc((size_t)columns + 1, sizeof(size_t)),
        .cells = calloc(cells + 1, sizeof(char *)),
        .numbers = calloc(cells + 1, sizeof(bool)),
    };
    if (head->widths == NULL || head->cells == NULL || head->numbers == NULL)
        return false;
    for (int i = 0; i < columns; i++) {
        char *name = safe_text(text_of(sqlite3_column_name(statement, i)), CELL_MAX);
        head->widths[i] = safe_columns(name);
        safe_free(name);
    }
    return true;
}

static bool cell_is_number(sqlite3_stmt *statement, int column)
{
    int type = sqlite3_column_type(statement, column);
    return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

/* One cell as a string that fits the table; freed with safe_free. */
static char *table_cell(sqlite3_stmt *statement, int column)
{
    struct arena arena;
    if (sqlite3_column_type(statement, column) != SQLITE_BLOB)
        return safe_text(database_text(statement, column), CELL_MAX); /* SQLite turns numbers into text */
    char *cell = safe_text(column_hex(statement, column, &arena), CELL_MAX);
    arena_free(&arena);
    return cell;
}

static void head_keep(struct table_head *head, sqlite3_stmt *statement)
{
    for (int i = 0; i < head->columns; i++) {
        size_t cell = head->rows * (size_t)head->columns + (size_t)i;
        head->numbers[cell] = cell_is_number(statement, i);
        head->cells[cell] = table_cell(statement, i);
        size_t columns = safe_columns(head->cells[cell]);
        if (columns > head->widths[i])
            head->widths[i] = columns;
    }
    head->rows++;
}

/* A cell and the space around it. The last column is not filled up. */
static void print_cell(FILE *out, const struct table_head *head, int column, const char *cell, bool number)
{
    size_t columns = safe_columns(cell);
    int padding = columns < head->widths[column] ? (int)(head->widths[column] - columns) : 0;
    bool last = column == head->columns - 1;
    if (number)
        fprintf(out, "%*s%s", padding, "", cell);
    else
        fprintf(out, "%s%*s", cell, last ? 0 : padding, "");
    fprintf(out, "%*s", last ? 0 : COLUMN_GAP, "");
    if (last)
        fputc('\n', out);
}

static void print_names(FILE *out, const struct table_head *head, sqlite3_stmt *statement)
{
    for (int i = 0; i < head->columns; i++) {
        char *name = safe_text(text_of(sqlite3_column_name(statement, i)), CELL_MAX);
        bool number = head->rows > 0 && head->numbers[i];
        print_cell(out, head, i, name, number);
        safe_free(name);
    }
    for (int i = 0; i < head->columns; i++) {
        for (size_t j = 0; j < head->widths[i]; j++)
            fputc('-', out);
        fputs(i == head->columns - 1 ? "\n" : "  ", out);
    }
}

static void print_row(FILE *out, const struct table_head *head, sqlite3_stmt *statement)
{
    for (int i = 0; i < head->columns; i++) {
        bool number = cell_is_number(statement, i); /* before SQLite turns it into text */
        char *cell = table_cell(statement, i);
        print_cell(out, head, i, cell, number);
        safe_free(cell);
    }
}

static void print_head_rows(FILE *out, const struct table_head *head)
{
    for (size_t i = 0; i < head->rows * (size_t)head->columns; i++)
        print_cell(out, head, (int)(i % (size_t)head->columns), head->cells[i], head->numbers[i]);
}

static int table_run(FILE *out, struct table_head *head, sqlite3_stmt *statement)
{
    int result = SQLITE_DONE;
    while (head->rows < ROWS_MEASURED && (result = sqlite3_step(statement)) == SQLITE_ROW)
        head_keep(head, statement);
    print_names(out, head, statement);
    print_head_rows(out, head);
    while (result == SQLITE_ROW && (result = sqlite3_step(statement)) == SQLITE_ROW)
        print_row(out, head, statement);
    return result;
}

static enum outcome rows_table(FILE *out, sqlite3_stmt *statement, struct error *error)
{
    struct table_head head;
    bool started = head_start(&head, statement);
    int result = started ? table_run(out, &head, statement) : SQLITE_NOMEM;
    head_free(&head);
    if (!started)
        return error_set(error, OUTCOME_SYSTEM, 0, "no memory for a table of %d columns", head.columns);
    return rows_end(statement, result, error);
}

enum outcome report_rows(FILE *out, sqlite3_stmt *statement, enum row_format format, struct error *error)
{
    if (sqlite3_column_count(statement) == 0)
        return rows_end(statement, sqlite3_step(statement), error);
    switch (format) {
    case ROW_FORMAT_CSV:
        return rows_csv(out, statement, error);
    case ROW_FORMAT_JSON:
        return rows_json(out, statement, NULL, error);
    case ROW_FORMAT_TABLE:
        break;
    }
    return rows_table(out, statement, error);
}
