/* records/index.h: which rows of a table have a given value in a column: hash indexes over a store, each built the
 * first time it is asked for.
 *
 * An index is a list of hash and id, in this order, in the memory of the store. Hashes are spread evenly, so where one
 * stands is guessed from its value. NULLs are in none.
 */
#ifndef CMSCOPE_RECORDS_INDEX_H
#define CMSCOPE_RECORDS_INDEX_H

#include <sqlite3.h>

#include "core/spill.h"
#include "records/schema.h"
#include "records/store.h"

struct index {
    unsigned references; /* the list below and every cursor that walks it; all end before the store */
    uint64_t generation; /* of the store when it was built */
    uint64_t seed;
    struct spill *pairs; /* key: hash, value: id */
};

/* What is known of a column. */
struct index_slot {
    struct index *index; /* NULL until it is needed */
    double estimate;     /* 0 until it is asked for */
    uint64_t generation; /* of the store when that was made */
};

/* All indexes of a database. */
struct index_list {
    struct store *store;
    uint64_t seed;
    struct index_slot *of[TABLE_COUNT]; /* for each column of the table one */
};

MUST_USE bool index_list_init(struct index_list *list, struct store *store);
void index_list_free(struct index_list *list);

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

/* Whether a row has that key. */
bool index_row_is(struct store *store, const void *row, const struct column *column, const struct key *key);

/* What is looked for in an index, and where the look-up stands. */
struct index_place {
    int64_t hash;
    uint64_t number; /* of the pair */
};

/* The first row with that key, and the one after it; 0 when there is none. They come by ascending id. */
int64_t index_first(const struct index *index, struct store *store, enum table table, const struct column *column,
                    const struct key *key, struct index_place *place);
int64_t index_next(const struct index *index, struct store *store, enum table table, const struct column *column,
                   const struct key *key, struct index_place *place);

/* How many rows one value of the column stands for, guessed from a sample of the rows; at least 1. */
double index_estimate(const struct index_list *list, enum table table, size_t column);

#endif
