/* capture/ip.h: IPv4 and IPv6 headers. */
#ifndef CMSCOPE_CAPTURE_IP_H
#define CMSCOPE_CAPTURE_IP_H

#include "capture/decode.h"
#include "capture/frame.h"

/* Protocol numbers (IANA). */
enum ip_protocol {
    IP_HOP_BY_HOP = 0,
    IP_ICMP = 1,
    IP_IPV4 = 4,
    IP_TCP = 6,
    IP_UDP = 17,
    IP_IPV6 = 41,
    IP_ROUTING = 43,
    IP_FRAGMENT = 44,
    IP_GRE = 47,
    IP_ESP = 50,
    IP_AH = 51,
    IP_ICMPV6 = 58,
    IP_NO_NEXT = 59,
    IP_DESTINATION = 60,
    IP_ETHERIP = 97,
    IP_IPCOMP = 108,
    IP_L2TP = 115,
    IP_MPLS = 137,
    IP_SHIM6 = 140,
    IP_WESP = 141
};

struct ip {
    struct address src, dst;
    uint8_t protocol;     /* of the payload */
    uint8_t ttl;          /* time to live, hop limit */
    struct frame payload; /* without padding of the link layer */

    bool wrong_checksum; /* of the IPv4 header, where ip_parse was asked to look */
    bool routed;         /* the destination is not the last one: IPv6 routing header */
    bool jumbo;          /* RFC 2675 */

    bool fragment;   /* the payload is a part of a datagram */
    bool more;       /* and not the last one */
    uint32_t offset; /* of this part, in bytes */
    uint32_t id;     /* of the datagram */
};

/* OUTCOME_MORE: headers cut by the snapshot length; OUTCOME_MALFORMED; OUTCOME_UNSUPPORTED: not IP. */
MUST_USE enum outcome ip_parse(struct frame frame, bool checksums, struct ip *ip);

/* Returns the length of the packet as its IP header says it, and 0 when it does not or the header was cut. */
uint32_t ip_length(const struct frame *frame);

/* Walks IPv6 extension headers up to the upper protocol or a fragment header. ip_parse does it; it is repeated on a
 * datagram that was put together. */
MUST_USE enum outcome ip_extensions(struct ip *ip);

#endif
