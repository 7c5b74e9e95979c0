/* report/safe.h: text of a capture made harmless for the place where it is shown. */
#ifndef CMSCOPE_REPORT_SAFE_H
#define CMSCOPE_REPORT_SAFE_H

#include <stdio.h>

#include "core/text.h"

/* What text_print_safe writes, as a string of its own, with at most `columns` characters: a longer one ends in "...".
 * NULL text gives an empty string. The caller frees it with safe_free. Never NULL. */
char *safe_text(struct text text, size_t columns);
void safe_free(char *safe);

/* Characters of a string of valid UTF-8, as safe_text makes it. */
size_t safe_columns(const char *safe);

/* Writes at most `columns` characters of the safe form, escaped for HTML text and quoted attribute values. */
void safe_html(FILE *out, struct text text, size_t columns);

/* Writes one field of CSV (RFC 4180): quoted where needed, quotes doubled. Line ends and tabs stay as they are inside
 * quotes; other unsafe characters appear as text_print_safe writes them. Text that a spreadsheet would take for a
 * formula (it begins with = + - @) gets an apostrophe before it. */
void safe_csv(FILE *out, struct text text);

/* Writes a number so that reading it gives the same number, with as few digits as that needs; nothing for NaN. */
void safe_real(FILE *out, double value);

#endif
