/* report/html.c: the report of `cmscope check` as one HTML page that needs nothing from outside. */
#include "report/html.h"

#include <inttypes.h>

#include "report/report.h"
#include "report/safe.h"
#include "report/utc.h"

#define FIELD_SHOWN 4000 /* characters of one text */

const struct html_mark *html_mark(enum verdict verdict)
{
    static const struct html_mark marks[VERDICT_COUNT] = {
        [VERDICT_FAIL] = {"fail", "&#10005;", "Fail", "failed"},
        [VERDICT_INFORMATIONAL] = {"informational", "i", "Information", "informational"},
        [VERDICT_PASS] = {"pass", "&#10003;", "Pass", "passed"},
        [VERDICT_NOTOBSERVED] = {"notobserved", "?", "Not observed", "not observed"},
        [VERDICT_NOTOBSERVABLE] = {"notobservable", "&#8211;", "Not observable", "not observable"},
    };
    return &marks[verdict];
}

void html_text(FILE *out, struct text text)
{
    safe_html(out, text, FIELD_SHOWN);
}

void html_element(FILE *out, const char *tag, struct text text)
{
    if (text.length == 0)
        return;
    fprintf(out, "<%s>", tag);
    html_text(out, text);
    fprintf(out, "</%s>\n", tag);
}

void html_time(FILE *out, double seconds)
{
    char time[UTC_TEXT_MAX];
    if (utc_format(seconds, time))
        fprintf(out, "<time datetime=\"%s\">%.10s %.15s</time>", time, time, time + 11);
    else
        fputs("&#8211;", out);
}

/* ---- The head ---- */

/* How every report begins; the version of cmscope follows. By this an older report is recognised. */
#define HTML_BEGINNING                                                                                                 \
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"generator\" "                 \
    "content=\"cmscope "

static bool is_report(struct cursor head)
{
    return cursor_starts(head, HTML_BEGINNING, sizeof HTML_BEGINNING - 1);
}

const struct outfile_kind report_html_kind = {.name = "a report made by cmscope", .is_own = is_report, .streams = true};

static void print_head(FILE *out, const struct report *report)
{
    fputs(HTML_BEGINNING, out);
    html_text(out, text_of(report->version));
    fputs("\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta name=\"referrer\" content=\"no-referrer\">\n",
          out);
    fputs("<title>cmscope: ", out);
    fprintf(out, "%zu failed of %zu rules</title>\n<style>\n%s</style>\n</head>\n",
            report->verdicts->by_verdict[VERDICT_FAIL], report->verdicts->count, html_style);
}

static void print_fact(FILE *out, const char *name, struct text text)
{
    fprintf(out, "<dt>%s</dt><dd>", name);
    html_text(out, text);
    fputs("</dd>\n", out);
}

static void print_capture(FILE *out, const struct report *report)
{
    const struct input_row *input = facts_input(report, 0);
    int64_t inputs = facts_input_count(report);
    struct facts_capture capture = facts_capture(report);
    fputs("<dt>Capture</dt><dd>", out);
    if (inputs == 1)
        html_text(out, input->file);
    else
        fprintf(out, "%" PRId64 " files", inputs);
    fprintf(out, ", %" PRId64 " packets</dd>\n<dt>Time (UTC)</dt><dd>", capture.packets);
    html_time(out, capture.first);
    fputs(" to ", out);
    html_time(out, capture.last);
    fputs("</dd>\n", out);
}

static void print_reasons(FILE *out, const struct report *report)
{
    struct facts_reason reason;
    for (int64_t i = 0; facts_reason(report, i, &reason); i++) {
        fputs(i == 0 ? "<div class=\"banner\"><p><strong>Incomplete.</strong> This report says less than it seems to. "
                       "What was not seen was not judged: see <a href=\"#coverage\">Coverage</a>.</p>\n<ul>\n"
                     : "",
              out);
        html_element(out, "li", text_of(reason.text));
    }
    fputs(report_incomplete(report) ? "</ul></div>\n" : "", out);
}

static void print_header(FILE *out, const struct report *report)
{
    fputs("<header>\n<p class=\"brand\">cmscope ", out);
    html_text(out, text_of(report->version));
    fputs("</p>\n", out);
    html_element(out, "h1", text_of(report->benchmark->title));
    fputs("<dl class=\"facts\">\n", out);
    print_capture(out, report);
    print_fact(out, "Profile", report->profile == NULL ? TEXT("all rules") : text_of(report->profile));
    print_fact(out, "Checklist", text_of(report->benchmark->version));
    fputs("</dl>\n", out);
    print_reasons(out, report);
    fputs("</header>\n", out);
}

