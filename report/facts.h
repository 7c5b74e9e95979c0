/* report/facts.h: what every form of the report says, computed once: the capture, its inputs, the order of verdicts. */
#ifndef CMSCOPE_REPORT_FACTS_H
#define CMSCOPE_REPORT_FACTS_H

#include "report/report.h"

/* A file name, and what is wrong with the file; or the meaning of a counter. */
#define FACTS_REASON_MAX 1024

/* The capture as a whole: all inputs together. */
struct facts_capture {
    int64_t packets;
    double first; /* REAL_NULL when there was no packet */
    double last;
};

struct facts_capture facts_capture(const struct report *report);

/* Rows of the tables input and coverage; 0-based; NULL past the end. */
const struct input_row *facts_input(const struct report *report, int64_t index);
const struct coverage_row *facts_coverage(const struct report *report, int64_t index);
int64_t facts_input_count(const struct report *report);

/* ", site as declared" or ", roles as learned" after the grade of a verdict that rests on that; else nothing. */
const char *facts_basis(const struct rule_verdict *verdict);

/* Whether this counter says that something was missed. */
bool facts_missed(const struct coverage_row *row);

/* One reason why the result says less than it seems to: a condition of the whole capture, an input with a problem, or a
 * counter of what was missed; in this order, so that what weighs most is read first. */
struct facts_reason {
    struct text counter; /* its name in the table coverage; TEXT_NULL for an input with a problem */
    int64_t value;       /* of the counter; INT_NULL for an input */
    char text
        [FACTS_REASON_MAX]; /* a clause without full stop, with foreign bytes; it names the input or tells the number */
};

/* The reason number `index`, from 0 on; false past the last. */
MUST_USE bool facts_reason(const struct report *report, int64_t index, struct facts_reason *reason);

/* The frame that Wireshark shows for a packet: packets are counted over all inputs, frames in each. */
struct facts_frame {
    const struct input_row *input; /* NULL when it cannot be told: the inputs were read side by side */
    int64_t number;
};

struct facts_frame facts_frame(const struct report *report, int64_t packet);

/* Verdicts in the order in which people read them: fails first ... */
#define FACTS_ORDER_COUNT VERDICT_COUNT
enum verdict facts_order(size_t rank);

/* The rules [first, end) that share a section, in the order of the checklist. */
struct facts_section {
    const char *title;
    size_t first;
    size_t end;
};

/* The section that begins at verdict `first`; false when there is none. */
bool facts_section(const struct report *report, size_t first, struct facts_section *section);

/* Whether a verdict rests on evidence of which the grade speaks. */
bool facts_graded(const struct rule_verdict *verdict);

/* What the evaluation says of a verdict; for a fixed one without detail, the benchmark's reason. */
struct text facts_detail(const struct rule_verdict *verdict);

#endif
