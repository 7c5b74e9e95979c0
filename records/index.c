/* records/index.c: see index.h. */
#include "records/index.h"

#include <stdlib.h>
#include <string.h>

#include "records/store_private.h"
#include "records/textpool.h"

/* Whole numbers up to here are the same as a double. */
#define EXACT_IN_DOUBLE ((int64_t)1 << 53)

bool index_list_init(struct index_list *list, struct store *store)
{
    *list = (struct index_list){.store = store, .seed = hash_seed()};
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        list->of[i] = calloc(schema_table((enum table)i)->column_count, sizeof *list->of[i]);
        if (list->of[i] == NULL) {
            index_list_free(list);
            return false;
        }
    }
    return true;
}

void index_release(struct index *index)
{
    if (index == NULL || --index->references > 0)
        return;
    spill_free(index->pairs);
    free(index);
}

void index_list_free(struct index_list *list)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        size_t columns = list->of[i] == NULL ? 0 : schema_table((enum table)i)->column_count;
        for (size_t column = 0; column < columns; column++)
            index_release(list->of[i][column].index);
        free(list->of[i]);
        list->of[i] = NULL;
    }
}

/* The value of a column as a key; false when it is NULL. */
static bool row_key(struct store *store, const void *row, const struct column *column, struct key *key)
{
    const char *member = (const char *)row + column->offset;
    *key = (struct key){0};
    switch (column->type) {
    case COLUMN_TEXT:
        memcpy(&key->text, member, sizeof key->text);
        if (key->text.at != NULL)
            (void)store_seen(store, key->text);
        return key->text.at != NULL;
    case COLUMN_REAL:
        memcpy(&key->real, member, sizeof key->real);
        return !isnan(key->real);
    case COLUMN_INT:
    case COLUMN_BOOL:
    case COLUMN_REF:
        break;
    }
    memcpy(&key->number, member, sizeof key->number);
    return key->number != INT_NULL;
}

/* At least 0, so that it is a key of a pair. */
static int64_t key_hash(uint64_t seed, const struct column *column, const struct key *key)
{
    char bytes[sizeof(int64_t)];
    double positive = key->real + 0.0; /* -0.0 equals 0.0 */
    if (column->type == COLUMN_REAL)
        memcpy(bytes, &positive, sizeof bytes);
    else
        memcpy(bytes, &key->number, sizeof bytes);
    struct text text = column->type == COLUMN_TEXT ? key->text : (struct text){bytes, sizeof bytes};
    return (int64_t)(text_hash(seed, text) >> 1);
}

static bool key_equal(const struct column *column, const struct key *a, const struct key *b)
{
    if (column->type == COLUMN_TEXT)
        return text_equal(a->text, b->text);
    if (column->type == COLUMN_REAL)
        return !(a->real < b->real) && !(a->real > b->real);
    return a->number == b->number;
}

static bool index_fill(struct index *index, struct store *store, enum table table, const struct column *column)
{
    for (int64_t id = 1; id <= store_count(store, table); id++) {
        struct key key;
        if (!row_key(store, store_row(store, table, id), column, &key))
            continue;
        struct spill_pair pair = {key_hash(index->seed, column, &key), id};
        if (spill_append(index->pairs, &pair, sizeof pair) == NULL)
            return false;
    }
    return spill_sort(&index->pairs, store->pool);
}

static struct index *index_build(const struct index_list *list, enum table table, const struct column *column)
{
    struct index *index = calloc(1, sizeof *index);
    if (index == NULL)
        return NULL;
    *index = (struct index){.references = 1,
                            .generation = store_generation(list->store),
                            .seed = list->seed,
                            .pairs = spill_new(list->store->pool)};
    if (index->pairs != NULL && index_fill(index, list->store, table, column))
        return index;
    index_release(index);
    return NULL;
}

struct index *index_acquire(struct index_list *list, enum table table, size_t column)
{
    struct index **place = &list->of[table][column].index;
    if (*place != NULL && (*place)->generation != store_generation(list->store)) {
        index_release(*place);
        *place = NULL;
    }
    if (*place == NULL)
        *place = index_build(list, table, &schema_table(table)->columns[column]);
    if (*place != NULL)
        (*place)->references++;
    return *place;
}

static enum key_kind real_key(sqlite3_value *value, struct key *key)
{
    int64_t number = sqlite3_value_int64(value);
    key->real = sqlite3_value_double(value);
    if (sqlite3_value_type(value) == SQLITE_FLOAT)
        return KEY_EXACT;
    return number >= -EXACT_IN_DOUBLE && number <= EXACT_IN_DOUBLE ? KEY_EXACT : KEY_FOREIGN;
}

