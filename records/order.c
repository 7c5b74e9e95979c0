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

/* ---- Absorbing ---- */

static void shift_references(const struct rows *rows, const struct table_schema *schema, union any_row *row,
                             const int64_t bases[TABLE_COUNT])
{
    for (size_t i = 0; i < schema->column_count && store_has(rows, &schema->columns[i]); i++) {
        const struct column *column = &schema->columns[i];
        int64_t id = column->type == COLUMN_REF ? reference(row, column) : INT_NULL;
        if (id != INT_NULL)
            reference_set(row, column, id + bases[column->refers]);
    }
}

static void move_rows(struct store *into, struct store *from, enum table table, const int64_t bases[TABLE_COUNT])
{
    const struct table_schema *schema = schema_table(table);
    union any_row row;
    for (int64_t id = 1; id <= from->tables[table].count; id++) {
        memcpy(&row, store_row(from, table, id), from->tables[table].size);
        shift_references(&into->tables[table], schema, &row, bases);
        if (!store_append_kept(into, table, &row)) {
            into->lost += (uint64_t)(from->tables[table].count - id); /* nor will the rest fit */
            break;
        }
    }
    spill_free(from->tables[table].bytes);
    from->tables[table].bytes = NULL;
    from->tables[table].count = 0;
}

/* References to rows that did not fit become NULL. */
static void drop_references(struct store *into, enum table table, int64_t first)
{
    const struct table_schema *schema = schema_table(table);
    union any_row row;
    for (int64_t id = first; id <= into->tables[table].count; id++) {
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

/* Rows whose texts cannot come along. */
static void lose_rows(struct store *into, struct store *from, int64_t bases[TABLE_COUNT])
{
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        bases[table] = into->tables[table].count;
        into->lost += (uint64_t)from->tables[table].count;
        spill_free(from->tables[table].bytes);
        from->tables[table].bytes = NULL;
        from->tables[table].count = 0;
    }
}

void store_absorb(struct store *into, struct store *from, int64_t bases[TABLE_COUNT])
{
    uint64_t lost = into->lost;
    if (!textpool_adopt(&into->texts, &from->texts)) {
        lose_rows(into, from, bases);
    } else {
        for (size_t table = 0; table < TABLE_COUNT; table++)
            bases[table] = into->tables[table].count;
        for (size_t table = 0; table < TABLE_COUNT; table++)
            move_rows(into, from, (enum table)table, bases);
    }
    for (size_t table = 0; table < TABLE_COUNT && into->lost > lost; table++)
        drop_references(into, (enum table)table, bases[table] + 1);
    if (into->pool->problem == 0)
        into->pool->problem = from->pool->problem;
    into->lost += from->lost;
    from->lost = 0;
}

/* ---- Sorting ---- */

/* Pairs of packet and id of all rows; NULL when out of memory. `sorted` is told when the rows are in order. */
static struct spill *list_rows(struct store *store, enum table table, bool *sorted)
{
    int64_t before = INT64_MIN;
    struct spill *pairs = spill_new(store->pool);
    *sorted = true;
    for (int64_t id = 1; pairs != NULL && id <= store->tables[table].count; id++) {
        struct spill_pair pair = {packet_of(store_row(store, table, id)), id};
        *sorted = *sorted && pair.key >= before;
        before = pair.key;
        if (spill_append(pairs, &pair, sizeof pair) == NULL) {
            spill_free(pairs);
            pairs = NULL;
        }
    }
    return pairs;
}

/* Pairs of packet and old id, in their new order, become new ids by old id: pairs of old and new id. */
static struct spill *invert(struct store *store, struct spill *pairs)
{
    uint64_t count = spill_size(pairs) / sizeof(struct spill_pair);
    struct spill *ids = spill_new(store->pool);
    for (uint64_t i = 0; ids != NULL && i < count; i++) {
        struct spill_pair pair = {spill_pair_at(pairs, i)->value, (int64_t)i + 1};
        if (spill_append(ids, &pair, sizeof pair) == NULL) {
            spill_free(ids);
            ids = NULL;
        }
    }
    if (ids != NULL && !spill_sort(&ids, store->pool)) {
        spill_free(ids);
        ids = NULL;
    }
    return ids;
}

/* What sorting is about to change. */
struct plan {
    struct spill *pairs[TABLE_COUNT]; /* packet and old id of each row, in the new order; NULL: as it was */
    struct spill *rows[TABLE_COUNT];  /* the new rows; NULL: as they were */
};

static bool plan_table(struct store *store, enum table table, struct plan *plan, struct store_order *order)
{
    bool sorted;
    plan->pairs[table] = list_rows(store, table, &sorted);
    if (sorted && plan->pairs[table] != NULL) {
        spill_free(plan->pairs[table]);
        plan->pairs[table] = NULL;
        return true;
    }
    if (plan->pairs[table] == NULL || !spill_sort(&plan->pairs[table], store->pool))
        return false;
    order->ids[table] = invert(store, plan->pairs[table]);
    return order->ids[table] != NULL;
}

static bool refers_to_moved(const struct store_order *order, const struct rows *rows, const struct table_schema *schema)
{
    for (size_t i = 0; i < schema->column_count && store_has(rows, &schema->columns[i]); i++) {
        if (schema->columns[i].type == COLUMN_REF && order->ids[schema->columns[i].refers] != NULL)
            return true;
    }
    return false;
}

/* Builds the rows of a table anew: in their new order, with the new ids of what they refer to. */
static bool build_table(struct store *store, enum table table, struct plan *plan, const struct store_order *order)
{
    const struct table_schema *schema = schema_table(table);
    const struct rows *rows = &store->tables[table];
    if (plan->pairs[table] == NULL && !refers_to_moved(order, rows, schema))
        return true;
    if (rows->count == 0)
        return true;
    plan->rows[table] = spill_new(store->pool);
    bool ok = plan->rows[table] != NULL;
    for (int64_t place = 1; ok && place <= rows->count; place++) {
        union any_row row;
        int64_t id = plan->pairs[table] == NULL ? place : spill_pair_at(plan->pairs[table], (uint64_t)place - 1)->value;
        memcpy(&row, store_row(store, table, id), rows->size);
        for (size_t i = 0; i < schema->column_count && store_has(rows, &schema->columns[i]); i++) {
            const struct column *column = &schema->columns[i];
            if (column->type == COLUMN_REF)
                reference_set(&row, column, store_order_id(order, column->refers, reference(&row, column)));
        }
        ok = spill_append(plan->rows[table], &row, rows->size) != NULL;
    }
    return ok;
}

bool store_sort(struct store *store, struct store_order *order)
{
    struct plan plan = {{NULL}, {NULL}};
    bool ok = true;
    *order = (struct store_order){{NULL}};
    for (size_t table = 0; ok && table < TABLE_COUNT; table++)
        ok = plan_table(store, (enum table)table, &plan, order);
    for (size_t table = 0; ok && table < TABLE_COUNT; table++)
        ok = build_table(store, (enum table)table, &plan, order);
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        spill_free(plan.pairs[table]);
        if (plan.rows[table] == NULL)
            continue;
        spill_free(ok ? store->tables[table].bytes : plan.rows[table]);
        if (ok)
            store->tables[table].bytes = plan.rows[table];
    }
    if (!ok)
        store_order_free(order);
    store->generation++;
    return ok;
}

int64_t store_order_id(const struct store_order *order, enum table table, int64_t id)
{
    return id == INT_NULL || order->ids[table] == NULL ? id : spill_pair_at(order->ids[table], (uint64_t)id - 1)->value;
}

void store_order_free(struct store_order *order)
{
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        spill_free(order->ids[table]);
        order->ids[table] = NULL;
    }
}
