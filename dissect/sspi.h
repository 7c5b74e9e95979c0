/* dissect/sspi.h: which mechanism a token of Windows authentication belongs to (MS-SPNG, MS-NLMP, RFC 4121). */
#ifndef CMSCOPE_DISSECT_SSPI_H
#define CMSCOPE_DISSECT_SSPI_H

#include "core/text.h"

/* "ntlm", "kerberos", "spnego" (not known which); TEXT_NULL when it is none of these. */
struct text sspi_mechanism(struct cursor token);

#endif
