/* dissect/ldap_pending.c: see ldap_pending.h. */
#include "dissect/ldap_pending.h"

bool ldap_pending_init(struct dissect *dissect, struct ldap_pendings *pendings)
{
    *pendings = (struct ldap_pendings){.room = LDAP_PENDING_FIRST};
    pendings->items = pool_zero(&dissect->pool, pendings->room * sizeof *pendings->items);
    return pendings->items != NULL;
}

void ldap_pending_free(struct dissect *dissect, struct ldap_pendings *pendings)
{
    pool_give(&dissect->pool, pendings->items, pendings->room * sizeof *pendings->items);
    budget_give(dissect, (pendings->room - LDAP_PENDING_FIRST) * sizeof *pendings->items);
}

/* Makes twice as many places. False when there are enough, or memory is short. */
static bool grow(struct dissect *dissect, struct ldap_pendings *pendings)
{
    size_t room = 2 * pendings->room, before = pendings->room * sizeof *pendings->items;
    struct ldap_pending *grown =
        room > LDAP_PENDING_MAX ? NULL : budget_resize(dissect, pendings->items, before, 2 * before);
    if (grown == NULL)
        return false;
    pendings->items = grown;
    pendings->next = pendings->room;
    pendings->room = room;
    return true;
}

/* A free place, or that of an operation that waits for long. */
static struct ldap_pending *place(struct dissect *dissect, struct ldap_pendings *pendings, bool *lost)
{
    *lost = false;
    for (size_t i = 0; i < pendings->room; i++) {
        struct ldap_pending *item = &pendings->items[(pendings->next + i) % pendings->room];
        if (item->id == 0)
            return item;
    }
    *lost = !grow(dissect, pendings);
    struct ldap_pending *item = &pendings->items[pendings->next];
    pendings->next = pendings->next + 1 < pendings->room ? pendings->next + 1 : 0;
    return item;
}

struct ldap_pending *ldap_pending_take(struct dissect *dissect, struct ldap_pendings *pendings, int64_t id, bool *lost)
{
    struct ldap_pending *item = place(dissect, pendings, lost);
    *item = (struct ldap_pending){.id = id};
    return item;
}

struct ldap_pending *ldap_pending_find(const struct ldap_pendings *pendings, int64_t id)
{
    for (size_t i = 0; id != 0 && i < pendings->room; i++) {
        if (pendings->items[i].id == id)
            return &pendings->items[i];
    }
    return NULL;
}

void ldap_pending_unread(struct ldap_pendings *pendings, int64_t id, bool entry)
{
    for (size_t i = 0; i < pendings->room; i++) {
        struct ldap_pending *item = &pendings->items[i];
        if (item->id == 0 || (id != 0 && item->id != id))
            continue;
        item->unread++;
        item->entries += entry;
    }
}
