/* report/layout.c: see layout.h. */
#include "report/layout.h"

#include <stdbool.h>
#include <string.h>

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

static size_t columns_of(const char *text, size_t bytes)
{
    size_t columns = 0;
    for (size_t i = 0; i < bytes; i++)
        columns += !is_continuation(text[i]);
    return columns;
}

void layout_spaces(FILE *out, size_t count)
{
    fprintf(out, "%*s", (int)count, "");
}

size_t layout_words(FILE *out, size_t column, size_t indent, const char *safe)
{
    bool begun = column > indent; /* something stands on this line */
    for (const char *at = safe + strspn(safe, " "); *at != '\0';) {
        size_t bytes = strcspn(at, " ");
        size_t columns = columns_of(at, bytes);
        if (begun && column + 1 + columns > LAYOUT_WIDTH) {
            fputc('\n', out);
            layout_spaces(out, indent);
            column = indent;
            begun = false;
        }
        if (begun)
            fputc(' ', out);
        fwrite(at, 1, bytes, out);
        column += columns + (begun ? 1 : 0);
        begun = true;
        at += bytes;
        at += strspn(at, " ");
    }
    return column;
}

void layout_wrap(FILE *out, size_t column, size_t indent, const char *safe)
{
    layout_words(out, column, indent, safe);
    fputc('\n', out);
}

void layout_line(FILE *out, size_t column, const char *safe)
{
    size_t room = column < LAYOUT_WIDTH ? LAYOUT_WIDTH - column : 0;
    size_t length = strlen(safe);
    if (columns_of(safe, length) <= room) {
        fprintf(out, "%s\n", safe);
        return;
    }
    size_t keep = room > 3 ? room - 3 : 0;
    size_t seen = 0;
    size_t bytes = 0;
    while (bytes < length && (is_continuation(safe[bytes]) || seen < keep)) {
        seen += !is_continuation(safe[bytes]);
        bytes++;
    }
    while (bytes > 0 && safe[bytes - 1] == ' ')
        bytes--;
    fwrite(safe, 1, bytes, out);
    fputs("...\n", out);
}
