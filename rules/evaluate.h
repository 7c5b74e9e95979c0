/* rules/evaluate.h: from records to verdicts.
 *
 * The query of a rule returns one row for each observation, with the columns (by name; others are ignored)
 *
 *   result    pass, fail, informational, or notobserved
 *   grade     proof, strong or hint
 *   evidence  name of the table that proves it, and
 *   row       the id in it (both may be NULL for an observation about the whole capture)
 *   packet    packet number, time its time in seconds
 *   subject   who: "10.0.0.5 -> 10.0.0.11", a host, a certificate
 *   why       one sentence without a full stop
 *   rests_on  declared, learned, or NULL: whether the observation holds only because a host has the role that was
 *             declared for it (--site), or was learned from traffic. A query that asks for roles, or for anything that is
 *             declared, must have this column; others need not. What rests on a learned role is never a proof: its
 *             grade is at most strong (practices.md A0.1).
 *
 * and may use the parameters :profile and :rule (its id, where rules share a query). The verdict is the first of these
 * that holds: any fail with proof or strong: fail; any pass with proof or strong: pass; any informational:
 * informational; else notobserved. So a fail that is only a hint never fails a rule; it is kept as a remark. A query
 * with no rows is notobserved.
 */
#ifndef CMSCOPE_RULES_EVALUATE_H
#define CMSCOPE_RULES_EVALUATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/text.h"
#include "records/database.h"
#include "rules/benchmark.h"

/* What an observation needs beside what was decoded, the surest first. */
enum basis { BASIS_NONE, BASIS_DECLARED, BASIS_LEARNED, BASIS_COUNT };

const char *basis_name(enum basis basis); /* declared, learned; NULL for BASIS_NONE */

enum grade { GRADE_HINT, GRADE_STRONG, GRADE_PROOF, GRADE_COUNT };

const char *grade_name(enum grade grade);

struct evidence {
    enum verdict result; /* of this observation */
    enum grade grade;
    enum basis basis;
    struct text table; /* TEXT_NULL when about the whole capture */
    int64_t row;       /* INT_NULL likewise */
    int64_t packet;    /* INT_NULL likewise */
    double time;
    struct text subject;
    struct text why;
};

/* Observations kept of one rule; more are counted only. */
#define EVIDENCE_MAX 1000

struct rule_verdict {
    const struct rule *rule;
    enum verdict verdict;
    enum grade grade;          /* the best among the evidence of the verdict */
    enum basis basis;          /* of a fail, that of its surest evidence; else that of the least sure */
    bool unjudged;             /* not observed only because memory, disk or time ran out: `detail` says which */
    struct text detail;        /* one or two sentences for people */
    struct evidence *evidence; /* those that bear the verdict, by packet */
    size_t evidence_count;
    uint64_t evidence_total;  /* including those above EVIDENCE_MAX */
    struct evidence *remarks; /* hints of a fail that did not decide */
    size_t remark_count;
    uint64_t remark_total; /* including those above EVIDENCE_MAX */
};

struct verdicts {
    struct rule_verdict *items; /* in the benchmark's order; only rules that were selected */
    size_t count;
    size_t by_verdict[VERDICT_COUNT];
    size_t unjudged; /* those that could not be judged, among the ones that are not observed */
};

struct evaluation {
    const char *profile;    /* NULL: modern, with no rule left out */
    const char *const *ids; /* only these rules; NULL: all of the profile */
    size_t id_count;
};

/* What all rules that are built in read together. Known, so that their queries need not be prepared twice; a test holds
 * it to what they read. */
#define NEEDS_BUILT_IN                                                                                                 \
    ((unsigned)(NEED_SIGNATURE | NEED_REGISTRATION | NEED_POLICY | NEED_NAMES | NEED_UPLOAD | NEED_SITE | NEED_TLS |   \
                NEED_SERVERS | NEED_REVOCATION))

/* The NEED_... flags of all selected rules; also proves that every query that is not built in is valid.
 * OUTCOME_MALFORMED names the rule. */
MUST_USE enum outcome evaluate_needs(struct database *database, const struct benchmark *benchmark,
                                     const struct evaluation *evaluation, unsigned *needs, struct error *error);

/* Runs the selected rules. A rule for which memory, disk or time ran out is not observed, and the others are judged all the
 * same; OUTCOME_MALFORMED names a rule whose query is wrong. Everything in *verdicts lives in `arena`. */
MUST_USE enum outcome evaluate_rules(struct database *database, const struct benchmark *benchmark,
                                     const struct evaluation *evaluation, struct arena *arena,
                                     struct verdicts *verdicts, struct error *error);

#endif
