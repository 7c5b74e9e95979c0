/* report/json.c: the report of `cmscope check` as one JSON object. */
#include "report/json.h"

#include <string.h>

#include "records/schema.h"
#include "report/facts.h"
#include "report/report.h"
#include "report/utc.h"

#define CLEAN_MAX 3 /* bytes of U+FFFD: an invalid byte grows to at most that */

static json_t *json_from_bad_text(struct text text)
{
    struct arena arena;
    arena_init(&arena, text.length * CLEAN_MAX + 64);
    struct text clean = text_clean(&arena, text_cursor(text));
    json_t *string = clean.at == NULL ? NULL : json_stringn(clean.at, clean.length);
    arena_free(&arena);
    return string;
}

json_t *json_from_text(struct text text)
{
    if (text.at == NULL)
        return json_null();
    json_t *string = json_stringn(text.at, text.length);
    return string != NULL ? string : json_from_bad_text(text);
}

json_t *json_from_time(double seconds)
{
    char text[UTC_TEXT_MAX];
    return utc_format(seconds, text) ? json_string(text) : json_null();
}

json_t *json_from_int(int64_t value)
{
    return value == INT_NULL ? json_null() : json_integer(value);
}

/* An object or array in the making. After the first failure nothing more is added, and finishing it gives NULL: so
 * memory is checked in one place. */
struct maker {
    json_t *made;
    bool failed;
};

static struct maker maker_of(json_t *made)
{
    return (struct maker){made, made == NULL};
}

/* Takes over `value`. */
static void maker_set(struct maker *maker, const char *name, json_t *value)
{
    if (maker->failed || value == NULL || json_object_set_new(maker->made, name, value) != 0) {
        if (maker->failed)
            json_decref(value);
        maker->failed = true;
    }
}

static void maker_append(struct maker *maker, json_t *value)
{
    if (maker->failed || value == NULL || json_array_append_new(maker->made, value) != 0) {
        if (maker->failed)
            json_decref(value);
        maker->failed = true;
    }
}

static json_t *maker_done(struct maker *maker)
{
    if (!maker->failed)
        return maker->made;
    json_decref(maker->made);
    return NULL;
}

static json_t *make_program(const struct report *report)
{
    struct maker program = maker_of(json_object());
    maker_set(&program, "version", json_from_text(text_of(report->version)));
    maker_set(&program, "checklist", json_from_text(text_of(report->benchmark->version)));
    maker_set(&program, "profile", json_from_text(text_of(report->profile)));
    return maker_done(&program);
}

static json_t *make_input(const struct input_row *input)
{
    struct maker made = maker_of(json_object());
    maker_set(&made, "file", json_from_text(input->file));
    maker_set(&made, "packets", json_from_int(input->packets));
    maker_set(&made, "first_packet", json_from_int(input->packet));
    maker_set(&made, "last_packet", json_from_int(input->last_packet));
    maker_set(&made, "first", json_from_time(input->time));
    maker_set(&made, "last", json_from_time(input->last_time));
    maker_set(&made, "link_type", json_from_text(input->link_type));
    maker_set(&made, "snap_length", json_from_int(input->snap_length));
    maker_set(&made, "problem", json_from_text(input->problem));
    return maker_done(&made);
}

static json_t *make_counter(const struct coverage_row *row)
{
    struct maker made = maker_of(json_object());
    maker_set(&made, "name", json_from_text(row->name));
    maker_set(&made, "value", json_from_int(row->value));
    maker_set(&made, "incomplete", json_boolean(row->incomplete == 1));
    maker_set(&made, "meaning", json_from_text(row->meaning));
    return maker_done(&made);
}

/* Why the capture is not complete: the same, and in the same order, as a person reads it. */
static json_t *make_reasons(const struct report *report)
{
    struct maker made = maker_of(json_array());
    struct facts_reason reason;
    for (int64_t i = 0; facts_reason(report, i, &reason); i++) {
        struct maker one = maker_of(json_object());
        maker_set(&one, "counter", json_from_text(reason.counter));
        maker_set(&one, "value", json_from_int(reason.value));
        maker_set(&one, "text", json_from_text(text_of(reason.text)));
        maker_append(&made, maker_done(&one));
    }
    return maker_done(&made);
}

