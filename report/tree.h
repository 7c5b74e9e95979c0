/* report/tree.h: rows as lines, for the files of this room. */
#ifndef CMSCOPE_REPORT_TREE_H
#define CMSCOPE_REPORT_TREE_H

#include "report/report.h"

/* A space and the text; of several lines each on a line of its own, after a bar. No line end. */
void tree_text(FILE *out, struct text text, int indent);

/* As report_row_tree, without the columns that say where the row belongs (packet, time, flow, message, http). */
void tree_details(FILE *out, struct store *store, enum table table, int64_t id, int indent);

#endif
