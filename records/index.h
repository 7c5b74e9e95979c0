/* records/index.h: which rows of a table have a given value in a column: hash indexes over a store, each built the
 * first time it is asked for.
 *
 * An index is two arrays of ids. heads[hash] is the first row with that hash, next[id] the one after it, 0 the end;
 * rows follow each other in the order of their ids. NULLs are in none.
 */
#ifndef CMSCOPE_RECORDS_INDEX_H
#define CMSCOPE_RECORDS_INDEX_H

#include <sqlite3.h>

#include "records/schema.h"
#include "records/store.h"

struct index {
    unsigned references; /* the list below and every cursor that walks it */
    uint64_t generation; /* of the store when it was built */
    uint64_t seed;
    uint32_t mask;
    uint32_t *heads;
    uint32_t *next;
};

/* All indexes of a database. */
struct index_list {
    struct store *store;
    uint64_t seed;
    struct index **of[TABLE_COUNT]; /* for each column of the table one, NULL until it is needed */
};

MUST_USE bool index_list_init(struct index_list *list, struct store *store);
void index_list_free(struct index_list *list);
/* Forgets what was built. */
void index_list_refresh(struct index_list *list);

/* The index of a column, to be given back by index_release; NULL when there is no memory for it. */
struct index *index_acquire(struct index_list *list, enum table table, size_t column);
void index_release(struct index *index);

/* What a column is compared with. */
struct key {
    int64_t number;
    double real;
    struct text text;
};

enum key_kind {
    KEY_EXACT,  /* equal to *key is all that the comparison asks */
    KEY_NEVER,  /* the value is NULL: no row is equal to it */
    KEY_FOREIGN /* the value is of another type than the column: only SQLite knows its rules of conversion */
};

enum key_kind key_of(const struct column *column, sqlite3_value *value, struct key *key);

/* The first row with that key, and the one after row `id`; 0 when there is none. */
int64_t index_first(const struct index *index, struct store *store, enum table table, const struct column *column,
                    const struct key *key);
int64_t index_next(const struct index *index, struct store *store, enum table table, const struct column *column,
                   const struct key *key, int64_t id);

/* How many rows one value of the column stands for, guessed from a sample of the rows; at least 1. */
double index_estimate(const struct index_list *list, enum table table, const struct column *column);

#endif
