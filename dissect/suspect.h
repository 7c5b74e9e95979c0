/* dissect/suspect.h: signs of replay, theft and tools across the whole capture (wire.md 12.2, 12.3), as rows of finding
 * with codes T01 ... None of them is proof: a client that was cloned, renamed or reinstalled looks alike.
 *
 *   T01  the same signed message again, after it was answered
 *   T02  one client id from hosts of different names
 *   T03  one key signs for several client ids (not for media or ISV proxies, where that is usual)
 *   T04  a message far from the time at which it says to be sent
 *   T05  a secret policy within seconds of a registration
 *   T06  constants of published tools (of one message alone: see configmgr/check_tools.c)
 *   T07  another key is registered for a client id
 *   C11, C12, C41 of schema.md 8, which need several messages or addresses
 */
#ifndef CMSCOPE_DISSECT_SUSPECT_H
#define CMSCOPE_DISSECT_SUSPECT_H

#include "dissect/internal.h"

void suspect_finish(struct dissect *dissect);

#endif
