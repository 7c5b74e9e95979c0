/* records/order.c: see order.h. */
#include "records/order.h"

#include <stdlib.h>
#include <string.h>

#include "records/schema.h"
#include "records/store_private.h"

static int64_t *reference(void *row, const struct column *column)
{
    return (int64_t *)(void *)((char *)row + column->offset);
}

/* Every row starts with its packet (PACKET in tables.def). */
static int64_t packet_of(const void *row)
{
    int64_t packet;
    memcpy(&packet, row, sizeof packet);
    return packet;
}

/* ---- Absorbing ---- */

static void shift_references(struct store *into, const struct table_schema *schema, void *row,
                             const int64_t bases[TABLE_COUNT])
{
    for (size_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];
        if (column->type != COLUMN_REF)
            continue;
        int64_t *id = reference(row, column);
        if (*id == INT_NULL)
            continue;
        *id += bases[column->refers];
        if (*id > into->tables[column->refers].count)
            *id = INT_NULL; /* the row it meant was lost */
    }
}

static void move_rows(struct store *into, struct store *from, enum table table)
{
    for (int64_t id = 1; id <= from->tables[table].count; id++) {
        if (!store_append_kept(into, table, store_row(from, table, id))) {
            into->lost += (uint64_t)(from->tables[table].count - id); /* nor will the rest fit */
            return;
        }
    }
}

static void release_rows(struct store *store)
{
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        struct rows *rows = &store->tables[table];
        for (size_t i = 0; i < rows->chunk_count; i++)
            free(rows->chunks[i]);
        free(rows->chunks);
        *rows = (struct rows){0};
    }
    store->chunk_bytes = 0;
}

void store_absorb(struct store *into, struct store *from, int64_t bases[TABLE_COUNT])
{
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        bases[table] = into->tables[table].count;
        move_rows(into, from, (enum table)table);
    }
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        const struct table_schema *schema = schema_table((enum table)table);
        for (int64_t id = bases[table] + 1; id <= into->tables[table].count; id++)
            shift_references(into, schema, store_row(into, (enum table)table, id), bases);
    }
    textpool_adopt(&into->texts, &from->texts);
    into->lost += from->lost;
    from->lost = 0;
    release_rows(from);
}

/* ---- Sorting ---- */

struct place {
    int64_t packet;
    int64_t id;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    if (left->packet != right->packet)
        return left->packet < right->packet ? -1 : 1;
    return left->id < right->id ? -1 : left->id > right->id;
}

static bool is_sorted(struct store *store, enum table table)
{
    int64_t before = INT64_MIN;
    for (int64_t id = 1; id <= store->tables[table].count; id++) {
        int64_t packet = packet_of(store_row(store, table, id));
        if (packet < before)
            return false;
        before = packet;
    }
    return true;
}

/* The new id of each old one; NULL when out of memory. */
static int64_t *plan(struct store *store, enum table table)
{
    size_t count = (size_t)store->tables[table].count;
    struct place *places = malloc(count * sizeof *places);
    int64_t *ids = malloc(count * sizeof *ids);
    if (places == NULL || ids == NULL) {
        free(places);
        free(ids);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        places[i] = (struct place){packet_of(store_row(store, table, (int64_t)i + 1)), (int64_t)i + 1};
    qsort(places, count, sizeof *places, compare_places);
    for (size_t i = 0; i < count; i++)
        ids[places[i].id - 1] = (int64_t)i + 1;
    free(places);
    return ids;
}

static void swap_rows(char *a, char *b, size_t size)
{
    char between[256];
    for (size_t done = 0; done < size; done += sizeof between) {
        size_t length = size - done < sizeof between ? size - done : sizeof between;
        memcpy(between, a + done, length);
        memcpy(a + done, b + done, length);
        memcpy(b + done, between, length);
    }
}

/* Moves each row to its place by exchanges along the cycles of the permutation. `ids` is as it was afterwards. */
static void permute(struct store *store, enum table table, int64_t *ids)
{
    size_t size = schema_table(table)->row_size;
    int64_t count = store->tables[table].count;
    for (int64_t start = 1; start <= count; start++) {
        if (ids[start - 1] < 0)
            continue;
        int64_t target = ids[start - 1]; /* where the row that now stands at `start` belongs */
        ids[start - 1] = -target;        /* done, or will be when this cycle ends */
        while (target != start) {
            swap_rows(store_row(store, table, start), store_row(store, table, target), size);
            int64_t next = ids[target - 1];
            ids[target - 1] = -next;
            target = next;
        }
    }
    for (int64_t i = 0; i < count; i++)
        ids[i] = -ids[i];
}

static void renumber(struct store *store, const struct store_order *order)
{
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        const struct table_schema *schema = schema_table((enum table)table);
        for (size_t i = 0; i < schema->column_count; i++) {
            const struct column *column = &schema->columns[i];
            if (column->type != COLUMN_REF || order->ids[column->refers] == NULL)
                continue;
            for (int64_t id = 1; id <= store->tables[table].count; id++) {
                int64_t *value = reference(store_row(store, (enum table)table, id), column);
                *value = store_order_id(order, column->refers, *value);
            }
        }
    }
}

bool store_sort(struct store *store, struct store_order *order)
{
    *order = (struct store_order){{NULL}};
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        if (is_sorted(store, (enum table)table))
            continue;
        order->ids[table] = plan(store, (enum table)table);
        if (order->ids[table] == NULL) {
            store_order_free(order);
            return false;
        }
    }
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        if (order->ids[table] != NULL)
            permute(store, (enum table)table, order->ids[table]);
    }
    renumber(store, order);
    store->generation++;
    return true;
}

int64_t store_order_id(const struct store_order *order, enum table table, int64_t id)
{
    return id == INT_NULL || order->ids[table] == NULL ? id : order->ids[table][id - 1];
}

void store_order_free(struct store_order *order)
{
    for (size_t table = 0; table < TABLE_COUNT; table++) {
        free(order->ids[table]);
        order->ids[table] = NULL;
    }
}
