/* records/store.c: see store.h. */
#include "records/store.h"

#include <stdlib.h>
#include <string.h>

#include "records/schema.h"
#include "records/store_private.h"

/* `pool` NULL: its own. */
static struct store *new_in(struct spill_pool *pool)
{
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return NULL;
    store->pool = pool == NULL ? &store->own : pool;
    if (pool == NULL)
        spill_pool_init(store->pool, STORE_MEMORY, STORE_MEMORY_MOST);
    textpool_init(&store->texts, store->pool);
    for (size_t table = 0; table < TABLE_COUNT; table++)
        store_narrow(store, (enum table)table, COLUMNS_ALL);
    return store;
}

struct store *store_new(void)
{
    return new_in(NULL);
}

struct store *store_new_beside(struct store *other)
{
    return new_in(other->pool);
}

void store_free(struct store *store)
{
    if (store == NULL)
        return;
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        spill_free(store->tables[table].bytes);
        spill_free(store->ranks[table]);
    }
    textpool_free(&store->texts);
    free(store);
}

void store_limit(struct store *store, uint64_t memory, uint64_t most)
{
    store->pool->limit = memory;
    store->pool->most = most;
}

void store_drop(struct store *store, table_set tables)
{
    store->dropped = tables;
}

static size_t column_size(enum column_type type)
{
    static const size_t sizes[] = {
        [COLUMN_INT] = sizeof(int64_t),      [COLUMN_BOOL] = sizeof(int64_t), [COLUMN_REAL] = sizeof(double),
        [COLUMN_TEXT] = sizeof(struct text), [COLUMN_REF] = sizeof(int64_t),
    };
    return sizes[type];
}

/* The first column, by which rows are sorted, is always there. */
static size_t narrow_size(const struct table_schema *schema, column_set read)
{
    size_t last = schema->column_count - 1;
    while (last > 0 && !(read & column_bit(last)))
        last--;
    return schema->columns[last].offset + column_size(schema->columns[last].type);
}

void store_narrow(struct store *store, enum table table, column_set read)
{
    const struct table_schema *schema = schema_table(table);
    struct rows *rows = &store->tables[table];
    rows->read = read;
    rows->size = narrow_size(schema, read);
    rows->text_count = 0;
    for (size_t i = 0; i < schema->column_count && store_has(rows, &schema->columns[i]); i++) {
        if (schema->columns[i].type == COLUMN_TEXT)
            rows->texts[rows->text_count++] = (uint16_t)i;
    }
}

void store_spare_like(struct store *store, const struct store *other)
{
    store->dropped = other->dropped;
    for (enum table table = 0; table < TABLE_COUNT; table++)
        store_narrow(store, table, other->tables[table].read);
}

int64_t store_count(const struct store *store, enum table table)
{
    return store->tables[table].count;
}

uint64_t store_lost(const struct store *store)
{
    return store->lost;
}

uint64_t store_memory(const struct store *store)
{
    return store->pool->held;
}

uint64_t store_written(const struct store *store)
{
    return spill_pool_written(store->pool);
}

bool store_problem(const struct store *store, struct error *error)
{
    return spill_pool_problem(store->pool, error);
}

uint64_t store_generation(const struct store *store)
{
    return store->generation;
}

const void *store_row(struct store *store, enum table table, int64_t id)
{
    const struct rows *rows = &store->tables[table];
    if (id < 1 || id > rows->count)
        return NULL;
    return spill_at(rows->bytes, (uint64_t)(id - 1) * rows->size, rows->size);
}

bool store_seen(struct store *store, struct text text)
{
    return textpool_seen(&store->texts, text);
}

bool store_append_kept(struct store *store, enum table table, const void *row)
{
    struct rows *rows = &store->tables[table];
    if (rows->bytes == NULL)
        rows->bytes = spill_new(store->pool);
    if (rows->bytes == NULL || rows->count >= ROWS_MAX || spill_append(rows->bytes, row, rows->size) == NULL) {
        store->lost++;
        return false;
    }
    rows->count++;
    store->generation++;
    return true;
}

bool store_replace_kept(struct store *store, enum table table, int64_t id, const void *row)
{
    const struct rows *rows = &store->tables[table];
    if (!spill_write(rows->bytes, (uint64_t)(id - 1) * rows->size, row, rows->size)) {
        store->lost++;
        return false;
    }
    store->generation++;
    return true;
}

