/* records/index.c: see index.h. */
#include "records/index.h"

#include <stdlib.h>
#include <string.h>

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
    free(index->heads);
    free(index->next);
    free(index);
}

void index_list_refresh(struct index_list *list)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        size_t columns = list->of[i] == NULL ? 0 : schema_table((enum table)i)->column_count;
        for (size_t column = 0; column < columns; column++) {
            index_release(list->of[i][column]);
            list->of[i][column] = NULL;
        }
    }
}

void index_list_free(struct index_list *list)
{
    index_list_refresh(list);
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        free(list->of[i]);
        list->of[i] = NULL;
    }
}

/* The value of a column as a key; false when it is NULL. */
static bool row_key(const void *row, const struct column *column, struct key *key)
{
    const char *member = (const char *)row + column->offset;
    *key = (struct key){0};
    switch (column->type) {
    case COLUMN_TEXT:
        memcpy(&key->text, member, sizeof key->text);
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

static uint64_t key_hash(uint64_t seed, const struct column *column, const struct key *key)
{
    if (column->type == COLUMN_TEXT)
        return text_hash(seed, key->text);
    char bytes[sizeof(int64_t)];
    double positive = key->real + 0.0; /* -0.0 equals 0.0 */
    if (column->type == COLUMN_REAL)
        memcpy(bytes, &positive, sizeof bytes);
    else
        memcpy(bytes, &key->number, sizeof bytes);
    return text_hash(seed, (struct text){bytes, sizeof bytes});
}

static bool key_equal(const struct column *column, const struct key *a, const struct key *b)
{
    if (column->type == COLUMN_TEXT)
        return text_equal(a->text, b->text);
    if (column->type == COLUMN_REAL)
        return !(a->real < b->real) && !(a->real > b->real);
    return a->number == b->number;
}

/* From the last row to the first, so that each chain starts at its lowest id. */
static void index_fill(struct index *index, struct store *store, enum table table, const struct column *column)
{
    for (int64_t id = store_count(store, table); id > 0; id--) {
        struct key key;
        if (!row_key(store_row(store, table, id), column, &key))
            continue;
        uint32_t *head = &index->heads[(uint32_t)key_hash(index->seed, column, &key) & index->mask];
        index->next[id] = *head;
        *head = (uint32_t)id;
    }
}

static struct index *index_build(const struct index_list *list, enum table table, const struct column *column)
{
    size_t rows = (size_t)store_count(list->store, table);
    size_t buckets = 16;
    while (buckets < rows)
        buckets *= 2;
    struct index *index = calloc(1, sizeof *index);
    if (index == NULL)
        return NULL;
    *index = (struct index){.references = 1,
                            .generation = store_generation(list->store),
                            .seed = list->seed,
                            .mask = (uint32_t)(buckets - 1),
                            .heads = calloc(buckets, sizeof *index->heads),
                            .next = calloc(rows + 1, sizeof *index->next)};
    if (index->heads == NULL || index->next == NULL) {
        index_release(index);
        return NULL;
    }
    index_fill(index, list->store, table, column);
    return index;
}

struct index *index_acquire(struct index_list *list, enum table table, size_t column)
{
    struct index **place = &list->of[table][column];
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

static int64_t chain_find(const struct index *index, struct store *store, enum table table, const struct column *column,
                          const struct key *key, uint32_t id)
{
    while (id != 0) {
        struct key found;
        if (row_key(store_row(store, table, id), column, &found) && key_equal(column, &found, key))
            return id;
        id = index->next[id];
    }
    return 0;
}

int64_t index_first(const struct index *index, struct store *store, enum table table, const struct column *column,
                    const struct key *key)
{
    uint32_t hash = (uint32_t)key_hash(index->seed, column, key);
    return chain_find(index, store, table, column, key, index->heads[hash & index->mask]);
}

int64_t index_next(const struct index *index, struct store *store, enum table table, const struct column *column,
                   const struct key *key, int64_t id)
{
    return chain_find(index, store, table, column, key, index->next[id]);
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

double index_estimate(const struct index_list *list, enum table table, const struct column *column)
{
    int64_t rows = store_count(list->store, table);
    int64_t sampled = rows < SAMPLE_ROWS ? rows : SAMPLE_ROWS;
    uint64_t slots[SAMPLE_SLOTS] = {0};
    int64_t distinct = 0;
    for (int64_t i = 0; i < sampled; i++) {
        struct key key;
        int64_t id = 1 + (int64_t)((double)i / (double)sampled * (double)rows);
        if (row_key(store_row(list->store, table, id), column, &key))
            distinct += sample_add(slots, key_hash(list->seed, column, &key));
    }
    if (distinct == 0)
        return 1;
    /* Mostly different values in a sample stay so in the whole; few values are all there are. */
    double all = 2 * distinct > sampled ? (double)distinct * (double)rows / (double)sampled : (double)distinct;
    double each = (double)rows / all;
    return each < 1 ? 1 : each;
}
