/* dissect/suspect.h: signs of replay, theft and tools across the whole capture (wire.md 12.2, 12.3), as rows of finding
 * with codes T01 ... None of them is proof: a client that was cloned, renamed or reinstalled looks alike.
 *
 *   T01  the same signed message again, after it was answered
 *   T02  one client id from hosts of different names
 *   T03  one key signs for several client ids (not for media or ISV proxies, where that is usual)
 *   T04  a message far from the time at which it says to be sent
 *   T05  a secret policy within seconds of a registration
 *   T06  constants of published tools (of one message alone: see configmgr/check_tools.c), their user agents
 *   T07  another key is registered for a client id
 *   T08  AltAuth without TLS
 *   T09  policies fetched by a client that none were assigned to
 *   C11, C12, C28, C30, C41 of schema.md 8, which need several messages or addresses
 */
#ifndef CMSCOPE_DISSECT_SUSPECT_H
#define CMSCOPE_DISSECT_SUSPECT_H

#include "dissect/internal.h"

void suspect_finish(struct dissect *dissect);

/* suspect_history.c: T06, T08, T09, C28, C30; called by suspect_finish. */
void suspect_history(struct dissect *dissect);

#endif
