/* dissect/ntlm.h: who authenticates with NTLM (MS-NLMP). */
#ifndef CMSCOPE_DISSECT_NTLM_H
#define CMSCOPE_DISSECT_NTLM_H

#include "core/text.h"

/* "DOMAIN\user" of the AUTHENTICATE message in an HTTP Authorization header (NTLM or Negotiate), or the user name of
 * Basic (never its password). TEXT_NULL when there is none, or it cannot be read. The text lives in `arena`. */
struct text ntlm_user(struct text authorization, struct arena *arena);

#endif
