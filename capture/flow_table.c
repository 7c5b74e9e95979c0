/* capture/flow_table.c: see flow_table.h. */
#include "capture/flow_table.h"

#include <stdalign.h>
#include <stdlib.h>

#define FIRST_ENTRIES 1024u

#define CACHE_LINE 64

struct flow_slot {
    alignas(CACHE_LINE) struct flow flow;
    struct flow_private private;
};

bool flow_table_init(struct flow_table *table, struct pool *pool)
{
    *table = (struct flow_table){.mask = FIRST_ENTRIES - 1, .pool = pool};
    table->entries = calloc(FIRST_ENTRIES, sizeof *table->entries);
    return table->entries != NULL;
}

void flow_table_free(struct flow_table *table)
{
    free(table->entries);
    *table = (struct flow_table){0};
}

static bool end_is(const struct flow *flow, enum direction end, const struct address *address, uint16_t port)
{
    const struct address *own = &flow->address[end];
    return flow->port[end] == port && address_equal(own, address);
}

bool flow_is_out(const struct flow *flow, const struct segment *segment)
{
    return end_is(flow, DIRECTION_OUT, &segment->src, segment->sport) &&
           end_is(flow, DIRECTION_IN, &segment->dst, segment->dport);
}

static bool flow_is_in(const struct flow *flow, const struct segment *segment)
{
    return end_is(flow, DIRECTION_IN, &segment->src, segment->sport) &&
           end_is(flow, DIRECTION_OUT, &segment->dst, segment->dport);
}

/* Asks for all memory of a flow at once: its lines are far apart in time, so that most are not at hand. */
static void fetch(const struct flow *flow)
{
    const char *slot = (const char *)flow;
    for (size_t at = CACHE_LINE; at < sizeof(struct flow_slot); at += CACHE_LINE)
        __builtin_prefetch(slot + at);
}

void flow_table_fetch(const struct flow_table *table, uint64_t hash)
{
    __builtin_prefetch(&table->entries[hash & table->mask]);
}

struct flow *flow_table_fetch_flow(const struct flow_table *table, uint64_t hash)
{
    size_t i = hash & table->mask;
    while (table->entries[i].flow != NULL && table->entries[i].hash != hash)
        i = (i + 1) & table->mask;
    struct flow *flow = table->entries[i].flow;
    if (flow != NULL) {
        __builtin_prefetch(flow);
        fetch(flow);
    }
    return flow;
}

struct flow *flow_table_find(const struct flow_table *table, uint64_t hash, const struct segment *segment)
{
    for (size_t i = hash & table->mask; table->entries[i].flow != NULL; i = (i + 1) & table->mask) {
        struct flow *flow = table->entries[i].flow;
        if (table->entries[i].hash != hash)
            continue;
        if (flow->transport == segment->transport && (flow_is_out(flow, segment) || flow_is_in(flow, segment)))
            return flow;
    }
    return NULL;
}

static void place(struct flow_table_entry *entries, size_t mask, struct flow_table_entry entry)
{
    size_t i = entry.hash & mask;
    while (entries[i].flow != NULL)
        i = (i + 1) & mask;
    entries[i] = entry;
}

/* Keeps the table at most half full. */
static bool grow(struct flow_table *table)
{
    size_t size = table->mask + 1;
    if (table->used + 1 <= size / 2)
        return true;
    struct flow_table_entry *entries = calloc(size * 2, sizeof *entries);
    if (entries == NULL)
        return table->used + 1 < size; /* slower, but there is room */
    for (size_t i = 0; i < size; i++) {
        if (table->entries[i].flow != NULL)
            place(entries, size * 2 - 1, table->entries[i]);
    }
    free(table->entries);
    table->entries = entries;
    table->mask = size * 2 - 1;
    return true;
}

struct flow *flow_table_add(struct flow_table *table, uint64_t hash)
{
    struct flow_slot *slot = grow(table) ? pool_zero(table->pool, sizeof *slot) : NULL;
    if (slot == NULL)
        return NULL;
    slot->flow.private = &slot->private;
    slot->private.hash = hash;
    place(table->entries, table->mask, (struct flow_table_entry){hash, &slot->flow});
    table->used++;
    return &slot->flow;
}

/* Entries behind the freed place that were pushed there by others move back: no marks of the dead are needed. */
static void close_up(struct flow_table *table, size_t hole)
{
    struct flow_table_entry *entries = table->entries;
    for (size_t i = (hole + 1) & table->mask; entries[i].flow != NULL; i = (i + 1) & table->mask) {
        size_t home = entries[i].hash & table->mask;
        if (((i - home) & table->mask) < ((i - hole) & table->mask))
            continue;
        entries[hole] = entries[i];
        hole = i;
    }
    entries[hole].flow = NULL;
}

void flow_table_remove(struct flow_table *table, struct flow *flow)
{
    size_t i = flow->private->hash & table->mask;
    while (table->entries[i].flow != flow)
        i = (i + 1) & table->mask;
    close_up(table, i);
    table->used--;
    pool_give(table->pool, flow, sizeof(struct flow_slot)); /* the flow stands first in it */
}
