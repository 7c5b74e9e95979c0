/* records/mistake.c: see mistake.h. SQLite's messages: https://sqlite.org/src (resolve.c, build.c, parse.y). */
#include "records/mistake.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "core/text.h"
#include "records/schema.h"

#define NAME_MAX_COMPARED 64 /* longer names are like no other */
#define HOLDERS_SHOWN 3      /* tables that have a column, when none of the statement does */

static const char NO_COLUMN[] = "no such column: ", NO_TABLE[] = "no such table: ",
                  NO_FUNCTION[] = "no such function: ";

static bool is_word(char character)
{
    return isalnum((unsigned char)character) || character == '_';
}

/* Where `name` stands in `sql` as a whole word; NULL when it does not. */
static const char *find_word(const char *sql, const char *name, size_t length)
{
    for (const char *at = sql; length > 0 && *at != '\0'; at++) {
        if (strncasecmp(at, name, length) == 0 && !is_word(at[length]) && (at == sql || !is_word(at[-1])))
            return at;
    }
    return NULL;
}

/* The name that a message ends with, after `prefix`; NULL when it does not begin with that. */
static const char *name_after(const char *message, const char *prefix)
{
    return strncmp(message, prefix, strlen(prefix)) == 0 ? message + strlen(prefix) : NULL;
}

/* Without the table before the dot. */
static const char *last_part(const char *name)
{
    const char *dot = name == NULL ? NULL : strrchr(name, '.');
    return dot == NULL ? name : dot + 1;
}

uint64_t mistake_place(const char *sql, int offset, const char *message)
{
    const char *name = last_part(name_after(message, NO_TABLE));
    if (name == NULL)
        name = last_part(name_after(message, NO_FUNCTION));
    if (name == NULL)
        name = last_part(name_after(message, NO_COLUMN));
    if (offset >= 0)
        return (uint64_t)offset;
    const char *at = name == NULL ? NULL : find_word(sql, name, strlen(name));
    return at == NULL ? MISTAKE_PLACE_UNKNOWN : (uint64_t)(at - sql);
}

/* ---- Names that are near ---- */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to add, drop, change, or swap with their neighbour, to make one of the other (optimal string alignment). */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][NAME_MAX_COMPARED + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    size_t width = strlen(b);
    if (width > NAME_MAX_COMPARED || strlen(a) > NAME_MAX_COMPARED)
        return SIZE_MAX;
    for (size_t j = 0; j <= width; j++)
        above[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + !same);
            bool swapped = i > 1 && j > 1 && tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 2]) &&
                           tolower((unsigned char)a[i - 2]) == tolower((unsigned char)b[j - 1]);
            if (swapped)
                row[j] = least(row[j], before[j - 2] + 1);
        }
        size_t *free_row = before;
        before = above;
        above = row;
        row = free_row;
    }
    return above[width];
}

struct nearest {
    const char *wanted, *name;
    size_t distance;
};

/* A third of the letters may differ: more is another word. */
static struct nearest nearest_to(const char *wanted)
{
    return (struct nearest){.wanted = wanted, .distance = strlen(wanted) / 3 + 1};
}

static void nearest_try(struct nearest *nearest, const char *name)
{
    size_t found = distance(nearest->wanted, name);
    if (found < nearest->distance || (found == nearest->distance && nearest->name == NULL)) {
        nearest->distance = found;
        nearest->name = name;
    }
}

static const char *nearest_table(const char *wanted)
{
    struct nearest nearest = nearest_to(wanted);
    for (size_t i = 0; i < TABLE_COUNT; i++)
        nearest_try(&nearest, schema_table((enum table)i)->name);
    return nearest.name;
}

/* Among the columns of the tables that the statement names. */
static const char *nearest_column(const char *sql, const char *wanted)
{
    struct nearest nearest = nearest_to(wanted);
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        const struct table_schema *schema = schema_table((enum table)i);
        for (size_t j = 0; find_word(sql, schema->name, strlen(schema->name)) != NULL && j < schema->column_count; j++)
            nearest_try(&nearest, schema->columns[j].name);
    }
    return nearest.name;
}

static bool has_column(const struct table_schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->column_count; i++) {
        if (strcasecmp(schema->columns[i].name, name) == 0)
            return true;
    }
    return false;
}

/* ---- The sentence ---- */

static void append(char *text, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);

static void append(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

/* "; table http has it, table tls has it" */
static bool append_holders(char *text, size_t size, const char *column)
{
    size_t shown = 0;
    for (size_t i = 0; i < TABLE_COUNT && shown < HOLDERS_SHOWN; i++) {
        const struct table_schema *schema = schema_table((enum table)i);
        if (has_column(schema, column))
            append(text, size, "%s table %s has it", shown++ == 0 ? ";" : ",", schema->name);
    }
    return shown > 0;
}

static void append_meant(char *text, size_t size, const char *name)
{
    if (name != NULL)
        append(text, size, "; did you mean \"%s\"?", name);
}

static void append_place(char *text, size_t size, const char *sql, uint64_t place)
{
    unsigned line = 1, column = 1;
    for (uint64_t i = 0; i < place && sql[i] != '\0'; i++) {
        column = sql[i] == '\n' ? 1 : column + ((sql[i] & 0xC0) != 0x80); /* characters, not bytes */
        line += sql[i] == '\n';
    }
    append(text, size, " (line %u, column %u)", line, column);
}

void mistake_describe(const char *sql, uint64_t place, const char *message, char *text, size_t size)
{
    const char *column = last_part(name_after(message, NO_COLUMN)), *table = last_part(name_after(message, NO_TABLE));
    snprintf(text, size, "%s", message);
    if (place != MISTAKE_PLACE_UNKNOWN)
        append_place(text, size, sql, place);
    if (table != NULL)
        append_meant(text, size, nearest_table(table));
    if (column == NULL)
        return;
    const char *meant = nearest_column(sql, column);
    if (meant != NULL || !append_holders(text, size, column))
        append_meant(text, size, meant);
}

/* ---- The line ---- */

#define SHOWN_BEFORE 60 /* bytes of the line before the place, and after it */
#define SHOWN_AFTER 40

static bool is_continuation(char byte)
{
    return (byte & 0xC0) == 0x80;
}

void mistake_show(FILE *out, const char *sql, uint64_t place)
{
    size_t length = strlen(sql);
    if (place > length)
        return;
    size_t start = (size_t)place, end = (size_t)place;
    while (start > 0 && sql[start - 1] != '\n' && place - start < SHOWN_BEFORE)
        start--;
    while (is_continuation(sql[start]) && start < place)
        start++;
    while (end < length && sql[end] != '\n' && end - place < SHOWN_AFTER)
        end++;
    while (end > place && is_continuation(sql[end]))
        end--;
    fputs("  ", out);
    size_t before = text_print_safe(out, (struct text){sql + start, (size_t)place - start});
    (void)text_print_safe(out, (struct text){sql + place, end - (size_t)place});
    fprintf(out, "\n  %*s^\n", (int)before, "");
}
