/* dissect/trust.h: whose key is whose, and who can open what: rows of public_key and recipient. */
#ifndef CMSCOPE_DISSECT_TRUST_H
#define CMSCOPE_DISSECT_TRUST_H

#include "dissect/fields.h"

/* What was told about a key. */
struct trust {
    enum ccm_owner owner;
    struct text name;      /* client id, or the address of the management point */
    struct text site_code; /* TEXT_NULL when it was not told */
    const char *source;    /* as in public_key.source */
};

/* Remembers whose key it is, and writes a row of public_key. */
void trust_learn(struct http_exchange *exchange, enum http_side side, const struct trust *trust,
                 const struct ccm_key *key);

/* The trusted root key in a reply of .sms_aut (MPKEYINFORMATION, MPTRK: wire.md 1.6), if there is one. */
void trust_learn_root(struct http_exchange *exchange, const struct xml_element *root);

/* SITECODE of such a reply; TEXT_NULL when it has none. */
struct text trust_site_code(const struct xml_element *root);

/* A row of recipient for each recipient of each envelope. owner->message is INT_NULL for a policy. */
void trust_write_recipients(struct dissect *dissect, const struct fields_owner *owner,
                            const struct ccm_envelopes *envelopes);

#endif
