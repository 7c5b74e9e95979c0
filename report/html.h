/* report/html.h: the parts from which the HTML report is put together. */
#ifndef CMSCOPE_REPORT_HTML_H
#define CMSCOPE_REPORT_HTML_H

#include "report/facts.h"

/* The style sheet; the only style that the page's Content-Security-Policy lets in. */
extern const char html_style[];

/* How a verdict appears: never by colour alone. */
struct html_mark {
    const char *name;   /* class of the style sheet */
    const char *sign;   /* one character, drawn for the eye only */
    const char *label;  /* read aloud and shown */
    const char *plural; /* under a count */
};

const struct html_mark *html_mark(enum verdict verdict);

/* Text of a capture or of the benchmark, escaped and bounded. */
void html_text(FILE *out, struct text text);
/* <tag>text</tag>, nothing when there is no text. */
void html_element(FILE *out, const char *tag, struct text text);
/* <time>, or a dash when it is not known. */
void html_time(FILE *out, double seconds);

/* A table of evidence with its caption. */
void html_evidences(FILE *out, const struct report *report, const struct evidence *evidence, size_t count,
                    const char *caption);

/* Messages that depart from the message schema: a section, nothing when they were not looked for. */
void html_findings(FILE *out, const struct report *report);

/* The card of one rule. */
void html_rule(FILE *out, const struct report *report, const struct rule_verdict *verdict);

#endif
