/* records/order.c: see order.h. All of it goes through rows from the first to the last, so that it takes little memory
 * however many there are. */
#include "records/order.h"

#include <stdlib.h>
#include <string.h>

#include "records/schema.h"
#include "records/store_private.h"

static int64_t reference(const void *row, const struct column *column)
{
    int64_t id;
    memcpy(&id, (const char *)row + column->offset, sizeof id);
    return id;
}

static void reference_set(union any_row *row, const struct column *column, int64_t id)
{
    memcpy((char *)row + column->offset, &id, sizeof id);
}

/* Every row starts with its packet (PACKET in tables.def). */
static int64_t packet_of(const void *row)
{
    int64_t packet;
    memcpy(&packet, row, sizeof packet);
    return packet;
}

static int64_t pair_count(const struct spill *pairs)
{
    return pairs == NULL ? 0 : (int64_t)(spill_size(pairs) / sizeof(struct spill_pair));
}

static bool pair_append(struct spill *pairs, int64_t key, int64_t value)
{
    struct spill_pair pair = {key, value};
    return spill_append(pairs, &pair, sizeof pair) != NULL;
}

/* ---- Ranking ---- */

static void rank_forget(struct store *store, enum table table)
{
    spill_free(store->ranks[table]);
    store->ranks[table] = NULL;
}

/* Pairs of packet and id of all rows, in order. */
static bool rank_table(struct store *store, enum table table)
{
    int64_t count = store->tables[table].count;
    if (pair_count(store->ranks[table]) == count)
        return true;
    rank_forget(store, table);
    store->ranks[table] = spill_new(store->pool);
    bool ok = store->ranks[table] != NULL;
    for (int64_t id = 1; ok && id <= count; id++)
        ok = pair_append(store->ranks[table], packet_of(store_row(store, table, id)), id);
    ok = ok && spill_sort(&store->ranks[table], store->pool);
    if (!ok)
        rank_forget(store, table);
    return ok;
}

void store_rank(struct store *store)
{
    for (size_t table = 0; table < TABLE_COUNT; table++)
        (void)!rank_table(store, (enum table)table); /* tried again when it is needed */
}

static bool rank_all(const struct store_order *order)
{
    bool ok = true;
    for (size_t p = 0; p < order->count; p++) {
        for (size_t table = 0; ok && table < TABLE_COUNT; table++)
            ok = rank_table(order->parts[p].store, (enum table)table);
    }
    return ok;
}

/* Goes through the ranked rows of a table of all stores in their new order. */
struct walk {
    const struct store_order *order;
    enum table table;
    int64_t done[STORES_MAX]; /* rows of each store */
};

/* The next row; false behind the last one. */
static bool walk_on(struct walk *walk, size_t *part, int64_t *id)
{
    struct spill_pair least = {0, 0};
    bool found = false;
    for (size_t p = 0; p < walk->order->count; p++) {
        struct spill *ranks = walk->order->parts[p].store->ranks[walk->table];
        if (walk->done[p] == pair_count(ranks))
            continue;
        struct spill_pair pair = *spill_pair_at(ranks, (uint64_t)walk->done[p]);
        if (found && pair.key >= least.key)
            continue;
        least = pair;
        *part = p;
        found = true;
    }
    if (!found)
        return false;
    *id = least.value;
    walk->done[*part]++;
    return true;
}

/* ---- New ids ---- */

static void ids_forget(struct store_order *order, enum table table)
{
    for (size_t p = 0; p < order->count; p++) {
        spill_free(order->parts[p].ids[table]);
        order->parts[p].ids[table] = NULL;
    }
}

static bool number_table(struct store_order *order, enum table table, struct spill_pool *pool)
{
    struct walk walk = {.order = order, .table = table};
    struct store_part *parts = order->parts;
    bool ok = true, moved = false;
    size_t p = 0;
    int64_t id;
    for (size_t i = 0; ok && i < order->count; i++)
        ok = (parts[i].ids[table] = spill_new(pool)) != NULL;
    for (int64_t place = 1; ok && walk_on(&walk, &p, &id); place++) {
        moved = moved || place != id + parts[p].bases[table];
        ok = pair_append(parts[p].ids[table], id, place);
    }
    for (size_t i = 0; ok && moved && i < order->count; i++)
        ok = spill_sort(&parts[i].ids[table], pool);
    if (!ok || !moved)
        ids_forget(order, table);
    return ok;
}

