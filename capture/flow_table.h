/* capture/flow_table.h: finds a flow by its two ends, and keeps the memory of flows. */
#ifndef CMSCOPE_CAPTURE_FLOW_TABLE_H
#define CMSCOPE_CAPTURE_FLOW_TABLE_H

#include "capture/tcp.h"

struct flow_table_entry {
    uint64_t hash;
    struct flow *flow; /* NULL: free */
};

struct flow_table {
    struct flow_table_entry *entries; /* open addressing, linear probing */
    size_t mask;                      /* entries - 1, entries is a power of two */
    size_t used;
    struct pool *pool;
};

/* Flows lie in `pool`, which must outlive the table. */
MUST_USE bool flow_table_init(struct flow_table *table, struct pool *pool);
/* All flows must have been removed. */
void flow_table_free(struct flow_table *table);

/* The flow between the ends of `segment`, in either direction; NULL when there is none. */
struct flow *flow_table_find(const struct flow_table *table, uint64_t hash, const struct segment *segment);

/* Asks for the memory where the search of a hash begins; and, once that is there, for that of the flow, which is
 * returned: it may be another one, or NULL. */
void flow_table_fetch(const struct flow_table *table, uint64_t hash);
struct flow *flow_table_fetch_flow(const struct flow_table *table, uint64_t hash);

/* A zeroed flow, and a place for it; NULL when out of memory. */
MUST_USE struct flow *flow_table_add(struct flow_table *table, uint64_t hash);
/* Its memory is used again. */
void flow_table_remove(struct flow_table *table, struct flow *flow);

/* Does the segment go from end OUT to end IN? */
bool flow_is_out(const struct flow *flow, const struct segment *segment);

#endif
