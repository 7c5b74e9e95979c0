/* report/safe.c: see safe.h. */
#define _POSIX_C_SOURCE 200809L /* open_memstream */
#include "report/safe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define UTF8_MAX 4 /* bytes of a character, at most */

static char no_memory[] = "(out of memory)";

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

size_t safe_columns(const char *safe)
{
    size_t columns = 0;
    for (; *safe != '\0'; safe++)
        columns += !is_continuation(*safe);
    return columns;
}

/* Shortens `safe` to `columns` characters, the last three of them dots, when it has more. */
static void safe_cut(char *safe, size_t columns)
{
    if (safe_columns(safe) <= columns)
        return;
    size_t keep = columns > 3 ? columns - 3 : 0;
    size_t seen = 0;
    char *end = safe;
    while (*end != '\0' && (is_continuation(*end) || seen < keep)) {
        seen += !is_continuation(*end);
        end++;
    }
    size_t dots = columns < 3 ? columns : 3;
    memcpy(end, "...", dots); /* there were more characters than `columns`, so there is room */
    end[dots] = '\0';
}

char *safe_text(struct text text, size_t columns)
{
    size_t most = columns > SIZE_MAX / (2 * UTF8_MAX) ? SIZE_MAX : columns * UTF8_MAX + UTF8_MAX;
    if (text.length > most) /* what is cut off anyway is not even escaped */
        text.length = most;
    char *safe = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&safe, &length);
    if (memory == NULL)
        return no_memory;
    text_print_safe(memory, text);
    if (fclose(memory) != 0 || safe == NULL) {
        free(safe);
        return no_memory;
    }
    safe_cut(safe, columns);
    return safe;
}

void safe_free(char *safe)
{
    if (safe != no_memory)
        free(safe);
}

static const char *html_entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void safe_html(FILE *out, struct text text, size_t columns)
{
    char *safe = safe_text(text, columns);
    for (const char *at = safe; *at != '\0'; at++) {
        const char *entity = html_entity(*at);
        if (entity != NULL)
            fputs(entity, out);
        else
            fputc(*at, out);
    }
    safe_free(safe);
}

static bool csv_is_formula(struct text text)
{
    return text.length > 1 && strchr("=+-@", text.at[0]) != NULL;
}

static bool csv_needs_quotes(struct text text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (memchr(",\"\r\n\t", text.at[i], 5) != NULL)
            return true;
    }
    return text.length > 0 && (text.at[0] == ' ' || text.at[text.length - 1] == ' ');
}

static void csv_special(FILE *out, char c)
{
    if (c == '"')
        fputc('"', out);
    fputc(c, out);
}

/* Runs of other characters go through text_print_safe; " CR LF TAB are written by this function. */
static void csv_content(FILE *out, struct text text)
{
    size_t start = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (memchr("\"\r\n\t", text.at[i], 4) == NULL)
            continue;
        text_print_safe(out, (struct text){text.at + start, i - start});
        csv_special(out, text.at[i]);
        start = i + 1;
    }
    if (start < text.length)
        text_print_safe(out, (struct text){text.at + start, text.length - start});
}

void safe_csv(FILE *out, struct text text)
{
    if (text.at == NULL)
        return;
    bool quotes = csv_needs_quotes(text);
    if (quotes)
        fputc('"', out);
    if (csv_is_formula(text))
        fputc('\'', out);
    csv_content(out, text);
    if (quotes)
        fputc('"', out);
}

void safe_real(FILE *out, double value)
{
    if (isnan(value))
        return;
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fputs(text, out);
}