/* ---- Summary ---- */

static void print_tiles(FILE *out, const struct report *report)
{
    fputs("<ul class=\"tiles\">\n", out);
    for (size_t rank = 0; rank < FACTS_ORDER_COUNT; rank++) {
        const struct html_mark *mark = html_mark(facts_order(rank));
        fprintf(out,
                "<li class=\"tile %s\"><span class=\"count\">%zu</span><span class=\"label\"><span class=\"sign\" "
                "aria-hidden=\"true\">%s</span>%s</span></li>\n",
                mark->name, report->verdicts->by_verdict[facts_order(rank)], mark->sign, mark->plural);
    }
    fputs("</ul>\n", out);
}

static void print_failed_rule(FILE *out, const struct rule_verdict *verdict)
{
    fputs("<tr><td class=\"id\"><a href=\"#rule-", out);
    html_text(out, text_of(verdict->rule->id));
    fputs("\">", out);
    html_text(out, text_of(verdict->rule->id));
    fputs("</a></td><td>", out);
    html_text(out, text_of(verdict->rule->title));
    fprintf(out, "</td><td>%s</td><td>%s</td><td class=\"n\">%" PRIu64 "</td></tr>\n",
            severity_name(verdict->rule->severity), grade_name(verdict->grade), verdict->evidence_total);
}

/* Worst first: by severity, then in the order of the checklist. */
static void print_failed(FILE *out, const struct report *report)
{
    if (report->verdicts->by_verdict[VERDICT_FAIL] == 0)
        return;
    fputs("<h2>What failed</h2>\n<div class=\"panel scroll\"><table>\n<thead><tr><th scope=\"col\">Rule</th>"
          "<th scope=\"col\">Practice</th><th scope=\"col\">Severity</th><th scope=\"col\">Grade</th>"
          "<th scope=\"col\" class=\"n\">Evidence</th></tr></thead>\n<tbody>\n",
          out);
    for (int severity = SEVERITY_HIGH; severity >= SEVERITY_INFO; severity--) {
        for (size_t i = 0; i < report->verdicts->count; i++) {
            const struct rule_verdict *verdict = &report->verdicts->items[i];
            if (verdict->verdict == VERDICT_FAIL && (int)verdict->rule->severity == severity)
                print_failed_rule(out, verdict);
        }
    }
    fputs("</tbody></table></div>\n", out);
}

static size_t section_count(const struct report *report, const struct facts_section *section, enum verdict verdict)
{
    size_t count = 0;
    for (size_t i = section->first; i < section->end; i++)
        count += report->verdicts->items[i].verdict == verdict;
    return count;
}

static void print_contents_row(FILE *out, const struct report *report, const struct facts_section *section)
{
    fprintf(out, "<tr><th scope=\"row\"><a href=\"#section-%zu\">", section->first);
    html_text(out, text_of(section->title));
    fputs("</a></th>", out);
    for (size_t rank = 0; rank < FACTS_ORDER_COUNT; rank++) {
        size_t count = section_count(report, section, facts_order(rank));
        fprintf(out, "<td class=\"n%s\">%zu</td>", count == 0 ? " zero" : "", count);
    }
    fputs("</tr>\n", out);
}

static void print_contents(FILE *out, const struct report *report)
{
    fputs("<nav aria-labelledby=\"contents\">\n<h2 id=\"contents\">Sections</h2>\n<div class=\"panel scroll\"><table>\n"
          "<thead><tr><th scope=\"col\">Section</th>",
          out);
    for (size_t rank = 0; rank < FACTS_ORDER_COUNT; rank++)
        fprintf(out, "<th scope=\"col\" class=\"n\">%s</th>", html_mark(facts_order(rank))->label);
    fputs("</tr></thead>\n<tbody>\n", out);
    struct facts_section section = {NULL, 0, 0};
    while (facts_section(report, section.end, &section))
        print_contents_row(out, report, &section);
    fputs("</tbody></table></div>\n"
          "<p><a href=\"#coverage\">Coverage: what was read and what was missed</a></p>\n",
          out);
    if (report->findings != NULL)
        fputs("<p><a href=\"#findings\">Messages against the message schema</a></p>\n", out);
    fputs("</nav>\n", out);
}

