/* dissect/smb_table.c: see smb_table.h. */
#include "dissect/smb_table.h"

#include <string.h>

/* ---- Order of use ---- */

static void order_add(struct smb_table *table, int place)
{
    table->links[place].older = table->newest;
    table->links[place].newer = SMB_NONE;
    *(table->newest == SMB_NONE ? &table->oldest : &table->links[table->newest].newer) = place;
    table->newest = place;
}

static void order_remove(struct smb_table *table, int place)
{
    const struct smb_link *link = &table->links[place];
    *(link->older == SMB_NONE ? &table->oldest : &table->links[link->older].newer) = link->newer;
    *(link->newer == SMB_NONE ? &table->newest : &table->links[link->newer].older) = link->older;
}

void smb_table_touch(struct smb_table *table, int place)
{
    if (table->newest == place)
        return;
    order_remove(table, place);
    order_add(table, place);
}

/* ---- Buckets ---- */

static int *bucket_of(const struct smb_table *table, uint32_t hash)
{
    return &table->buckets[hash & (table->room - 1)];
}

static void bucket_add(struct smb_table *table, int place)
{
    int *bucket = bucket_of(table, table->links[place].hash);
    table->links[place].next = *bucket;
    *bucket = place;
}

static void bucket_remove(struct smb_table *table, int place)
{
    int *at = bucket_of(table, table->links[place].hash);
    while (*at != place)
        at = &table->links[*at].next;
    *at = table->links[place].next;
}

void smb_table_index(struct smb_table *table, int place, uint32_t hash)
{
    if (table->links[place].indexed)
        bucket_remove(table, place);
    table->links[place].hash = hash;
    table->links[place].indexed = true;
    bucket_add(table, place);
}

static int with_hash(const struct smb_table *table, int place, uint32_t hash)
{
    while (place != SMB_NONE && table->links[place].hash != hash)
        place = table->links[place].next;
    return place;
}

int smb_table_first(const struct smb_table *table, uint32_t hash)
{
    return table->room == 0 ? SMB_NONE : with_hash(table, *bucket_of(table, hash), hash);
}

int smb_table_next(const struct smb_table *table, int place)
{
    return with_hash(table, table->links[place].next, table->links[place].hash);
}

/* ---- Room ---- */

static size_t bytes_of(size_t size)
{
    return size + sizeof(struct smb_link) + sizeof(int);
}

/* Of what is beyond the first places. */
static size_t bytes_charged(size_t room, size_t size)
{
    return room <= SMB_ROOM_FIRST ? 0 : (room - SMB_ROOM_FIRST) * bytes_of(size);
}

/* Puts all places into buckets and the new ones among the free ones. */
static void arrange(struct smb_table *table, size_t before)
{
    for (size_t i = 0; i < table->room; i++)
        table->buckets[i] = SMB_NONE;
    for (int place = table->oldest; place != SMB_NONE; place = table->links[place].newer) {
        if (table->links[place].indexed)
            bucket_add(table, place);
    }
    for (size_t i = table->room; i-- > before;) {
        table->links[i] = (struct smb_link){.next = table->free};
        table->free = (int)i;
    }
}

static bool grow(struct dissect *dissect, struct smb_table *table, void **items, size_t size, size_t most)
{
    size_t before = table->room, room = before == 0 ? SMB_ROOM_FIRST : 2 * before;
    size_t charge = bytes_charged(room, size) - bytes_charged(before, size);
    struct pool *pool = &dissect->pool;
    if (room > most || !budget_take(dissect, charge))
        return false;
    /* A piece that is larger than needed does no harm: each is given back with the room that the table has. */
    void *grown = pool_zero(pool, room * size);
    struct smb_link *links = pool_take(pool, room * sizeof *links);
    int *buckets = pool_take(pool, room * sizeof *buckets);
    if (grown == NULL || links == NULL || buckets == NULL) {
        pool_give(pool, grown, room * size);
        pool_give(pool, links, room * sizeof *links);
        pool_give(pool, buckets, room * sizeof *buckets);
        budget_give(dissect, charge);
        return false;
    }
    if (before > 0) {
        memcpy(grown, *items, before * size);
        memcpy(links, table->links, before * sizeof *links);
    } else {
        table->free = table->oldest = table->newest = SMB_NONE;
    }
    pool_give(pool, *items, before * size);
    pool_give(pool, table->links, before * sizeof *links);
    pool_give(pool, table->buckets, before * sizeof *buckets);
    *items = grown;
    table->links = links;
    table->buckets = buckets;
    table->room = room;
    arrange(table, before);
    return true;
}

int smb_table_take(struct dissect *dissect, struct smb_table *table, void **items, size_t size, size_t most)
{
    if ((table->room == 0 || table->free == SMB_NONE) && !grow(dissect, table, items, size, most))
        return SMB_NONE;
    int place = table->free;
    table->free = table->links[place].next;
    table->links[place].indexed = false;
    order_add(table, place);
    return place;
}

void smb_table_give(struct smb_table *table, int place)
{
    struct smb_link *link = &table->links[place];
    if (link->indexed)
        bucket_remove(table, place);
    order_remove(table, place);
    *link = (struct smb_link){.next = table->free};
    table->free = place;
}

void smb_table_free(struct dissect *dissect, struct smb_table *table, void *items, size_t size)
{
    pool_give(&dissect->pool, items, table->room * size);
    pool_give(&dissect->pool, table->links, table->room * sizeof *table->links);
    pool_give(&dissect->pool, table->buckets, table->room * sizeof *table->buckets);
    budget_give(dissect, bytes_charged(table->room, size));
    *table = (struct smb_table){0};
}
