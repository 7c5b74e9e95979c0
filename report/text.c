/* report/text.c: the report of `cmscope check` for a person at a terminal. */
#include <inttypes.h>
#include <string.h>

#include "report/facts.h"
#include "report/layout.h"
#include "report/report.h"
#include "report/safe.h"
#include "report/utc.h"

#define INPUTS_SHOWN 5   /* lines of inputs, unless verbose; those with a problem are always shown */
#define EVIDENCE_SHOWN 5 /* lines of evidence of a failed rule, unless verbose */
#define FIELD_SHOWN 600  /* characters of one text of the capture; it must not flood the page */
#define REASONS_SHOWN 8  /* why the report is incomplete; the rest stands in the coverage part */
#define REASON_INDENT 4  /* after the mark */
#define BODY_INDENT 15   /* of what stands under the line of a rule: mark, space, id, space */
#define HANGING 2
#define ID_WIDTH 8

/* How each verdict is marked: by a word or sign, so that nothing is said by colour alone. */
struct mark {
    const char *sign;
    const char *colour; /* SGR parameters, ECMA-48 8.3.117 */
    const char *legend;
};

static const struct mark marks[VERDICT_COUNT] = {
    [VERDICT_FAIL] = {"FAIL", "1;31", NULL},
    [VERDICT_INFORMATIONAL] = {"info", "36", NULL},
    [VERDICT_PASS] = {"pass", "32", NULL},
    [VERDICT_NOTOBSERVED] = {"  ? ", "33",
                             "? not observed: the traffic that would decide is not in this capture, or not judged yet"},
    [VERDICT_NOTOBSERVABLE] = {"  - ", "2", "- not observable: no capture can decide"},
};

static void colour_on(FILE *out, const struct report *report, const char *colour)
{
    if (report->colour)
        fprintf(out, "\033[%sm", colour);
}

static void colour_off(FILE *out, const struct report *report)
{
    if (report->colour)
        fputs("\033[0m", out);
}

static void print_text(FILE *out, size_t column, size_t indent, struct text text)
{
    char *safe = safe_text(text, FIELD_SHOWN);
    layout_wrap(out, column, indent, safe);
    safe_free(safe);
}

/* "name  text", wrapped under the text; nothing when there is no text. */
static void print_named(FILE *out, size_t indent, const char *name, size_t width, struct text text)
{
    if (text.length == 0)
        return;
    layout_spaces(out, indent);
    fprintf(out, "%-*s ", (int)width, name);
    print_text(out, indent + width + 1, indent + width + 1, text);
}

/* ---- The head: program, inputs, profile, counts ---- */

#define HEAD_WIDTH 8
#define HEAD_INDENT (2 + HEAD_WIDTH + 1)

/* "N packets, A to B" after what stands on the line. */
static void print_span(FILE *out, size_t column, int64_t packets, double first, double last)
{
    char from[UTC_TEXT_MAX];
    char to[UTC_TEXT_MAX];
    char span[2 * UTC_TEXT_MAX + 64];
    bool known = utc_format(first, from) && utc_format(last, to);
    snprintf(span, sizeof span, "%" PRId64 " packets%s%s%s%s", packets == INT_NULL ? 0 : packets, known ? ", " : "",
             known ? from : "", known ? " to " : "", known ? to : "");
    layout_wrap(out, column, HEAD_INDENT, span);
}

static void print_input(FILE *out, const struct report *report, const struct input_row *input)
{
    fprintf(out, "  %-*s ", HEAD_WIDTH, "input");
    char *file = safe_text(input->file, FIELD_SHOWN);
    size_t column = layout_words(out, HEAD_INDENT, HEAD_INDENT, file);
    safe_free(file);
    fputc(':', out);
    print_span(out, column + 1, input->packets, input->time, input->last_time);
    if (input->problem.at == NULL)
        return;
    colour_on(out, report, "1;33");
    print_named(out, HEAD_INDENT, "PROBLEM", 7, input->problem);
    colour_off(out, report);
}

/* The inputs, a line or two each, and when there are several a line for all of them. */
static void print_inputs(FILE *out, const struct report *report)
{
    const struct input_row *input;
    int64_t left_out = 0;
    for (int64_t i = 0; (input = facts_input(report, i)) != NULL; i++) {
        if (report->verbose || i < INPUTS_SHOWN || input->problem.at != NULL)
            print_input(out, report, input);
        else
            left_out++;
    }
    if (left_out > 0)
        fprintf(out, "%*s... and %" PRId64 " more\n", HEAD_INDENT, "", left_out);
    struct facts_capture capture = facts_capture(report);
    if (facts_input_count(report) > 1) {
        fprintf(out, "  %-*s ", HEAD_WIDTH, "together");
        print_span(out, HEAD_INDENT, capture.packets, capture.first, capture.last);
    }
}

