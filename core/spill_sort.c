/* core/spill_sort.c: spill_sort of spill.h: blocks are sorted in memory, and then merged, two runs at a time. */
#include <stdlib.h>
#include <string.h>

#include "core/spill.h"

#define BLOCK_PAIRS ((uint64_t)16 * 1024) /* 256 KB */
#define OUT_PAIRS 256

static int compare(const void *a, const void *b)
{
    const struct spill_pair *left = a, *right = b;
    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    return (left->value > right->value) - (left->value < right->value);
}

static uint64_t count_of(const struct spill *pairs)
{
    return spill_size(pairs) / sizeof(struct spill_pair);
}

/* Pairs on their way into a spill. */
struct out {
    struct spill *spill;
    size_t count;
    bool failed;
    struct spill_pair pairs[OUT_PAIRS];
};

static void out_flush(struct out *out)
{
    size_t size = out->count * sizeof out->pairs[0];
    out->failed = out->failed || spill_append(out->spill, out->pairs, size) == NULL;
    out->count = 0;
}

static void out_add(struct out *out, struct spill_pair pair)
{
    if (out->count == OUT_PAIRS)
        out_flush(out);
    out->pairs[out->count++] = pair;
}

static bool sort_blocks(struct spill *from, struct spill *into)
{
    uint64_t count = count_of(from);
    struct spill_pair *block = malloc(BLOCK_PAIRS * sizeof *block);
    bool ok = block != NULL;
    for (uint64_t start = 0; ok && start < count; start += BLOCK_PAIRS) {
        uint64_t length = count - start < BLOCK_PAIRS ? count - start : BLOCK_PAIRS;
        size_t size = (size_t)length * sizeof *block;
        memcpy(block, spill_at(from, start * sizeof *block, size), size);
        qsort(block, (size_t)length, sizeof *block, compare);
        ok = spill_append(into, block, size) != NULL;
    }
    free(block);
    return ok;
}

/* Merges each two runs of `width` pairs. */
static bool merge_runs(struct spill *from, struct spill *into, uint64_t width)
{
    uint64_t count = count_of(from);
    struct out out = {.spill = into};
    for (uint64_t start = 0; start < count; start += 2 * width) {
        uint64_t left = start, left_end = start + width < count ? start + width : count;
        uint64_t right = left_end, right_end = left_end + width < count ? left_end + width : count;
        while (left < left_end || right < right_end) {
            bool from_left = right == right_end ||
                             (left < left_end && compare(spill_pair_at(from, left), spill_pair_at(from, right)) <= 0);
            out_add(&out, *spill_pair_at(from, from_left ? left : right));
            left += from_left;
            right += !from_left;
        }
    }
    out_flush(&out);
    return !out.failed;
}

static bool is_sorted(struct spill *pairs)
{
    struct spill_pair before = {INT64_MIN, INT64_MIN};
    for (uint64_t i = 0; i < count_of(pairs); i++) {
        struct spill_pair pair = *spill_pair_at(pairs, i);
        if (compare(&before, &pair) > 0)
            return false;
        before = pair;
    }
    return true;
}

/* One pass into a new spill; `width` 0: the blocks. Frees `from` unless it is the caller's own. */
static struct spill *pass(struct spill *from, struct spill_pool *pool, uint64_t width, bool own)
{
    struct spill *into = spill_new(pool);
    if (into != NULL && !(width == 0 ? sort_blocks(from, into) : merge_runs(from, into, width))) {
        spill_free(into);
        into = NULL;
    }
    if (!own)
        spill_free(from);
    return into;
}

bool spill_sort(struct spill **pairs, struct spill_pool *pool)
{
    if (is_sorted(*pairs))
        return true;
    struct spill *sorted = pass(*pairs, pool, 0, true);
    for (uint64_t width = BLOCK_PAIRS; sorted != NULL && width < count_of(sorted); width *= 2)
        sorted = pass(sorted, pool, width, false);
    if (sorted == NULL)
        return false;
    spill_free(*pairs);
    *pairs = sorted;
    return true;
}
