/* report/html_findings.c: the part of the HTML report about messages that depart from the message schema. */
#include <inttypes.h>

#include "report/html.h"

static void print_kind(FILE *out, const struct report *report, const struct finding_kind *kind)
{
    bool rule = text_is(kind->level, "rule") || text_is(kind->code, "C45");
    fprintf(out, "<details class=\"card %s\"%s>\n<summary><span class=\"badge\">%s</span><span class=\"id\">",
            rule ? "fail" : "informational", rule ? " open" : "", rule ? "Departure" : "Note");
    html_text(out, kind->code);
    fputs("</span>", out);
    html_element(out, "h3", kind->text);
    fputs("<span class=\"meta\">", out);
    html_text(out, kind->level);
    fprintf(out, ", %" PRIu64 "</span></summary>\n<div class=\"body\">\n", kind->total);
    html_evidences(out, report, kind->evidence, kind->evidence_count, "Messages, by packet");
    if (kind->total > kind->evidence_count)
        fprintf(out, "<p>&hellip; and %" PRIu64 " more</p>\n", kind->total - kind->evidence_count);
    fputs("</div>\n</details>\n", out);
}

void html_findings(FILE *out, const struct report *report)
{
    if (report->findings == NULL)
        return;
    fputs("<section aria-labelledby=\"findings\">\n<h2 id=\"findings\">Messages against the message schema</h2>\n",
          out);
    for (size_t i = 0; i < report->findings->count; i++)
        print_kind(out, report, &report->findings->kinds[i]);
    if (report->findings->others > 0)
        fprintf(out, "<p>&hellip; and %" PRIu64 " departures of more kinds</p>\n", report->findings->others);
    if (report->findings->count == 0)
        fputs("<p>No departure was found.</p>\n", out);
    fputs("</section>\n", out);
}
