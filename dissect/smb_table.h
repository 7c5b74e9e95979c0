/* dissect/smb_table.h: places for the sessions, shares or files of an SMB connection: found by a hash, the one used least
 * recently is known.
 *
 *   items   [0] [1] [2] ...          the caller's array, which grows
 *   links    |   |   |               chain of a bucket, or of free places; order of use
 *   buckets [hash % room] -> place
 *
 * The first places are always to be had; more take memory of the budget (internal.h). Searching, taking and giving back
 * take the same time however many there are.
 */
#ifndef CMSCOPE_DISSECT_SMB_TABLE_H
#define CMSCOPE_DISSECT_SMB_TABLE_H

#include "dissect/internal.h"

#define SMB_NONE (-1) /* no place */
#define SMB_ROOM_FIRST 8

struct smb_link {
    int next;         /* of its bucket, or of the free places */
    int older, newer; /* in the order of use */
    uint32_t hash;
    bool indexed;
};

/* Zeroed, it is empty. */
struct smb_table {
    struct smb_link *links;
    int *buckets;
    size_t room; /* a power of two */
    int free, oldest, newest;
};

/* Takes a place of `*items`, whose elements have `size` bytes; more room is made up to `most` of them. The element is as it
 * was. SMB_NONE: there are `most`, or memory is short. */
int smb_table_take(struct dissect *dissect, struct smb_table *table, void **items, size_t size, size_t most);
void smb_table_give(struct smb_table *table, int place);

/* Lets a place that was taken be found by a hash, the latest one first. */
void smb_table_index(struct smb_table *table, int place, uint32_t hash);
/* The first place with that hash, and the next one after a place; SMB_NONE: there is none. */
int smb_table_first(const struct smb_table *table, uint32_t hash);
int smb_table_next(const struct smb_table *table, int place);

/* The place was used. */
void smb_table_touch(struct smb_table *table, int place);

void smb_table_free(struct dissect *dissect, struct smb_table *table, void *items, size_t size);

#endif
