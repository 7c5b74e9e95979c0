/* dissect/sasl.h: the security layer that SASL puts around messages of LDAP (RFC 4422 section 3.7). */
#ifndef CMSCOPE_DISSECT_SASL_H
#define CMSCOPE_DISSECT_SASL_H

#include "core/cursor.h"

/* Finds the messages inside a token when it is signed but not sealed: GSS Wrap of Kerberos (RFC 4121 section 4.2.6.2, RFC
 * 4757 section 7.3), the signature of NTLM (MS-NLMP 2.2.2.9), DIGEST-MD5 (RFC 2831 section 2.3). False: it is sealed, or
 * of an unknown form. */
MUST_USE bool sasl_unwrap(struct cursor token, struct cursor *plain);

#endif
