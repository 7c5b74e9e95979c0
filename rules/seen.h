/* rules/seen.h: whether there was anything in the capture that the rules speak of. */
#ifndef CMSCOPE_RULES_SEEN_H
#define CMSCOPE_RULES_SEEN_H

#include "records/database.h"

struct seen {
    bool configmgr;  /* a message, a request to a site system, a sign of a role that is more than a hint, or a tool */
    bool tls_hidden; /* content stayed hidden in TLS, and no HTTP exchange could be read */
};

/* Adds the NEED_... flags of what seen_look reads. */
MUST_USE enum outcome seen_needs(struct database *database, unsigned *needs, struct error *error);

MUST_USE enum outcome seen_look(struct database *database, struct seen *seen, struct error *error);

#endif
