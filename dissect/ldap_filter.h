/* dissect/ldap_filter.h: a search filter as text. */
#ifndef CMSCOPE_DISSECT_LDAP_FILTER_H
#define CMSCOPE_DISSECT_LDAP_FILTER_H

#include "dissect/listing.h"

/* Takes the filter (RFC 4511 section 4.5.1.7) that begins at *at, and lists it as RFC 4515 writes it, with an ellipsis
 * where it is too long, too deep or damaged. False when no element begins there. */
MUST_USE bool ldap_filter_take(struct cursor *at, struct listing *text);

#endif
