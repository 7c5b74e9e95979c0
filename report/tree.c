/* report/tree.c: one row as lines of "column: value" for a person. */
#include "report/tree.h"

#include <inttypes.h>
#include <string.h>

#include "records/schema.h"
#include "records/store.h"
#include "report/layout.h"
#include "report/report.h"
#include "report/safe.h"
#include "report/utc.h"

#define INDENT_STEP 2

/* These return the columns that they take. */
static size_t print_number(FILE *out, const struct column *column, int64_t value)
{
    int length;
    if (column->type == COLUMN_BOOL)
        length = fprintf(out, "%s", value == 0 ? " no" : " yes");
    else if (column->unit[0] != '\0')
        length = fprintf(out, " %" PRId64 " %s", value, column->unit);
    else
        length = fprintf(out, " %" PRId64, value);
    return length < 0 ? 0 : (size_t)length;
}

/* All columns in seconds are moments (records/tables.def). */
static size_t print_real(FILE *out, const struct column *column, double value)
{
    char time[UTC_TEXT_MAX];
    fputc(' ', out);
    if (strcmp(column->unit, "s") == 0 && utc_format(value, time)) {
        fputs(time, out);
        return 1 + strlen(time);
    }
    safe_real(out, value);
    fprintf(out, "%s%s", column->unit[0] == '\0' ? "" : " ", column->unit);
    return 0; /* no table has such a column */
}

static size_t line_length(struct text text)
{
    const char *end = memchr(text.at, '\n', text.length);
    return end == NULL ? text.length : (size_t)(end - text.at);
}

/* Text of several lines: each line of its own after a bar, so that none can pass for a line of the tree. */
static void print_lines(FILE *out, struct text text, int indent)
{
    while (text.length > 0) {
        size_t length = line_length(text);
        bool carriage_return = length > 0 && text.at[length - 1] == '\r';
        fputc('\n', out);
        layout_spaces(out, (size_t)(indent + INDENT_STEP));
        fputs("| ", out);
        text_print_safe(out, (struct text){text.at, length - (carriage_return ? 1 : 0)});
        size_t taken = length < text.length ? length + 1 : length;
        text = (struct text){text.at + taken, text.length - taken};
    }
}

size_t tree_text(FILE *out, struct text text, int indent)
{
    if (text.at != NULL && memchr(text.at, '\n', text.length) != NULL) {
        print_lines(out, text, indent);
        return 0;
    }
    fputc(' ', out);
    return 1 + text_print_safe(out, text);
}

void tree_about(FILE *out, size_t column, struct text about)
{
    layout_spaces(out, column + 2 < TREE_ABOUT_AT ? TREE_ABOUT_AT - column : 2);
    fputs("| ", out);
    text_print_safe(out, about);
}

/* `about`: with what the column means. */
static void print_column(FILE *out, const struct column *column, const void *row, int indent, bool about)
{
    const char *at = (const char *)row + column->offset;
    int64_t number = INT_NULL;
    double real = REAL_NULL;
    struct text text = TEXT_NULL;
    if (column->type == COLUMN_TEXT)
        memcpy(&text, at, sizeof text);
    else if (column->type == COLUMN_REAL)
        memcpy(&real, at, sizeof real);
    else
        memcpy(&number, at, sizeof number);
    if (text.at == NULL && isnan(real) && number == INT_NULL)
        return;
    layout_spaces(out, (size_t)indent);
    fprintf(out, "%s:", column->name);
    size_t width;
    if (column->type == COLUMN_TEXT)
        width = tree_text(out, text, indent);
    else if (column->type == COLUMN_REAL)
        width = print_real(out, column, real);
    else
        width = print_number(out, column, number);
    if (about && width > 0)
        tree_about(out, (size_t)indent + strlen(column->name) + 1 + width, text_of(column->meaning));
    fputc('\n', out);
}

void tree_details(FILE *out, struct store *store, enum table table, int64_t id, int indent)
{
    static const char *const skipped[] = {"packet", "time", "flow", "message", "http"};
    const struct table_schema *schema = schema_table(table);
    const void *row = store_row(store, table, id);
    for (size_t i = 0; row != NULL && i < schema->column_count; i++) {
        bool skip = false;
        for (size_t j = 0; j < sizeof skipped / sizeof skipped[0]; j++)
            skip = skip || strcmp(schema->columns[i].name, skipped[j]) == 0;
        if (!skip)
            print_column(out, &schema->columns[i], row, indent, true);
    }
}

void report_row_tree(FILE *out, struct store *store, enum table table, int64_t id, int indent)
{
    if (id < 1 || id > store_count(store, table))
        return;
    const struct table_schema *schema = schema_table(table);
    const void *row = store_row(store, table, id);
    for (size_t i = 0; i < schema->column_count; i++)
        print_column(out, &schema->columns[i], row, indent < 0 ? 0 : indent, false);
}