/* Why the report says less than it seems to: before anything else, so that silence is not read as clean. */
static void print_reasons(FILE *out, const struct report *report)
{
    struct facts_reason reason;
    int64_t count = 0;
    while (facts_reason(report, count, &reason)) {
        if (count == 0) {
            colour_on(out, report, "1;33");
            fputs("INCOMPLETE: this report says less than it seems to, because\n", out);
            colour_off(out, report);
        }
        if (count++ < REASONS_SHOWN || report->verbose) {
            fputs("  ! ", out);
            print_text(out, REASON_INDENT, REASON_INDENT, text_of(reason.text));
        }
    }
    if (count > REASONS_SHOWN && !report->verbose)
        fprintf(out, "    ... and %" PRId64 " more, marked ! under Coverage at the end\n", count - REASONS_SHOWN);
}

static void print_head(FILE *out, const struct report *report)
{
    colour_on(out, report, "1");
    fprintf(out, "cmscope %s", report->version);
    colour_off(out, report);
    fputc(':', out);
    print_text(out, strlen(report->version) + 9, 4, text_of(report->benchmark->title));
    print_reasons(out, report);
    print_inputs(out, report);
    print_named(out, 2, "profile", HEAD_WIDTH, report->profile == NULL ? TEXT("all rules") : text_of(report->profile));
}

static void print_summary(FILE *out, const struct report *report)
{
    const struct verdicts *verdicts = report->verdicts;
    fprintf(out, "\n%zu rules: ", verdicts->count);
    for (size_t rank = 0; rank < FACTS_ORDER_COUNT; rank++) {
        enum verdict verdict = facts_order(rank);
        bool some = verdicts->by_verdict[verdict] > 0;
        fputs(rank == 0 ? "" : ", ", out);
        if (some)
            colour_on(out, report, marks[verdict].colour);
        fprintf(out, "%zu %s", verdicts->by_verdict[verdict], verdict_name(verdict));
        if (some)
            colour_off(out, report);
    }
    fputc('\n', out);
    for (size_t rank = 0; rank < FACTS_ORDER_COUNT; rank++) {
        const struct mark *mark = &marks[facts_order(rank)];
        if (mark->legend != NULL && verdicts->by_verdict[facts_order(rank)] > 0)
            fprintf(out, "  %s\n", mark->legend);
    }
}

/* ---- One rule ---- */

static void print_rule_line(FILE *out, const struct report *report, const struct rule_verdict *verdict)
{
    const struct mark *mark = &marks[verdict->verdict];
    colour_on(out, report, mark->colour);
    fprintf(out, "%s", mark->sign);
    colour_off(out, report);
    fprintf(out, "  %-*s ", ID_WIDTH, verdict->rule->id);
}

/* Severity and grade, as far as they mean something. */
static void print_title(FILE *out, const struct rule_verdict *verdict)
{
    const struct rule *rule = verdict->rule;
    char line[512];
    if (verdict->verdict == VERDICT_FAIL)
        snprintf(line, sizeof line, "%s (severity %s, %s%s)", rule->title, severity_name(rule->severity),
                 grade_name(verdict->grade), facts_basis(verdict));
    else if (facts_graded(verdict))
        snprintf(line, sizeof line, "%s (%s%s)", rule->title, grade_name(verdict->grade), facts_basis(verdict));
    else
        snprintf(line, sizeof line, "%s", rule->title);
    print_text(out, BODY_INDENT, BODY_INDENT, text_of(line));
}

/* Which packet, and with several inputs which frame of which; returns the characters that the line now holds. */
static size_t print_where(FILE *out, const struct report *report, int64_t packet)
{
    layout_spaces(out, BODY_INDENT);
    if (packet == INT_NULL)
        return BODY_INDENT + (size_t)fprintf(out, "whole capture");
    size_t column = BODY_INDENT + (size_t)fprintf(out, "packet %" PRId64, packet);
    struct facts_frame frame = facts_frame(report, packet);
    if (facts_input_count(report) < 2 || frame.input == NULL)
        return column;
    column += (size_t)fprintf(out, " (frame %" PRId64 " of", frame.number);
    char *file = safe_text(frame.input->file, FIELD_SHOWN);
    column = layout_words(out, column, BODY_INDENT + HANGING, file);
    safe_free(file);
    fputc(')', out);
    return column + 1;
}

