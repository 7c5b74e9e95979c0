/* report/layout.h: lines of text that fit a page. */
#ifndef CMSCOPE_REPORT_LAYOUT_H
#define CMSCOPE_REPORT_LAYOUT_H

#include <stddef.h>
#include <stdio.h>

#define LAYOUT_WIDTH 100

/* Writes `safe` (valid UTF-8 without line ends, see safe.h) and a line end. The line already holds `column` characters;
 * further lines begin with `indent` spaces. When more than the indent stands there, a space comes first. Breaks at
 * spaces only: a longer word stands out, so that it can be copied. */
void layout_wrap(FILE *out, size_t column, size_t indent, const char *safe);

/* The same without the line end; returns the characters that the last line now holds. */
size_t layout_words(FILE *out, size_t column, size_t indent, const char *safe);

/* The same on one line, with "..." in place of what does not fit. */
void layout_line(FILE *out, size_t column, const char *safe);

void layout_spaces(FILE *out, size_t count);

#endif