/* ---- Sections ---- */

static void print_section(FILE *out, const struct report *report, const struct facts_section *section)
{
    fprintf(out, "<section aria-labelledby=\"section-%zu\">\n<h2 id=\"section-%zu\">", section->first, section->first);
    html_text(out, text_of(section->title));
    fputs("</h2>\n", out);
    for (size_t rank = 0; rank < FACTS_ORDER_COUNT; rank++) {
        for (size_t i = section->first; i < section->end; i++) {
            if (report->verdicts->items[i].verdict == facts_order(rank))
                html_rule(out, report, &report->verdicts->items[i]);
        }
    }
    fputs("</section>\n", out);
}

/* ---- Coverage ---- */

static void print_input(FILE *out, const struct input_row *input)
{
    fputs(input->problem.at != NULL ? "<tr class=\"missed\"><td class=\"w\">" : "<tr><td class=\"w\">", out);
    html_text(out, input->file);
    fprintf(out, "</td><td class=\"n\">%" PRId64 "</td><td>", input->packets == INT_NULL ? 0 : input->packets);
    html_time(out, input->time);
    fputs("</td><td>", out);
    html_time(out, input->last_time);
    fputs("</td><td>", out);
    html_text(out, input->link_type);
    fputs("</td><td class=\"w\">", out);
    html_text(out, input->problem.at != NULL ? input->problem : TEXT("none"));
    fputs("</td></tr>\n", out);
}

static void print_inputs(FILE *out, const struct report *report)
{
    fputs("<div class=\"panel scroll\"><table><caption>Inputs</caption>\n<thead><tr><th scope=\"col\">File</th>"
          "<th scope=\"col\" class=\"n\">Packets</th>"
          "<th scope=\"col\">First (UTC)</th><th scope=\"col\">Last (UTC)</th>"
          "<th scope=\"col\">Link layer</th><th scope=\"col\">Problem</th></tr></thead>\n<tbody>\n",
          out);
    const struct input_row *input;
    for (int64_t i = 0; (input = facts_input(report, i)) != NULL; i++)
        print_input(out, input);
    fputs("</tbody></table></div>\n", out);
}

static void print_counter(FILE *out, const struct coverage_row *row)
{
    bool missed = facts_missed(row);
    fprintf(out, "<tr%s><td>", missed ? " class=\"missed\"" : "");
    html_text(out, row->name);
    fprintf(out, "</td><td class=\"n\">%" PRId64 "</td><td>%s</td><td class=\"w\">",
            row->value == INT_NULL ? 0 : row->value, missed ? "&#9888; missed" : "");
    html_text(out, row->meaning);
    fputs("</td></tr>\n", out);
}

static void print_coverage(FILE *out, const struct report *report)
{
    fputs("<section aria-labelledby=\"coverage\">\n<h2 id=\"coverage\">Coverage</h2>\n", out);
    print_inputs(out, report);
    fputs("<div class=\"panel scroll\"><table><caption>Counters</caption>\n<thead><tr><th scope=\"col\">Counter</th>"
          "<th scope=\"col\" class=\"n\">Value</th><th scope=\"col\">Mark</th>"
          "<th scope=\"col\">Meaning</th></tr></thead>\n"
          "<tbody>\n",
          out);
    const struct coverage_row *row;
    for (int64_t i = 0; (row = facts_coverage(report, i)) != NULL; i++)
        print_counter(out, row);
    fputs("</tbody></table></div>\n</section>\n", out);
}

void report_html(FILE *out, const struct report *report)
{
    print_head(out, report);
    fputs("<body>\n", out);
    print_header(out, report);
    fputs("<main>\n<h2>Summary</h2>\n", out);
    print_tiles(out, report);
    print_failed(out, report);
    print_contents(out, report);
    struct facts_section section = {NULL, 0, 0};
    while (facts_section(report, section.end, &section))
        print_section(out, report, &section);
    html_findings(out, report);
    print_coverage(out, report);
    fputs(
        "</main>\n<footer><p>Packets are counted from 1 over all inputs. Display filters count frames in their own "
        "file, as Wireshark does. Grades: <em>proof</em> is in the packet itself, <em>strong</em> follows from it with "
        "little doubt, "
        "<em>hint</em> never decides alone.</p></footer>\n</body>\n</html>\n",
        out);
}
