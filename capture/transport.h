/* capture/transport.h: headers of TCP, UDP, and of ICMP errors with the packet that they quote. Used by decode.c. */
#ifndef CMSCOPE_CAPTURE_TRANSPORT_H
#define CMSCOPE_CAPTURE_TRANSPORT_H

#include "capture/decode.h"
#include "capture/ip.h"

/* Each fills *segment from the payload of an IP packet. The result is the packet's; OUTCOME_MORE and the like become
 * DECODED_CUT and DECODED_MALFORMED. */
enum decoded transport_tcp(const struct ip *ip, struct segment *segment);
enum decoded transport_udp(const struct ip *ip, struct segment *segment);
/* DECODED_OTHER: not an error, or not about TCP or UDP. */
enum decoded transport_icmp(const struct ip *ip, struct segment *segment);

/* What a failed step makes of the packet; `unsupported` when it was OUTCOME_UNSUPPORTED. */
enum decoded decoded_of(enum outcome outcome, enum decoded unsupported);

#endif
