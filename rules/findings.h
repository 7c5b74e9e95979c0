/* rules/findings.h: departures of messages from the message schema (table `finding`), put together by kind. */
#ifndef CMSCOPE_RULES_FINDINGS_H
#define CMSCOPE_RULES_FINDINGS_H

#include "rules/evaluate.h"

#define FINDING_KINDS_MAX 256   /* there are some fifty kinds */
#define FINDING_EVIDENCE_MAX 20 /* messages listed of one kind; more are counted only */

/* One kind: the same code and text (without the value that a text may quote after a colon). */
struct finding_kind {
    struct text code;  /* C01 ... */
    struct text level; /* rule or advisory */
    struct text text;
    struct evidence evidence[FINDING_EVIDENCE_MAX]; /* messages, by packet */
    size_t evidence_count;
    uint64_t total;
};

struct findings {
    struct finding_kind *kinds; /* signatures that do not hold first, then rules, then advisories */
    size_t count;
    uint64_t others; /* messages with a departure of a kind beyond FINDING_KINDS_MAX */
    uint64_t total;
};

/* The NEED_... flags of what findings_collect asks, added to *needs. */
MUST_USE enum outcome findings_needs(struct database *database, unsigned *needs, struct error *error);

/* Reads them; everything lives in `arena`. To be asked only when the records were made with those needs. */
MUST_USE enum outcome findings_collect(struct database *database, struct arena *arena, struct findings *findings,
                                       struct error *error);

#endif
