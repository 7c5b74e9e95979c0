/* dissect/ldap_entry.h: what entries of a directory say about ConfigMgr, and answers of domain controllers. */
#ifndef CMSCOPE_DISSECT_LDAP_ENTRY_H
#define CMSCOPE_DISSECT_LDAP_ENTRY_H

#include "dissect/dissector.h"

/* Where rows of an entry belong. */
struct ldap_place {
    struct conversation *conversation;
    struct moment moment;
    enum direction client;
    int64_t operation; /* row of ldap_operation */
    bool written;
};

/* Whether a name, filter or list of attributes is about ConfigMgr. */
bool ldap_is_configmgr(struct text text);

/* `attributes` is a row of SEQUENCE { type, SET OF value } (RFC 4511 section 4.1.7). Appends rows of ldap_entry for what
 * concerns ConfigMgr or revocation lists, of netlogon_ping for the attribute netlogon. False: they are malformed. */
MUST_USE bool ldap_entry_read(const struct ldap_place *place, struct text dn, struct cursor attributes);

#endif