static struct text *text_member(void *row, const struct column *column)
{
    return (struct text *)(void *)((char *)row + column->offset);
}

static struct text text_value(const void *row, const struct column *column)
{
    struct text text;
    memcpy(&text, (const char *)row + column->offset, sizeof text);
    return text;
}

/* Replaces the views in `row` by copies, where somebody reads them; where `old` (may be NULL) has the same text, by
 * that. */
static bool keep_texts(struct store *store, enum table table, void *row, const void *old)
{
    const struct table_schema *schema = schema_table(table);
    const struct rows *rows = &store->tables[table];
    for (size_t i = 0; i < rows->text_count; i++) {
        const struct column *column = &schema->columns[rows->texts[i]];
        struct text *text = text_member(row, column);
        if (!(rows->read & column_bit(rows->texts[i])))
            *text = TEXT_NULL;
        struct text before = old == NULL ? TEXT_NULL : text_value(old, column);
        if (before.at != NULL && before.at != text->at && before.length == text->length)
            (void)store_seen(store, before);
        if (before.at != NULL && text_equal(before, *text))
            *text = before;
        else if (!textpool_keep(&store->texts, text))
            return false;
    }
    return true;
}

static int64_t store_append(void *context, enum table table, const void *row)
{
    struct store *store = context;
    union any_row kept;
    if (table >= TABLE_COUNT) {
        store->lost++;
        return INT_NULL;
    }
    memcpy(&kept, row, store->tables[table].size);
    if (!keep_texts(store, table, &kept, NULL)) {
        store->lost++;
        return INT_NULL;
    }
    return store_append_kept(store, table, &kept) ? store->tables[table].count : INT_NULL;
}

static void store_amend(void *context, enum table table, int64_t id, const void *row)
{
    struct store *store = context;
    const void *old = table >= TABLE_COUNT ? NULL : store_row(store, table, id);
    union any_row changed;
    if (old == NULL) {
        store->lost++;
        return;
    }
    size_t size = store->tables[table].size;
    memcpy(&changed, row, size);
    if (!keep_texts(store, table, &changed, old))
        store->lost++;
    else if (memcmp(&changed, old, size) != 0)
        (void)!store_replace_kept(store, table, id, &changed); /* counted there */
}

/* ---- Rows as dissectors see them ---- */

/* A whole row, in which what is not kept is NULL. */
static const void *widen(struct store *store, enum table table, const void *kept)
{
    const struct rows *rows = &store->tables[table];
    const struct table_schema *schema = schema_table(table);
    if (rows->size == schema->row_size)
        return kept;
    memcpy(&store->wide, kept, rows->size);
    for (size_t i = 0; i < schema->column_count; i++) {
        if (!store_has(rows, &schema->columns[i]))
            schema_null(&schema->columns[i], &store->wide);
    }
    return &store->wide;
}

/* What settles rows reads all their texts, row after row. Those of a row mostly lie in the same window of a file. */
static void texts_seen(struct store *store, enum table table, const void *row)
{
    const struct table_schema *schema = schema_table(table);
    const struct rows *rows = &store->tables[table];
    uintptr_t window = 0;
    for (size_t i = 0; i < rows->text_count; i++) {
        struct text text = text_value(row, &schema->columns[rows->texts[i]]);
        uintptr_t last = ((uintptr_t)text.at + text.length) / SPILL_WINDOW;
        if (text.at == NULL || ((uintptr_t)text.at / SPILL_WINDOW == window && last == window))
            continue;
        (void)store_seen(store, text);
        window = last;
    }
}

static const void *sink_row(void *context, enum table table, int64_t id)
{
    struct store *store = context;
    const void *row = store_row(store, table, id);
    if (row == NULL)
        return NULL;
    if (store_written(store) > 0)
        texts_seen(store, table, row);
    return widen(store, table, row);
}

static int64_t sink_count(void *context, enum table table)
{
    return store_count(context, table);
}

struct sink store_sink(struct store *store)
{
    return (struct sink){.context = store,
                         .append = store_append,
                         .amend = store_amend,
                         .row = sink_row,
                         .count = sink_count,
                         .dropped = store->dropped};
}
