/* capture/late.c: see late.h. */
#include "capture/late.h"

#include <stdlib.h>

#define SETS ((size_t)8192)
#define WAYS 4 /* of a set: a hash may stand in any */

struct entry {
    uint64_t hash; /* 0: free */
    int64_t time_ns;
};

struct late {
    struct entry entries[SETS][WAYS];
};

struct late *late_new(void)
{
    return calloc(1, sizeof(struct late));
}

void late_free(struct late *late)
{
    free(late);
}

static struct entry *find(struct late *late, uint64_t hash)
{
    for (size_t i = 0; late != NULL && i < WAYS; i++) {
        struct entry *entry = &late->entries[hash % SETS][i];
        if (entry->hash == hash)
            return entry;
    }
    return NULL;
}

void late_add(struct late *late, uint64_t hash, int64_t time_ns)
{
    if (late == NULL || hash == 0)
        return;
    struct entry *entry = find(late, hash), *set = late->entries[hash % SETS];
    for (size_t i = 0; entry == NULL && i < WAYS; i++)
        entry = set[i].hash == 0 ? &set[i] : NULL;
    if (entry == NULL)
        entry = set;
    for (size_t i = 0; entry->hash != 0 && entry->hash != hash && i < WAYS; i++)
        entry = set[i].time_ns < entry->time_ns ? &set[i] : entry;
    *entry = (struct entry){hash, time_ns};
}

bool late_has(const struct late *late, uint64_t hash, int64_t since_ns)
{
    for (size_t i = 0; late != NULL && hash != 0 && i < WAYS; i++) {
        const struct entry *entry = &late->entries[hash % SETS][i];
        if (entry->hash == hash)
            return entry->time_ns >= since_ns;
    }
    return false;
}

void late_remove(struct late *late, uint64_t hash)
{
    struct entry *entry = hash == 0 ? NULL : find(late, hash);
    if (entry != NULL)
        *entry = (struct entry){0};
}
