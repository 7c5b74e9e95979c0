/* core/limit.h: the limits of core/limits.def, and how often each was hit.
 *
 * Whoever enforces a limit owns a struct limit_counts, or is given one. The coverage part adds them up.
 */
#ifndef CMSCOPE_CORE_LIMIT_H
#define CMSCOPE_CORE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/* LIMIT_troubles ... and LIMIT_COUNT. */
enum limit {
#define LIMIT(name, file, constant, loses, meaning) LIMIT_##name,
#include "core/limits.def"
#undef LIMIT
    LIMIT_COUNT
};

/* Counters only, which may be added up member by member. */
struct limit_counts {
    uint64_t hit[LIMIT_COUNT];
};

static inline void limit_hit(struct limit_counts *counts, enum limit limit)
{
    counts->hit[limit]++;
}

static inline void limit_counts_add(struct limit_counts *into, const struct limit_counts *from)
{
    for (int i = 0; i < LIMIT_COUNT; i++)
        into->hit[i] += from->hit[i];
}

/* The name of the counter in the coverage part, "limit_troubles" ...; never NULL. */
const char *limit_name(enum limit limit);

/* What is counted, as a phrase for people; never NULL. */
const char *limit_meaning(enum limit limit);

/* Returns true when evidence may be missing after this limit was hit. */
bool limit_loses(enum limit limit);

#endif