static json_t *make_capture(const struct report *report)
{
    struct maker inputs = maker_of(json_array());
    const struct input_row *input;
    for (int64_t i = 0; (input = facts_input(report, i)) != NULL; i++)
        maker_append(&inputs, make_input(input));
    struct maker coverage = maker_of(json_array());
    const struct coverage_row *row;
    for (int64_t i = 0; (row = facts_coverage(report, i)) != NULL; i++)
        maker_append(&coverage, make_counter(row));
    struct facts_capture totals = facts_capture(report);
    struct maker capture = maker_of(json_object());
    maker_set(&capture, "complete", json_boolean(!report_incomplete(report)));
    maker_set(&capture, "reasons", make_reasons(report));
    maker_set(&capture, "inputs", maker_done(&inputs));
    maker_set(&capture, "packets", json_integer(totals.packets));
    maker_set(&capture, "first", json_from_time(totals.first));
    maker_set(&capture, "last", json_from_time(totals.last));
    maker_set(&capture, "coverage", maker_done(&coverage));
    return maker_done(&capture);
}

/* A value of a row; *row is of the struct that the column belongs to. */
static json_t *make_value(const struct column *column, const void *row)
{
    const char *at = (const char *)row + column->offset;
    switch (column->type) {
    case COLUMN_TEXT:
        return json_from_text(*(const struct text *)(const void *)at);
    case COLUMN_REAL:
        return json_from_time(*(const double *)(const void *)at);
    default:
        return json_from_int(*(const int64_t *)(const void *)at);
    }
}

/* The rows of a table of what is declared; they come from no packet. */
static json_t *make_declared(const struct report *report, enum table table)
{
    const struct table_schema *schema = schema_table(table);
    struct maker rows = maker_of(json_array());
    for (int64_t id = 1; id <= store_count(report->store, table); id++) {
        const void *row = store_row(report->store, table, id);
        struct maker made = maker_of(json_object());
        for (size_t i = 0; row != NULL && i < schema->column_count; i++) {
            const struct column *column = &schema->columns[i];
            if (strcmp(column->name, "packet") != 0 && strcmp(column->name, "time") != 0)
                maker_set(&made, column->name, make_value(column, row));
        }
        maker_append(&rows, maker_done(&made));
    }
    return maker_done(&rows);
}

/* What the site file declares, by table; empty without one. */
static json_t *make_site(const struct report *report)
{
    struct maker site = maker_of(json_object());
    for (int i = 0; i < TABLE_COUNT; i++) {
        const struct table_schema *schema = schema_table((enum table)i);
        if ((schema->need & NEED_SITE) != 0 && store_count(report->store, (enum table)i) > 0)
            maker_set(&site, schema->name, make_declared(report, (enum table)i));
    }
    return maker_done(&site);
}

static json_t *make_summary(const struct report *report)
{
    struct maker summary = maker_of(json_object());
    for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++)
        maker_set(&summary, verdict_name((enum verdict)verdict),
                  json_integer((json_int_t)report->verdicts->by_verdict[verdict]));
    return maker_done(&summary);
}

static json_t *make_evidence(const struct evidence *evidence)
{
    struct maker made = maker_of(json_object());
    maker_set(&made, "table", json_from_text(evidence->table));
    maker_set(&made, "row", json_from_int(evidence->row));
    maker_set(&made, "packet", json_from_int(evidence->packet));
    maker_set(&made, "time", json_from_time(evidence->time));
    maker_set(&made, "subject", json_from_text(evidence->subject));
    maker_set(&made, "why", json_from_text(evidence->why));
    maker_set(&made, "rests_on", json_from_text(text_of(basis_name(evidence->basis))));
    return maker_done(&made);
}

static json_t *make_evidences(const struct evidence *evidence, size_t count)
{
    struct maker made = maker_of(json_array());
    for (size_t i = 0; i < count; i++)
        maker_append(&made, make_evidence(&evidence[i]));
    return maker_done(&made);
}

