/* dissect/pairs.c: see pairs.h. */
#include "dissect/pairs.h"

#include <math.h>
#include <string.h>

#include "dissect/settle.h"

#define NANOSECONDS 1e9
#define TIME_AS_ORDER 9.2e18 /* seconds that fit an int64_t: later times are equal in order */

/* SHA-256, of pieces where the text is long: each with the digest of those before. */
uint64_t pairs_digest(struct dissect *dissect, struct text text)
{
    uint8_t digest[CCM_HASH_BYTES_MAX] = {0};
    char piece[192];
    const size_t before = 32, room = sizeof piece - before;
    for (size_t done = 0; done == 0 || done < text.length; done += room) {
        size_t length = text.length - done < room ? text.length - done : room;
        memcpy(piece, digest, before);
        for (size_t i = 0; i < length; i++) {
            char c = text.at[done + i];
            piece[before + i] = c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
        }
        ccm_hash(dissect->decoder.keys, CCM_SHA256, cursor_of(piece, before + length), digest);
    }
    uint64_t value;
    memcpy(&value, digest, sizeof value);
    return value;
}

int64_t pairs_time(double seconds)
{
    double time = seconds * NANOSECONDS;
    return isnan(time)             ? INT64_MIN
           : time > TIME_AS_ORDER  ? INT64_MAX
           : time < -TIME_AS_ORDER ? INT64_MIN
                                   : (int64_t)time;
}

static uint64_t count_items(const struct pairs *pairs)
{
    return pairs->items == NULL ? 0 : spill_size(pairs->items) / sizeof(struct pair);
}

static struct pair item_at(const struct pairs *pairs, uint64_t number)
{
    struct pair pair;
    memcpy(&pair, spill_at(pairs->items, number * sizeof pair, sizeof pair), sizeof pair);
    return pair;
}

void pairs_add(struct dissect *dissect, struct pairs *pairs, struct pair pair)
{
    if (pairs->items == NULL)
        pairs->items = spill_new(settle_pool(dissect));
    if (pairs->items == NULL || spill_append(pairs->items, &pair, sizeof pair) == NULL)
        dissect->counts.unsettled++;
}

/* The numbers of the items by their order; NULL when out of memory. */
static struct spill *sort_by_order(struct dissect *dissect, const struct pairs *pairs)
{
    struct spill *sorted = spill_new(settle_pool(dissect));
    bool ok = sorted != NULL;
    for (uint64_t i = 0; ok && i < count_items(pairs); i++) {
        struct spill_pair place = {item_at(pairs, i).order, (int64_t)i};
        ok = spill_append(sorted, &place, sizeof place) != NULL;
    }
    if (ok && spill_sort(&sorted, settle_pool(dissect)))
        return sorted;
    spill_free(sorted);
    return NULL;
}

/* The same by group, then by their place in `orders`; that place is the value. NULL when out of memory. */
static struct spill *sort_by_group(struct dissect *dissect, const struct pairs *pairs, struct spill *orders)
{
    struct spill *sorted = spill_new(settle_pool(dissect));
    bool ok = sorted != NULL;
    for (uint64_t i = 0; ok && i < count_items(pairs); i++) {
        uint64_t number = (uint64_t)spill_pair_at(orders, i)->value;
        struct spill_pair place = {(int64_t)item_at(pairs, number).group, (int64_t)i};
        ok = spill_append(sorted, &place, sizeof place) != NULL;
    }
    if (ok && spill_sort(&sorted, settle_pool(dissect)))
        return sorted;
    spill_free(sorted);
    return NULL;
}

/* Each place with the number of its item in the place of that in `orders`. NULL when out of memory. */
static struct spill *number_places(struct dissect *dissect, struct spill *sorted, struct spill *orders)
{
    struct spill *places = spill_new(settle_pool(dissect));
    bool ok = places != NULL;
    for (uint64_t i = 0; ok && i < spill_size(sorted) / sizeof(struct spill_pair); i++) {
        struct spill_pair place = *spill_pair_at(sorted, i);
        place.value = spill_pair_at(orders, (uint64_t)place.value)->value;
        ok = spill_append(places, &place, sizeof place) != NULL;
    }
    if (ok)
        return places;
    spill_free(places);
    return NULL;
}

bool pairs_sort(struct dissect *dissect, struct pairs *pairs)
{
    if (count_items(pairs) == 0)
        return false;
    struct spill *orders = sort_by_order(dissect, pairs);
    struct spill *sorted = orders == NULL ? NULL : sort_by_group(dissect, pairs, orders);
    pairs->places = sorted == NULL ? NULL : number_places(dissect, sorted, orders);
    spill_free(sorted);
    spill_free(orders);
    if (pairs->places != NULL)
        return true;
    dissect->counts.unsettled += count_items(pairs);
    return false;
}

uint64_t pairs_count(const struct pairs *pairs)
{
    return pairs->places == NULL ? 0 : count_items(pairs);
}

struct pair pairs_at(const struct pairs *pairs, uint64_t place)
{
    return item_at(pairs, (uint64_t)spill_pair_at(pairs->places, place)->value);
}

uint64_t pairs_find(const struct pairs *pairs, uint64_t group, int64_t order)
{
    uint64_t low = 0, high = pairs_count(pairs);
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int64_t found = spill_pair_at(pairs->places, middle)->key;
        if (found < (int64_t)group || (found == (int64_t)group && pairs_at(pairs, middle).order < order))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void pairs_free(struct pairs *pairs)
{
    spill_free(pairs->items);
    spill_free(pairs->places);
    *pairs = (struct pairs){0};
}