enum key_kind key_of(const struct column *column, sqlite3_value *value, struct key *key)
{
    *key = (struct key){0};
    int type = sqlite3_value_type(value);
    if (type == SQLITE_NULL)
        return KEY_NEVER;
    if (column->type == COLUMN_TEXT && type == SQLITE_TEXT) {
        const char *at = (const char *)sqlite3_value_text(value);
        key->text = (struct text){at, (size_t)sqlite3_value_bytes(value)};
        return at == NULL ? KEY_FOREIGN : KEY_EXACT;
    }
    if (column->type == COLUMN_REAL && (type == SQLITE_FLOAT || type == SQLITE_INTEGER))
        return real_key(value, key);
    if (column->type != COLUMN_TEXT && column->type != COLUMN_REAL && type == SQLITE_INTEGER) {
        key->number = sqlite3_value_int64(value);
        return KEY_EXACT;
    }
    return KEY_FOREIGN;
}

#define GUESSES 8 /* many rows with one key make guesses bad: then halving is better */

/* The number of the first pair whose hash is not below `hash`. */
static uint64_t find_hash(struct spill *pairs, uint64_t count, int64_t hash)
{
    uint64_t low = 0, high = count;
    double below = 0, above = (double)INT64_MAX; /* hashes on both sides */
    for (unsigned i = 0; low < high; i++) {
        double share = above > below ? ((double)hash - below) / (above - below) : 0;
        uint64_t middle = low + (i < GUESSES ? (uint64_t)(share * (double)(high - low)) : (high - low) / 2);
        middle = middle < high ? middle : high - 1;
        int64_t found = spill_pair_at(pairs, middle)->key;
        if (found < hash) {
            low = middle + 1;
            below = (double)found;
        } else {
            high = middle;
            above = (double)found;
        }
    }
    return low;
}

bool index_row_is(struct store *store, const void *row, const struct column *column, const struct key *key)
{
    struct key found;
    return row_key(store, row, column, &found) && key_equal(column, &found, key);
}

/* The row with that key at the place or behind it. */
static int64_t find_row(const struct index *index, struct store *store, enum table table, const struct column *column,
                        const struct key *key, struct index_place *place)
{
    uint64_t count = spill_size(index->pairs) / sizeof(struct spill_pair);
    for (; place->number < count; place->number++) {
        struct spill_pair pair = *spill_pair_at(index->pairs, place->number);
        if (pair.key != place->hash)
            break;
        if (index_row_is(store, store_row(store, table, pair.value), column, key))
            return pair.value;
    }
    return 0;
}

int64_t index_first(const struct index *index, struct store *store, enum table table, const struct column *column,
                    const struct key *key, struct index_place *place)
{
    uint64_t count = spill_size(index->pairs) / sizeof(struct spill_pair);
    place->hash = key_hash(index->seed, column, key);
    place->number = find_hash(index->pairs, count, place->hash);
    return find_row(index, store, table, column, key, place);
}

int64_t index_next(const struct index *index, struct store *store, enum table table, const struct column *column,
                   const struct key *key, struct index_place *place)
{
    place->number++;
    return find_row(index, store, table, column, key, place);
}

#define SAMPLE_ROWS 256
#define SAMPLE_SLOTS (2 * SAMPLE_ROWS)

/* Whether the hash is new; 0 stands for a free slot. */
static bool sample_add(uint64_t slots[static SAMPLE_SLOTS], uint64_t hash)
{
    hash |= 1;
    for (size_t i = (size_t)(hash >> 32) % SAMPLE_SLOTS;; i = (i + 1) % SAMPLE_SLOTS) {
        if (slots[i] == hash)
            return false;
        if (slots[i] == 0) {
            slots[i] = hash;
            return true;
        }
    }
}

static double estimate(const struct index_list *list, enum table table, const struct column *column)
{
    int64_t rows = store_count(list->store, table);
    if (rows == 0)
        return 1;
    int64_t sampled = rows < SAMPLE_ROWS ? rows : SAMPLE_ROWS;
    uint64_t slots[SAMPLE_SLOTS] = {0};
    int64_t distinct = 0;
    for (int64_t i = 0; i < sampled; i++) {
        struct key key;
        int64_t id = 1 + (int64_t)((double)i / (double)sampled * (double)rows);
        if (row_key(list->store, store_row(list->store, table, id), column, &key))
            distinct += sample_add(slots, (uint64_t)key_hash(list->seed, column, &key) << 1);
    }
    if (distinct == 0)
        return 1;
    /* Mostly different values in a sample stay so in the whole; few values are all there are. */
    double all = 2 * distinct > sampled ? (double)distinct * (double)rows / (double)sampled : (double)distinct;
    double each = (double)rows / all;
    return each < 1 ? 1 : each;
}

double index_estimate(const struct index_list *list, enum table table, size_t column)
{
    struct index_slot *slot = &list->of[table][column];
    if (slot->estimate < 1 || slot->generation != store_generation(list->store)) {
        slot->estimate = estimate(list, table, &schema_table(table)->columns[column]);
        slot->generation = store_generation(list->store);
    }
    return slot->estimate;
}