static json_t *make_profiles(const struct rule *rule)
{
    struct maker made = maker_of(json_array());
    for (size_t i = 0; i < rule->profile_count; i++)
        maker_append(&made, json_from_text(text_of(rule->profiles[i])));
    return maker_done(&made);
}

static json_t *make_references(const struct rule *rule)
{
    struct maker made = maker_of(json_array());
    for (size_t i = 0; i < rule->reference_count; i++) {
        struct maker reference = maker_of(json_object());
        maker_set(&reference, "href", json_from_text(text_of(rule->references[i].href)));
        maker_set(&reference, "text", json_from_text(text_of(rule->references[i].text)));
        maker_append(&made, maker_done(&reference));
    }
    return maker_done(&made);
}

static json_t *make_verdict(const struct rule_verdict *verdict)
{
    const struct rule *rule = verdict->rule;
    struct maker made = maker_of(json_object());
    maker_set(&made, "id", json_from_text(text_of(rule->id)));
    maker_set(&made, "section", json_from_text(text_of(rule->section)));
    maker_set(&made, "title", json_from_text(text_of(rule->title)));
    maker_set(&made, "severity", json_from_text(text_of(severity_name(rule->severity))));
    maker_set(&made, "result", json_from_text(text_of(verdict_name(verdict->verdict))));
    maker_set(&made, "grade", json_from_text(facts_graded(verdict) ? text_of(grade_name(verdict->grade)) : TEXT_NULL));
    maker_set(&made, "rests_on", json_from_text(text_of(basis_name(verdict->basis))));
    maker_set(&made, "detail", json_from_text(facts_detail(verdict)));
    maker_set(&made, "evidence", make_evidences(verdict->evidence, verdict->evidence_count));
    maker_set(&made, "evidence_total", json_integer((json_int_t)verdict->evidence_total));
    maker_set(&made, "remarks", make_evidences(verdict->remarks, verdict->remark_count));
    maker_set(&made, "remarks_total", json_integer((json_int_t)verdict->remark_total));
    maker_set(&made, "profile", make_profiles(rule));
    maker_set(&made, "references", make_references(rule));
    return maker_done(&made);
}

static json_t *make_verdicts(const struct report *report)
{
    struct maker made = maker_of(json_array());
    for (size_t i = 0; i < report->verdicts->count; i++)
        maker_append(&made, make_verdict(&report->verdicts->items[i]));
    return maker_done(&made);
}

/* Departures from the message schema; null when they were not looked for. */
static json_t *make_findings(const struct findings *findings)
{
    if (findings == NULL)
        return json_null();
    struct maker made = maker_of(json_array());
    for (size_t i = 0; i < findings->count; i++) {
        const struct finding_kind *kind = &findings->kinds[i];
        struct maker one = maker_of(json_object());
        maker_set(&one, "code", json_from_text(kind->code));
        maker_set(&one, "level", json_from_text(kind->level));
        maker_set(&one, "text", json_from_text(kind->text));
        maker_set(&one, "evidence", make_evidences(kind->evidence, kind->evidence_count));
        maker_set(&one, "evidence_total", json_integer((json_int_t)kind->total));
        maker_append(&made, maker_done(&one));
    }
    return maker_done(&made);
}

bool report_json(FILE *out, const struct report *report)
{
    struct maker whole = maker_of(json_object());
    maker_set(&whole, "cmscope", make_program(report));
    maker_set(&whole, "capture", make_capture(report));
    maker_set(&whole, "site", make_site(report));
    maker_set(&whole, "summary", make_summary(report));
    maker_set(&whole, "verdicts", make_verdicts(report));
    maker_set(&whole, "findings", make_findings(report->findings));
    json_t *made = maker_done(&whole);
    if (made == NULL)
        return false;
    bool written = json_dumpf(made, out, JSON_STYLE | JSON_INDENT(2)) == 0;
    json_decref(made);
    fputc('\n', out);
    return written;
}
