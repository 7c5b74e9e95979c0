/* report/tree.h: rows as lines, for the files of this room. */
#ifndef CMSCOPE_REPORT_TREE_H
#define CMSCOPE_REPORT_TREE_H

#include "report/report.h"

#define TREE_ABOUT_AT 64 /* column where it is told what a value is */

/* A space and the text; of several lines each on a line of its own, after a bar. No line end. Returns the columns it
 * takes; 0 for several lines. */
size_t tree_text(FILE *out, struct text text, int indent);

/* "   | what it is" behind a line that has `column` columns so far. */
void tree_about(FILE *out, size_t column, struct text about);

/* As report_row_tree, without the columns that say where the row belongs (packet, time, flow, message, http), and with what
 * each column means. */
void tree_details(FILE *out, struct store *store, enum table table, int64_t id, int indent);

#endif
