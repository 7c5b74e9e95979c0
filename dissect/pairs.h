/* dissect/pairs.h: lists that grow with the capture, in the memory of what waits (settle.h), sorted by two keys.
 *
 *   group     what belongs together: a digest of a text
 *   order     the order within a group: a number, a time
 */
#ifndef CMSCOPE_DISSECT_PAIRS_H
#define CMSCOPE_DISSECT_PAIRS_H

#include "core/spill.h"
#include "dissect/internal.h"

struct pair {
    uint64_t group;
    int64_t order;
    uint64_t value;
};

/* Starts as {0}. */
struct pairs {
    struct spill *items;  /* of struct pair, as they came */
    struct spill *places; /* of struct spill_pair, sorted: the group, and the number in items */
};

/* Texts that differ only in the case of ASCII letters have the same. */
uint64_t pairs_digest(struct dissect *dissect, struct text text);
/* A time in seconds as an order. */
int64_t pairs_time(double seconds);

/* What does not fit is left out, and counted. */
void pairs_add(struct dissect *dissect, struct pairs *pairs, struct pair pair);
/* Before the following ones, and after the last pair. False when there is none, or no memory (counted). */
bool pairs_sort(struct dissect *dissect, struct pairs *pairs);
uint64_t pairs_count(const struct pairs *pairs);
struct pair pairs_at(const struct pairs *pairs, uint64_t place);
/* The place of the first pair that is not before (group, order). */
uint64_t pairs_find(const struct pairs *pairs, uint64_t group, int64_t order);
void pairs_free(struct pairs *pairs);

#endif
