/* dissect/ldap_pending.h: operations of an LDAP connection that wait for their result.
 *
 * The first places are always to be had; more take memory of the budget (internal.h). When there is no more, the oldest is
 * taken.
 */
#ifndef CMSCOPE_DISSECT_LDAP_PENDING_H
#define CMSCOPE_DISSECT_LDAP_PENDING_H

#include "dissect/internal.h"

#define LDAP_PENDING_FIRST 16
#define LDAP_PENDING_MAX 1024 /* with memory of the budget: notifications wait for months */

struct ldap_pending {
    int64_t id; /* 0: free */
    int64_t row;
    int64_t entries, references, unread;
    bool starttls;
};

struct ldap_pendings {
    struct ldap_pending *items;
    size_t room, next;
};

/* False when out of memory. */
MUST_USE bool ldap_pending_init(struct dissect *dissect, struct ldap_pendings *pendings);
void ldap_pending_free(struct dissect *dissect, struct ldap_pendings *pendings);

/* Takes a place for the operation with that id. *lost: another one that waited had to give it up. */
struct ldap_pending *ldap_pending_take(struct dissect *dissect, struct ldap_pendings *pendings, int64_t id, bool *lost);
/* The operation with that id, or NULL. */
struct ldap_pending *ldap_pending_find(const struct ldap_pendings *pendings, int64_t id);
/* Notes that a reply to the operation with that id, or (0) to any of those that wait, was not read. `entry`: it was one. */
void ldap_pending_unread(struct ldap_pendings *pendings, int64_t id, bool entry);

#endif
