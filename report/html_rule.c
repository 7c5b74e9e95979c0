/* report/html_rule.c: one rule of the HTML report: verdict, evidence, background. */
#include <inttypes.h>
#include <string.h>

#include "report/html.h"
#include "report/report.h"

#define EVIDENCE_SHOWN 25 /* rows of one table; the JSON report has more */
#define FILTER_FRAMES 40  /* frame numbers in one display filter */

static bool is_undecided(const struct rule_verdict *verdict)
{
    return verdict->verdict == VERDICT_NOTOBSERVED || verdict->verdict == VERDICT_NOTOBSERVABLE;
}

/* ---- Evidence ---- */

/* A display filter for Wireshark, when the frame can be told. */
static void print_filter(FILE *out, const struct report *report, const struct evidence *evidence)
{
    struct facts_frame frame = facts_frame(report, evidence->packet);
    if (frame.input == NULL)
        return;
    fprintf(out, "<code>frame.number == %" PRId64 "</code>", frame.number);
}

static void print_file(FILE *out, const struct report *report, const struct evidence *evidence)
{
    struct facts_frame frame = facts_frame(report, evidence->packet);
    fputs("<td class=\"w\">", out);
    if (frame.input != NULL)
        html_text(out, frame.input->file);
    fputs("</td>", out);
}

static void print_evidence(FILE *out, const struct report *report, const struct evidence *evidence, bool files)
{
    fputs("<tr><td class=\"n\">", out);
    if (evidence->packet != INT_NULL)
        fprintf(out, "%" PRId64, evidence->packet);
    else
        fputs("all", out);
    fputs("</td><td>", out);
    html_time(out, evidence->time);
    fputs("</td><td class=\"w\">", out);
    html_text(out, evidence->subject);
    fputs("</td><td class=\"w\">", out);
    html_text(out, evidence->why);
    fputs("</td>", out);
    if (files)
        print_file(out, report, evidence);
    fputs("<td>", out);
    print_filter(out, report, evidence);
    fputs("</td></tr>\n", out);
}

void html_evidences(FILE *out, const struct report *report, const struct evidence *evidence, size_t count,
                    const char *caption)
{
    bool files = facts_input_count(report) > 1;
    fprintf(out, "<div class=\"scroll\"><table><caption>%s</caption>\n<thead><tr>", caption);
    fputs("<th scope=\"col\" class=\"n\">Packet</th><th scope=\"col\">Time (UTC)</th><th scope=\"col\">Who</th>"
          "<th scope=\"col\">Why</th>",
          out);
    fputs(files ? "<th scope=\"col\">File</th>" : "", out);
    fputs("<th scope=\"col\">Display filter</th></tr></thead>\n<tbody>\n", out);
    for (size_t i = 0; i < count; i++)
        print_evidence(out, report, &evidence[i], files);
    fputs("</tbody></table></div>\n", out);
}

/* One filter for the evidence, when all of it is in one file. */
static void print_filter_of_many(FILE *out, const struct report *report, const struct rule_verdict *verdict)
{
    if (facts_input_count(report) != 1 || verdict->evidence_count < 2)
        return;
    int64_t last = INT_NULL;
    size_t frames = 0;
    for (size_t i = 0; i < verdict->evidence_count && frames < FILTER_FRAMES; i++) {
        struct facts_frame frame = facts_frame(report, verdict->evidence[i].packet);
        if (frame.input == NULL || frame.number == last) /* evidence comes by packet */
            continue;
        fputs(frames == 0 ? "<p>For Wireshark: <code class=\"long\">frame.number in {" : ", ", out);
        fprintf(out, "%" PRId64, frame.number);
        last = frame.number;
        frames++;
    }
    if (frames > 0)
        fprintf(out, "}</code>%s</p>\n", frames == FILTER_FRAMES ? " (the first of them)" : "");
}

static void print_proof(FILE *out, const struct report *report, const struct rule_verdict *verdict)
{
    if (verdict->evidence_count == 0)
        return;
    size_t shown = verdict->evidence_count < EVIDENCE_SHOWN ? verdict->evidence_count : EVIDENCE_SHOWN;
    html_evidences(out, report, verdict->evidence, shown, "Evidence, by packet");
    if (verdict->evidence_total > shown)
        fprintf(out, "<p>&hellip; and %" PRIu64 " more</p>\n", verdict->evidence_total - shown);
    print_filter_of_many(out, report, verdict);
}

