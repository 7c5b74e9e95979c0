/* dissect/fields.h: rows of `field` and `attachment`: documents read field by field. */
#ifndef CMSCOPE_DISSECT_FIELDS_H
#define CMSCOPE_DISSECT_FIELDS_H

#include "dissect/configmgr/body.h"
#include "dissect/http.h"

/* What the rows belong to. */
struct fields_owner {
    struct moment moment;
    int64_t flow, message, http, bits; /* INT_NULL for none */
};

/* An exchange, on one of its sides; no message and no upload. */
struct fields_owner fields_owner_of(const struct http_exchange *exchange, enum http_side side);

/* Writes the rows of fields that were gathered. */
void fields_write(struct dissect *dissect, const struct fields_owner *owner, const struct ccm_fields *fields);

/* Fields and attachments of a message, when they are asked for. */
void fields_of_message(struct dissect *dissect, const struct fields_owner *owner, struct ccm_message *message);

/* Whether the body of this side is a document that is read field by field although it is no message: lists of a management
 * point, policies, listings of a distribution point, SLP, update services. */
bool fields_wants(const struct http_exchange *exchange, enum http_side side);

/* Fields of such a body, when they are asked for. */
void fields_of_body(struct http_exchange *exchange, enum http_side side);

#endif
