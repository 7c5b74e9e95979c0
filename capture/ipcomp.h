/* capture/ipcomp.h: IP payload compression (RFC 3173) with DEFLATE (RFC 2394). */
#ifndef CMSCOPE_CAPTURE_IPCOMP_H
#define CMSCOPE_CAPTURE_IPCOMP_H

#include "capture/ip.h"

/* One for each decoder; its memory is taken with the first compressed packet. */
struct ipcomp;

struct ipcomp *ipcomp_new(void); /* NULL when out of memory */
void ipcomp_free(struct ipcomp *ipcomp);

/* Replaces protocol and payload of *ip by what was compressed. The new payload is valid until the next call, and *ip may
 * not be inside it. OUTCOME_UNSUPPORTED: another algorithm, or damaged; ip->payload.unread is set then. */
MUST_USE enum outcome ipcomp_enter(struct ipcomp *ipcomp, struct ip *ip);

#endif
