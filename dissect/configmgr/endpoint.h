/* dissect/configmgr/endpoint.h: the services of a management point, as a table (schema.md 1 and 2.2, wire.md 6.1). */
#ifndef CMSCOPE_DISSECT_CONFIGMGR_ENDPOINT_H
#define CMSCOPE_DISSECT_CONFIGMGR_ENDPOINT_H

#include <stdbool.h>

#include "core/text.h"

/* What the published flag tables say about the signature of a message in one mode. */
enum ccm_signing {
    CCM_SIGNING_NONE,     /* no signature is asked for */
    CCM_SIGNING_EXPECTED, /* inferred from related pages: an unsigned one is an advisory */
    CCM_SIGNING_REQUIRED  /* a page that was read says so: an unsigned one breaks a rule */
};

#define CCM_ROOTS_MAX 12

struct ccm_endpoint {
    const char *name;
    bool answers;    /* Invoke: there is a reply body. false: Post, no reply */
    bool documented; /* in the 2007 message schema; false: seen in newer products only */
    enum ccm_signing mixed, native;
    const char *code;                    /* check that reports a missing signature */
    const char *attachment;              /* GUID that its report attachment carries, or NULL */
    const char *action;                  /* last two digits of its InventoryActionID, or NULL */
    const char *requests[CCM_ROOTS_MAX]; /* body roots, ended by NULL */
    const char *replies[CCM_ROOTS_MAX];
};

/* The endpoint of that name, any case; NULL when it is not in the table. */
const struct ccm_endpoint *ccm_endpoint_find(struct text name);

/* Whether `root` is one of the endpoint's request (or reply) roots. */
bool ccm_endpoint_accepts(const struct ccm_endpoint *endpoint, bool reply, struct text root);

#endif