static int64_t part_id(const struct store_part *part, enum table table, int64_t id)
{
    struct spill *ids = part->ids[table];
    if (id == INT_NULL || ids == NULL)
        return id == INT_NULL ? id : id + part->bases[table];
    return id >= 1 && id <= pair_count(ids) ? spill_pair_at(ids, (uint64_t)id - 1)->value : INT_NULL;
}

/* ---- Building ---- */

/* A row of a store as it will be: with the new ids of what it refers to. */
static void take_row(const struct store_part *part, enum table table, int64_t id, union any_row *row)
{
    const struct table_schema *schema = schema_table(table);
    const struct rows *rows = &part->store->tables[table];
    memcpy(row, store_row(part->store, table, id), rows->size);
    for (size_t i = 0; i < schema->column_count && store_has(rows, &schema->columns[i]); i++) {
        const struct column *column = &schema->columns[i];
        if (column->type == COLUMN_REF)
            reference_set(row, column, part_id(part, column->refers, reference(row, column)));
    }
}

/* Whether the first store's rows of the table are no longer what they were. */
static bool is_changed(const struct store_order *order, enum table table)
{
    const struct table_schema *schema = schema_table(table);
    const struct rows *rows = &order->parts[0].store->tables[table];
    bool changed = order->parts[0].ids[table] != NULL;
    for (size_t p = 1; p < order->count; p++)
        changed = changed || order->parts[p].store->tables[table].count > 0;
    for (size_t i = 0; i < schema->column_count && store_has(rows, &schema->columns[i]); i++) {
        const struct column *column = &schema->columns[i];
        changed = changed || (column->type == COLUMN_REF && order->parts[0].ids[column->refers] != NULL);
    }
    return changed;
}

/* The rows of a table of all stores; *built stays NULL where those of the first are right as they are. */
static bool build_table(const struct store_order *order, enum table table, struct spill **built)
{
    const struct store *into = order->parts[0].store;
    struct walk walk = {.order = order, .table = table};
    union any_row row;
    size_t p = 0;
    int64_t id;
    if (!is_changed(order, table))
        return true;
    *built = spill_new(into->pool);
    bool ok = *built != NULL;
    for (int64_t place = 1; ok && walk_on(&walk, &p, &id); place++) {
        take_row(&order->parts[p], table, id, &row);
        ok = place <= ROWS_MAX && spill_append(*built, &row, into->tables[table].size) != NULL;
    }
    return ok;
}

static void rows_forget(struct store *store, enum table table)
{
    spill_free(store->tables[table].bytes);
    store->tables[table].bytes = NULL;
    store->tables[table].count = 0;
}

/* The rows of all stores give way to what was built of them. */
static void put_rows(const struct store_order *order, enum table table, struct spill *built)
{
    int64_t count = 0;
    for (size_t p = 0; p < order->count; p++) {
        count += order->parts[p].store->tables[table].count;
        rows_forget(order->parts[p].store, table);
    }
    order->parts[0].store->tables[table].bytes = built;
    order->parts[0].store->tables[table].count = count;
}

/* False when memory ran out: nothing was changed. */
static bool build_all(const struct store_order *order)
{
    struct spill *built[TABLE_COUNT] = {NULL};
    bool ok = true;
    for (size_t table = 0; ok && table < TABLE_COUNT; table++)
        ok = build_table(order, (enum table)table, &built[table]);
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        if (!ok)
            spill_free(built[table]);
        else if (built[table] != NULL)
            put_rows(order, (enum table)table, built[table]);
    }
    return ok;
}

/* ---- What does not fit ---- */

/* Loses all rows of a store. Ids that somebody has of them become such that no row has. */
static void lose_rows(struct store *into, struct store_part *part)
{
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        into->lost += (uint64_t)part->store->tables[table].count;
        rows_forget(part->store, (enum table)table);
        rank_forget(part->store, (enum table)table);
        part->bases[table] = ROWS_MAX * STORES_MAX;
    }
}

