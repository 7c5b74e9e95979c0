/* records/store.c: see store.h. */
#include "records/store.h"

#include <stdlib.h>
#include <string.h>

#include "records/schema.h"
#include "records/store_private.h"

struct store *store_new(void)
{
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return NULL;
    store->limit = STORE_BYTES_MAX;
    textpool_init(&store->texts);
    return store;
}

void store_free(struct store *store)
{
    if (store == NULL)
        return;
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        struct rows *rows = &store->tables[table];
        for (size_t i = 0; i < rows->chunk_count; i++)
            free(rows->chunks[i]);
        free(rows->chunks);
    }
    textpool_free(&store->texts);
    free(store);
}

void store_limit(struct store *store, uint64_t bytes)
{
    store->limit = bytes;
}

int64_t store_count(const struct store *store, enum table table)
{
    return store->tables[table].count;
}

uint64_t store_lost(const struct store *store)
{
    return store->lost;
}

uint64_t store_bytes(const struct store *store)
{
    return store->chunk_bytes + store->texts.bytes;
}

uint64_t store_generation(const struct store *store)
{
    return store->generation;
}

void *store_row(struct store *store, enum table table, int64_t id)
{
    struct rows *rows = &store->tables[table];
    if (id < 1 || id > rows->count)
        return NULL;
    size_t index = (size_t)id - 1;
    return rows->chunks[index / CHUNK_ROWS] + index % CHUNK_ROWS * schema_table(table)->row_size;
}

#define DIRECTORY_FIRST 16

static bool directory_reserve(struct rows *rows)
{
    if (rows->chunk_count < rows->chunk_capacity)
        return true;
    size_t capacity = rows->chunk_capacity == 0 ? DIRECTORY_FIRST : rows->chunk_capacity * 2;
    char **chunks = realloc(rows->chunks, capacity * sizeof *chunks);
    if (chunks == NULL)
        return false;
    rows->chunks = chunks;
    rows->chunk_capacity = capacity;
    return true;
}

/* Makes room for one more row. */
static bool rows_reserve(struct store *store, enum table table)
{
    struct rows *rows = &store->tables[table];
    if (rows->count >= ROWS_MAX)
        return false;
    if ((size_t)rows->count < rows->chunk_count * CHUNK_ROWS)
        return true;
    size_t size = CHUNK_ROWS * schema_table(table)->row_size;
    if (store_bytes(store) + size > store->limit || !directory_reserve(rows))
        return false;
    char *chunk = malloc(size);
    if (chunk == NULL)
        return false;
    rows->chunks[rows->chunk_count++] = chunk;
    store->chunk_bytes += size;
    return true;
}

static struct text *text_member(void *row, const struct column *column)
{
    return (struct text *)(void *)((char *)row + column->offset);
}

/* Replaces the views in `row` by copies; where `old` (may be NULL) has the same text, by that. */
static bool keep_texts(struct store *store, const struct table_schema *schema, void *row, void *old)
{
    uint64_t budget = store->limit > store->chunk_bytes ? store->limit - store->chunk_bytes : 0;
    for (size_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        if (column->type != COLUMN_TEXT)
            continue;
        struct text *text = text_member(row, column);
        const struct text *before = old == NULL ? NULL : text_member(old, column);
        if (before != NULL && text_equal(*before, *text))
            *text = *before;
        else if (!textpool_keep(&store->texts, text, budget))
            return false;
    }
    return true;
}

static int64_t store_append(void *context, enum table table, const void *row)
{
    struct store *store = context;
    const struct table_schema *schema = schema_table(table);
    if (schema == NULL || !rows_reserve(store, table)) {
        store->lost++;
        return INT_NULL;
    }
    struct rows *rows = &store->tables[table];
    size_t index = (size_t)rows->count;
    char *place = rows->chunks[index / CHUNK_ROWS] + index % CHUNK_ROWS * schema->row_size;
    memcpy(place, row, schema->row_size);
    if (!keep_texts(store, schema, place, NULL)) {
        store->lost++;
        return INT_NULL;
    }
    store->generation++;
    return ++rows->count;
}

bool store_append_kept(struct store *store, enum table table, const void *row)
{
    if (!rows_reserve(store, table)) {
        store->lost++;
        return false;
    }
    store->generation++;
    int64_t id = ++store->tables[table].count;
    memcpy(store_row(store, table, id), row, schema_table(table)->row_size);
    return true;
}

/* The largest row struct, to build a changed row beside the old one. */
union any_row {
#define TABLE_BEGIN(table, need, meaning) struct table##_row table;
#define COLUMN(table, name, type, need, unit, meaning)
#define TABLE_END(table)
#include "records/tables.def"
#undef TABLE_BEGIN
#undef COLUMN
#undef TABLE_END
};

static void store_amend(void *context, enum table table, int64_t id, const void *row)
{
    struct store *store = context;
    const struct table_schema *schema = schema_table(table);
    void *old = schema == NULL ? NULL : store_row(store, table, id);
    if (old == NULL) {
        store->lost++;
        return;
    }
    union any_row changed;
    memcpy(&changed, row, schema->row_size);
    if (!keep_texts(store, schema, &changed, old)) {
        store->lost++;
        return;
    }
    memcpy(old, &changed, schema->row_size);
    store->generation++;
}

static const void *sink_row(void *context, enum table table, int64_t id)
{
    return store_row(context, table, id);
}

static int64_t sink_count(void *context, enum table table)
{
    return store_count(context, table);
}

struct sink store_sink(struct store *store)
{
    return (struct sink){
        .context = store, .append = store_append, .amend = store_amend, .row = sink_row, .count = sink_count};
}
