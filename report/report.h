/* report/report.h: verdicts and rows, written for people and for tools. */
#ifndef CMSCOPE_REPORT_REPORT_H
#define CMSCOPE_REPORT_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "records/database.h"
#include "rules/evaluate.h"

/* All that a report of `cmscope check` is made from. The coverage part is read from the tables input and coverage. */
struct report {
    const char *version;
    const struct benchmark *benchmark;
    const struct verdicts *verdicts;
    const char *profile; /* name, or NULL */
    struct store *store;
    bool colour;         /* text: ANSI colours */
    bool verbose;        /* text: also rationale, fix, remarks and all evidence */
};

/* Text, grouped by section, fails first, each with its evidence and packet numbers, then coverage. */
void report_text(FILE *out, const struct report *report);

/* One JSON object: cmscope, capture (with inputs and coverage), site, summary, verdicts. False when memory ran out. */
MUST_USE bool report_json(FILE *out, const struct report *report);

/* One HTML file that needs nothing from outside: no script, no font, no image. */
void report_html(FILE *out, const struct report *report);

enum row_format { ROW_FORMAT_TABLE, ROW_FORMAT_CSV, ROW_FORMAT_JSON };

/* Runs `statement` to its end and writes its rows: an aligned table (NULL as empty), CSV (RFC 4180, with a header line),
 * or a JSON array of objects. Stops with SQLite's message on an error. */
MUST_USE enum outcome report_rows(FILE *out, sqlite3_stmt *statement, enum row_format format, struct error *error);

/* One row of a table as an indented tree of "column: value" lines, NULLs left out. */
void report_row_tree(FILE *out, struct store *store, enum table table, int64_t id, int indent);

/* Whether something was missed: any row of `coverage` with incomplete = 1 and a value above 0, or an input with a
 * problem. */
bool report_incomplete(const struct report *report);

#endif
