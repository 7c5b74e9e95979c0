/* core/spill.h: arrays that grow without end in little memory: what is old goes to a temporary file, and keeps its
 * address.
 *
 *   base                        spilled            used               reserved
 *   |######## in the file #######|##### in memory ####|.... addresses ....|
 *                 [window]
 *
 * When the spills of a pool together exceed its limit, the older half of the largest one is written to a file without
 * a name (mode 0600, in $TMPDIR or else /var/tmp), which is then mapped for reading at the same address. So pointers
 * stay valid, and what is read of the file takes memory only for the windows that were read last. What is read of
 * others through an address that was kept is given back a little later. Nothing is mapped
 * that was not written before, and nothing is written through a mapping: a full disk is an error of a write, never a
 * signal.
 *
 * When nothing can be written, bytes stay in memory up to another limit, and the pool remembers why.
 */
#ifndef CMSCOPE_CORE_SPILL_H
#define CMSCOPE_CORE_SPILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

/* What of a file is mapped in at one time: as much as Linux brings in around a page that is read. Windows lie at round
 * addresses. */
#define SPILL_WINDOW ((uint64_t)64 * 1024)
#define SPILL_WINDOWS_MAX 4096

struct spill;

struct spill_window {
    struct spill *spill; /* NULL: free */
    uint64_t number;
};

/* The memory that some spills share. For one thread at a time. It must not move while it has spills. */
struct spill_pool {
    uint64_t limit;   /* bytes in memory */
    uint64_t most;    /* the same when nothing can be written */
    uint64_t held;    /* bytes that are in no file, now */
    uint64_t written; /* bytes that are */
    int problem;      /* errno: why nothing more can be written; 0 when nothing is wrong */
    struct spill *first;
    struct spill_window windows[SPILL_WINDOWS_MAX]; /* of files, in memory; a ring */
    struct spill_window past[SPILL_WINDOWS_MAX];    /* those that were there before, each at the same place */
    size_t window;                                  /* the latest */
    uint64_t entered;                               /* windows, since all were given back */
};

/* A part of the limit is kept for windows; those that were there before take at most as much again. */
void spill_pool_init(struct spill_pool *pool, uint64_t limit, uint64_t most);
/* Bytes of its spills that are in files. */
uint64_t spill_pool_written(const struct spill_pool *pool);
/* Why nothing could be written: a sentence that says what to do. False when nothing is wrong. */
bool spill_pool_problem(const struct spill_pool *pool, struct error *error);

/* From now on a page of a temporary file that cannot be read back (its disk fails) ends the program with a sentence on
 * standard error and this exit status, rather than with a signal: what was read through an address cannot fail else. */
#define SPILL_UNREADABLE 3
void spill_guard(void);

/* An empty spill; NULL when out of memory. Freed before its pool. */
struct spill *spill_new(struct spill_pool *pool);
void spill_free(struct spill *spill); /* NULL is allowed */
/* Its memory is counted in another pool from now on. */
void spill_adopt(struct spill *spill, struct spill_pool *pool);

uint64_t spill_size(const struct spill *spill);

/* Appends bytes. Their address, which is valid as long as the spill; NULL when the limit or memory is reached. */
MUST_USE const void *spill_append(struct spill *spill, const void *bytes, size_t size);

/* The `size` bytes at `offset`, which must be there. */
const void *spill_at(struct spill *spill, uint64_t offset, uint64_t size);

/* Whether `at` points into the spill; if so, it is told that `size` bytes there will be read. */
bool spill_seen(struct spill *spill, const void *at, uint64_t size);
/* Whether `at` points to bytes that are in the file. */
bool spill_is_written(const struct spill *spill, const void *at);

/* Replaces bytes that are there. False when the file cannot be written: nothing was changed, or a part. */
MUST_USE bool spill_write(struct spill *spill, uint64_t offset, const void *bytes, size_t size);

/* ---- Sorting ---- */

struct spill_pair {
    int64_t key, value;
};

static inline const struct spill_pair *spill_pair_at(struct spill *pairs, uint64_t number)
{
    return spill_at(pairs, number * sizeof(struct spill_pair), sizeof(struct spill_pair));
}

/* Sorts a spill that holds nothing but struct spill_pair: by key, then by value. What stands nearly in order is fast.
 * *pairs becomes another spill, of `pool`. False when there is no memory for it: it is as it was. */
MUST_USE bool spill_sort(struct spill **pairs, struct spill_pool *pool);

#endif
