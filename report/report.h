/* report/report.h: verdicts and rows, written for people and for tools. */
#ifndef CMSCOPE_REPORT_REPORT_H
#define CMSCOPE_REPORT_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "records/database.h"
#include "rules/findings.h"

/* All that a report of `cmscope check` is made from. The coverage part is read from the tables input and coverage. */
struct report {
    const char *version;
    const struct benchmark *benchmark;
    const struct verdicts *verdicts;
    const struct findings *findings; /* NULL when messages were not checked against the schema */
    const char *profile;             /* name, or NULL */
    struct store *store;
    bool colour;  /* text: ANSI colours */
    bool verbose; /* text: also rationale, fix, remarks, all evidence and the full reason of undecided rules */
};

/* Text, grouped by section, fails first, each with its evidence and packet numbers, then coverage. */
void report_text(FILE *out, const struct report *report);

/* One JSON object: cmscope, capture (with inputs and coverage), site, summary, verdicts. False when memory ran out. */
MUST_USE bool report_json(FILE *out, const struct report *report);

/* Files that hold what report_html writes. */
extern const struct outfile_kind report_html_kind;

/* One HTML file that needs nothing from outside: no script, no font, no image. Shows the first 25 pieces of evidence of
 * a rule. */
void report_html(FILE *out, const struct report *report);

enum row_format { ROW_FORMAT_TABLE, ROW_FORMAT_CSV, ROW_FORMAT_JSON };

/* Runs `statement` to its end and writes its rows. Blobs appear as upper-case hex. OUTCOME_SYSTEM with SQLite's message
 * when the query stops on its way; rows already written stay, a JSON array stays open.
 *
 *   table   aligned for people: long cells end in "...", NULL is empty, unsafe characters as text_print_safe writes
 *           them
 *   CSV     RFC 4180, with a header line. NULL and empty text look the same. Unsafe characters (but not line ends and
 *           tabs) as text_print_safe writes them; text that begins with = + - @ gets an apostrophe before it, because a
 *           spreadsheet would take it for a formula
 *   JSON    an array of objects, a row on each line: the form that loses nothing but invalid UTF-8 (U+FFFD). A column
 *           name that occurs again gets _2, _3 ... */
MUST_USE enum outcome report_rows(FILE *out, sqlite3_stmt *statement, enum row_format format, struct error *error);

/* One row of a table as lines of "column: value" after `indent` spaces, NULLs left out; nothing for an id of none. Text
 * of several lines follows its name line by line, each after a bar. */
void report_row_tree(FILE *out, struct store *store, enum table table, int64_t id, int indent);

/* Messages for a person who has never seen one: transport, header, hooks, signature, payload, body with the meaning of
 * each field, attachments, what was learned, notes and findings. `ids` gives rows of `message` in its first column; what
 * belongs to them is read from the same connection. */
MUST_USE enum outcome report_message_trees(FILE *out, struct store *store, sqlite3_stmt *ids, struct error *error);

/* Messages as a JSON array of objects: the columns of `rows` (the first is the id), and in `fields` an array of what
 * stands in their documents. */
MUST_USE enum outcome report_messages_json(FILE *out, sqlite3_stmt *rows, struct error *error);

/* Whether something was missed: any row of `coverage` with incomplete = 1 and a value above 0, or an input with a
 * problem. */
bool report_incomplete(const struct report *report);

#endif
