/* rules/benchmark.h: the checklist as data: an XCCDF 1.2 benchmark and one SQL file for each rule that is decided by
 * records. No rule is C code.
 *
 * A rule's check is one of
 *   system urn:cmscope:sql, check-content-ref href="sql/ID.sql"    decided by that query (rules/evaluate.h)
 *   system urn:cmscope:fixed, check-content "notobservable: WHY"   or "notobserved: WHY": always this result
 */
#ifndef CMSCOPE_RULES_BENCHMARK_H
#define CMSCOPE_RULES_BENCHMARK_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

enum severity { SEVERITY_INFO, SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH };

const char *severity_name(enum severity severity);
MUST_USE bool severity_parse(const char *name, enum severity *severity);

enum verdict {
    VERDICT_PASS,
    VERDICT_FAIL,
    VERDICT_NOTOBSERVED,
    VERDICT_NOTOBSERVABLE,
    VERDICT_INFORMATIONAL,
    VERDICT_COUNT
};

const char *verdict_name(enum verdict verdict); /* as in the reports: pass, fail, notobserved ... */

struct reference {
    const char *href;
    const char *text;
};

struct rule {
    const char *id;      /* as in the checklist rows: RSC-1 ... MNT-12m */
    const char *section; /* title of its group */
    const char *title;
    const char *description;
    const char *rationale;
    const char *fix;        /* what to do */
    const char *caution;    /* what may be mistaken for a departure, or NULL */
    const char *observable; /* yes, partly, no */
    enum severity severity;
    const struct reference *references;
    size_t reference_count;
    const char *const *profiles; /* short names of those that select it: 2007-mixed ... */
    size_t profile_count;
    const char *sql;          /* text of its query, or NULL when the result is fixed */
    enum verdict fixed;       /* without sql: VERDICT_NOTOBSERVED or VERDICT_NOTOBSERVABLE */
    const char *fixed_reason; /* without sql: why */
};

struct profile {
    const char *name; /* short: 2007-mixed */
    const char *title;
    const char *description;
};

struct benchmark {
    const char *title;
    const char *version;
    const struct rule *rules; /* in the order of the checklist */
    size_t rule_count;
    const struct profile *profiles;
    size_t profile_count;
    bool built_in; /* the one of the program */
};

/* The benchmark in `folder` (benchmark.xml, sql/), or the one built into the program when `folder` is NULL. The caller
 * frees it. OUTCOME_SYSTEM: a file is missing; OUTCOME_MALFORMED: the XML or its structure is wrong; both name the file
 * and rule. */
MUST_USE enum outcome benchmark_load(const char *folder, struct benchmark **benchmark, struct error *error);
void benchmark_free(struct benchmark *benchmark);

const struct rule *benchmark_rule(const struct benchmark *benchmark, const char *id);
const struct profile *benchmark_profile(const struct benchmark *benchmark, const char *name);
bool rule_in_profile(const struct rule *rule, const char *profile);

#endif