static void print_evidence(FILE *out, const struct report *report, const struct evidence *evidence)
{
    size_t column = print_where(out, report, evidence->packet);
    char time[UTC_TEXT_MAX];
    if (utc_format(evidence->time, time))
        column += (size_t)fprintf(out, "  %s ", time);
    char *subject = safe_text(evidence->subject, FIELD_SHOWN);
    column = layout_words(out, column, BODY_INDENT + HANGING, subject);
    fputs(subject[0] != '\0' && evidence->why.length > 0 ? ":" : "", out);
    safe_free(subject);
    print_text(out, column + 1, BODY_INDENT + HANGING, evidence->why);
}

static void print_evidences(FILE *out, const struct report *report, const struct rule_verdict *verdict)
{
    size_t shown = verdict->evidence_count;
    if (!report->verbose && shown > EVIDENCE_SHOWN)
        shown = EVIDENCE_SHOWN;
    for (size_t i = 0; i < shown; i++)
        print_evidence(out, report, &verdict->evidence[i]);
    if (verdict->evidence_total <= shown)
        return;
    layout_spaces(out, BODY_INDENT);
    fprintf(out, "... and %" PRIu64 " more\n", verdict->evidence_total - shown);
}

#define BACKGROUND_WIDTH 9

static void print_background(FILE *out, const struct report *report, const struct rule_verdict *verdict)
{
    const struct rule *rule = verdict->rule;
    for (size_t i = 0; i < verdict->remark_count; i++) {
        layout_spaces(out, BODY_INDENT);
        fputs("a hint that does not decide:\n", out);
        print_evidence(out, report, &verdict->remarks[i]);
    }
    if (verdict->remark_total > verdict->remark_count) {
        layout_spaces(out, BODY_INDENT);
        fprintf(out, "... and %" PRIu64 " more hints\n", verdict->remark_total - verdict->remark_count);
    }
    print_named(out, BODY_INDENT, "asks", BACKGROUND_WIDTH, text_of(rule->description));
    print_named(out, BODY_INDENT, "because", BACKGROUND_WIDTH, text_of(rule->rationale));
    print_named(out, BODY_INDENT, "to do", BACKGROUND_WIDTH, text_of(rule->fix));
    print_named(out, BODY_INDENT, "caution", BACKGROUND_WIDTH, text_of(rule->caution));
}

static void print_decided(FILE *out, const struct report *report, const struct rule_verdict *verdict)
{
    print_rule_line(out, report, verdict);
    print_title(out, verdict);
    struct text detail = facts_detail(verdict);
    if (detail.length > 0) {
        layout_spaces(out, BODY_INDENT);
        print_text(out, BODY_INDENT, BODY_INDENT, detail);
    }
    if (verdict->verdict == VERDICT_FAIL || report->verbose)
        print_evidences(out, report, verdict);
    if (report->verbose)
        print_background(out, report, verdict);
}

/* A rule that was not decided, on one line with its reason. */
static void print_undecided(FILE *out, const struct report *report, const struct rule_verdict *verdict)
{
    print_rule_line(out, report, verdict);
    char *title = safe_text(text_of(verdict->rule->title), FIELD_SHOWN);
    fprintf(out, "%s", title);
    size_t column = BODY_INDENT + safe_columns(title);
    safe_free(title);
    char *detail = safe_text(facts_detail(verdict), FIELD_SHOWN);
    fputs(detail[0] == '\0' ? "" : ": ", out);
    layout_line(out, column + 2, detail);
    safe_free(detail);
}

static void print_verdict(FILE *out, const struct report *report, const struct rule_verdict *verdict)
{
    bool undecided = verdict->verdict == VERDICT_NOTOBSERVED || verdict->verdict == VERDICT_NOTOBSERVABLE;
    if (undecided && !report->verbose)
        print_undecided(out, report, verdict);
    else
        print_decided(out, report, verdict);
}

