/* rules/evidence.h: observations of one kind, piled up while a rule's query runs: the first EVIDENCE_MAX by packet are
 * kept, all are counted, and what they say is summed up in a sentence.
 */
#ifndef CMSCOPE_RULES_EVIDENCE_H
#define CMSCOPE_RULES_EVIDENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "rules/evaluate.h"

/* Different sentences that are counted apart; a query that makes more has put facts into `why` that belong in
 * `subject`. */
#define WHYS_MAX 64

struct kept;

struct why_count {
    char *text;
    size_t length;
    uint64_t observations;
    uint64_t subjects; /* different ones */
    bool more;         /* there may be others, which were not told apart */
};

struct pile {
    struct kept *kept; /* up to twice EVIDENCE_MAX, then cut */
    size_t kept_count;
    size_t kept_capacity;
    uint64_t total;
    enum grade best;
    bool bases[GRADE_COUNT][BASIS_COUNT]; /* those that occur among the observations of each grade */
    struct why_count whys[WHYS_MAX];
    size_t why_count;
    uint64_t other_whys; /* observations with a sentence beyond those */
    uint64_t *subjects;  /* hashes of (why, subject): a hash table, 0 is free */
    size_t subject_capacity;
    size_t subject_count;
    uint64_t seed;
};

void pile_init(struct pile *pile);
void pile_free(struct pile *pile);

/* Adds a copy. False when memory ran out. */
MUST_USE bool pile_add(struct pile *pile, const struct evidence *evidence);

/* What the observations rest on: the surest among those of the best grade, since each of them is enough, or the least
 * sure of all, since all are needed. BASIS_NONE for an empty pile. */
enum basis pile_basis(const struct pile *pile, bool each_is_enough);

/* Copies what is kept, sorted by packet, then row, into the arena. False when the arena is full. */
MUST_USE bool pile_copy(struct pile *pile, struct arena *arena, struct evidence **evidence, size_t *count);

/* "WHY (14 observations, 2 subjects); OTHER WHY": the most frequent first. TEXT_NULL when the arena is full. */
MUST_USE struct text pile_summary(struct pile *pile, struct arena *arena);

#endif
