/* records/mistake.h: what is wrong with a statement, for the person who wrote it: SQLite's message, the place, and the name
 * that was probably meant.
 */
#ifndef CMSCOPE_RECORDS_MISTAKE_H
#define CMSCOPE_RECORDS_MISTAKE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define MISTAKE_PLACE_UNKNOWN UINT64_MAX

/* Finds the place of a mistake in `sql`: that of SQLite (-1: it knows none), or that of the name which its message gives.
 * MISTAKE_PLACE_UNKNOWN when there is none. */
uint64_t mistake_place(const char *sql, int offset, const char *message);

/* Writes "MESSAGE (line 1, column 8); did you mean \"root\"?" into `text`, as far as it is known. */
void mistake_describe(const char *sql, uint64_t place, const char *message, char *text, size_t size);

/* Prints the line of the place with a caret under it; nothing when the place is not known. The line is cut around the
 * place when it is long, and safe for a terminal. */
void mistake_show(FILE *out, const char *sql, uint64_t place);

#endif