static void print_remarks(FILE *out, const struct report *report, const struct rule_verdict *verdict)
{
    if (verdict->remark_count == 0)
        return;
    size_t shown = verdict->remark_count < EVIDENCE_SHOWN ? verdict->remark_count : EVIDENCE_SHOWN;
    html_evidences(out, report, verdict->remarks, shown, "Hints that did not decide");
    if (verdict->remark_total > shown)
        fprintf(out, "<p>&hellip; and %" PRIu64 " more</p>\n", verdict->remark_total - shown);
}

/* ---- Background ---- */

static void print_background_part(FILE *out, const char *heading, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return;
    fprintf(out, "<h4>%s</h4>\n", heading);
    html_element(out, "p", text_of(text));
}

/* Only addresses that a browser may open without doing anything else. */
static bool is_web_address(const char *href)
{
    return strncmp(href, "https://", 8) == 0 || strncmp(href, "http://", 7) == 0;
}

static void print_reference(FILE *out, const struct reference *reference)
{
    bool named = reference->text != NULL && reference->text[0] != '\0';
    struct text shown = text_of(named ? reference->text : reference->href);
    fputs("<li>", out);
    if (reference->href != NULL && is_web_address(reference->href)) {
        fputs("<a rel=\"noreferrer noopener\" href=\"", out);
        html_text(out, text_of(reference->href));
        fputs("\">", out);
        html_text(out, shown);
        fputs("</a>", out);
    } else {
        html_text(out, shown);
    }
    fputs("</li>\n", out);
}

static void print_references(FILE *out, const struct rule *rule)
{
    if (rule->reference_count == 0)
        return;
    fputs("<h4>References</h4>\n<ul class=\"references\">\n", out);
    for (size_t i = 0; i < rule->reference_count; i++)
        print_reference(out, &rule->references[i]);
    fputs("</ul>\n", out);
}

static void print_background(FILE *out, const struct rule *rule)
{
    print_background_part(out, "What is asked", rule->description);
    print_background_part(out, "Why it matters", rule->rationale);
    print_background_part(out, "What to do", rule->fix);
    print_background_part(out, "What may be mistaken for a departure", rule->caution);
    print_references(out, rule);
}

/* ---- The card ---- */

static void print_summary(FILE *out, const struct rule_verdict *verdict)
{
    const struct rule *rule = verdict->rule;
    const struct html_mark *mark = html_mark(verdict->verdict);
    fputs("<summary><span class=\"badge\">", out);
    fprintf(out, "<span class=\"sign\" aria-hidden=\"true\">%s</span>%s</span>", mark->sign, mark->label);
    fputs("<span class=\"id\">", out);
    html_text(out, text_of(rule->id));
    fputs("</span>", out);
    html_element(out, "h3", text_of(rule->title));
    fputs("<span class=\"meta\">", out);
    if (verdict->verdict == VERDICT_FAIL)
        fprintf(out, "severity %s, ", severity_name(rule->severity));
    if (facts_graded(verdict))
        fprintf(out, "%s%s", grade_name(verdict->grade), facts_basis(verdict));
    fputs("</span>", out);
    if (is_undecided(verdict)) {
        fputs("<span class=\"reason\">", out);
        html_text(out, facts_detail(verdict));
        fputs("</span>", out);
    }
    fputs("</summary>\n", out);
}

void html_rule(FILE *out, const struct report *report, const struct rule_verdict *verdict)
{
    fprintf(out, "<details class=\"card %s\" id=\"rule-", html_mark(verdict->verdict)->name);
    html_text(out, text_of(verdict->rule->id));
    fputs(verdict->verdict == VERDICT_FAIL ? "\" open>\n" : "\">\n", out);
    print_summary(out, verdict);
    fputs("<div class=\"body\">\n", out);
    if (!is_undecided(verdict))
        html_element(out, "p", facts_detail(verdict));
    print_proof(out, report, verdict);
    print_remarks(out, report, verdict);
    print_background(out, verdict->rule);
    fputs("</div></details>\n", out);
}