static void print_section(FILE *out, const struct report *report, const struct facts_section *section)
{
    fputc('\n', out);
    colour_on(out, report, "1");
    char *title = safe_text(text_of(section->title), FIELD_SHOWN);
    fprintf(out, "%s", title);
    safe_free(title);
    colour_off(out, report);
    fputc('\n', out);
    for (size_t rank = 0; rank < FACTS_ORDER_COUNT; rank++) {
        for (size_t i = section->first; i < section->end; i++) {
            if (report->verdicts->items[i].verdict == facts_order(rank))
                print_verdict(out, report, &report->verdicts->items[i]);
        }
    }
}

/* ---- Messages against the message schema ---- */

static void print_kind(FILE *out, const struct report *report, const struct finding_kind *kind)
{
    bool rule = text_is(kind->level, "rule") || text_is(kind->code, "C45");
    char line[512];
    colour_on(out, report, rule ? "1;31" : "36");
    fputs(rule ? "RULE" : "note", out);
    colour_off(out, report);
    snprintf(line, sizeof line, "%.*s (%.*s, %" PRIu64 "%s)", (int)kind->text.length, kind->text.at,
             (int)kind->level.length, kind->level.at, kind->total, kind->total == 1 ? " message" : " messages");
    fprintf(out, "  %-*.*s ", ID_WIDTH, (int)kind->code.length, kind->code.at);
    print_text(out, BODY_INDENT, BODY_INDENT, text_of(line));
    size_t shown = kind->evidence_count;
    if (!report->verbose && shown > (rule ? EVIDENCE_SHOWN : 1))
        shown = rule ? EVIDENCE_SHOWN : 1;
    for (size_t i = 0; i < shown; i++)
        print_evidence(out, report, &kind->evidence[i]);
    if (kind->total <= shown)
        return;
    layout_spaces(out, BODY_INDENT);
    fprintf(out, "... and %" PRIu64 " more\n", kind->total - shown);
}

static void print_findings(FILE *out, const struct report *report)
{
    if (report->findings == NULL)
        return;
    fputc('\n', out);
    colour_on(out, report, "1");
    fputs("Messages against the message schema", out);
    colour_off(out, report);
    fputs(report->findings->count == 0 ? "\n  no departure was found\n" : "\n", out);
    for (size_t i = 0; i < report->findings->count; i++)
        print_kind(out, report, &report->findings->kinds[i]);
    if (report->findings->others > 0)
        fprintf(out, "  ... and %" PRIu64 " departures of more kinds\n", report->findings->others);
}

/* ---- Coverage ---- */

#define COUNTER_WIDTH 14

static void print_counter(FILE *out, const struct report *report, const struct coverage_row *row)
{
    bool missed = facts_missed(row);
    if (missed)
        colour_on(out, report, "1;33");
    fprintf(out, "%s %*" PRId64 "  ", missed ? "  !" : "   ", COUNTER_WIDTH, row->value == INT_NULL ? 0 : row->value);
    char *name = safe_text(row->name, FIELD_SHOWN);
    fprintf(out, "%s", name);
    size_t column = 3 + 1 + COUNTER_WIDTH + 2 + safe_columns(name);
    safe_free(name);
    if (missed)
        colour_off(out, report);
    fputs(row->meaning.length > 0 ? ":" : "", out);
    print_text(out, column + 1, 3 + 1 + COUNTER_WIDTH + 2 + HANGING, row->meaning);
}

static void print_coverage(FILE *out, const struct report *report)
{
    fputc('\n', out);
    colour_on(out, report, "1");
    fputs("Coverage", out);
    colour_off(out, report);
    fputs(report_incomplete(report) ? " (! marks what was missed)\n" : "\n", out);
    const struct input_row *input;
    for (int64_t i = 0; (input = facts_input(report, i)) != NULL; i++) {
        if (input->problem.at == NULL)
            continue;
        char *file = safe_text(input->file, FIELD_SHOWN);
        fprintf(out, "  ! %s:", file);
        size_t column = 5 + safe_columns(file);
        safe_free(file);
        print_text(out, column, 6, input->problem);
    }
    const struct coverage_row *row;
    for (int64_t i = 0; (row = facts_coverage(report, i)) != NULL; i++) {
        if (row->value != 0 || report->verbose)
            print_counter(out, report, row);
    }
    if (facts_input_count(report) == 0)
        fputs("  ! no input was read\n", out);
}

void report_text(FILE *out, const struct report *report)
{
    print_head(out, report);
    print_summary(out, report);
    struct facts_section section = {NULL, 0, 0};
    while (facts_section(report, section.end, &section))
        print_section(out, report, &section);
    print_findings(out, report);
    print_coverage(out, report);
}