static void append_rows(struct store *into, const struct store_part *part, enum table table)
{
    int64_t count = part->store->tables[table].count;
    union any_row row;
    for (int64_t id = 1; id <= count; id++) {
        take_row(part, table, id, &row);
        if (!store_append_kept(into, table, &row)) {
            into->lost += (uint64_t)(count - id); /* nor will the rest fit */
            break;
        }
    }
    rows_forget(part->store, table);
}

/* References of rows behind `base` to rows that did not fit become NULL. */
static void drop_references(struct store *into, enum table table, int64_t base)
{
    const struct table_schema *schema = schema_table(table);
    union any_row row;
    for (int64_t id = base + 1; id <= into->tables[table].count; id++) {
        bool changed = false;
        memcpy(&row, store_row(into, table, id), into->tables[table].size);
        for (size_t i = 0; i < schema->column_count && store_has(&into->tables[table], &schema->columns[i]); i++) {
            const struct column *column = &schema->columns[i];
            if (column->type != COLUMN_REF || reference(&row, column) <= into->tables[column->refers].count)
                continue;
            reference_set(&row, column, INT_NULL);
            changed = true;
        }
        if (changed)
            (void)!store_replace_kept(into, table, id, &row); /* counted there */
    }
}

/* Rows behind those of the store before. Behind a store of which rows were lost there is no room for more. */
static void append_all(struct store_order *order)
{
    struct store *into = order->parts[0].store;
    uint64_t lost = into->lost;
    for (size_t p = 1; p < order->count; p++) {
        struct store_part *part = &order->parts[p];
        if (into->lost > lost)
            lose_rows(into, part);
        for (size_t table = 0; table < TABLE_COUNT; table++)
            append_rows(into, part, (enum table)table);
        for (size_t table = 0; table < TABLE_COUNT && into->lost > lost; table++)
            drop_references(into, (enum table)table, part->bases[table]);
    }
}

/* ---- Merging ---- */

/* What a store holds is counted in the memory of the first one from now on. */
static void adopt(struct store *into, struct store_part *part)
{
    struct store *from = part->store;
    if (!textpool_adopt(&into->texts, &from->texts))
        lose_rows(into, part); /* they are nothing without their texts */
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        if (from->tables[table].bytes != NULL)
            spill_adopt(from->tables[table].bytes, into->pool);
        if (from->ranks[table] != NULL)
            spill_adopt(from->ranks[table], into->pool);
    }
    if (into->pool->problem == 0)
        into->pool->problem = from->pool->problem;
    into->lost += from->lost;
    from->lost = 0;
}

static void gather(struct store *const stores[], size_t count, struct store_order *order)
{
    int64_t rows[TABLE_COUNT] = {0};
    *order = (struct store_order){.count = count};
    for (size_t p = 0; p < count; p++) {
        struct store_part *part = &order->parts[p];
        part->store = stores[p];
        memcpy(part->bases, rows, sizeof rows);
        if (p > 0)
            adopt(stores[0], part);
        for (size_t table = 0; table < TABLE_COUNT; table++)
            rows[table] += stores[p]->tables[table].count;
    }
}

bool store_merge(struct store *const stores[], size_t count, struct store_order *order)
{
    gather(stores, count, order);
    bool ok = rank_all(order);
    for (size_t table = 0; ok && table < TABLE_COUNT; table++)
        ok = number_table(order, (enum table)table, stores[0]->pool);
    ok = ok && build_all(order);
    for (size_t p = 0; p < count; p++) {
        for (size_t table = 0; table < TABLE_COUNT; table++)
            rank_forget(stores[p], (enum table)table);
    }
    if (!ok) {
        store_order_free(order);
        append_all(order);
    }
    stores[0]->generation++;
    return ok;
}

int64_t store_order_id(const struct store_order *order, enum table table, int64_t id)
{
    size_t p = order->count - 1;
    if (id == INT_NULL)
        return id;
    while (p > 0 && id <= order->parts[p].bases[table])
        p--;
    return part_id(&order->parts[p], table, id - order->parts[p].bases[table]);
}

void store_order_free(struct store_order *order)
{
    for (size_t table = 0; table < TABLE_COUNT; table++)
        ids_forget(order, (enum table)table);
}
