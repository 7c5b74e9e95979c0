/* capture/late.c: see late.h. A hash table with linear probing, at most half full. What is too old stays until room is
 * needed. */
#include "capture/late.h"

#include <stdlib.h>
#include <string.h>

#define PLACES_MIN ((size_t)1024)

struct entry {
    uint64_t hash;   /* 0: free */
    int64_t time_ns; /* INT64_MIN: removed */
};

struct late {
    struct entry *entries;
    size_t mask; /* places - 1, places is a power of two */
    size_t used; /* of them */
    int64_t age_ns;
};

struct late *late_new(int64_t age_ns)
{
    struct late *late = calloc(1, sizeof *late);
    struct entry *entries = calloc(PLACES_MIN, sizeof *entries);
    if (late == NULL || entries == NULL) {
        free(late);
        free(entries);
        return NULL;
    }
    *late = (struct late){.entries = entries, .mask = PLACES_MIN - 1, .age_ns = age_ns};
    return late;
}

void late_free(struct late *late)
{
    if (late != NULL)
        free(late->entries);
    free(late);
}

/* The place of that hash, or the free one where it would stand. There is a free one. */
static struct entry *place_of(struct entry *entries, size_t mask, uint64_t hash)
{
    size_t i = hash & mask;
    while (entries[i].hash != 0 && entries[i].hash != hash)
        i = (i + 1) & mask;
    return &entries[i];
}

/* When what is remembered at `now` may have been over at the earliest. */
static int64_t since(const struct late *late, int64_t now)
{
    return now < INT64_MIN + 1 + late->age_ns ? INT64_MIN + 1 : now - late->age_ns;
}

static size_t count_since(const struct late *late, int64_t time_ns)
{
    size_t count = 0;
    for (size_t i = 0; i <= late->mask; i++)
        count += late->entries[i].hash != 0 && late->entries[i].time_ns >= time_ns;
    return count;
}

/* Moves what was over at `time_ns` or later to `places` new ones. Without memory for them nothing stays. */
static void rebuild(struct late *late, size_t places, int64_t time_ns)
{
    struct entry *entries = calloc(places, sizeof *entries);
    late->used = 0;
    if (entries == NULL) {
        memset(late->entries, 0, (late->mask + 1) * sizeof *late->entries);
        return;
    }
    for (size_t i = 0; i <= late->mask; i++) {
        const struct entry *entry = &late->entries[i];
        if (entry->hash == 0 || entry->time_ns < time_ns)
            continue;
        *place_of(entries, places - 1, entry->hash) = *entry;
        late->used++;
    }
    free(late->entries);
    late->entries = entries;
    late->mask = places - 1;
}

/* Forgets what is too old at `now`. Where that is not enough it grows; where it may not, what was over in the older half
 * of the time is forgotten as well, and again the older half of the rest. */
static void make_room(struct late *late, int64_t now, size_t most)
{
    size_t places = late->mask + 1;
    int64_t oldest = since(late, now);
    bool may_grow = places / 2 < most && places < SIZE_MAX / sizeof *late->entries / 2;
    while (oldest < now && !may_grow && count_since(late, oldest) > places / 4)
        oldest += (now - oldest + 1) / 2;
    bool enough = count_since(late, oldest) <= places / 4;
    if (!enough && may_grow)
        places *= 2;
    else if (!enough)
        oldest = INT64_MAX; /* all at the same time, or time goes back */
    rebuild(late, places, oldest);
}

void late_add(struct late *late, uint64_t hash, int64_t time_ns, size_t most)
{
    if (late == NULL || hash == 0)
        return;
    if (late->used >= (late->mask + 1) / 2)
        make_room(late, time_ns, most);
    struct entry *entry = place_of(late->entries, late->mask, hash);
    late->used += entry->hash == 0;
    *entry = (struct entry){hash, time_ns};
}

bool late_has(const struct late *late, uint64_t hash, int64_t now_ns)
{
    if (late == NULL || hash == 0)
        return false;
    const struct entry *entry = place_of(late->entries, late->mask, hash);
    return entry->hash == hash && entry->time_ns >= since(late, now_ns);
}

void late_remove(struct late *late, uint64_t hash)
{
    struct entry *entry = late == NULL || hash == 0 ? NULL : place_of(late->entries, late->mask, hash);
    if (entry != NULL && entry->hash == hash)
        entry->time_ns = INT64_MIN;
}
